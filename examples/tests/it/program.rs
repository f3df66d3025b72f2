//! A program that runs, and the ways to speak to it.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::watch,
    time::timeout,
};

/// Longer than anything here takes on a busy machine; reached only if a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it takes far too long")
}

/// A program that listens.
pub(crate) struct Http {
    child: Child,
    pub(crate) address: String,
    /// What it has said since, line by line.
    said: watch::Receiver<Arc<str>>,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The values of a header.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Http {
    pub(crate) async fn start(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(program, arguments, environment, Path::new(".")).await
    }

    /// The same, in this folder.
    pub(crate) async fn start_in(
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        folder: &Path,
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = within(said.next_line()).await.unwrap().expect("it ended before it listened");
            if let Some((_, url)) = line.split_once("listening on http://") {
                break url.trim_end_matches("/mcp").to_owned();
            }
        };
        // What it says later must not fill the pipe.
        let (hear, heard) = watch::channel(Arc::from(""));
        tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                hear.send_modify(|said| *said = format!("{said}{line}\n").into());
            }
        });
        Self { child, address, said: heard }
    }

    /// Waits until it has said this, and gives all that it has said.
    pub(crate) async fn heard(&self, text: &str) -> String {
        let mut said = self.said.clone();
        within(said.wait_for(|said| said.contains(text))).await.expect("it ended without a word").to_string()
    }

    /// Sends a request and reads the answer: its status, its head in lower case, and its body.
    pub(crate) async fn send(&self, head: &str, body: &str) -> (u16, String, String) {
        let answer = self.exchange(head, body).await;
        (answer.status, answer.head.to_ascii_lowercase(), answer.body)
    }

    /// The same with the head as it was written.
    pub(crate) async fn exchange(&self, head: &str, body: &str) -> Answer {
        let mut stream = within(TcpStream::connect(&self.address)).await.unwrap();
        let request = format!(
            "{head}\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        within(stream.write_all(request.as_bytes())).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String, String) {
        self.send(&format!("GET {path} HTTP/1.1"), "").await
    }

    /// Calls a tool as a client of 2026-07-28; `more` are further lines of the head.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value, more: &str) -> (u16, String, String) {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}{more}"
        );
        self.send(&head, &modern(1, tool, arguments, &json!({})).to_string()).await
    }

    /// Asks it to stop, as a service manager does, and holds it to it.
    pub(crate) async fn stop(mut self) {
        // The program of this name saves an unsafe call, or a dependency.
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        assert!(within(self.child.wait()).await.unwrap().success());
    }
}

/// A program on its standard streams.
pub(crate) struct Piped {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Piped {
    pub(crate) fn start(program: &str) -> Self {
        let mut child =
            Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        within(self.input.write_all(format!("{message}\n").as_bytes())).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Value {
        let line = within(self.output.next_line()).await.unwrap().expect("it ended");
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.next().await
    }

    /// The handshake of 2025-11-25.
    pub(crate) async fn initialize(&mut self, capabilities: &Value) -> Value {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "test", "version": "1" },
        });
        let answer = self.ask(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })).await;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        answer
    }

    /// Closes its input; it ends with success, and nothing is left to read.
    pub(crate) async fn end(mut self) {
        drop(self.input);
        assert_eq!(within(self.output.next_line()).await.unwrap(), None);
        assert!(within(self.child.wait()).await.unwrap().success());
    }
}

/// A call of 2026-07-28. `more` are further members of `params`.
pub(crate) fn modern(id: u32, tool: &str, arguments: &Value, more: &Value) -> Value {
    let mut params = json!({
        "name": tool,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {
                "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {},
            },
        },
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}
