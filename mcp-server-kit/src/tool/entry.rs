//! A tool before and after it is registered.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use mcp_transport::{
    auth::ScopeSet,
    handler::Needs,
    protocol::{self, Downgrade, Icon, JsonSchema, Meta, Revision, ToolAnnotations},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    IntoToolOutput, Tool,
    call::{Code, Function, Object},
};
use crate::{
    ask::Ability,
    cx::Cx,
    error::BuildError,
    mirror,
    registry::Item,
    schema::{self, Checker},
};

/// A tool made of an async function: `async fn(Cx, Args) -> impl IntoToolOutput`.
///
/// `Args` says what the tool takes: any type with `serde::Deserialize` and `schemars::JsonSchema`. Its schema is listed,
/// and decoding is the check: add `#[serde(deny_unknown_fields)]` to refuse what the schema does not name. Where the
/// schema says more than the types do (`#[schemars(range(..))]`, `length`, `regex` and the like), arguments are checked
/// against it before they are decoded; a `format` is a remark to the client and is not checked.
/// [`NoArgs`](super::NoArgs) is for a tool without arguments, [`RawArgs`](super::RawArgs) for a schema written by hand.
///
/// ```
/// use mcp_server_kit::{Cx, Server, ToolError, schemars::{self, JsonSchema}, testing::TestClient, tool};
///
/// #[derive(serde::Deserialize, JsonSchema)]
/// struct Divide {
///     /// What is divided.
///     a: f64,
///     b: f64,
/// }
///
/// async fn divide(_cx: Cx, Divide { a, b }: Divide) -> Result<String, ToolError> {
///     if b == 0.0 {
///         return Err(ToolError::new("b must not be 0"));
///     }
///     Ok((a / b).to_string())
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("calculator", "1.0.0")
///     .tool(tool("divide", divide).description("Divides a by b."))
///     .build()?;
/// let client = TestClient::new(server);
/// let answer = client.call_tool("divide", serde_json::json!({"a": 6, "b": 4})).await.unwrap();
/// assert_eq!(answer.content[0].as_text(), Some("1.5"));
/// let failed = client.call_tool("divide", serde_json::json!({"a": 6, "b": 0})).await.unwrap();
/// assert_eq!(failed.is_error, Some(true));
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn tool<F, A, Fut>(name: impl Into<String>, function: F) -> ToolBuilder
where
    F: Fn(Cx, A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + schemars::JsonSchema + 'static,
    Fut: Future<Output: IntoToolOutput> + Send + 'static,
{
    let code = Function::<F, A>::new(function);
    let mut builder = ToolBuilder::new(name.into(), Box::new(code), Input::Derived(schema::read::<A>()));
    builder.derived_output = <Fut::Output as IntoToolOutput>::output_schema();
    builder
}

/// A tool made of a type with the trait [`Tool`].
pub fn tool_from(name: impl Into<String>, tool: impl Tool) -> ToolBuilder {
    let (input, output) = (Input::Given(tool.input_schema()), tool.output_schema());
    let mut builder = ToolBuilder::new(name.into(), Box::new(Object(Arc::new(tool))), input);
    builder.given_output = output;
    builder
}

/// A tool that is being described; made by [`tool`] and [`tool_from`], taken by
/// [`ServerBuilder::tool`](crate::ServerBuilder::tool).
#[must_use]
pub struct ToolBuilder {
    pub(crate) name: String,
    code: Box<dyn Code>,
    input: Input,
    derived_output: Option<JsonSchema>,
    given_output: Option<JsonSchema>,
    mirrored: Vec<(String, String)>,
    title: Option<String>,
    description: Option<String>,
    annotations: Option<ToolAnnotations>,
    icons: Option<Vec<Icon>>,
    meta: Option<Meta>,
    scopes: Option<ScopeSet>,
    timeout: Option<Duration>,
    abilities: Vec<Ability>,
}

enum Input {
    Derived(Value),
    Given(JsonSchema),
}

impl ToolBuilder {
    fn new(name: String, code: Box<dyn Code>, input: Input) -> Self {
        Self {
            name,
            code,
            input,
            derived_output: None,
            given_output: None,
            mirrored: Vec::new(),
            title: None,
            description: None,
            annotations: None,
            icons: None,
            meta: None,
            scopes: None,
            timeout: None,
            abilities: Vec::new(),
        }
    }

    /// What it does, for the model.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Its name for people.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.title = Some(text.into());
        self
    }

    /// Hints about what it does to the world.
    pub fn annotations(mut self, hints: ToolAnnotations) -> Self {
        self.annotations = Some(hints);
        self
    }

    /// Its pictures.
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.icons = Some(icons.into_iter().collect());
        self
    }

    /// Metadata that is listed with it.
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The schema of the arguments, written by hand: listed verbatim, and arguments are checked against it before they
    /// are decoded. No `$ref` is fetched.
    pub fn input_schema(mut self, schema: JsonSchema) -> Self {
        self.input = Input::Given(schema);
        self
    }

    /// The schema of the structured content, written by hand: listed verbatim, and answers are checked against it. An
    /// answer that does not fit becomes an error.
    pub fn output_schema(mut self, schema: JsonSchema) -> Self {
        self.given_output = Some(schema);
        self
    }

    /// What a caller's token must grant, all of it; else the client gets a 403 that names the scopes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mcp_server_kit::{Cx, auth::ScopeSet, schemars::{self, JsonSchema}, tool};
    ///
    /// #[derive(serde::Deserialize, JsonSchema)]
    /// struct Query {
    ///     region: String,
    ///     sql: String,
    /// }
    ///
    /// async fn query(_cx: Cx, args: Query) -> String {
    ///     format!("{} in {}", args.sql, args.region)
    /// }
    ///
    /// let query = tool("query", query)
    ///     .scopes(ScopeSet::parse("db:read")?)
    ///     .timeout(Duration::from_secs(30))
    ///     .mirror("region", "Region"); // clients send `Mcp-Param-Region`, and a proxy can route by it
    /// # let _ = query;
    /// # Ok::<(), mcp_server_kit::auth::ScopeError>(())
    /// ```
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// How long a call may take. A call that takes longer is dropped and answered with an error. The time in which the
    /// client is being asked does not count, in either era; in the modern era each run of the tool has the whole time.
    /// It needs a runtime of tokio with time enabled.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Lets the header `Mcp-Param-{header}` mirror an argument, so that proxies can route by it: writes `x-mcp-header`
    /// into the derived schema. Into a schema written by hand, write it by hand.
    ///
    /// Never mirror secrets: headers are seen on the way.
    pub fn mirror(mut self, argument: impl Into<String>, header: impl Into<String>) -> Self {
        self.mirrored.push((argument.into(), header.into()));
        self
    }

    /// What the client must be able to do, said once for each thing. A call of a client that cannot is refused before
    /// the tool runs: in the modern era with -32021, which names all that is missing, before it with a text. Without
    /// this, a tool that asks learns of it only where it asks, after what stands before.
    ///
    /// ```
    /// use mcp_server_kit::{Ability, Cx, NoArgs, Server, jsonrpc::Code, testing::TestClient, tool};
    ///
    /// async fn poem(_cx: Cx, _: NoArgs) {
    ///     unreachable!("the client has no model to ask");
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("poet", "1.0.0").tool(tool("poem", poem).requires(Ability::Sampling)).build()?;
    /// let refused = TestClient::new(server).call_tool("poem", serde_json::json!({})).await.unwrap_err();
    /// assert_eq!(refused.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn requires(mut self, ability: Ability) -> Self {
        self.abilities.push(ability);
        self
    }

    /// Checks everything that can be checked before the first call.
    pub(crate) fn finish(self) -> Result<Entry, BuildError> {
        let name = self.name;
        check_name(&name)?;
        let wrong = |which, why| BuildError::Schema { name: name.clone(), which, why };
        let (input, input_checker, value) = match self.input {
            Input::Given(given) => {
                if let Some((parameter, _)) = self.mirrored.first() {
                    let why = "must be annotated in the schema that is given by hand";
                    return Err(BuildError::Mirror { name, parameter: parameter.clone(), why });
                }
                let checker = Checker::compile(&given).map_err(|why| wrong("input", why))?;
                let value = given.to_value();
                (given, Some(checker), value)
            }
            Input::Derived(mut value) => {
                for (parameter, header) in &self.mirrored {
                    mirror::annotate(&name, &mut value, parameter, header)?;
                }
                if let Some(members) = value.as_object_mut() {
                    // A choice of structs derives without it, and MCP wants it said.
                    members.entry("type").or_insert_with(|| Value::from("object"));
                }
                let schema = JsonSchema::from_value(&value).map_err(|_| wrong("input", "is no object".to_owned()))?;
                let checker = schema::goes_beyond_types(&value).then(|| Checker::compile(&schema)).transpose();
                (schema, checker.map_err(|why| wrong("input", why))?, value)
            }
        };
        // MCP 2026-07-28, tools, "Tool": the input schema's root is `type: "object"`.
        if value.get("type").and_then(Value::as_str) != Some("object") {
            return Err(wrong("input", "must say type object".to_owned()));
        }
        let mirrored = mirror::scan(&name, &value)?;
        let output_schema = self.given_output.or(self.derived_output);
        let output_checker = match &output_schema {
            Some(schema) => Some(Checker::compile(schema).map_err(|why| wrong("output", why))?),
            None => None,
        };
        let mut definition = protocol::Tool::new(name, input);
        definition.title = self.title;
        definition.description = self.description;
        definition.annotations = self.annotations;
        definition.icons = self.icons;
        definition.meta = self.meta;
        definition.output_schema = output_schema;
        let mut needs = Needs::NONE;
        needs.scopes = self.scopes;
        needs.mirrored = mirrored;
        Ok(Entry {
            definition,
            code: self.code,
            input_checker,
            output_checker,
            needs,
            timeout: self.timeout,
            abilities: self.abilities,
        })
    }

    pub(crate) fn scopes_unless_set(mut self, scopes: Option<&ScopeSet>) -> Self {
        if self.scopes.is_none() {
            self.scopes = scopes.cloned();
        }
        self
    }

    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.name = format!("{prefix}{}", self.name);
        self
    }
}

impl fmt::Debug for ToolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// MCP 2026-07-28, tools, "Tool Names": what they SHOULD be, which costs nothing to hold to.
fn check_name(name: &str) -> Result<(), BuildError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if plain && (1..=128).contains(&name.len()) { Ok(()) } else { Err(BuildError::Name(name.to_owned())) }
}

/// A registered tool.
pub(crate) struct Entry {
    definition: protocol::Tool,
    pub(super) code: Box<dyn Code>,
    pub(crate) input_checker: Option<Checker>,
    pub(crate) output_checker: Option<Checker>,
    pub(crate) needs: Needs,
    pub(crate) timeout: Option<Duration>,
    pub(crate) abilities: Vec<Ability>,
}

impl Item for Entry {
    const KIND: &'static str = "tools";
    const MEMBER: &'static str = "tools";

    fn key(&self) -> &str {
        &self.definition.name
    }

    fn listed(&self, revision: Revision) -> Result<String, serde_json::Error> {
        let mut definition = self.definition.clone();
        definition.downgrade(revision);
        serde_json::to_string(&definition)
    }
}

/// The error without the position in a text that the model did not see as lines.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.clone(), |(what, _)| what.to_owned())
}
