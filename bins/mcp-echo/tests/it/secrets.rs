//! One secret, sent in every place that a request has: no tool says any of it back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{
    http::TOOLS,
    program::Program,
    wire::{Answer, Legacy, MODERN, initialize, send},
};

/// A secret that is known by its look, under whatever name it stands.
const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
/// A secret that looks like a word: only its name tells.
const WORD: &str = "hunter2";

/// The names under which even a word is a secret.
const SECRET_NAMES: [&str; 12] = [
    "Auth",
    "X-Auth",
    "X-Auth-Token",
    "X-Auth-Code",
    "X-Api-Key",
    "Pw",
    "Pass",
    "X-Pwd",
    "X-Passcode",
    "Sig",
    "X-Csrf",
    "X-Session",
];
/// Other fields, among them all that some tool looks at.
const OTHER_NAMES: [&str; 18] = [
    "X-User-Id",
    "X-User-Name",
    "X-Client-Id",
    "X-OAuth-Client",
    "X-Real-Ip",
    "X-Original-Url",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Forwarded",
    "Referer",
    "User-Agent",
    "X-Custom",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "X-Request-Name",
    "Accept-Language",
    "Via",
];

/// Claims: all that a tool names, one that no tool knows, one whose name is the secret, and secrets by name.
fn claims() -> Value {
    let mut claims = Map::new();
    for name in [
        "iss",
        "sub",
        "aud",
        "jti",
        "iat",
        "exp",
        "nbf",
        "name",
        "username",
        "preferred_username",
        "email",
        "client_id",
        "azp",
        "custom",
        TOKEN,
    ] {
        claims.insert(name.into(), TOKEN.into());
    }
    for name in ["password", "auth", "pw", "pin", "code"] {
        claims.insert(name.into(), WORD.into());
    }
    claims
        .insert("nested".into(), json!({"list": [TOKEN, {"pass": WORD}], "url": format!("https://a.test/?q={WORD}")}));
    claims.into()
}

fn headers(token: &str) -> Vec<(String, String)> {
    let mut all = vec![("Authorization".to_owned(), format!("Bearer {token}"))];
    all.extend(SECRET_NAMES.map(|name| (name.to_owned(), WORD.to_owned())));
    all.extend(OTHER_NAMES.map(|name| (name.to_owned(), TOKEN.to_owned())));
    all.push(("Cookie".to_owned(), format!("a={WORD}; {TOKEN}=1; session={TOKEN}; auth_{TOKEN}={WORD}")));
    all.push((TOKEN.to_owned(), "1".to_owned()));
    all.push(("X-Forwarded-Uri".to_owned(), format!("/mcp?x={WORD}&{TOKEN}=1&{WORD}")));
    all
}

fn ask(program: &Program, headers: &[(String, String)], body: &Value) -> Answer {
    let usual = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<_> = usual.into_iter().chain(named).collect();
    let path = format!("/mcp?x={WORD}&auth={WORD}&y={TOKEN}&{TOKEN}=1&{TOKEN}");
    send(program, "POST", &path, &all, &body.to_string())
}

/// Whether a text has any eight characters of the token, or the word, in letters of either case.
fn has_secret(text: &str) -> bool {
    let (text, token) = (text.to_ascii_lowercase(), TOKEN.to_ascii_lowercase());
    text.contains(WORD) || token.as_bytes().windows(8).any(|part| text.contains(str::from_utf8(part).unwrap()))
}

fn is_clean(text: &str, tool: &str) {
    assert!(!has_secret(text), "{tool}:\n{text}");
    // In base64 it is the same secret in another spelling.
    for run in text.split(|char: char| !(char.is_ascii_alphanumeric() || "-_".contains(char))) {
        let whole = run.get(..run.len() / 4 * 4).unwrap_or_default();
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(whole) {
            assert!(!has_secret(&String::from_utf8_lossy(&bytes)), "{tool}: {run} in\n{text}");
        }
    }
}

/// The arguments of a tool that are not themselves what it is asked to say.
fn arguments(tool: &str) -> Value {
    match tool {
        "echo" => json!({"message": "plain"}),
        "bearerDecode" => json!({"includeRaw": true}),
        "environmentDump" => json!({"showSecrets": true}),
        _ => json!({}),
    }
}

#[test]
fn no_tool_says_a_secret_back() {
    let program = Program::start(&[]);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({"alg": TOKEN, "typ": TOKEN, "kid": TOKEN});
    // A token of words only: nothing but the names of its claims tells.
    let words = json!({"password": WORD, "sub": "7"});
    let twice = URL_SAFE_NO_PAD.encode(format!(r#"{{"pw":"{WORD}","pw":true}}"#));
    let tokens = [
        format!("{}.{}.{}", part(&head), part(&claims()), part(&json!(TOKEN))),
        format!("{}.{}.c2ln", part(&json!({})), part(&words)),
        format!("{}.{twice}.c2ln", part(&json!({}))),
        TOKEN.to_owned(),
    ];
    let client = json!({"name": TOKEN, "version": TOKEN, "title": TOKEN, "description": TOKEN, "websiteUrl": TOKEN});
    let able = json!({"experimental": {TOKEN: {}}, "extensions": {format!("io.test/{TOKEN}"): {}}, TOKEN: {}});
    for token in tokens {
        let mut legacy = headers(&token);
        let mut hello = initialize("2025-06-18");
        hello["params"]["clientInfo"] = client.clone();
        hello["params"]["capabilities"] = able.clone();
        let session = ask(&program, &legacy, &hello).header("mcp-session-id").unwrap().to_owned();
        legacy.push(("Mcp-Session-Id".into(), session.clone()));
        legacy.push(("MCP-Protocol-Version".into(), "2025-06-18".into()));
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(ask(&program, &legacy, &ready).status, 202);
        for tool in TOOLS {
            let mut params = json!({"name": tool, "arguments": arguments(tool)});
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            let text = ask(&program, &legacy, &body).text();
            is_clean(&text, tool);
            assert!(!text.contains(&session), "{tool}:\n{text}");

            let mut modern = headers(&token);
            for (name, value) in [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"), ("Mcp-Name", tool)] {
                modern.push((name.into(), value.into()));
            }
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": client,
                "io.modelcontextprotocol/clientCapabilities": able,
            });
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            is_clean(&ask(&program, &modern, &body).text(), tool);
        }
    }
}

/// What stands in the place of an argument may have gone astray: it is refused, and not said back.
#[test]
fn no_refusal_of_an_argument_says_it_back() {
    let program = Program::start(&[]);
    let session = Legacy::open(&program, "2025-11-25");
    for tool in TOOLS {
        for value in [json!(TOKEN), json!([TOKEN]), json!({"a": TOKEN})] {
            let mut cases = vec![json!({"more": value})];
            match tool {
                "bearerDecode" => cases.push(json!({"includeRaw": value})),
                "environmentDump" => cases.push(json!({"showSecrets": value})),
                // The message of `echo` is there to be said back.
                _ => {}
            }
            for arguments in cases {
                let answer = session.call(tool, &arguments);
                assert_eq!(answer.json()["result"]["isError"], true, "{answer:?}");
                is_clean(&answer.body, tool);
            }
        }
    }
}
