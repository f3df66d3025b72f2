//! Legacy calls: what their answers look like, and what a disconnect does.

use std::sync::{Arc, atomic::Ordering};

use mcp_transport::protocol::Revisions;

use super::{
    handler::Scripted,
    support::{Endpoint, Message, data_of, frame, id_of, initialize, legacy, legacy_tool, listen, service, text},
};

// The status of a legacy answer is 200 whatever its error: 404 would say that the session is over.
#[tokio::test]
async fn errors_of_the_handler_are_answers() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    for code in [-32601, -32602, -32603, -32021, 7] {
        let call = legacy_tool(&session, "1", "error", &format!(r#"{{"code":{code}}}"#));
        endpoint.ask(&call).await.is_error_of(200, code, "1");
    }
    endpoint.ask(&legacy_tool(&session, r#""x""#, "panic", "{}")).await.is_error_of(200, -32603, r#""x""#);
    endpoint.ask(&legacy(&session, "1", "no/such", "{}")).await.is_error_of(200, -32601, "1");
    endpoint.ask(&legacy_tool(&session, "1", "echo", "{}")).await.is_result(r#"{"echo":{}}"#);
}

#[tokio::test]
async fn a_client_that_takes_only_json_gets_json() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let call = |name: &str| legacy_tool(&session, "1", name, r#"{"n":200}"#).header("Accept", "application/json");
    let answer =
        endpoint.ask(&legacy_tool(&session, "1", "emit", r#"{"n":20}"#).header("Accept", "application/json")).await;
    answer.is_result(r#"{"name":"emit"}"#);
    // It cannot be asked, and the handler learns that at once.
    let asked = endpoint.ask(&call("ask")).await;
    assert_eq!(asked.json()["error"]["message"], "the client cannot be asked on this connection");
}

// 2025-11-25, transports, 6: "The server SHOULD immediately send an SSE event consisting of an event ID and an empty data
// field", and it says when to come back. Earlier revisions know no such event, and their clients would read it as a
// message.
#[tokio::test]
async fn only_2025_11_25_primes_its_streams() {
    let endpoint = Endpoint::start().await;
    for (revision, ids, primed) in [
        ("2024-11-05", false, false),
        ("2025-03-26", true, false),
        ("2025-06-18", true, false),
        ("2025-11-25", true, true),
    ] {
        let session = endpoint.session(revision).await;
        let (head, mut stream) = endpoint.open(&legacy_tool(&session, "1", "emit", r#"{"n":1}"#)).await;
        assert_eq!(head.get("x-accel-buffering"), Some("no"));
        let mut events = Vec::new();
        while let Some(event) = stream.event().await {
            events.push(event);
        }
        if primed {
            assert_eq!(events.remove(0), "id: 1-0\nretry: 3000\ndata:");
        }
        assert_eq!(events.len(), 2, "{revision} {events:?}");
        assert!(
            events.iter().all(|event| event.starts_with("id: 1-") == ids && !event.contains("retry:")),
            "{events:?}"
        );
        assert_eq!(data_of(&events[1]).unwrap()["id"], 1);
    }
}

// transports, 6: "Disconnection SHOULD NOT be interpreted as the client cancelling its request."
#[tokio::test]
async fn a_disconnect_before_the_first_byte_is_not_a_cancel() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-06-18").await;
    let mut wire = endpoint.connect().await;
    wire.send(&legacy_tool(&session, "1", "pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;
    drop(wire);
    // The id stays in use as long as the call runs; then the call comes to its end.
    let ping = legacy(&session, "1", "ping", "{}");
    endpoint.ask(&ping).await.is_error(400, -32600);
    endpoint.handler.go.add_permits(1);
    endpoint.handler.until("ended pending").await;
    assert_eq!(endpoint.handler.count("cancelled pending"), 0);
}

// A call that lost its client before the first byte: nobody can read it, or answer what it asks. It learns so, and does
// its work.
#[tokio::test]
async fn a_call_that_lost_its_client_does_not_wait_for_room_or_answers() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let opened = initialize("2025-06-18").ask(&service).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let call = legacy_tool(&session, "1", "wait_and_toil", r#"{"n":1000,"then":"ask"}"#);
    tokio::select! {
        _ = call.ask(&service) => panic!("it waits"),
        () = handler.until("began wait_and_toil") => {}
    }
    handler.go.add_permits(1);
    handler.until("ended wait_and_toil").await;
    assert_eq!(handler.queued.load(Ordering::SeqCst), 1000);
    assert_eq!(handler.count("asked: the session ended before the client answered"), 1);
}

// "Disconnection SHOULD NOT be interpreted as the client cancelling its request": nor does the call stand still,
// whatever it has to say. What is kept of it is bounded, and a client that comes back is told what it missed.
#[tokio::test]
async fn a_call_goes_on_when_its_stream_breaks_off() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        // Without a socket, which would take all of it in before the client is gone.
        let handler = Arc::new(Scripted::new(Revisions::all()));
        let service = service(&handler, |_| {});
        let opened = initialize(revision).ask(&service).await;
        let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let mut response = legacy_tool(&session, "1", "toil", r#"{"n":1000}"#).ask(&service).await;
        let read = frame(response.body_mut()).await.unwrap();
        let first = read.split("\n\n").find(|event| data_of(event).is_some()).unwrap();
        drop(response);
        handler.until("ended toil").await;
        assert_eq!(handler.queued.load(Ordering::SeqCst), 1000);

        let rest = listen(&session).header("Last-Event-ID", &id_of(first)).ask(&service).await;
        let rest = text(rest).await;
        let (missed, events) = rest.split_once("\n\n").unwrap();
        let missed: usize = missed.strip_prefix(": events that were not kept: ").unwrap().parse().unwrap();
        let messages: Vec<_> = events.split("\n\n").filter_map(data_of).collect();
        // The last 256 are kept, the answer among them.
        assert_eq!((messages.len(), missed), (256, 1000 - 1 - 255));
        for (n, message) in (745..1000).zip(&messages) {
            assert_eq!(message["params"]["data"], n);
        }
        assert_eq!(messages[255]["result"]["name"], "toil");
    }
}

// "Resumability and Redelivery": the rest of a stream that broke off comes by GET, and only that stream's messages.
#[tokio::test]
async fn a_stream_that_broke_off_is_taken_up_again() {
    let endpoint = Endpoint::start().await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = endpoint.session(revision).await;
        endpoint.handler.go.add_permits(1);
        let (_, mut stream) = endpoint.open(&legacy_tool(&session, "1", "trickle", r#"{"n":3}"#)).await;
        let first = loop {
            let event = stream.event().await.unwrap();
            if data_of(&event).is_some() {
                break event;
            }
        };
        drop(stream);
        endpoint.handler.go.add_permits(3);
        endpoint.handler.until("ended trickle").await;
        // Another stream's messages, and the session's own, do not get in between.
        endpoint.ask(&legacy_tool(&session, "2", "emit", r#"{"n":1}"#)).await;
        endpoint.handler.session().peer().emit(&mcp_transport::protocol::Method::ToolListChanged, None);
        for _ in 0..2 {
            let resume = listen(&session).header("Last-Event-ID", &id_of(&first));
            let (head, mut rest) = endpoint.open(&resume).await;
            assert_eq!(head.status, 200);
            assert_eq!(rest.message().await.unwrap()["params"]["data"], 1);
            assert_eq!(rest.message().await.unwrap()["params"]["data"], 2);
            let last = rest.message().await.unwrap();
            assert_eq!((&last["id"], &last["result"]["name"]), (&1.into(), &"trickle".into()));
            assert_eq!(rest.message().await, None);
        }
    }
}

// "the server MAY close the connection (without terminating the SSE stream) at any time" once it has sent an event id.
#[tokio::test]
async fn a_detached_call_answers_by_get() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    for (id, name) in [("1", "detach"), ("2", "emit_and_detach")] {
        let (head, mut stream) = endpoint.open(&legacy_tool(&session, id, name, "{}")).await;
        assert_eq!(head.get("content-type"), Some("text/event-stream"));
        let mut last = stream.event().await.unwrap();
        assert!(last.contains("retry: 3000"), "{last}");
        while let Some(event) = stream.event().await {
            last = event;
        }
        assert_eq!(endpoint.handler.count(&format!("ended {name}")), 0);
        let (_, mut rest) = endpoint.open(&listen(&session).header("Last-Event-ID", &id_of(&last))).await;
        endpoint.handler.go.add_permits(1);
        assert_eq!(rest.message().await.unwrap()["result"]["name"], name);
        assert_eq!(rest.message().await, None);
    }
}

// Where clients do not know how to come back, asking to detach does nothing.
#[tokio::test]
async fn a_detached_call_stays_connected_before_2025_11_25() {
    let endpoint = Endpoint::start().await;
    for revision in ["2025-03-26", "2025-06-18"] {
        let session = endpoint.session(revision).await;
        let mut wire = endpoint.connect().await;
        wire.send(&legacy_tool(&session, "1", "emit_and_detach", "{}").to_string()).await;
        wire.head().await;
        assert_eq!(wire.message().await.unwrap()["params"]["data"], 0);
        endpoint.handler.go.add_permits(1);
        assert_eq!(wire.message().await.unwrap()["result"]["name"], "emit_and_detach");
    }
}

// A server asks on the stream of the request that it relates to; the answer comes in a POST of its own.
#[tokio::test]
async fn a_call_asks_on_its_own_stream() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-06-18").await;
    let (_, mut own) = endpoint.open(&listen(&session)).await;
    for (member, expected) in [
        (r#""result":{"action":"accept"}"#, r#"{"answer":{"action":"accept"}}"#),
        (r#""error":{"code":-1,"message":"no"}"#, "the client answered with error -1: no"),
    ] {
        let (_, mut stream) = endpoint.open(&legacy_tool(&session, "1", "ask", "{}")).await;
        let question = stream.message().await.unwrap();
        assert_eq!(
            (&question["method"], &question["params"]["message"]),
            (&"elicitation/create".into(), &"who?".into())
        );
        // Another session cannot answer it.
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{},{member}}}"#, question["id"]);
        let foreign = endpoint.session("2025-06-18").await;
        endpoint
            .ask(&Message::post(answer.replace("accept", "foreign").replace("no", "foreign")).session(&foreign))
            .await;
        assert_eq!(endpoint.ask(&Message::post(answer).session(&session)).await.head.status, 202);
        let outcome = stream.message().await.unwrap().to_string();
        assert!(outcome.contains(expected), "{outcome}");
        assert_eq!(stream.message().await, None);
    }
    // Nothing of it went out on the session's own stream.
    endpoint.ask(&Message::new("DELETE").session(&session)).await;
    assert_eq!(own.message().await, None);
}
