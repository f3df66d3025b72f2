//! HTTP/1.1 by hand, and messages of both eras.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::program::{PATIENCE, Program};

pub(crate) const MODERN: &str = "2026-07-28";

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head as it was sent, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The text of a tool's answer.
    pub(crate) fn text(&self) -> String {
        let answer = self.json();
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        assert_eq!(answer["result"]["content"].as_array().map(Vec::len), Some(1), "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(program: &Program, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {}\r\n", program.address));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut stream = TcpStream::connect(program.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// Posts a body with the headers that every client sends.
pub(crate) fn post(program: &Program, headers: &[(&str, &str)], body: &str) -> Answer {
    let usual = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    send(program, "POST", "/mcp", &[&usual, headers].concat(), body)
}

/// A request of the modern era.
pub(crate) fn modern_body(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Sends a request of the modern era.
pub(crate) fn modern(program: &Program, method: &str, params: Value, headers: &[(&str, &str)]) -> Answer {
    let name = params["name"].as_str().map(str::to_owned);
    let mut all = vec![("MCP-Protocol-Version", MODERN), ("Mcp-Method", method)];
    all.extend(name.as_deref().map(|name| ("Mcp-Name", name)));
    all.extend(headers);
    post(program, &all, &modern_body(method, params))
}

/// Calls a tool in the modern era.
pub(crate) fn call(program: &Program, tool: &str, arguments: Value, headers: &[(&str, &str)]) -> Answer {
    let mut params = json!({"name": tool});
    params["arguments"] = arguments;
    modern(program, "tools/call", params, headers)
}

/// A session of the legacy era.
pub(crate) struct Legacy<'a> {
    program: &'a Program,
    pub(crate) revision: &'static str,
    pub(crate) id: String,
}

/// The first request of the legacy era.
pub(crate) fn initialize(revision: &str) -> Value {
    let client = json!({"name": "raw", "version": "1"});
    let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
}

impl<'a> Legacy<'a> {
    /// Opens a session.
    pub(crate) fn open(program: &'a Program, revision: &'static str) -> Self {
        let answer = post(program, &[], &initialize(revision).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = answer.header("mcp-session-id").unwrap().to_owned();
        let session = Self { program, revision, id };
        let ready = session.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(ready.status, 202, "{ready:?}");
        session
    }

    /// Posts a body in the session.
    pub(crate) fn post(&self, body: &str) -> Answer {
        post(self.program, &[("Mcp-Session-Id", &self.id), ("MCP-Protocol-Version", self.revision)], body)
    }

    /// Calls a tool.
    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> Answer {
        let params = json!({"name": tool, "arguments": arguments});
        self.post(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string())
    }
}
