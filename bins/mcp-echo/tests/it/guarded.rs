//! The program behind tokens of an issuer, which the test plays.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, SystemTime},
};

use mcp_oauth::jose::{AccessTokenClaims, Algorithm, SigningKey};
use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};
use serde_json::{Value, json};

use crate::{
    program::{Program, command, output},
    wire::{Answer, call, modern, send},
};

const RESOURCE: &str = "https://mcp.example.com/mcp";

/// An issuer: its metadata, its keys, and tokens.
struct Played {
    issuer: Issuer,
    key: SigningKey,
}

impl Played {
    /// Begins to answer, for as long as the test runs.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")}).to_string();
        let jwks = json!({"keys": [key.public_jwk()]}).to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.extend(byte);
                }
                let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, body) = match path.as_str() {
                    "/.well-known/oauth-authorization-server" => ("200 OK", metadata.as_str()),
                    "/jwks" => ("200 OK", jwks.as_str()),
                    _ => ("404 Not Found", ""),
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                // Whoever asked may have gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { issuer: Issuer::parse(&issuer).unwrap(), key }
    }

    fn token(&self, resource: &str, scope: &str) -> String {
        let mut claims = AccessTokenClaims::new(
            self.issuer.clone(),
            Subject::parse("ada").unwrap(),
            ResourceId::parse(resource).unwrap(),
            ClientId::parse("https://app.example/client.json").unwrap(),
            "1".to_owned(),
            SystemTime::now(),
            Duration::from_secs(60),
        );
        claims.scope = scope.parse().unwrap();
        claims.sign(&self.key).unwrap()
    }

    fn program(&self, more: &[&str]) -> Program {
        let issuer = self.issuer.as_str();
        Program::start(&[&["--auth-issuer", issuer, "--resource", RESOURCE], more].concat())
    }
}

fn who(program: &Program, token: &str) -> Answer {
    call(program, "authContext", json!({}), &[("Authorization", &format!("Bearer {token}"))])
}

#[test]
fn a_protected_program_asks_for_tokens_and_tells_where_to_get_them() {
    let played = Played::start();
    let program = played.program(&["--required-scope", "mcp:use", "--scope-implies", "admin=mcp:use mcp:write"]);
    let bare = modern(&program, "tools/list", json!({}), &[]);
    assert_eq!(bare.status, 401, "{bare:?}");
    let challenge = bare.header("www-authenticate").unwrap();
    assert!(challenge.contains("https://mcp.example.com/.well-known/oauth-protected-resource/mcp"), "{challenge}");
    assert!(challenge.contains("scope=\"mcp:use\""), "{challenge}");

    // The public document is for everybody, at both places; everything else of that kind is not there.
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let document = send(&program, "GET", path, &[("Host", "evil.example")], "").json();
        assert_eq!(document["resource"], RESOURCE);
        assert_eq!(document["authorization_servers"], json!([played.issuer]));
        assert_eq!(document["scopes_supported"], json!(["mcp:use"]));
    }
    assert_eq!(send(&program, "GET", "/.well-known/oauth-protected-resource/x", &[], "").status, 404);
    for path in ["/health", "/ready"] {
        assert_eq!(send(&program, "GET", path, &[], "").status, 200, "{path} is open");
    }

    let answer = who(&program, &played.token(RESOURCE, "admin"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    for line in ["  Subject: ada", "  Scopes: admin mcp:use mcp:write", "  Verified by this server: yes"] {
        assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
    }
    // The token stays with the guard: no tool sees it.
    assert!(text.contains("kept by its guard"), "{text}");

    assert_eq!(who(&program, &played.token(RESOURCE, "other")).status, 403);
    assert_eq!(who(&program, &played.token("https://mcp.example.com/other", "admin")).status, 401);
    assert_eq!(who(&program, "not-a-token").status, 401);
    let forged = Played { issuer: played.issuer.clone(), key: SigningKey::generate(Algorithm::Es256).unwrap() };
    assert_eq!(who(&program, &forged.token(RESOURCE, "admin")).status, 401);

    // The host of the public URL may be named, and a page of this machine can read the challenge.
    assert_eq!(modern(&program, "tools/list", json!({}), &[("Host", "mcp.example.com")]).status, 401);
    assert_eq!(modern(&program, "tools/list", json!({}), &[("Host", "evil.example.com")]).status, 403);
    let page = modern(&program, "tools/list", json!({}), &[("Origin", "http://localhost:6274")]);
    assert_eq!(page.status, 401);
    assert_eq!(page.header("access-control-allow-origin"), Some("http://localhost:6274"));
}

#[test]
fn an_issuer_that_is_not_there_is_said_and_503() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let played = Played { issuer: Issuer::parse(&format!("http://{address}")).unwrap(), ..Played::start() };
    let program = played.program(&[]);
    let answer = who(&program, &played.token(RESOURCE, ""));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(modern(&program, "tools/list", json!({}), &[]).status, 401);
    assert_eq!(send(&program, "GET", "/health", &[], "").status, 200);
}

#[test]
fn without_an_issuer_the_endpoint_is_open_and_has_no_document() {
    let program = Program::start(&[]);
    assert_eq!(modern(&program, "tools/list", json!({}), &[]).status, 200);
    assert_eq!(send(&program, "GET", "/.well-known/oauth-protected-resource/mcp", &[], "").status, 404);
}

#[test]
fn the_environment_protects_as_flags_do() {
    let mut command = command();
    command.env("MCP_ECHO_LISTEN", "127.0.0.1:0").env("MCP_ECHO_AUTH_ISSUER", "https://as.example");
    command.env("MCP_ECHO_RESOURCE", RESOURCE).env("MCP_ECHO_REQUIRED_SCOPE", "a,b");
    let program = Program::start_as(&mut command);
    let challenge = modern(&program, "tools/list", json!({}), &[]);
    assert!(challenge.header("www-authenticate").unwrap().contains("scope=\"a b\""), "{challenge:?}");
}

#[test]
fn wrong_protection_is_said_in_one_sentence() {
    let good = ["--auth-issuer", "https://as.example", "--resource", RESOURCE];
    let with = |more: &[&'static str]| [&good, more].concat();
    for (arguments, said) in [
        (vec!["--resource", RESOURCE], "--auth-issuer and --resource belong together"),
        (vec!["--auth-issuer", "https://as.example"], "--auth-issuer and --resource belong together"),
        (vec!["--auth-issuer", "http://as.example", "--resource", RESOURCE], "--auth-issuer: plain http"),
        (vec!["--auth-issuer", "https://as.example", "--resource", "mcp"], "--resource: "),
        (vec!["--required-scope", "a"], "--required-scope protects nothing without"),
        (with(&["--required-scope", "a\"b"]), "--required-scope: "),
        (with(&["--scope-implies", "a"]), "--scope-implies: "),
        (with(&["--auth-ca-file", "/nonexistent"]), "--auth-ca-file: "),
        (with(&["--auth-introspection", "only"]), "--auth-introspection needs --auth-client-id"),
        (with(&["--stdio"]), "--stdio and --auth-issuer exclude each other"),
    ] {
        let wrong = output(&arguments);
        assert_eq!(wrong.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(wrong.stderr).unwrap();
        assert!(text.starts_with(&format!("mcp-echo: {said}")) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn the_secret_of_the_client_is_in_no_answer_and_no_help() {
    let secret = "zebra-crossing-93";
    let mut command = command();
    command.env("MCP_ECHO_AUTH_CLIENT_SECRET", secret);
    let help = command.arg("--help").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains(secret));
    let mut command = self::command();
    command.env("MCP_ECHO_AUTH_CLIENT_SECRET", secret).args(["--listen", "127.0.0.1:0"]);
    let program = Program::start_as(&mut command);
    for arguments in [json!({}), json!({"showSecrets": true})] {
        let answer: Value = call(&program, "environmentDump", arguments, &[]).json();
        assert!(!answer.to_string().contains(secret), "{answer}");
    }
}
