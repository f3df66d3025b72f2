//! Notifications and cancellation in a legacy session.

use mcp_transport::protocol::Revisions;

use super::{
    handler::Scripted,
    support::{Endpoint, Message, legacy, legacy_tool, listen, notification},
};

// transports, "Sending Messages to the Server", 4: "the server MUST return HTTP status code 202 Accepted with no body".
#[tokio::test]
async fn notifications_are_accepted_and_reach_the_handler() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let accepted = endpoint.ask(&notification(&session, "notifications/roots/list_changed", "{}")).await;
    assert_eq!((accepted.head.status, accepted.body.as_str()), (202, ""));
    endpoint.handler.until("notified notifications/roots/list_changed").await;
    // A panic over one hurts nothing.
    assert_eq!(endpoint.ask(&notification(&session, "notifications/test/panic", "{}")).await.head.status, 202);
    // An answer to a request that nobody made, or no longer waits for, is accepted and ignored.
    for answer in [r#""id":99,"result":{}"#, r#""id":"x","result":{}"#, r#""error":{"code":1,"message":"?"}"#] {
        let message = Message::post(format!(r#"{{"jsonrpc":"2.0",{answer}}}"#)).session(&session);
        assert_eq!(endpoint.ask(&message).await.head.status, 202, "{answer}");
    }
}

// A notification that the handler is slow over is accepted at once, goes on when its client is gone, and is bounded.
#[tokio::test]
async fn slow_notifications_are_accepted_at_once_and_bounded() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| config.session_requests = 2).await;
    let session = endpoint.session("2025-11-25").await;
    let slow = notification(&session, "notifications/test/pending", "{}");
    for _ in 0..2 {
        assert_eq!(endpoint.ask(&slow).await.head.status, 202);
    }
    assert_eq!(endpoint.ask(&slow).await.head.status, 503);
    endpoint.handler.go.add_permits(2);
    endpoint.handler.until_times("over notify", 2).await;
    let freed = async { while endpoint.ask(&slow).await.head.status != 202 {} };
    super::support::within(freed).await;
}

// A handler that asks the client as soon as the session is open must not hold the 202 back: the client opens the stream
// on which it is asked only afterwards.
#[tokio::test]
async fn asking_when_the_session_opens_does_not_deadlock() {
    let endpoint = Endpoint::start().await;
    let open = Message::post(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"test","version":"1"}}}"#,
    );
    let session = endpoint.ask(&open).await.head.get("mcp-session-id").unwrap().to_owned();
    assert_eq!(endpoint.ask(&notification(&session, "notifications/initialized", "{}")).await.head.status, 202);
    let (_, mut stream) = endpoint.open(&listen(&session)).await;
    let question = stream.message().await.unwrap();
    assert_eq!(question["method"], "roots/list");
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"roots":[]}}}}"#, question["id"]);
    assert_eq!(endpoint.ask(&Message::post(answer).session(&session)).await.head.status, 202);
    endpoint.handler.until(r#"roots {"roots":[]}"#).await;
}

// cancellation: "Stop processing the cancelled request; free associated resources; not send a response".
#[tokio::test]
async fn cancelled_drops_the_call_and_nothing_else() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let mut wire = endpoint.connect().await;
    wire.send(&legacy_tool(&session, r#""\u0061""#, "pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;
    let other = endpoint.session("2025-11-25").await;
    for (session, id) in [(&session, r#""b""#), (&session, "1"), (&other, r#""a""#)] {
        let cancel = notification(session, "notifications/cancelled", &format!(r#"{{"requestId":{id}}}"#));
        assert_eq!(endpoint.ask(&cancel).await.head.status, 202);
    }
    assert_eq!(endpoint.handler.count("cancelled pending"), 0);
    // Ids are compared as values, not as they are written.
    endpoint.ask(&notification(&session, "notifications/cancelled", r#"{"requestId":"a"}"#)).await;
    endpoint.handler.until("cancelled pending").await;
    let head = wire.head().await;
    assert_eq!((head.status, wire.body(&head).await.as_str()), (202, ""));
    endpoint.ask(&notification(&session, "notifications/cancelled", "{}")).await;
}

#[tokio::test]
async fn cancelling_a_stream_ends_it_without_a_response() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-06-18").await;
    endpoint.handler.go.add_permits(1);
    let (_, mut stream) = endpoint.open(&legacy_tool(&session, "1", "trickle", r#"{"n":5}"#)).await;
    assert_eq!(stream.message().await.unwrap()["params"]["data"], 0);
    endpoint.ask(&notification(&session, "notifications/cancelled", r#"{"requestId":1}"#)).await;
    assert_eq!(stream.message().await, None);
    endpoint.handler.until("cancelled trickle").await;
}

// basic, "Requests": "The request ID MUST NOT have been previously used by the requestor within the same session"; one
// that runs cannot be told apart from a second.
#[tokio::test]
async fn an_id_in_flight_is_refused_and_a_finished_one_is_not() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let mut wire = endpoint.connect().await;
    wire.send(&legacy_tool(&session, "1", "pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;
    endpoint.ask(&legacy(&session, "1", "ping", "{}")).await.is_error_of(400, -32600, "1");
    endpoint.ask(&legacy(&session, r#""1""#, "ping", "{}")).await.is_result("{}");
    endpoint.handler.go.add_permits(1);
    assert_eq!(wire.head().await.status, 200);
    endpoint.ask(&legacy(&session, "1", "ping", "{}")).await.is_result("{}");
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| config.session_requests = 2).await;
    let session = endpoint.session("2025-11-25").await;
    let mut wires = Vec::new();
    for id in ["1", "2"] {
        let mut wire = endpoint.connect().await;
        wire.send(&legacy_tool(&session, id, "pending", "{}").to_string()).await;
        wires.push(wire);
    }
    endpoint.handler.until_times("began pending", 2).await;
    endpoint.ask(&legacy(&session, "3", "ping", "{}")).await.is_error_of(503, -32603, "3");
}
