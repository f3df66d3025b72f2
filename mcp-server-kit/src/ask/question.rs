//! Each thing that can be asked, and how its answer is read.

use mcp_transport::{
    jsonrpc::Raw,
    protocol::{
        CreateMessageParams, CreateMessageResult, Downgrade, ElicitAction, ElicitFormParams, ElicitParams,
        ElicitResult, ElicitUrlParams, InputRequest, JsonSchema, ListRootsResult, Method, Revision,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Ability, AskError};
use crate::schema::Checker;

/// Something that can be asked.
pub(super) trait Question: Send + Sized {
    type Answer;
    fn ability(&self) -> Ability;
    fn method(&self) -> Method;
    /// The params for a legacy client.
    fn params(&self, revision: Revision) -> Result<Option<Raw>, serde_json::Error>;
    fn into_request(self) -> InputRequest;
    /// The answer, if it has the shape that was asked for.
    fn read(&self, answer: Value) -> Option<Self::Answer>;
}

fn downgraded<T: Downgrade + Serialize>(mut params: T, revision: Revision) -> Result<Option<Raw>, serde_json::Error> {
    params.downgrade(revision);
    Raw::write(&params).map(Some)
}

pub(super) struct Form {
    form: ElicitFormParams,
    checker: Checker,
}

impl Form {
    /// A form whose answers can be checked: any other is not asked.
    pub(super) fn new(form: ElicitFormParams) -> Result<Self, AskError> {
        let schema = Raw::write(&form.requested_schema).map_err(|error| error.to_string());
        let schema = schema.and_then(|raw| JsonSchema::parse(raw.as_str()).map_err(|error| error.to_string()));
        let checker = schema.and_then(|schema| Checker::compile_form(&schema)).map_err(AskError::Form)?;
        Ok(Self { form, checker })
    }
}

impl Question for Form {
    type Answer = Elicited;

    fn ability(&self) -> Ability {
        Ability::Elicitation
    }

    fn method(&self) -> Method {
        Method::Elicit
    }

    fn params(&self, revision: Revision) -> Result<Option<Raw>, serde_json::Error> {
        downgraded(ElicitParams::Form(self.form.clone()), revision)
    }

    fn into_request(self) -> InputRequest {
        ElicitParams::Form(self.form).into()
    }

    fn read(&self, answer: Value) -> Option<Elicited> {
        let mut result: ElicitResult = serde_json::from_value(answer).ok()?;
        self.form.requested_schema.read_answer(&mut result);
        if result.action == ElicitAction::Accept {
            // MCP 2026-07-28, elicitation: "Servers SHOULD validate received data matches the requested schema".
            // A form without required fields may come back empty, and some clients then leave the content out.
            let content = Value::Object(result.content.take().unwrap_or_default());
            self.checker.check(&content).ok()?;
            if let Value::Object(fields) = content {
                result.content = Some(fields);
            }
        }
        Some(Elicited(result))
    }
}

pub(super) struct Url(pub(super) ElicitUrlParams);

impl Question for Url {
    type Answer = Elicited;

    fn ability(&self) -> Ability {
        Ability::UrlElicitation
    }

    fn method(&self) -> Method {
        Method::Elicit
    }

    fn params(&self, revision: Revision) -> Result<Option<Raw>, serde_json::Error> {
        downgraded(ElicitParams::Url(self.0.clone()), revision)
    }

    fn into_request(self) -> InputRequest {
        ElicitParams::Url(self.0).into()
    }

    fn read(&self, answer: Value) -> Option<Elicited> {
        serde_json::from_value(answer).ok().map(Elicited)
    }
}

pub(super) struct Sample(pub(super) CreateMessageParams);

impl Question for Sample {
    type Answer = CreateMessageResult;

    fn ability(&self) -> Ability {
        let with_tools = self.0.tools.is_some() || self.0.tool_choice.is_some();
        if with_tools { Ability::SamplingTools } else { Ability::Sampling }
    }

    fn method(&self) -> Method {
        Method::CreateMessage
    }

    fn params(&self, revision: Revision) -> Result<Option<Raw>, serde_json::Error> {
        downgraded(self.0.clone(), revision)
    }

    fn into_request(self) -> InputRequest {
        self.0.into()
    }

    fn read(&self, answer: Value) -> Option<CreateMessageResult> {
        serde_json::from_value(answer).ok()
    }
}

pub(super) struct Roots;

impl Question for Roots {
    type Answer = ListRootsResult;

    fn ability(&self) -> Ability {
        Ability::Roots
    }

    fn method(&self) -> Method {
        Method::ListRoots
    }

    fn params(&self, _: Revision) -> Result<Option<Raw>, serde_json::Error> {
        Ok(None)
    }

    fn into_request(self) -> InputRequest {
        InputRequest::ListRoots(None)
    }

    fn read(&self, answer: Value) -> Option<ListRootsResult> {
        serde_json::from_value(answer).ok()
    }
}

/// What the user did with a form or a URL.
#[derive(Clone, Debug, PartialEq)]
pub struct Elicited(ElicitResult);

impl Elicited {
    /// Accepted, declined, or went away.
    #[must_use]
    pub const fn action(&self) -> ElicitAction {
        self.0.action
    }

    /// The fields, if the user sent the form.
    #[must_use]
    pub fn content(&self) -> Option<&Map<String, Value>> {
        self.0.content.as_ref().filter(|_| self.0.action == ElicitAction::Accept)
    }

    /// A field that is a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.content()?.get(field)?.as_str()
    }

    /// The fields as a type of yours; `None` if the user did not send the form.
    ///
    /// # Errors
    /// The fields fit the form, but not the type.
    pub fn accepted<T: DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        let Some(content) = self.content() else {
            return Ok(None);
        };
        serde_json::from_value(Value::Object(content.clone())).map(Some)
    }

    /// The answer as it came.
    #[must_use]
    pub const fn result(&self) -> &ElicitResult {
        &self.0
    }
}
