//! What tools answer.

use std::borrow::Cow;

use mcp_transport::{
    jsonrpc::Raw,
    protocol::{CallToolResult, Content, Downgrade, JsonSchema, Revision},
};
use serde::Serialize;

use crate::{
    error::ToolError,
    schema::{self, Checker},
    write::Heads,
};

/// An answer of a tool: made from whatever [`IntoToolOutput`] takes.
#[derive(Clone, Debug)]
pub struct ToolOutput(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Text(Cow<'static, str>),
    /// JSON text, written by the serializer from the type that the output schema was derived from.
    Structured(String),
    Result(Box<CallToolResult>),
}

/// Data as an answer: structured content with a derived schema, and its JSON as text for clients that read only text
/// (MCP 2026-07-28, tools, "Structured Content").
///
/// What goes out is checked against that schema, for serde may write what does not fit it: `null` for a number that is
/// not finite, a number outside of a range. Such an answer becomes an error.
///
/// ```
/// use mcp_server_kit::schemars::{self, JsonSchema};
/// use mcp_server_kit::{Cx, Json, NoArgs, Server, testing::TestClient, tool};
///
/// #[derive(serde::Serialize, JsonSchema)]
/// struct Load {
///     one_minute: f64,
/// }
///
/// async fn load(_cx: Cx, _: NoArgs) -> Json<Load> {
///     Json(Load { one_minute: 0.7 })
/// }
///
/// # futures_executor::block_on(async {
/// let client = TestClient::new(Server::builder("machine", "1.0.0").tool(tool("load", load)).build()?);
/// let answer = client.call_tool("load", serde_json::json!({})).await.unwrap();
/// assert_eq!(answer.structured_content, Some(serde_json::json!({"one_minute": 0.7})));
/// assert_eq!(answer.content[0].as_text(), Some(r#"{"one_minute":0.7}"#));
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper that is made and taken apart by hand")]
pub struct Json<T>(pub T);

/// What a tool may answer: texts, content blocks, [`Json`], a whole [`CallToolResult`], nothing, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a tool cannot answer with `{Self}`",
    note = "it can with String, &'static str, Content, Vec<Content>, Json<T>, CallToolResult, (), and Result<_, ToolError> of these"
)]
pub trait IntoToolOutput {
    /// The schema of the structured content, if the type implies one.
    #[must_use]
    fn output_schema() -> Option<JsonSchema> {
        None
    }

    /// The answer.
    ///
    /// # Errors
    /// There is none; the client is told why.
    fn into_tool_output(self) -> Result<ToolOutput, ToolError>;
}

impl<T: Serialize + schemars::JsonSchema> IntoToolOutput for Json<T> {
    fn output_schema() -> Option<JsonSchema> {
        JsonSchema::from_value(&schema::written::<T>()).ok()
    }

    fn into_tool_output(self) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput(Kind::Structured(serde_json::to_string(&self.0)?)))
    }
}

impl<T: IntoToolOutput> IntoToolOutput for Result<T, ToolError> {
    fn output_schema() -> Option<JsonSchema> {
        T::output_schema()
    }

    fn into_tool_output(self) -> Result<ToolOutput, ToolError> {
        self.and_then(T::into_tool_output)
    }
}

impl<T: Into<ToolOutput>> IntoToolOutput for T {
    fn into_tool_output(self) -> Result<ToolOutput, ToolError> {
        Ok(self.into())
    }
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self(Kind::Text(Cow::Owned(text)))
    }
}

impl From<&'static str> for ToolOutput {
    fn from(text: &'static str) -> Self {
        Self(Kind::Text(Cow::Borrowed(text)))
    }
}

impl From<Content> for ToolOutput {
    fn from(content: Content) -> Self {
        Self::from(vec![content])
    }
}

impl From<Vec<Content>> for ToolOutput {
    fn from(content: Vec<Content>) -> Self {
        Self::from(CallToolResult::new(content))
    }
}

impl From<CallToolResult> for ToolOutput {
    fn from(result: CallToolResult) -> Self {
        Self(Kind::Result(Box::new(result)))
    }
}

impl From<()> for ToolOutput {
    fn from((): ()) -> Self {
        Self::from(Vec::new())
    }
}

/// Why an answer cannot go out.
#[derive(Debug)]
pub(crate) struct Unfit(pub(crate) String);

impl ToolOutput {
    /// Writes the answer as `revision` has it. `checker` is of the output schema, if one is listed.
    pub(crate) fn write(self, heads: &Heads, revision: Revision, checker: Option<&Checker>) -> Result<Raw, Unfit> {
        match self.0 {
            Kind::Text(text) => {
                missing(checker)?;
                // Exact where nothing is escaped: then the buffer becomes the answer as it is.
                let mut out = heads.complete(revision, None, text.len() + AROUND_TEXT);
                put_text(&mut out, &text);
                Ok(out.end())
            }
            Kind::Structured(json) => {
                if let Some(checker) = checker {
                    let value = serde_json::from_str(&json).map_err(|error| Unfit(error.to_string()))?;
                    checker.check(&value).map_err(Unfit)?;
                }
                let mut out = heads.complete(revision, None, 2 * json.len() + json.len() / 4 + 72);
                put_text(&mut out, &json);
                let object = json.starts_with('{');
                if revision.has_structured_content() && (object || revision.structured_content_is_any_json()) {
                    out.raw_member("structuredContent", &json);
                }
                Ok(out.end())
            }
            Kind::Result(mut result) => {
                if let (Some(checker), false) = (checker, result.is_error == Some(true)) {
                    match &result.structured_content {
                        Some(value) => checker.check(value).map_err(Unfit)?,
                        None => missing(Some(checker))?,
                    }
                }
                result.downgrade(revision);
                let mut out = heads.complete(revision, result.meta.take(), 256);
                out.splice(&result);
                Ok(out.end())
            }
        }
    }
}

/// An error that the model sees.
pub(crate) fn write_error(heads: &Heads, revision: Revision, text: &str) -> Raw {
    let mut out = heads.complete(revision, None, text.len() + 64);
    put_text(&mut out, text);
    out.raw_member("isError", "true");
    out.end()
}

fn put_text(out: &mut crate::write::Writer, text: &str) {
    out.raw_member("content", BEFORE_TEXT);
    out.string(text);
    out.text(BEHIND_TEXT);
}

const BEFORE_TEXT: &str = r#"[{"type":"text","text":"#;
const BEHIND_TEXT: &str = "}]";
/// What stands around a text: the member with its name, its comma and its colon, and the text's quotes.
const AROUND_TEXT: usize = r#","content":"#.len() + BEFORE_TEXT.len() + r#""""#.len() + BEHIND_TEXT.len();

// MCP 2026-07-28, tools, "Output Schema": "Servers MUST provide structured results that conform to this schema."
fn missing(checker: Option<&Checker>) -> Result<(), Unfit> {
    match checker {
        None => Ok(()),
        Some(_) => Err(Unfit("an output schema is declared, and there is no structured content".to_owned())),
    }
}
