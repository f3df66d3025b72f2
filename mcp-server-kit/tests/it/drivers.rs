//! The kit over the real drivers, stdio and HTTP, in both eras: the same tools, the same effects.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::join;
use http_body_util::{BodyExt as _, Full};
use mcp_server_kit::{
    Cx, NoArgs, RawArgs, Server, ServerBuilder, ToolError,
    protocol::{CallToolResult, JsonSchema},
    tool,
};
use mcp_transport::{
    http::{McpBody, McpService},
    stdio::{StdioConfig, serve_on},
};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};
use tower_service::Service as _;

use crate::{
    asking::{answer, name_form, sampling},
    server,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];
const LEGACY: &str = "2025-11-25";

/// The response, and how many questions were asked together on the way.
type Called = (Value, Vec<usize>);

/// A client of one of the drivers, which keeps every byte that came.
pub(crate) struct Client {
    driver: Driver,
    era: Era,
    ids: u64,
    heard: String,
}

enum Driver {
    Stdio(Lines<BufReader<ReadHalf<DuplexStream>>>, WriteHalf<DuplexStream>),
    Http { service: McpService, session: Option<String>, body: Option<McpBody>, unread: String },
}

impl Client {
    async fn stdio(server: Arc<Server>, era: Era) -> Self {
        let (ours, theirs) = duplex(1 << 16);
        let (reader, writer) = split(theirs);
        tokio::spawn(serve_on(server, reader, writer, StdioConfig::default()));
        let (reader, writer) = split(ours);
        Self::opened(Driver::Stdio(BufReader::new(reader).lines(), writer), era).await
    }

    async fn http(server: Arc<Server>, era: Era) -> Self {
        let driver =
            Driver::Http { service: McpService::new(server), session: None, body: None, unread: String::new() };
        Self::opened(driver, era).await
    }

    async fn opened(driver: Driver, era: Era) -> Self {
        let mut client = Self { driver, era, ids: 0, heard: String::new() };
        if era == Era::Legacy {
            let able = json!({"elicitation": {}, "sampling": {}, "roots": {}});
            let hello =
                json!({"protocolVersion": LEGACY, "capabilities": able, "clientInfo": {"name": "t", "version": "1"}});
            client.request("initialize", hello).await;
            assert_eq!(client.next().await["result"]["protocolVersion"], LEGACY);
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        }
        client
    }

    async fn send(&mut self, message: &Value) {
        match &mut self.driver {
            Driver::Stdio(_, writer) => writer.write_all(format!("{message}\n").as_bytes()).await.unwrap(),
            Driver::Http { service, session, body, unread } => {
                let mut request = http::Request::post("/mcp")
                    .header("Host", "localhost")
                    .header("Content-Type", "application/json")
                    .header("Accept", "application/json, text/event-stream");
                if let Some(version) = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str() {
                    let method = message["method"].as_str().unwrap();
                    request = request.header("MCP-Protocol-Version", version).header("Mcp-Method", method);
                    if let Some(name) = message["params"]["name"].as_str() {
                        request = request.header("Mcp-Name", name);
                    }
                }
                if let Some(session) = &session {
                    request = request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", LEGACY);
                }
                let Ok(response) =
                    service.call(request.body(Full::<bytes::Bytes>::from(message.to_string())).unwrap()).await;
                if let Some(id) = response.headers().get("mcp-session-id") {
                    *session = Some(id.to_str().unwrap().to_owned());
                }
                // What is no request is taken with 202; the open stream of the request stays.
                if message.get("id").is_some() && message.get("method").is_some() {
                    (*body, *unread) = (Some(response.into_body()), String::new());
                } else {
                    assert_eq!(response.status(), 202);
                }
            }
        }
    }

    pub(crate) async fn request(&mut self, method: &str, mut params: Value) -> u64 {
        self.ids += 1;
        if self.era == Era::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                json!({"elicitation": {}, "sampling": {}, "roots": {}});
        }
        let id = self.ids;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        let waiting = async {
            match &mut self.driver {
                Driver::Stdio(lines, _) => lines.next_line().await.unwrap().expect("not the end"),
                Driver::Http { body, unread, .. } => {
                    let body = body.as_mut().expect("a request was sent");
                    loop {
                        if let Some((event, rest)) = unread.split_once("\n\n") {
                            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
                            *unread = rest.to_owned();
                            match data {
                                Some(data) if !data.is_empty() => break data,
                                _ => continue,
                            }
                        }
                        let Some(frame) = body.frame().await else { break std::mem::take(unread) };
                        unread.push_str(str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
                    }
                }
            }
        };
        let text = tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("a message");
        self.heard.push_str(&text);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    /// Calls a tool to its end, and answers what is asked on the way. Gives the response, and what was asked.
    pub(crate) async fn call(&mut self, name: &str, arguments: Value) -> Called {
        self.call_thinking(name, arguments, Duration::ZERO).await
    }

    /// As [`call`](Self::call), with a user who thinks this long about each question.
    pub(crate) async fn call_thinking(&mut self, name: &str, arguments: Value, thinks: Duration) -> Called {
        let mut params = json!({"name": name, "arguments": arguments});
        let mut asked = Vec::new();
        'round: loop {
            let id = self.request("tools/call", params.clone()).await;
            let mut together = 0;
            loop {
                let message = self.next().await;
                if message["method"].is_string() && message.get("id").is_some() {
                    together += 1;
                    tokio::time::sleep(thinks).await;
                    let result = answer("", message["method"].as_str().unwrap(), &message["params"]);
                    self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).await;
                } else if message.get("id") == Some(&json!(id)) {
                    if message["result"]["resultType"] == "input_required" {
                        let requests = message["result"]["inputRequests"].as_object().unwrap();
                        asked.push(requests.len());
                        for (key, request) in requests {
                            tokio::time::sleep(thinks).await;
                            params["inputResponses"][key] =
                                answer(key, request["method"].as_str().unwrap(), &request["params"]);
                        }
                        params["requestState"] = message["result"]["requestState"].clone();
                        continue 'round;
                    }
                    asked.extend((together > 0).then_some(together));
                    return (message, asked);
                }
            }
        }
    }
}

pub(crate) async fn each(server: impl Fn() -> ServerBuilder, check: impl AsyncFn(Client, &str, Era)) {
    for era in ERAS {
        check(Client::stdio(server().build().unwrap(), era).await, "stdio", era).await;
        check(Client::http(server().build().unwrap(), era).await, "http", era).await;
    }
}

// "Server code is written once for both eras": the same tool, over each driver, asks the same and does the same.
#[tokio::test]
async fn a_tool_that_asks_has_the_same_effects_everywhere() {
    let (runs, effects) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let book = || {
        let (runs, effects) = (Arc::clone(&runs), Arc::clone(&effects));
        server().tool(tool("book", move |cx: Cx, _: NoArgs| {
            let (runs, effects) = (Arc::clone(&runs), Arc::clone(&effects));
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
                let id = cx
                    .step("reserve", async { Ok::<_, ToolError>(effects.fetch_add(1, Ordering::SeqCst) + 1) })
                    .await?;
                let (name, text, roots) =
                    join!(cx.elicit("name", name_form()), cx.sample("text", sampling()), cx.roots("roots"));
                let text = text?.content.into_blocks().remove(0);
                let all =
                    format!("{id} {} {} {}", name?.text("name").unwrap(), text.as_text().unwrap(), roots?.roots.len());
                cx.step("confirm", async { Ok::<_, ToolError>(effects.fetch_add(10, Ordering::SeqCst)) }).await?;
                Ok::<_, ToolError>(all)
            }
        }))
    };
    each(book, async |mut client, driver, era| {
        runs.store(0, Ordering::SeqCst);
        effects.store(0, Ordering::SeqCst);
        let (response, asked) = client.call("book", json!({})).await;
        assert_eq!(response["result"]["content"][0]["text"], "1 Ada Paris 1", "{driver} {era:?}");
        assert_eq!(asked, [3], "three questions and one round trip: {driver} {era:?}");
        assert_eq!(effects.load(Ordering::SeqCst), 11, "{driver} {era:?}");
        assert_eq!(runs.load(Ordering::SeqCst), if era == Era::Modern { 2 } else { 1 }, "{driver}");
    })
    .await;
}

// Errors have a text for the model and a cause for the log: no byte of the cause goes over the wire.
#[tokio::test]
async fn a_cause_never_reaches_the_wire_and_a_panic_hurts_nothing_else() {
    async fn fails(_cx: Cx, args: RawArgs) -> Result<CallToolResult, ToolError> {
        match args.get_str("how").as_deref() {
            Some("error") => Err(std::io::Error::other("hunter2"))?,
            Some("told") => Err(ToolError::new("told").with_cause("hunter2")),
            Some("panic") => panic!("hunter2"),
            Some("unfit") => Ok(CallToolResult::structured(json!({"n": "hunter2"}))),
            _ => Ok(CallToolResult::structured(json!({"n": 1}))),
        }
    }
    let schema = || JsonSchema::parse(r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#);
    let failing = || server().tool(tool("fails", fails).output_schema(schema().unwrap()));
    each(failing, async |mut client, driver, era| {
        for (how, text) in
            [("error", json!("the call failed")), ("told", json!("told")), ("panic", json!("the call failed"))]
        {
            let (response, _) = client.call("fails", json!({ "how": how })).await;
            assert_eq!(response["result"]["content"][0]["text"], text, "{driver} {era:?} {how}");
            assert_eq!(response["result"]["isError"], true);
        }
        let (response, _) = client.call("fails", json!({"how": "unfit"})).await;
        assert_eq!(response["error"]["code"], -32603, "{driver} {era:?}");
        let (response, _) = client.call("fails", json!({})).await;
        assert_eq!(response["result"]["structuredContent"], json!({"n": 1}), "{driver} {era:?}");
        assert!(!client.heard.contains("hunter2"), "{}", client.heard);
    })
    .await;
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// Cancellation drops the tool's future: notifications/cancelled on stdio, and in a legacy session; a closed stream on
// modern HTTP.
#[tokio::test]
async fn a_cancelled_call_drops_the_tool() {
    let dropped = Arc::new(AtomicBool::new(false));
    let waiting = || {
        let dropped = Arc::clone(&dropped);
        server().tool(tool("waits", move |cx: Cx, _: NoArgs| {
            let held = Flag(Arc::clone(&dropped));
            async move {
                let _held = held;
                cx.progress(1.0, None, None);
                std::future::pending::<()>().await;
            }
        }))
    };
    each(waiting, async |mut client, driver, era| {
        dropped.store(false, Ordering::SeqCst);
        let id = client.request("tools/call", json!({"name": "waits", "_meta": {"progressToken": 7}})).await;
        assert_eq!(client.next().await["params"]["progressToken"], 7, "{driver} {era:?}");
        assert!(!dropped.load(Ordering::SeqCst));
        match &mut client.driver {
            Driver::Http { body, .. } if era == Era::Modern => drop(body.take()),
            _ => {
                let params = json!({ "requestId": id });
                let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
                client.send(&cancelled).await;
            }
        }
        for _ in 0..100 {
            if dropped.load(Ordering::SeqCst) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the tool still runs: {driver} {era:?}");
    })
    .await;
}

// MCP 2026-07-28, progress: without a token there is none; late progress goes nowhere.
#[tokio::test]
async fn progress_comes_for_those_who_asked_and_not_after_the_answer() {
    let late = Arc::new(std::sync::Mutex::new(None));
    let working = || {
        let late = Arc::clone(&late);
        server().tool(tool("works", move |cx: Cx, _: NoArgs| {
            let late = Arc::clone(&late);
            async move {
                cx.progress(1.0, None, None);
                *late.lock().unwrap() = Some(cx);
            }
        }))
    };
    each(working, async |mut client, driver, era| {
        let silent = client.request("tools/call", json!({"name": "works"})).await;
        assert_eq!(client.next().await["id"], silent, "{driver} {era:?}");
        let id = client.request("tools/call", json!({"name": "works", "_meta": {"progressToken": "t"}})).await;
        assert_eq!(client.next().await["params"]["progress"], 1, "{driver} {era:?}");
        assert_eq!(client.next().await["id"], id);
        let cx: Cx = late.lock().unwrap().take().unwrap();
        assert_eq!(cx.progress(2.0, None, None), mcp_transport::outbox::Emitted::Dropped, "{driver} {era:?}");
        let again = client.request("tools/call", json!({"name": "works"})).await;
        assert_eq!(client.next().await["id"], again, "nothing stands between: {driver} {era:?}");
    })
    .await;
}

// list_changed on the legacy wire and through a listen stream of the modern one, over one connection of stdio.
#[tokio::test]
async fn changes_reach_both_eras_on_stdio() {
    async fn nothing(_cx: Cx, _: NoArgs) {}
    for era in ERAS {
        let server = server().tool(tool("a", nothing)).build().unwrap();
        let mut client = Client::stdio(Arc::clone(&server), era).await;
        if era == Era::Modern {
            client.request("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).await;
            assert_eq!(client.next().await["method"], "notifications/subscriptions/acknowledged");
        } else {
            client.request("ping", json!({})).await;
            client.next().await;
        }
        server.tools().add(tool("b", nothing)).unwrap();
        let changed = client.next().await;
        assert_eq!(changed["method"], "notifications/tools/list_changed", "{era:?}");
        let stamp = &changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(stamp.is_null(), era == Era::Legacy, "{changed}");
    }
}

// MCP 2025-03-26, basic, "Batching": a batch whose entries ask is answered by one array.
#[tokio::test]
async fn a_batch_of_calls_that_ask_is_answered_at_once() {
    async fn rooted(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Ok(cx.roots("roots").await?.roots.len().to_string())
    }
    async fn panics(_cx: Cx, _: NoArgs) -> &'static str {
        panic!("on purpose")
    }
    let server = server().tool(tool("rooted", rooted)).tool(tool("panics", panics)).build().unwrap();
    let mut client = Client::stdio(server, Era::Modern).await;
    let hello = json!({"protocolVersion": "2025-03-26", "capabilities": {"roots": {}}, "clientInfo": {"name": "t", "version": "1"}});
    client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})).await;
    assert_eq!(client.next().await["result"]["protocolVersion"], "2025-03-26");
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let call =
        |id: u64, name: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}});
    client.send(&json!([call(1, "rooted"), call(2, "panics"), call(3, "nobody"), call(4, "rooted")])).await;
    for _ in 0..2 {
        let asked = client.next().await;
        assert_eq!(asked["method"], "roots/list");
        let result = json!({"roots": [{"uri": "file:///a"}]});
        client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})).await;
    }
    let answers = client.next().await;
    assert_eq!(answers.as_array().unwrap().len(), 4);
    let of = |id: u64| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(
        (&of(1)["result"]["content"][0]["text"], &of(4)["result"]["content"][0]["text"]),
        (&json!("1"), &json!("1"))
    );
    assert_eq!((&of(2)["result"]["isError"], &of(3)["error"]["code"]), (&json!(true), &json!(-32602)));
}
