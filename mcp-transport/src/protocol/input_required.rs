//! Multi round-trip requests: a result that asks first, and the answers that come back (SEP-2322).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::object::object;
use super::{
    CreateMessageParams, CreateMessageResult, ElicitParams, ElicitResult, EmptyParams, ListRootsResult, Meta, Method,
    ShapeError,
};

/// What a server asks, by keys of its own choice.
pub type InputRequests = BTreeMap<String, InputRequest>;

/// What the client answered, by the same keys.
pub type InputResponses = BTreeMap<String, InputResponse>;

object! {
    /// A result of the kind [`InputRequired`](super::ResultKind::InputRequired): the client is asked for something and
    /// tries again. At least one of the first two members is there.
    #[derive(Default)]
    pub result InputRequiredResult {
        optional {
            /// What is asked.
            input_requests: InputRequests => with_input_requests,
            /// What the client sends back unchanged.
            request_state: String => with_request_state,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// Something that a server asks of the client, told apart by its `method`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputRequest {
    /// `sampling/createMessage`
    CreateMessage(Box<CreateMessageParams>),
    /// `roots/list`
    ListRoots(Option<EmptyParams>),
    /// `elicitation/create`
    Elicit(Box<ElicitParams>),
    /// Something that this crate does not know, or not in this shape: the method and the params as they came.
    Other {
        /// The method.
        method: Method,
        /// The params.
        params: Option<Value>,
    },
}

impl InputRequest {
    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        match self {
            Self::CreateMessage(_) => &Method::CreateMessage,
            Self::ListRoots(_) => &Method::ListRoots,
            Self::Elicit(_) => &Method::Elicit,
            Self::Other { method, .. } => method,
        }
    }
}

impl From<CreateMessageParams> for InputRequest {
    fn from(params: CreateMessageParams) -> Self {
        Self::CreateMessage(Box::new(params))
    }
}

impl From<ElicitParams> for InputRequest {
    fn from(params: ElicitParams) -> Self {
        Self::Elicit(Box::new(params))
    }
}

impl Serialize for InputRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("InputRequest", 2)?;
        members.serialize_field("method", self.method().as_str())?;
        match self {
            Self::CreateMessage(params) => members.serialize_field("params", params)?,
            Self::ListRoots(Some(params)) => members.serialize_field("params", params)?,
            Self::Elicit(params) => members.serialize_field("params", params)?,
            Self::Other { params: Some(params), .. } => members.serialize_field("params", params)?,
            Self::ListRoots(None) | Self::Other { params: None, .. } => {}
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for InputRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            method: String,
            params: Option<Box<RawValue>>,
        }
        /// Reads the raw params, so that schemas in them stay verbatim.
        fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, serde_json::Error> {
            serde_json::from_str(raw.map_or("null", RawValue::get))
        }
        let wire = Wire::deserialize(deserializer)?;
        let params = wire.params.as_deref();
        match Method::parse(&wire.method) {
            Method::CreateMessage => read(params).map(Self::CreateMessage),
            Method::ListRoots => read(params).map(Self::ListRoots),
            Method::Elicit => read(params).map(Self::Elicit),
            method => read(params).map(|params| Self::Other { method, params }),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// An answer of the client's. Its shape is that of the result which the request of the same key asks for, so the one
/// who asked reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputResponse(Value);

impl InputResponse {
    /// The answer as it came.
    #[must_use]
    pub const fn as_value(&self) -> &Value {
        &self.0
    }

    /// The answer to `elicitation/create`.
    ///
    /// # Errors
    /// An answer of another shape is a [`ShapeError`].
    pub fn to_elicit_result(&self) -> Result<ElicitResult, ShapeError> {
        self.read("the result of an elicitation")
    }

    /// The answer to `sampling/createMessage`.
    ///
    /// # Errors
    /// An answer of another shape is a [`ShapeError`].
    pub fn to_create_message_result(&self) -> Result<CreateMessageResult, ShapeError> {
        self.read("the result of sampling")
    }

    /// The answer to `roots/list`.
    ///
    /// # Errors
    /// An answer of another shape is a [`ShapeError`].
    pub fn to_list_roots_result(&self) -> Result<ListRootsResult, ShapeError> {
        self.read("a list of roots")
    }

    fn read<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, ShapeError> {
        T::deserialize(&self.0).map_err(|_| ShapeError::new(expected))
    }
}

impl From<Value> for InputResponse {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_and_forms_within_requests_keep_their_order() {
        let text = concat!(
            r#"{"inputRequests":{"a":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"#,
            r#""tools":[{"name":"t","inputSchema":{"z":1, "type":"object","a":1.0}}]}},"#,
            r#""b":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","#,
            r#""properties":{"z":{"type":"boolean"},"a":{"type":"boolean"}}}}}}}"#,
        );
        let result: InputRequiredResult = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&result).unwrap(), text);
    }

    #[test]
    fn an_unknown_request_is_kept() {
        let value = json!({"method": "x/y", "params": {"a": 1}});
        let request: InputRequest = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(request.method(), &Method::parse("x/y"));
        assert_eq!(serde_json::to_value(&request).unwrap(), value);
    }

    #[test]
    fn an_answer_is_read_as_what_was_asked() {
        let answer = InputResponse::from(json!({"action": "accept", "content": {"name": "A"}}));
        assert_eq!(answer.to_elicit_result().unwrap().content.unwrap()["name"], "A");
        assert!(answer.to_list_roots_result().is_err());
        assert!(answer.to_create_message_result().is_err());
        assert!(InputResponse::from(json!(12345)).to_elicit_result().is_err());
    }
}
