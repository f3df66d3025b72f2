//! Requests of principals, as the guard in front of the endpoint marks them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use mcp_transport::{
    auth::{Issuer, Principal, ProtectedResource, ResourceId, ScopeSet, Subject},
    http::{McpBody, McpService},
    protocol::Revisions,
    session::MemorySessions,
};
use tokio::time::Instant;
use tower_service::Service as _;

use super::{
    handler::Scripted,
    support::{Message, frame, initialize, legacy, legacy_tool, listen, modern, notification, service, text, tool},
};

fn principal(issuer: &str, subject: &str, scopes: &str) -> Arc<Principal> {
    let builder = Principal::builder(Issuer::parse(issuer).unwrap(), Subject::parse(subject).unwrap());
    Arc::new(builder.scopes(ScopeSet::parse(scopes).unwrap()).build())
}

async fn ask(service: &McpService, who: Option<&Arc<Principal>>, message: &Message) -> Response<McpBody> {
    let mut request = message.request();
    if let Some(who) = who {
        let id = ResourceId::parse("https://mcp.example.com/mcp").unwrap();
        let resource = ProtectedResource::builder(id).authorization_server(who.issuer().clone()).build().unwrap();
        request.extensions_mut().insert(Arc::new(resource));
        request.extensions_mut().insert(Arc::clone(who));
    }
    let Ok(response) = service.clone().call(request).await;
    response
}

async fn open(service: &McpService, who: &Arc<Principal>, revision: &str) -> String {
    let response = ask(service, Some(who), &initialize(revision)).await;
    response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
}

const AUTH: &str = "https://auth.example.com";

// Security check 77 (session hijacking): a session belongs to its issuer and subject; to anyone else it is not there.
#[tokio::test]
async fn attack_077_somebody_elses_session_is_no_session() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let ada = principal(AUTH, "ada", "");
    let session = open(&service, &ada, "2025-03-26").await;
    let strangers = [Some(principal(AUTH, "eve", "")), Some(principal("https://other.example.com", "ada", "")), None];
    let batch = Message::post(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).session(&session);
    let answer = Message::post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).session(&session);
    for request in [
        legacy(&session, "1", "ping", "{}"),
        notification(&session, "notifications/initialized", "{}"),
        batch,
        answer,
        listen(&session),
        listen(&session).header("Last-Event-ID", "1-0"),
        Message::new("DELETE").session(&session),
    ] {
        for stranger in &strangers {
            let refused = ask(&service, stranger.as_ref(), &request).await;
            assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{request}");
        }
    }
    assert_eq!(handler.count("opened"), 0);
    // Another token of the same subject is the same owner.
    let again = principal(AUTH, "ada", "a");
    assert_eq!(ask(&service, Some(&again), &legacy(&session, "1", "ping", "{}")).await.status(), StatusCode::OK);
}

// A user's share of the sessions is bounded: one client that never ends them does not keep the others out.
#[tokio::test]
async fn one_user_cannot_take_all_sessions() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| config.sessions = Arc::new(MemorySessions::new(100).per_owner(2)));
    let (ada, again, bob) = (principal(AUTH, "ada", ""), principal(AUTH, "ada", "a"), principal(AUTH, "bob", ""));
    let ended = open(&service, &ada, "2025-11-25").await;
    open(&service, &again, "2025-11-25").await;
    let full = ask(&service, Some(&ada), &initialize("2025-11-25")).await;
    assert_eq!(
        (full.status(), &full.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"30".parse().unwrap())
    );
    open(&service, &bob, "2025-11-25").await;
    ask(&service, Some(&ada), &Message::new("DELETE").session(&ended)).await;
    open(&service, &ada, "2025-11-25").await;
}

// authorization, "Scope Challenge Handling": 403 with one challenge that names all scopes of the operation, before any
// byte of a stream.
#[tokio::test]
async fn missing_scopes_are_403_with_one_challenge() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let (some, all) = (principal(AUTH, "ada", "a"), principal(AUTH, "ada", "a b c"));
    let session = open(&service, &some, "2025-03-26").await;
    let call = |id: u8, name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#)
    };
    let batch = Message::post(format!("[{},{},{}]", call(1, "echo"), call(2, "scoped"), call(3, "scoped_too")));
    for (request, scopes) in [
        (tool("scoped", "{}"), "a b"),
        (legacy_tool(&session, "1", "scoped", "{}"), "a b"),
        // Of a batch: the union; and nothing of it runs.
        (batch.session(&session), "a b c"),
    ] {
        let refused = ask(&service, Some(&some), &request).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{request}");
        let challenges: Vec<_> = refused.headers().get_all("www-authenticate").iter().collect();
        let [challenge] = challenges[..] else { panic!("{challenges:?}") };
        let challenge = challenge.to_str().unwrap();
        assert!(
            challenge.contains("insufficient_scope") && challenge.contains(&format!(r#"scope="{scopes}""#)),
            "{challenge}"
        );
        assert_eq!(handler.count("began scoped") + handler.count("began echo"), 0);
        assert_eq!(ask(&service, Some(&all), &request).await.status(), StatusCode::OK);
        handler.clear();
    }
    // Without a guard nobody has scopes.
    assert_eq!(ask(&service, None, &tool("scoped", "{}")).await.status(), StatusCode::FORBIDDEN);
    let refused = text(ask(&service, Some(&some), &tool("scoped", "{}")).await).await;
    assert!(refused.starts_with(r#"{"jsonrpc":"2.0","id":1,"error":"#), "{refused}");
}

// "Open streams end when their token expires and within 5 s of its revocation", also those that are never silent.
#[tokio::test(start_paused = true)]
async fn streams_end_with_their_token() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let builder = || Principal::builder(Issuer::parse(AUTH).unwrap(), Subject::parse("ada").unwrap());
    let ada = Arc::new(builder().build());
    let session = open(&service, &ada, "2025-06-18").await;
    let subscribe = modern("subscriptions/listen", r#""notifications":{}"#);
    for request in [subscribe, tool("trickle", r#"{"n":1000}"#), listen(&session)] {
        let lasting = Arc::new(builder().build());
        let expired = Arc::new(builder().expires_at(SystemTime::now() - Duration::from_secs(1)).build());
        for (who, revoked) in [(lasting, true), (expired, false)] {
            handler.go.add_permits(1);
            let mut response = ask(&service, Some(&who), &request).await;
            assert_eq!(response.status(), StatusCode::OK);
            let begin = Instant::now();
            if revoked {
                who.liveness().revoke();
            }
            while frame(response.body_mut()).await.is_some() {}
            assert!(begin.elapsed() < Duration::from_secs(5), "{request}");
        }
    }
    // A modern call whose stream has ended is cancelled with it.
    handler.until_times("cancelled trickle", 2).await;
    // The session lives on: the client comes back with a fresh token.
    assert_eq!(ask(&service, Some(&ada), &legacy(&session, "1", "ping", "{}")).await.status(), StatusCode::OK);
}

/// A wall clock that goes with tokio's paused one.
fn clock() -> SystemTime {
    thread_local! {
        static START: Instant = Instant::now();
    }
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + START.with(Instant::elapsed)
}

// The same for a token that is good when the stream opens, and for a client that does not read it.
#[tokio::test(start_paused = true)]
async fn streams_end_when_their_token_expires_in_mid_stream() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| config.clock = clock);
    let for_half_a_minute = || {
        let builder = Principal::builder(Issuer::parse(AUTH).unwrap(), Subject::parse("ada").unwrap());
        Arc::new(builder.expires_at(clock() + Duration::from_secs(30)).build())
    };
    let session = open(&service, &for_half_a_minute(), "2025-11-25").await;
    ask(&service, Some(&for_half_a_minute()), &notification(&session, "notifications/initialized", "{}")).await;
    for request in [
        tool("trickle", r#"{"n":1000}"#),
        modern("subscriptions/listen", r#""notifications":{}"#),
        legacy_tool(&session, "1", "trickle", r#"{"n":1000}"#),
        listen(&session),
    ] {
        handler.go.add_permits(1);
        let mut response = ask(&service, Some(&for_half_a_minute()), &request).await;
        assert_eq!(response.status(), StatusCode::OK, "{request}");
        let begin = Instant::now();
        while let Some(text) = frame(response.body_mut()).await {
            assert!(begin.elapsed() <= Duration::from_secs(31), "{text}");
        }
        assert!((29..35).contains(&begin.elapsed().as_secs()), "{request} {:?}", begin.elapsed());
        handler.go.forget_permits(1);
    }
    handler.until("cancelled trickle").await;
    handler.until("over listen").await;
    assert_eq!(handler.count("cancelled trickle"), 1, "a legacy call goes on");

    let unread = ask(&service, Some(&for_half_a_minute()), &tool("send_forever", "{}")).await;
    tokio::time::sleep(Duration::from_secs(28)).await;
    assert_eq!(handler.count("cancelled send_forever"), 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(handler.count("cancelled send_forever"), 1);
    drop(unread);
}
