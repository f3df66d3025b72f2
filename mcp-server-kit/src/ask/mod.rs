//! Asking the client: its user, its model, its roots. Written once, for both eras.

mod ability;
mod error;
mod keys;
mod question;
mod step;
mod undeclared;

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use mcp_transport::{
    exchange::Asking,
    protocol::{CreateMessageParams, CreateMessageResult, ElicitFormParams, ElicitUrlParams, ListRootsResult},
    session::SessionId,
};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::keys::Keys;
pub use self::{ability::Ability, error::AskError, question::Elicited};
use self::{
    question::{Form, Question, Roots, Sample, Url},
    undeclared::Turn,
};
use crate::{
    cx::Cx,
    error::{FAILED, ToolError},
};

/// The questions.
impl Cx {
    /// **A tool that asks may run more than once: what stands before an answer is done again, unless it is a
    /// [`step`](Self::step).** In the modern era nothing waits on the server. The first run ends where it needs the
    /// answer, the client gets the question as the result, and when it comes back with the answer the tool runs again
    /// from its beginning, with the answer at hand. In a legacy session the tool runs once and waits. So write it for
    /// both:
    ///
    /// - Ask first, act then; or wrap each effect that comes before a question in a [`step`](Self::step).
    /// - Give each question of a call a key of its own, the same in each run. A key that was answered cannot be asked
    ///   under again ([`AskError::KeyTaken`]): in a loop, count in the key.
    /// - Ask for several things at once (with `join!`), and they are one round trip. If the client did not declare one
    ///   of them, none is asked, and the call is refused as with `requires`.
    /// - Say with [`requires`](crate::ToolBuilder::requires) what the tool asks for: then a client that cannot is refused
    ///   before the tool does anything.
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
    /// An answer that does not fit the form, its formats included, is not given to the tool: a modern client is asked
    /// again, a legacy one ends the call with [`AskError::Misshapen`].
    ///
    /// # Errors
    /// Why there is no answer. A user who declines or goes away is an answer.
    ///
    /// # Cancel safety
    /// Legacy: the client is told by `notifications/cancelled`, and its answer is ignored. Modern: nothing was sent.
    pub async fn elicit(&self, key: &str, form: impl Into<ElicitFormParams>) -> Result<Elicited, AskError> {
        self.put(key, Form::new(form.into())?).await
    }

    /// Sends the user to a URL, for what neither the client nor the model may see. That the user has agreed is the
    /// answer; whether the errand is done the server must learn by itself. See [`elicit`](Self::elicit) for the rules.
    ///
    /// ```
    /// use mcp_server_kit::protocol::{ElicitAction, ElicitUrlParams};
    /// use mcp_server_kit::{Ability, Cx, NoArgs, Server, ToolError, testing::TestClient, tool};
    ///
    /// async fn connect(cx: Cx, _: NoArgs) -> Result<&'static str, ToolError> {
    ///     let page = ElicitUrlParams::new("Sign in to the bank", "https://example.com/connect");
    ///     match cx.elicit_url("connect", page).await?.action() {
    ///         ElicitAction::Accept => Ok("sign in there, then call again"),
    ///         _ => Err(ToolError::new("without signing in there is nothing to see")),
    ///     }
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let connect = tool("connect", connect).requires(Ability::UrlElicitation);
    /// let server = Server::builder("bank", "1.0.0").tool(connect).build()?;
    /// let client = TestClient::new(server).answering(|_key, _method, _params| serde_json::json!({"action": "accept"}));
    /// let answer = client.call_tool("connect", serde_json::json!({})).await.unwrap();
    /// assert_eq!(answer.content[0].as_text(), Some("sign in there, then call again"));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// use mcp_server_kit::protocol::{Content, CreateMessageParams, Role, SamplingMessage};
    /// use mcp_server_kit::{Cx, NoArgs, Server, ToolError, testing::TestClient, tool};
    ///
    /// async fn rhyme(cx: Cx, _: NoArgs) -> Result<Vec<Content>, ToolError> {
    ///     let question = SamplingMessage::new(Role::User, Content::text("What rhymes with orange?"));
    ///     let told = cx.sample("rhyme", CreateMessageParams::new([question], 50_u64)).await?;
    ///     Ok(told.content.into_blocks())
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("poet", "1.0.0").tool(tool("rhyme", rhyme)).build()?;
    /// let client = TestClient::new(server).answering(|_key, _method, _params| {
    ///     serde_json::json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "door hinge"}})
    /// });
    /// let answer = client.call_tool("rhyme", serde_json::json!({})).await.unwrap();
    /// assert_eq!(answer.content[0].as_text(), Some("door hinge"));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Server, ToolError, testing::TestClient, tool};
    ///
    /// async fn folders(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    ///     let roots = cx.roots("roots").await?.roots;
    ///     Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join("\n"))
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("lister", "1.0.0").tool(tool("folders", folders)).build()?;
    /// let client = TestClient::new(server).answering(|_key, _method, _params| {
    ///     serde_json::json!({"roots": [{"uri": "file:///home/ada"}]})
    /// });
    /// let answer = client.call_tool("folders", serde_json::json!({})).await.unwrap();
    /// assert_eq!(answer.content[0].as_text(), Some("file:///home/ada"));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
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
    /// tool gets it instead of doing it again. A failed effect is not kept and is tried again. Give each step of a call a
    /// key of its own, and ask nothing in it: within a step there is only [`AskError::Nowhere`].
    ///
    /// The result goes through the client and back, so keep it small, and do not rely on it being used only once: a
    /// client can send the same state twice. For what must never happen twice, carry a key that the effect itself
    /// checks.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use mcp_server_kit::protocol::{BooleanSchema, ElicitFormParams, FormSchema};
    /// use mcp_server_kit::{Cx, NoArgs, Server, ToolError, testing::TestClient, tool};
    ///
    /// static RESERVED: AtomicU64 = AtomicU64::new(0);
    ///
    /// async fn reserve() -> Result<u64, ToolError> {
    ///     Ok(RESERVED.fetch_add(1, Ordering::Relaxed) + 1)
    /// }
    ///
    /// async fn book(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    ///     let id = cx.step("reserve", reserve()).await?; // once, although the tool runs twice
    ///     let form = FormSchema::default().required("sure", BooleanSchema::new());
    ///     let answer = cx.elicit("sure", ElicitFormParams::new("Really book it?", form)).await?;
    ///     Ok(format!("booking {id}: {:?}", answer.action()))
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let client = TestClient::new(Server::builder("hotel", "1.0.0").tool(tool("book", book)).build()?);
    /// let client = client.answering(|_key, _method, _params| serde_json::json!({"action": "decline"}));
    /// let answer = client.call_tool("book", serde_json::json!({})).await.unwrap();
    /// assert_eq!(answer.content[0].as_text(), Some("booking 1: Decline"));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What `effect` failed with, its result could not be written as JSON, or the key was used for another step.
    ///
    /// # Cancel safety
    /// The effect is dropped with the call if the call is cancelled. A question asked meanwhile does not drop it.
    pub async fn step<T, E>(&self, key: &str, effect: impl Future<Output = Result<T, E>>) -> Result<T, ToolError>
    where
        T: Serialize + DeserializeOwned,
        ToolError: From<E>,
    {
        let Some(claim) = self.step_keys().claim(key) else {
            return Err(ToolError::new(FAILED).with_cause(AskError::KeyTaken(key.to_owned())));
        };
        if let Some(done) = self.rounds().step(key) {
            let done = serde_json::from_value(done)?;
            claim.used();
            return Ok(done);
        }
        let Some(running) = self.rounds().step_begins() else {
            return Err(ToolError::new("the call is over"));
        };
        let mut effect = pin!(effect);
        let call = self.address();
        let done = poll_fn(|task| step::within(call, || effect.as_mut().poll(task))).await?;
        self.rounds().keep_step(key, serde_json::to_value(&done)?);
        claim.used();
        drop(running);
        Ok(done)
    }

    async fn put<Q: Question>(&self, key: &str, question: Q) -> Result<Q::Answer, AskError> {
        let ability = question.ability();
        if let Err(missing) = ability.check(self) {
            if self.rounds().can_ask() {
                Turn::new(self, &ability).await;
            }
            return Err(missing);
        }
        if step::is_within(self.address()) {
            return Err(AskError::Nowhere);
        }
        let Some(claim) = self.ask_keys().claim(key) else {
            return Err(AskError::KeyTaken(key.to_owned()));
        };
        let answer = self.put_claimed(key, question).await?;
        claim.used();
        Ok(answer)
    }

    async fn put_claimed<Q: Question>(&self, key: &str, question: Q) -> Result<Q::Answer, AskError> {
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
        let Some(ask) = self.rounds().register(key, question.into_request()) else {
            return Err(AskError::Nowhere);
        };
        // The call ends here; its next run finds the answer.
        poll_fn(|task| ask.poll_over(task)).await;
        Err(AskError::Closed)
    }
}
