//! Forms: what is asked, and which answers are given to the tool.

use std::sync::Arc;

use mcp_server_kit::{
    AskError, Cx, NoArgs, ToolError,
    protocol::{ElicitFormParams, FormSchema, Revision, StringFormat, StringSchema},
    testing::TestClient,
    tool,
};
use serde_json::json;

use crate::{asking::ERAS, run, server};

// MCP 2026-07-28, elicitation, "Form Mode Security": "Servers SHOULD validate received data matches the requested
// schema".
#[test]
fn an_answer_keeps_to_the_formats_of_the_form() {
    async fn mail(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let field = StringSchema::new().with_format(StringFormat::Email);
        let form = FormSchema::default().required("email", field);
        Ok(cx.elicit("email", ElicitFormParams::new("Where to?", form)).await?.text("email").unwrap().to_owned())
    }
    let server = server().tool(tool("mail", mail)).build().unwrap();
    let told = |revision, email: &'static str| {
        let client = TestClient::new(Arc::clone(&server)).revision(revision);
        let answering = client.answering(move |_, _, _| json!({"action": "accept", "content": {"email": email}}));
        run(answering.call_tool("mail", json!({}))).map(|told| told.content[0].as_text().unwrap().to_owned())
    };
    for revision in ERAS {
        assert_eq!(told(revision, "ada@example.com").unwrap(), "ada@example.com");
    }
    assert_eq!(told(Revision::LATEST_LEGACY, "nope").unwrap(), "the answer does not have the shape that was asked for");
    assert!(told(Revision::LATEST, "nope").is_err(), "it is asked again, as long as the client comes back");
}

#[test]
fn a_form_that_cannot_be_checked_is_not_asked() {
    async fn odd(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let form = FormSchema::default().required("a", StringSchema::new()).with_schema("https://example.com/dialect");
        match cx.elicit("a", ElicitFormParams::new("?", form)).await {
            Err(error @ AskError::Form(_)) => Err(error.into()),
            other => Ok(format!("{other:?}")),
        }
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("odd", odd)).build().unwrap()).revision(revision);
        let told = run(client.answering(|_, _, _| panic!("it was asked")).call_tool("odd", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("the call failed"), "{revision}");
    }
}
