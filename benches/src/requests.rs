//! The bytes that the load generator sends.
//!
//! They are built once for each connection, so that sending costs one write and no thought.

use std::fmt;

use clap::ValueEnum;

use crate::bare::PATH;

/// The id of every call: rare enough to be found again in an answer.
pub const ID: &str = "7263410";

/// The message of every call: plain ASCII without escapes, and rare enough to be found again in an answer.
pub const MESSAGE: &str = "the quick brown fox asks the lazy dog for an echo";

/// The revision of the modern requests.
const MODERN: &str = "2026-07-28";
/// The revision of the legacy requests.
const LEGACY: &str = "2025-11-25";

/// Which era's requests to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Kind {
    /// Revision 2026-07-28: stateless, every standard header and the required members of `_meta`.
    Modern,
    /// Revision 2025-11-25: `initialize` and `notifications/initialized` first, then calls in that session.
    Legacy,
}

/// The endpoint that requests are addressed to.
#[derive(Clone, Debug)]
pub struct Target {
    authority: Box<str>,
}

impl Target {
    /// The endpoint [`PATH`] at an authority, such as `127.0.0.1:3000`.
    pub fn new(authority: impl fmt::Display) -> Self {
        Self { authority: authority.to_string().into() }
    }

    /// A modern `tools/call` of `echo`.
    #[must_use]
    pub fn modern_call(&self) -> Vec<u8> {
        let headers = format!("MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n");
        self.post(&headers, &modern_body())
    }

    /// A legacy `tools/call` of `echo`, in a session if the server gave one.
    #[must_use]
    pub fn legacy_call(&self, session: Option<&str>) -> Vec<u8> {
        self.post(&legacy_headers(session), &legacy_body())
    }

    /// The `initialize` request.
    #[must_use]
    pub fn initialize(&self) -> Vec<u8> {
        let body = format!(
            concat!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{}","#,
                r#""capabilities":{{}},"clientInfo":{{"name":"load","version":"0.1.0"}}}}}}"#,
            ),
            LEGACY
        );
        self.post("", &body)
    }

    /// The notification that ends the handshake.
    #[must_use]
    pub fn initialized(&self, session: Option<&str>) -> Vec<u8> {
        let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.post(&legacy_headers(session), body)
    }

    /// The request that opens a session's own stream.
    #[must_use]
    pub fn get(&self, session: Option<&str>) -> Vec<u8> {
        let authority = &self.authority;
        let headers = legacy_headers(session);
        format!("GET {PATH} HTTP/1.1\r\nHost: {authority}\r\nAccept: text/event-stream\r\n{headers}\r\n").into()
    }

    /// The request that ends a session.
    #[must_use]
    pub fn delete(&self, session: Option<&str>) -> Vec<u8> {
        let authority = &self.authority;
        let headers = legacy_headers(session);
        format!("DELETE {PATH} HTTP/1.1\r\nHost: {authority}\r\n{headers}\r\n").into()
    }

    fn post(&self, headers: &str, body: &str) -> Vec<u8> {
        let authority = &self.authority;
        let length = body.len();
        format!(
            "POST {PATH} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .into()
    }
}

/// The body of a modern call.
#[must_use]
pub fn modern_body() -> String {
    format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{}"}},"#,
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{}","#,
            r#""io.modelcontextprotocol/clientInfo":{{"name":"load","version":"0.1.0"}},"#,
            r#""io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#,
        ),
        ID, MESSAGE, MODERN
    )
}

/// The body of a legacy call.
#[must_use]
pub fn legacy_body() -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{ID},"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{MESSAGE}"}}}}}}"#
    )
}

fn legacy_headers(session: Option<&str>) -> String {
    let version = format!("MCP-Protocol-Version: {LEGACY}\r\n");
    match session {
        Some(session) => format!("{version}Mcp-Session-Id: {session}\r\n"),
        None => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare;

    #[test]
    fn bodies_are_calls_with_the_id_and_the_message() {
        for body in [modern_body(), legacy_body()] {
            let call = bare::decode(body.as_bytes()).unwrap();
            assert_eq!(call.id.get(), ID);
            assert_eq!(call.params.arguments.message, MESSAGE);
        }
    }

    // 2026-07-28, Streamable HTTP, "Standard Request Headers": Mcp-Method and Mcp-Name are required for tools/call, and
    // MCP-Protocol-Version must match `_meta`.
    #[test]
    fn modern_calls_carry_the_standard_headers() {
        let request = String::from_utf8(Target::new("h:1").modern_call()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        for line in [
            "POST /mcp HTTP/1.1",
            "Host: h:1",
            "MCP-Protocol-Version: 2026-07-28",
            "Mcp-Method: tools/call",
            "Mcp-Name: echo",
            &format!("Content-Length: {}", body.len()),
        ] {
            assert!(head.split("\r\n").any(|found| found == line), "{line}");
        }
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let meta = &body["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN);
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    }

    #[test]
    fn legacy_calls_name_their_session() {
        let request = String::from_utf8(Target::new("h:1").legacy_call(Some("s1"))).unwrap();
        assert!(request.contains("\r\nMcp-Session-Id: s1\r\n"));
        assert!(request.contains("\r\nMCP-Protocol-Version: 2025-11-25\r\n"));
        let request = String::from_utf8(Target::new("h:1").legacy_call(None)).unwrap();
        assert!(!request.contains("Mcp-Session-Id"));
    }
}
