//! A prompt before and after it is registered.

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use mcp_transport::{
    auth::ScopeSet,
    protocol::{Downgrade, GetPromptResult, Icon, Meta, Prompt, PromptArgument, Revision},
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::IntoPromptOutput;
use crate::{
    ask::Ability,
    completion::{self, Completer, Completers, Completing},
    cx::Cx,
    drive::Running,
    error::BuildError,
    registry::Item,
    schema,
};

/// A prompt made of an async function: `async fn(Cx, Args) -> impl IntoPromptOutput`.
///
/// `Args` is a type of yours whose fields are texts (or enums, or `Option`s of these): prompt arguments are texts on
/// the wire. Its schema gives their names, descriptions and whether they are required.
/// [`PromptArgs`](super::PromptArgs) takes whatever comes, described by [`PromptBuilder::argument`].
///
/// ```
/// use mcp_server_kit::{Cx, Server, prompt, schemars::{self, JsonSchema}, testing::TestClient};
///
/// #[derive(serde::Deserialize, JsonSchema)]
/// struct Review {
///     /// The code to look at.
///     code: String,
///     tone: Option<String>,
/// }
///
/// async fn review(_cx: Cx, args: Review) -> String {
///     format!("Review this code, {}:\n{}", args.tone.as_deref().unwrap_or("kindly"), args.code)
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("reviewer", "1.0.0").prompt(prompt("review", review)).build()?;
/// let client = TestClient::new(server);
/// let prompt = client.get_prompt("review", serde_json::json!({"code": "1 + 1"})).await.unwrap();
/// assert_eq!(prompt.messages[0].content.as_text(), Some("Review this code, kindly:\n1 + 1"));
/// assert!(client.get_prompt("review", serde_json::json!({})).await.is_err()); // `code` is required
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn prompt<F, A, Fut>(name: impl Into<String>, function: F) -> PromptBuilder
where
    F: Fn(Cx, A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + 'static,
    Fut: Future<Output: IntoPromptOutput> + Send + 'static,
{
    let get: Get = Box::new(move |cx, arguments| {
        let arguments = arguments.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let running = function(cx, serde_json::from_value(Value::Object(arguments))?);
        Ok(Box::pin(async move { running.await.into_prompt_output() }))
    });
    let mut definition = Prompt::new(name);
    definition.arguments = arguments(&schema::read::<A>());
    let completers = Completers::default();
    PromptBuilder { definition, get, scopes: None, timeout: None, abilities: Vec::new(), completers }
}

/// The arguments that a derived schema describes.
fn arguments(schema: &Value) -> Option<Vec<PromptArgument>> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let described = properties.iter().map(|(name, property)| {
        let text = |member| property.get(member).and_then(Value::as_str).map(str::to_owned);
        let mut argument = PromptArgument::new(name.as_str());
        argument.title = text("title");
        argument.description = text("description");
        argument.required = Some(required.is_some_and(|all| all.iter().any(|each| each == name)));
        argument
    });
    Some(described.collect())
}

type Get =
    Box<dyn Fn(Cx, BTreeMap<String, String>) -> Result<Running<GetPromptResult>, serde_json::Error> + Send + Sync>;

/// A prompt that is being described; made by [`prompt`].
#[must_use]
pub struct PromptBuilder {
    definition: Prompt,
    get: Get,
    scopes: Option<ScopeSet>,
    timeout: Option<Duration>,
    abilities: Vec<Ability>,
    completers: Completers,
}

impl PromptBuilder {
    /// Its name for people.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.definition.title = Some(text.into());
        self
    }

    /// What it is for.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.definition.description = Some(text.into());
        self
    }

    /// Its pictures.
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.definition.icons = Some(icons.into_iter().collect());
        self
    }

    /// Metadata that is listed with it.
    pub fn meta(mut self, meta: Meta) -> Self {
        self.definition.meta = Some(meta);
        self
    }

    /// Describes an argument by hand: adds it, or takes the place of the derived one of that name. One that is required
    /// is refused when it is missing.
    pub fn argument(mut self, argument: PromptArgument) -> Self {
        let all = self.definition.arguments.get_or_insert_default();
        match all.iter_mut().find(|other| other.name == argument.name) {
            Some(other) => *other = argument,
            None => all.push(argument),
        }
        self
    }

    /// What a caller's token must grant, all of it.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// How long it may take, what the client takes to answer not counted. It needs a runtime of tokio with time
    /// enabled.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// What the client must be able to do, where the prompt asks; as
    /// [`ToolBuilder::requires`](crate::ToolBuilder::requires).
    pub fn requires(mut self, ability: Ability) -> Self {
        self.abilities.push(ability);
        self
    }

    /// Completes an argument while the user types: values, best first; of more than 100 the first 100 are sent.
    ///
    /// ```
    /// use mcp_server_kit::{Completing, Cx, PromptArgs, Server, prompt, protocol::PromptArgument, testing::TestClient};
    ///
    /// async fn languages(_cx: Cx, typed: Completing) -> Vec<String> {
    ///     let all = ["python", "perl", "rust"].map(String::from);
    ///     all.into_iter().filter(|name| name.starts_with(&typed.value)).collect()
    /// }
    ///
    /// async fn port(_cx: Cx, args: PromptArgs) -> String {
    ///     format!("Port this to {}.", args.get("language"))
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let port = prompt("port", port)
    ///     .argument(PromptArgument::new("language").with_required(true))
    ///     .complete("language", languages);
    /// let client = TestClient::new(Server::builder("porter", "1.0.0").prompt(port).build()?);
    /// let asked = serde_json::json!({
    ///     "ref": {"type": "ref/prompt", "name": "port"},
    ///     "argument": {"name": "language", "value": "p"},
    /// });
    /// let told = client.request("completion/complete", asked).await.unwrap();
    /// assert_eq!(told["completion"]["values"], serde_json::json!(["python", "perl"]));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn complete<F, Fut>(mut self, argument: impl Into<String>, function: F) -> Self
    where
        F: Fn(Cx, Completing) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<String>> + Send + 'static,
    {
        self.completers.insert(argument.into(), completion::completer(function));
        self
    }

    pub(crate) fn scopes_unless_set(mut self, scopes: Option<&ScopeSet>) -> Self {
        if self.scopes.is_none() {
            self.scopes = scopes.cloned();
        }
        self
    }

    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.definition.name = format!("{prefix}{}", self.definition.name);
        self
    }

    pub(crate) fn finish(self) -> Result<Entry, BuildError> {
        let Self { definition, get, scopes, timeout, abilities, completers } = self;
        // The specification has no characters for the names of prompts; people may see them.
        if definition.name.trim().is_empty() || definition.name.chars().any(char::is_control) {
            return Err(BuildError::PromptName(definition.name));
        }
        let known = |key: &str| definition.arguments.iter().flatten().any(|argument| argument.name == key);
        if let Some(unknown) = completers.keys().find(|key| !known(key)) {
            let argument = unknown.clone();
            return Err(BuildError::Completion { name: definition.name, argument });
        }
        Ok(Entry { definition, get, scopes, timeout, abilities, completers })
    }
}

impl fmt::Debug for PromptBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptBuilder").field("name", &self.definition.name).finish_non_exhaustive()
    }
}

/// A registered prompt.
pub(crate) struct Entry {
    definition: Prompt,
    get: Get,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) abilities: Vec<Ability>,
    completers: Completers,
}

impl Entry {
    /// Checks the arguments and makes the call's future. The error is for the client.
    pub(crate) fn start(
        &self,
        cx: Cx,
        arguments: BTreeMap<String, String>,
    ) -> Result<Running<GetPromptResult>, String> {
        let mut described = self.definition.arguments.iter().flatten();
        let missing = described.find(|each| each.required == Some(true) && !arguments.contains_key(&each.name));
        if let Some(missing) = missing {
            return Err(format!("the argument `{}` is missing", missing.name));
        }
        (self.get)(cx, arguments).map_err(|error| format!("the arguments do not fit: {error}"))
    }

    pub(crate) fn completer(&self, argument: &str) -> Option<&Completer> {
        self.completers.get(argument)
    }

    pub(crate) fn completes(&self) -> bool {
        !self.completers.is_empty()
    }
}

impl Item for Entry {
    const KIND: &'static str = "prompts";
    const MEMBER: &'static str = "prompts";

    fn key(&self) -> &str {
        &self.definition.name
    }

    fn listed(&self, revision: Revision) -> Result<String, serde_json::Error> {
        let mut definition = self.definition.clone();
        definition.downgrade(revision);
        serde_json::to_string(&definition)
    }
}
