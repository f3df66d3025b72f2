//! Servers made of others.

use super::ServerBuilder;
use crate::server::Logging;

/// What stands between a prefix and a name in a nested server.
const SEPARATOR: char = '_';

impl ServerBuilder {
    /// Takes over all tools, resources, prompts and extensions of `other`; what it says of itself, its limits and its
    /// keys are dropped. Names that both have are refused by [`build`](Self::build).
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, tool};
    ///
    /// async fn now(_cx: Cx, _: NoArgs) -> &'static str {
    ///     "noon"
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let clock = || Server::builder("clock", "1.0.0").tool(tool("now", now));
    /// let server = Server::builder("all", "1.0.0").merge(clock()).nest("utc", clock()).build()?;
    /// let client = TestClient::new(server);
    /// assert!(client.call_tool("now", serde_json::json!({})).await.is_ok());
    /// assert!(client.call_tool("utc_now", serde_json::json!({})).await.is_ok());
    /// assert!(Server::builder("twice", "1.0.0").merge(clock()).merge(clock()).build().is_err());
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn merge(mut self, other: Self) -> Self {
        // What the other server asked of callers by default, it still asks for what was its own.
        let scopes = other.default_scopes.as_ref();
        self.tools.extend(other.tools.into_iter().map(|item| item.scopes_unless_set(scopes)));
        self.resources.extend(other.resources.into_iter().map(|item| item.scopes_unless_set(scopes)));
        self.templates.extend(other.templates.into_iter().map(|item| item.scopes_unless_set(scopes)));
        self.prompts.extend(other.prompts.into_iter().map(|item| item.scopes_unless_set(scopes)));
        self.extensions.merge(other.extensions, scopes);
        if other.logging == Logging::Declared {
            self.logging = Logging::Declared;
        }
        self.at_run_time.tools = self.at_run_time.tools.or(other.at_run_time.tools);
        self.at_run_time.resources = self.at_run_time.resources.or(other.at_run_time.resources);
        self.at_run_time.prompts = self.at_run_time.prompts.or(other.at_run_time.prompts);
        self
    }

    /// As [`merge`](Self::merge), with `prefix` and `_` before the name of each tool, prompt, resource and template.
    /// The URIs of resources and the methods of extensions stay as they are: they are addresses, not names.
    ///
    /// ```
    /// use mcp_server_kit::{Server, testing::TestClient, text_resource};
    ///
    /// # futures_executor::block_on(async {
    /// let inner = Server::builder("inner", "1.0.0").resource(text_resource("x://a", "a", "hello"));
    /// let client = TestClient::new(Server::builder("outer", "1.0.0").nest("inner", inner).build()?);
    /// let listed = client.request("resources/list", serde_json::json!({})).await.unwrap();
    /// assert_eq!(listed["resources"][0]["name"], "inner_a");
    /// assert!(client.read_resource("x://a").await.is_ok());
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn nest(self, prefix: &str, mut other: Self) -> Self {
        let prefix = format!("{prefix}{SEPARATOR}");
        other.tools = other.tools.into_iter().map(|tool| tool.prefixed(&prefix)).collect();
        other.resources = other.resources.into_iter().map(|resource| resource.prefixed(&prefix)).collect();
        other.templates = other.templates.into_iter().map(|template| template.prefixed(&prefix)).collect();
        other.prompts = other.prompts.into_iter().map(|prompt| prompt.prefixed(&prefix)).collect();
        self.merge(other)
    }
}
