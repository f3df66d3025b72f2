//! The faults of the server that this one replaces which show on the wire: each is absent.

use serde_json::json;

use crate::{
    program::Program,
    wire::{Legacy, MODERN, call, initialize, modern_body, post, send},
};

/// Whether an answer is an error of JSON-RPC, with a status that does not blame the server.
fn is_refused(answer: &crate::wire::Answer, code: i64) {
    assert!(answer.status < 500, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], code, "{answer:?}");
}

/// In the former server, `params` or `arguments` that are null, and a body that is a scalar, were a 500.
#[test]
fn bug_null_and_scalar_bodies_broke_the_server() {
    let program = Program::start(&[]);
    let session = Legacy::open(&program, "2025-06-18");
    for body in ["7", "null", "\"x\"", "true"] {
        is_refused(&session.post(body), -32600);
        is_refused(&post(&program, &[("MCP-Protocol-Version", MODERN), ("Mcp-Method", "x")], body), -32600);
    }
    let answer = session.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}"#);
    assert!(answer.status < 500 && answer.json().get("error").is_some(), "{answer:?}");
    let answer =
        session.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":null}}"#);
    assert!(answer.status < 500, "{answer:?}");
    let answer = answer.json();
    assert!(answer.get("error").is_some() || answer["result"]["isError"] == true, "{answer}");
    let answer = call(&program, "echo", json!(null), &[]);
    assert!(answer.status < 500, "{answer:?}");
    // And it still serves.
    assert_eq!(session.call("echo", &json!({"message": "x"})).text(), "x");
}

/// In the former server, `clientInfo: null` was a 500, and poisoned what other clients were told.
#[test]
fn bug_a_null_client_broke_the_server_for_everybody() {
    let program = Program::start(&[]);
    let mut first = initialize("2025-06-18");
    first["params"]["clientInfo"] = json!(null);
    let answer = post(&program, &[], &first.to_string());
    assert!(answer.status < 500, "{answer:?}");
    let session = Legacy::open(&program, "2025-06-18");
    assert!(session.call("protocolInfo", &json!({})).text().contains("  Name: raw\n"));
}

/// In the former server, arguments that no schema names were accepted, although `additionalProperties` is false.
#[test]
fn bug_arguments_that_are_not_declared_were_accepted() {
    let program = Program::start(&[]);
    let sessions = ["2024-11-05", "2025-06-18", "2025-11-25"].map(|revision| Legacy::open(&program, revision));
    for (tool, arguments) in [
        ("echo", json!({"message": "x", "more": 1})),
        ("echo", json!({"message": 7})),
        ("echo", json!({})),
        ("printHeader", json!({"more": 1})),
        ("bearerDecode", json!({"includeRaw": "yes"})),
        ("environmentDump", json!({"showSecrets": true, "more": 1})),
        ("protocolInfo", json!({"more": null})),
    ] {
        let answers = sessions.iter().map(|session| session.call(tool, &arguments));
        for answer in answers.chain([call(&program, tool, arguments.clone(), &[])]) {
            let answer = answer.json();
            let refused = answer["error"]["code"] == -32602 || answer["result"]["isError"] == true;
            assert!(refused, "{tool} {arguments}: {answer}");
        }
    }
}

/// In the former server there was no check of the origin, and GET answered `Access-Control-Allow-Origin: *`.
#[test]
fn bug_any_web_page_could_read_the_answers() {
    let program = Program::start(&["--allow-origin", "https://app.example.com"]);
    let body = modern_body("tools/list", json!({}));
    let headers = |origin| [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/list"), ("Origin", origin)];
    let refused = post(&program, &headers("https://evil.test"), &body);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    let admitted = post(&program, &headers("https://app.example.com"), &body);
    assert_eq!(admitted.status, 200, "{admitted:?}");
    assert_eq!(admitted.header("access-control-allow-origin"), Some("https://app.example.com"));
    let exposed = admitted.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("mcp-session-id") && exposed.contains("www-authenticate"), "{exposed}");
    let listening = send(&program, "GET", "/mcp", &[("Accept", "text/event-stream")], "");
    assert_eq!(listening.header("access-control-allow-origin"), None, "{listening:?}");
    let rebound = post(&program, &[("Host", "evil.test")], &body);
    assert_eq!(rebound.status, 403, "{rebound:?}");
}

/// In the former server, OPTIONS was taken for a POST and answered 400 unless a proxy answered it.
#[test]
fn bug_preflight_was_taken_for_a_post() {
    let program = Program::start(&["--allow-origin", "https://app.example.com"]);
    let asks = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")];
    let answer = send(&program, "OPTIONS", "/mcp", &asks, "");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(answer.header("access-control-allow-methods").is_some_and(|all| all.contains("post")), "{answer:?}");
}

/// In the former server, whatever session id the client made up came back as its own.
#[test]
fn bug_session_ids_were_never_checked() {
    let program = Program::start(&[]);
    let made_up = [("Mcp-Session-Id", "made-up-by-the-client"), ("MCP-Protocol-Version", "2025-06-18")];
    let answer = post(&program, &made_up, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert_eq!((answer.status, answer.header("mcp-session-id")), (404, None), "{answer:?}");
}

/// In the former server `ping` was an unknown method, and so was every notification but one.
#[test]
fn bug_ping_and_notifications_were_unknown() {
    let program = Program::start(&[]);
    let session = Legacy::open(&program, "2025-06-18");
    let answer = session.post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!((answer.status, &answer.json()["result"]), (200, &json!({})), "{answer:?}");
    for method in ["notifications/cancelled", "notifications/roots/list_changed", "notifications/never-heard-of"] {
        let note = json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": 99}});
        assert_eq!(session.post(&note.to_string()).status, 202, "{method}");
    }
}

/// In the former server, a message that is no JSON-RPC 2.0 was answered with 200.
#[test]
fn bug_other_versions_of_json_rpc_were_answered_with_200() {
    let program = Program::start(&[]);
    let answer = Legacy::open(&program, "2025-06-18").post(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#);
    assert_eq!(answer.status, 400, "{answer:?}");
    is_refused(&answer, -32600);
}

/// In the former server, DELETE was not allowed, so that no session could be ended; /health was documented and a 404.
#[test]
fn bug_sessions_could_not_be_ended() {
    let program = Program::start(&[]);
    let session = Legacy::open(&program, "2025-06-18");
    let named = [("Mcp-Session-Id", session.id.as_str()), ("MCP-Protocol-Version", "2025-06-18")];
    let answer = send(&program, "DELETE", "/mcp", &named, "");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    assert_eq!(session.call("echo", &json!({"message": "x"})).status, 404);
}

/// In the former server, only 2025-06-18 was spoken unless the environment listed more.
#[test]
fn bug_other_revisions_were_refused() {
    let program = Program::start(&[]);
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = post(&program, &[], &initialize(revision).to_string()).json();
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
    }
    // MCP 2025-11-25, lifecycle, "Version Negotiation": an unknown one is answered with one that the server speaks.
    let answer = post(&program, &[], &initialize("1999-01-01").to_string()).json();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
}
