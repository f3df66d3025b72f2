//! Asking the client: its user, its model, its roots. Written once, for both eras.

use std::{future::Future, future::pending};

use mcp_transport::{
    exchange::Asking,
    jsonrpc::{Code, ErrorObject, Raw},
    protocol::{
        ClientCapabilities, CreateMessageParams, CreateMessageResult, Downgrade, ElicitAction, ElicitFormParams,
        ElicitParams, ElicitResult, ElicitUrlParams, InputRequest, JsonSchema, ListRootsResult, Method, Revision,
    },
    session::{self, SessionId},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{cx::Cx, error::ToolError, rounds::Registered, schema::Checker};

/// Why a question has no answer.
///
/// With `?` in a tool, a missing ability becomes the protocol's own error (-32021) in the modern era, and a text in
/// a legacy session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The client did not declare that it can do this, so it must not be asked.
    #[error("the client did not declare {}", .ability.name())]
    NotDeclared {
        /// What it cannot do.
        ability: Ability,
        /// The revision of the call.
        revision: Revision,
    },
    /// There is no way to ask: the call is of a method that cannot wait for answers, or the connection has no way back.
    #[error("the client cannot be asked here")]
    Nowhere,
    /// The client answered a legacy question with an error.
    #[error("the client answered with error {0}")]
    Refused(i64),
    /// The answer to a legacy question does not have the shape that was asked for.
    #[error("the answer does not have the shape that was asked for")]
    Misshapen,
    /// The session ended first.
    #[error("the session ended before the client answered")]
    Closed,
    /// Two different questions of one call have the same key.
    #[error("something else was asked under the key `{0}`")]
    KeyTaken(String),
}

/// What a client can declare, and a tool can need.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// Its user fills in forms.
    Elicitation,
    /// Its user goes to URLs.
    UrlElicitation,
    /// Its model answers.
    Sampling,
    /// Its model answers, and calls tools meanwhile.
    SamplingTools,
    /// It names roots.
    Roots,
    /// An extension, by its identifier (modern era).
    Extension(String),
}

impl Ability {
    /// Whether the client declared it, in a revision that has it.
    #[must_use]
    pub fn is_declared(&self, client: &ClientCapabilities, revision: Revision) -> bool {
        let elicitation = client.elicitation.as_ref().filter(|_| revision.has_elicitation());
        match self {
            Self::Elicitation => elicitation.is_some_and(|modes| modes.supports_form()),
            Self::UrlElicitation => {
                revision.has_url_elicitation() && elicitation.is_some_and(|modes| modes.supports_url())
            }
            Self::Sampling => client.sampling.is_some(),
            Self::SamplingTools => {
                revision.has_sampling_tools() && client.sampling.as_ref().is_some_and(|parts| parts.tools.is_some())
            }
            Self::Roots => client.roots.is_some(),
            Self::Extension(id) => client.extensions.as_ref().is_some_and(|all| all.contains_key(id)),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Elicitation => "elicitation",
            Self::UrlElicitation => "elicitation by URL",
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling with tools",
            Self::Roots => "roots",
            Self::Extension(id) => id,
        }
    }

    /// The shape of client capabilities that holds it.
    fn required(&self) -> Value {
        match self {
            Self::Elicitation => json!({ "elicitation": {} }),
            Self::UrlElicitation => json!({ "elicitation": { "url": {} } }),
            Self::Sampling => json!({ "sampling": {} }),
            Self::SamplingTools => json!({ "sampling": { "tools": {} } }),
            Self::Roots => json!({ "roots": {} }),
            Self::Extension(id) => json!({ "extensions": { id: {} } }),
        }
    }

    /// Refuses a call of a client that did not declare it.
    pub(crate) fn check(&self, cx: &Cx) -> Result<(), AskError> {
        if self.is_declared(&cx.client().capabilities, cx.revision()) {
            return Ok(());
        }
        Err(AskError::NotDeclared { ability: self.clone(), revision: cx.revision() })
    }
}

impl AskError {
    pub(crate) fn to_tool_error(&self) -> ToolError {
        match self {
            // MCP 2026-07-28, basic: -32021, "whose data.requiredCapabilities lists the missing capabilities".
            Self::NotDeclared { ability, revision } if revision.is_modern() => {
                let error = ErrorObject::new(Code::MISSING_REQUIRED_CLIENT_CAPABILITY, self.to_string());
                let data = Raw::write(&json!({ "requiredCapabilities": ability.required() }));
                ToolError::protocol(data.map_or(error.clone(), |data| error.with_data(data)))
            }
            Self::KeyTaken(_) => ToolError::new(crate::error::FAILED).with_cause(self.clone()),
            Self::NotDeclared { .. } | Self::Nowhere | Self::Refused(_) | Self::Misshapen | Self::Closed => {
                ToolError::new(self.to_string())
            }
        }
    }
}

impl From<session::AskError> for AskError {
    fn from(error: session::AskError) -> Self {
        match error {
            session::AskError::Refused(error) => Self::Refused(error.code.get()),
            session::AskError::Closed => Self::Closed,
            _ => Self::Nowhere,
        }
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

/// The questions.
impl Cx {
    /// **A tool that asks may run more than once: what stands before an answer is done again, unless it is a
    /// [`step`](Self::step).** In the modern era nothing waits on the server. The first run ends where it needs the
    /// answer, the client gets the question as the result, and when it comes back with the answer the tool runs again
    /// from its beginning, with the answer at hand. In a legacy session the tool runs once and waits. So write it for
    /// both:
    ///
    /// - Ask first, act then; or wrap each effect that comes before a question in a [`step`](Self::step).
    /// - Give each question of a call a key of its own, the same in each run.
    /// - Ask for several things at once (with `join!`), and they are one round trip.
    /// - Await questions in the tool itself. What runs when the tool is dropped is lost, except for steps, which are
    ///   let to their end.
    ///
    /// Asks the user to fill in a form. Never ask for passwords, tokens or the like this way: that is what
    /// [`elicit_url`](Self::elicit_url) is for (MCP 2026-07-28, elicitation: "Servers MUST NOT use form mode
    /// elicitation to request sensitive information").
    ///
    /// ```
    /// use mcp_server_kit::protocol::{ElicitFormParams, FormSchema, StringSchema};
    /// use mcp_server_kit::{Cx, NoArgs, Server, ToolError, testing::TestClient, tool};
    ///
    /// async fn greet(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    ///     let form = FormSchema::default().required("name", StringSchema::new());
    ///     let answer = cx.elicit("user_name", ElicitFormParams::new("What is your name?", form)).await?;
    ///     Ok(match answer.text("name") {
    ///         Some(name) => format!("Hello, {name}!"),
    ///         None => "Hello, stranger!".into(),
    ///     })
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("greeter", "1.0.0").tool(tool("greet", greet)).build()?;
    /// let client = TestClient::new(server).answering(|_key, _method, _params| {
    ///     serde_json::json!({"action": "accept", "content": {"name": "Ada"}})
    /// });
    /// let answer = client.call_tool("greet", serde_json::json!({})).await.unwrap();
    /// assert_eq!(answer.content[0].as_text(), Some("Hello, Ada!"));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// An answer that does not fit the form is not given to the tool: a modern client is asked again, a legacy one ends
    /// the call with [`AskError::Misshapen`].
    ///
    /// # Errors
    /// Why there is no answer. A user who declines or goes away is an answer.
    ///
    /// # Cancel safety
    /// Legacy: the client is told by `notifications/cancelled`, and its answer is ignored. Modern: nothing was sent.
    pub async fn elicit(&self, key: &str, form: impl Into<ElicitFormParams>) -> Result<Elicited, AskError> {
        let form = form.into();
        let checker = Raw::write(&form.requested_schema)
            .ok()
            .and_then(|schema| JsonSchema::parse(schema.as_str()).ok())
            .and_then(|schema| Checker::compile(&schema).ok());
        self.put(key, Form { form, checker }).await
    }

    /// Sends the user to a URL, for what neither the client nor the model may see. That the user has agreed is the
    /// answer; whether the errand is done the server must learn by itself. See [`elicit`](Self::elicit) for the rules.
    ///
    /// # Errors
    /// Why there is no answer. Revisions before 2025-11-25 do not have it.
    ///
    /// # Cancel safety
    /// As [`elicit`](Self::elicit).
    pub async fn elicit_url(&self, key: &str, url: impl Into<ElicitUrlParams>) -> Result<Elicited, AskError> {
        let mut url = url.into();
        if self.revision().has_elicitation_id() && url.elicitation_id.is_none() {
            url.elicitation_id = SessionId::random().ok().map(|id| id.as_str().to_owned());
        }
        self.put(key, Url(url)).await
    }

    /// Asks the client's model. See [`elicit`](Self::elicit) for the rules.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Cancel safety
    /// As [`elicit`](Self::elicit).
    pub async fn sample(&self, key: &str, params: CreateMessageParams) -> Result<CreateMessageResult, AskError> {
        self.put(key, Sample(params)).await
    }

    /// Asks the client for its roots. See [`elicit`](Self::elicit) for the rules.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Cancel safety
    /// As [`elicit`](Self::elicit).
    pub async fn roots(&self, key: &str) -> Result<ListRootsResult, AskError> {
        self.put(key, Roots).await
    }

    /// Does something once in a call that asks: its result travels with the questions (sealed), and a later run of the
    /// tool gets it instead of doing it again. A failed effect is not kept and is tried again.
    ///
    /// The result goes through the client and back, so keep it small, and do not rely on it being used only once: a
    /// client can send the same state twice. For what must never happen twice, carry a key that the effect itself
    /// checks.
    ///
    /// ```
    /// # use mcp_server_kit::{Cx, NoArgs, ToolError, protocol::{ElicitFormParams, FormSchema, BooleanSchema}};
    /// # async fn reserve() -> Result<u64, ToolError> { Ok(7) }
    /// # async fn confirm(id: u64) -> Result<(), ToolError> { Ok(()) }
    /// async fn book(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    ///     let id = cx.step("reserve", reserve()).await?; // once, although the tool runs twice
    ///     let form = FormSchema::default().required("sure", BooleanSchema::new());
    ///     let answer = cx.elicit("sure", ElicitFormParams::new("Really book it?", form)).await?;
    ///     if answer.content().is_some() {
    ///         confirm(id).await?;
    ///     }
    ///     Ok(format!("booking {id}"))
    /// }
    /// # let _ = mcp_server_kit::tool("book", book);
    /// ```
    ///
    /// # Errors
    /// What `effect` failed with, or its result could not be written as JSON.
    ///
    /// # Cancel safety
    /// The effect is dropped with the call if the call is cancelled. A question asked meanwhile does not drop it.
    pub async fn step<T, E>(&self, key: &str, effect: impl Future<Output = Result<T, E>>) -> Result<T, ToolError>
    where
        T: Serialize + DeserializeOwned,
        ToolError: From<E>,
    {
        if let Some(done) = self.rounds().step(key) {
            return Ok(serde_json::from_value(done)?);
        }
        let running = self.rounds().step_begins();
        let done = effect.await?;
        self.rounds().keep_step(key, serde_json::to_value(&done)?);
        drop(running);
        Ok(done)
    }

    async fn put<Q: Question>(&self, key: &str, question: Q) -> Result<Q::Answer, AskError> {
        question.ability().check(self)?;
        let revision = self.revision();
        if revision.has_server_requests() {
            if self.exchange().asking() != Asking::Possible {
                return Err(AskError::Nowhere);
            }
            let params = question.params(revision).map_err(|_| AskError::Misshapen)?;
            let answer = self.exchange().ask(&question.method(), params.as_ref()).await?;
            let answer = answer.decode().map_err(|_| AskError::Misshapen)?;
            return question.read(answer).ok_or(AskError::Misshapen);
        }
        if let Some(value) = self.rounds().answer(key) {
            // What is not the shape that was asked for is asked for again.
            if let Some(answer) = question.read(value.clone()) {
                self.rounds().keep_answer(key, value);
                return Ok(answer);
            }
        }
        match self.rounds().register(key, question.into_request()) {
            Registered::KeyTaken => Err(AskError::KeyTaken(key.to_owned())),
            Registered::Nowhere => Err(AskError::Nowhere),
            // The call ends here; its next run finds the answer.
            Registered::Yes => pending().await,
        }
    }
}

/// Something that can be asked.
trait Question: Send + Sized {
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

struct Form {
    form: ElicitFormParams,
    checker: Option<Checker>,
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
            let content = Value::Object(result.content.clone()?);
            if let Some(checker) = &self.checker {
                checker.check(&content).ok()?;
            }
        }
        Some(Elicited(result))
    }
}

struct Url(ElicitUrlParams);

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

struct Sample(CreateMessageParams);

impl Question for Sample {
    type Answer = CreateMessageResult;

    fn ability(&self) -> Ability {
        if self.0.tools.is_some() { Ability::SamplingTools } else { Ability::Sampling }
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

struct Roots;

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
