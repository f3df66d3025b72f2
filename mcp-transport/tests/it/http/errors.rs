//! The driver's errors against the official schemas.

use mcp_transport::protocol::Revision;
use serde_json::json;

use super::support::{Endpoint, META, Message, legacy, modern, modern_with, tool};
use crate::schema::envelopes::check_error;

#[tokio::test]
async fn errors_of_modern_requests_are_those_of_the_schema() {
    let endpoint = Endpoint::start().await;
    let version =
        |meta: &str| modern_with("1", "server/discover", meta, "").header("MCP-Protocol-Version", "1999-01-01");
    for (request, code) in [
        (modern("tools/list", "").without("Mcp-Method"), -32020),
        (modern("tools/list", "").header("Mcp-Method", "tools/call"), -32020),
        (tool("echo", "{}").without("Mcp-Name"), -32020),
        (version(META), -32020),
        (version(&META.replace("2026-07-28", "1999-01-01")), -32022),
        (modern_with("1", "server/discover", "{}", ""), -32602),
        (modern("no/such", ""), -32601),
        (tool("panic", "{}"), -32603),
    ] {
        let answer = endpoint.ask(&request).await.json();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        check_error(Revision::LATEST, &answer, Some(&json!(1)));
    }
}

// JSON-RPC 2.0 section 5 has a null id, MCP 2025-11-25 and later have none.
#[tokio::test]
async fn errors_about_what_is_no_message_are_those_of_the_schema() {
    let endpoint = Endpoint::start().await;
    for revision in Revision::ALL {
        let post = |body: &str| Message::post(body).header("MCP-Protocol-Version", revision.as_str());
        for (body, code) in [("{", -32700), ("7", -32600), (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600)] {
            let answer = endpoint.ask(&post(body)).await.json();
            assert_eq!(answer["error"]["code"], code, "{answer}");
            check_error(revision, &answer, None);
        }
        for (body, code) in [
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32602),
        ] {
            let answer = endpoint.ask(&post(body)).await.json();
            assert_eq!(answer["error"]["code"], code, "{answer}");
            check_error(revision, &answer, Some(&json!(1)));
        }
    }
}

#[tokio::test]
async fn errors_in_a_session_are_those_of_its_schema() {
    let endpoint = Endpoint::start().await;
    for revision in Revision::ALL.into_iter().filter(|revision| revision.has_sessions()) {
        let session = endpoint.session(revision.as_str()).await;
        let request =
            |method: &str| legacy(&session, "1", method, "{}").header("MCP-Protocol-Version", revision.as_str());
        for (request, code) in [
            (request("no/such"), -32601),
            (request("ping").header("MCP-Protocol-Version", "1999-01-01"), -32022),
            (request("ping").session("gone"), -32600),
        ] {
            let answer = endpoint.ask(&request).await.json();
            assert_eq!(answer["error"]["code"], code, "{answer}");
            check_error(revision, &answer, Some(&json!(1)));
        }
    }
}
