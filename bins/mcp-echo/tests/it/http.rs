//! Both eras over HTTP.

use serde_json::{Value, json};

use crate::{
    program::{Program, command},
    wire::{Legacy, MODERN, call, initialize, modern, post, send},
};

pub(crate) const TOOLS: [&str; 10] = [
    "echo",
    "printHeader",
    "bearerDecode",
    "authContext",
    "requestTiming",
    "corsAnalysis",
    "environmentDump",
    "healthProbe",
    "whoIStheGOAT",
    "protocolInfo",
];
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

#[test]
fn all_tools_are_listed_with_closed_schemas() {
    let program = Program::start(&[]);
    let answer = modern(&program, "tools/list", json!({}), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let tools = answer["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(), TOOLS);
    for tool in tools {
        let schema = &tool["inputSchema"];
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{tool}");
        assert!(tool["description"].as_str().is_some_and(|text| !text.is_empty()), "{tool}");
        let names = schema["properties"].as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
        let wanted = match tool["name"].as_str().unwrap() {
            "echo" => vec!["message"],
            "bearerDecode" => vec!["includeRaw"],
            "environmentDump" => vec!["showSecrets"],
            _ => vec![],
        };
        assert_eq!(names.unwrap_or_default(), wanted, "{tool}");
    }
    let schema = |name: &str| &tools.iter().find(|tool| tool["name"] == name).unwrap()["inputSchema"];
    assert_eq!(schema("echo")["properties"]["message"]["type"], "string");
    assert_eq!(schema("echo")["required"], json!(["message"]));
    for (tool, flag) in [("bearerDecode", "includeRaw"), ("environmentDump", "showSecrets")] {
        assert_eq!(schema(tool)["properties"][flag]["type"], "boolean");
        assert_eq!(schema(tool)["properties"][flag]["default"], false);
        assert_eq!(schema(tool).get("required").unwrap_or(&json!([])), &json!([]));
    }
}

#[test]
fn every_tool_answers_with_one_text_in_both_eras() {
    let program = Program::start(&[]);
    let session = Legacy::open(&program, "2025-06-18");
    for tool in TOOLS {
        let arguments = if tool == "echo" { json!({"message": "hi"}) } else { json!({}) };
        assert!(!call(&program, tool, arguments.clone(), &[]).text().is_empty(), "{tool}");
        assert!(!session.call(tool, &arguments).text().is_empty(), "{tool}");
    }
}

#[test]
fn the_message_comes_back_as_it_was() {
    let program = Program::start(&[]);
    let message = "grüße 👋\n\u{1b}[31m\u{0} \"quoted\" \\ \u{202e}";
    assert_eq!(call(&program, "echo", json!({"message": message}), &[]).text(), message);
    for revision in LEGACY {
        assert_eq!(Legacy::open(&program, revision).call("echo", &json!({"message": message})).text(), message);
    }
}

#[test]
fn each_request_is_told_its_revision_and_era() {
    let program = Program::start(&[]);
    let check = |text: &str, revision: &str, era: &str| {
        assert!(text.contains(&format!("\n  Protocol revision: {revision}\n")), "{text}");
        assert!(text.contains(&format!("\n  Protocol era: {era}\n")), "{text}");
        assert!(text.contains("\n  Name: raw\n  Version: 1\n"), "{text}");
        assert!(text.contains("\n  Transport: Streamable HTTP\n"), "{text}");
    };
    let text = call(&program, "protocolInfo", json!({}), &[]).text();
    check(&text, MODERN, "modern");
    assert!(text.contains("Session:\n  none"), "{text}");
    for revision in LEGACY {
        let session = Legacy::open(&program, revision);
        let text = session.call("protocolInfo", &json!({})).text();
        check(&text, revision, "legacy");
        let start: String = session.id.chars().take(8).collect();
        assert!(text.contains(&format!("Session:\n  Id: {start}...")), "{text}");
        assert!(!text.contains(&session.id), "{text}");
    }
}

#[test]
fn the_capabilities_that_are_shown_are_those_that_are_declared() {
    let program = Program::start(&[]);
    let shown =
        "Server:\n  Name: mcp-echo\n  Version: 0.1.0\n  Capabilities: tools (listChanged)\n  Extensions: none\n";
    let shown = shown.replace("0.1.0", env!("CARGO_PKG_VERSION"));
    let declared = json!({"tools": {"listChanged": true}});
    let answer = modern(&program, "server/discover", json!({}), &[]).json();
    assert_eq!(answer["result"]["capabilities"], declared, "{answer}");
    assert!(call(&program, "protocolInfo", json!({}), &[]).text().contains(&shown));
    for revision in LEGACY {
        let answer = post(&program, &[], &initialize(revision).to_string()).json();
        assert_eq!(answer["result"]["capabilities"], declared, "{answer}");
        assert!(Legacy::open(&program, revision).call("protocolInfo", &json!({})).text().contains(&shown));
    }
}

#[test]
fn an_unknown_tool_is_an_error_of_the_protocol() {
    let program = Program::start(&[]);
    let answer = call(&program, "no-such-tool", json!({}), &[]).json();
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let answer = Legacy::open(&program, "2025-11-25").call("no-such-tool", &json!({})).json();
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[test]
fn the_time_is_counted_from_the_head_of_the_request() {
    let program = Program::start(&[]);
    for text in [
        call(&program, "requestTiming", json!({}), &[]).text(),
        Legacy::open(&program, "2025-06-18").call("requestTiming", &json!({})).text(),
    ] {
        assert!(text.contains("  Counted from: the end of the request's header"), "{text}");
        assert!(text.contains("  Method: POST\n  URL: /mcp\n"), "{text}");
    }
}

#[test]
fn headers_are_shown_without_their_secrets() {
    let program = Program::start(&[]);
    let headers = [("Authorization", "Bearer very-secret"), ("X-Real-IP", "192.0.2.1"), ("Cookie", "a=chocolate")];
    let text = call(&program, "printHeader", json!({}), &headers).text();
    assert!(text.contains("TRAEFIK FORWARDED HEADERS\n  x-real-ip: 192.0.2.1\n"), "{text}");
    assert!(text.contains("  authorization: Bearer [redacted, 11 characters]"), "{text}");
    assert!(!text.contains("very-secret") && !text.contains("chocolate"), "{text}");
}

#[test]
fn the_environment_is_shown_without_its_secrets() {
    let mut command = command();
    command.args(["--listen", "127.0.0.1:0"]).env("MCP_CLIENT_SECRET", "chocolate").env("MCP_ECHO_PORT", "7");
    let program = Program::start_as(&mut command);
    let text = call(&program, "environmentDump", json!({"showSecrets": true}), &[]).text();
    assert!(text.contains("  MCP_ECHO_PORT: 7\n"), "{text}");
    assert!(text.contains("  MCP_CLIENT_SECRET: [redacted, 9 characters]\n"), "{text}");
    assert!(text.contains("this server never shows secrets"), "{text}");
}

#[test]
fn the_server_can_be_discovered() {
    let program = Program::start(&[]);
    let answer = modern(&program, "server/discover", json!({}), &[]).json();
    let served = answer["result"]["supportedVersions"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert!(served.contains(&Value::from(MODERN)), "{answer}");
}

#[test]
fn health_and_readiness_have_paths_of_their_own() {
    let program = Program::start(&[]);
    for (path, status) in [("/health", "ok"), ("/ready", "ready")] {
        let answer = send(&program, "GET", path, &[], "");
        assert_eq!((answer.status, answer.json()), (200, json!({"status": status})));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let head = send(&program, "HEAD", path, &[], "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let refused = send(&program, "POST", path, &[], "{}");
        assert_eq!((refused.status, refused.header("allow")), (405, Some("get, head")));
    }
    for path in ["/", "/mcp/", "/mcp/x", "/healthz", "//mcp"] {
        assert_eq!(send(&program, "GET", path, &[], "").status, 404, "{path}");
    }
}

const ONE_CALL: &str = "mcp_echo_requests_total{endpoint=\"mcp\",status=\"2xx\"} 1\n";

#[test]
fn the_counters_are_told_on_loopback() {
    let program = Program::start(&[]);
    assert_eq!(call(&program, "echo", json!({"message": "x"}), &[]).text(), "x");
    let told = send(&program, "GET", "/metrics", &[], "");
    assert_eq!(told.status, 200);
    assert_eq!(told.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(told.body.contains(ONE_CALL), "{told:?}");
    assert_eq!(send(&program, "POST", "/metrics", &[], "").status, 405);
    // Whoever comes through a proxy on this machine, or by a name that leads to it, is not on it.
    for header in
        [("Host", "evil.test"), ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"), ("Via", "1.1 x")]
    {
        let answer = send(&program, "GET", "/metrics", &[header], "");
        assert!(answer.status == 404 && !answer.body.contains("mcp_echo"), "{header:?}: {answer:?}");
    }
}

#[test]
fn elsewhere_the_counters_are_for_the_operator_alone() {
    let mut program = Program::start_as(command().args(["--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"]));
    program.address.set_ip([127, 0, 0, 1].into());
    assert_eq!(call(&program, "echo", json!({"message": "x"}), &[]).text(), "x");
    assert_eq!(send(&program, "GET", "/metrics", &[], "").status, 404);
    program.address = program.operator();
    let told = send(&program, "GET", "/metrics", &[], "");
    assert!(told.status == 200 && told.body.contains(ONE_CALL), "{told:?}");
    for path in ["/mcp", "/"] {
        assert_eq!(send(&program, "POST", path, &[], "{}").status, 404, "{path}");
    }
    assert_eq!(send(&program, "GET", "/ready", &[], "").status, 200);
}
