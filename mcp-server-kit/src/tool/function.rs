//! Arguments of tools that are functions.

use std::{borrow::Cow, fmt};

use mcp_transport::jsonrpc::{self, Raw};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};

/// The arguments of a tool that has none. Any argument is refused, as its schema says.
///
/// ```
/// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, tool};
///
/// async fn ping(_cx: Cx, _: NoArgs) -> &'static str {
///     "pong"
/// }
///
/// # futures_executor::block_on(async {
/// let client = TestClient::new(Server::builder("pings", "1.0.0").tool(tool("ping", ping)).build()?);
/// assert_eq!(client.call_tool("ping", serde_json::json!({})).await.unwrap().is_error, None);
/// let refused = client.call_tool("ping", serde_json::json!({"loud": true})).await.unwrap();
/// assert_eq!(refused.is_error, Some(true));
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoArgs;

impl JsonSchema for NoArgs {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("NoArgs")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": {}, "additionalProperties": false })
    }
}

impl<'de> Deserialize<'de> for NoArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nothing;
        impl<'de> Visitor<'de> for Nothing {
            type Value = NoArgs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no arguments")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NoArgs, A::Error> {
                match map.next_entry::<IgnoredAny, IgnoredAny>()? {
                    None => Ok(NoArgs),
                    Some(_) => Err(serde::de::Error::custom("the tool takes no arguments")),
                }
            }
        }
        deserializer.deserialize_map(Nothing)
    }
}

/// The arguments as the client wrote them, for a tool whose schema is given by hand with
/// [`ToolBuilder::input_schema`](super::ToolBuilder::input_schema).
///
/// They are a JSON object, checked against that schema. Without one, any object comes through.
#[derive(Clone, Debug)]
pub struct RawArgs(pub(super) Raw);

impl RawArgs {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The arguments as a value of the wire.
    #[must_use]
    pub const fn raw(&self) -> &Raw {
        &self.0
    }

    /// An argument that is a text.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<String> {
        serde_json::from_str(jsonrpc::lookup(self.as_str(), &[name])?).ok()
    }

    /// Decodes them.
    ///
    /// # Errors
    /// They do not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.0.decode()
    }
}

impl JsonSchema for RawArgs {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("RawArgs")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

impl<'de> Deserialize<'de> for RawArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_arguments_means_none() {
        assert!(serde_json::from_str::<NoArgs>("{}").is_ok());
        assert!(serde_json::from_str::<NoArgs>(r#"{"a":1}"#).is_err());
        assert!(serde_json::from_str::<NoArgs>("[]").is_err());
    }

    #[test]
    fn raw_arguments_stay_as_they_came() {
        let args: RawArgs = serde_json::from_str(r#"{"b":1.0,"a":"\u0041"}"#).unwrap();
        assert_eq!(args.as_str(), r#"{"b":1.0,"a":"\u0041"}"#);
        assert_eq!(args.get_str("a").unwrap(), "A");
    }
}
