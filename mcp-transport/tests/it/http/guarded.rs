//! The endpoint as it stands in a program: CORS, the guard with a table of tokens, the public documents beside it. The
//! checks of the resource server, raw bytes in and out.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use mcp_transport::{
    auth::{
        Guard, GuardLayer, Issuer, Principal, PrincipalBuilder, ProtectedResource, ResourceId, StaticTokens, Subject,
        WellKnown,
    },
    http::{
        McpService,
        origin::{AccessPolicy, Cors, CorsLayer},
    },
    protocol::Revisions,
};
use tower_layer::Layer as _;
use tower_service::Service;

use super::{
    handler::Scripted,
    support::{Answer, Endpoint, Message, initialize, legacy, legacy_tool, listen, modern, notification, tool},
};

const ISSUER: &str = "https://auth.example.com";
const RESOURCE: &str = "https://mcp.example.com/mcp";
const OTHER: &str = "https://mcp.example.com/mcp-other";
const DOCUMENT: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

const ADA: &str = "ada-0123456789abc";
const ADA_AGAIN: &str = "ada-again-0123456";
const BOB: &str = "bob-0123456789abc";
const NARROW: &str = "narrow-0123456789";
const EXPIRED_AND_NARROW: &str = "expired-012345678";
/// Expires a minute after the beginning of time as [`epoch`] tells it.
const SHORT: &str = "short-0123456789a";

fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
}

fn who(subject: &str, scopes: &str) -> PrincipalBuilder {
    Principal::builder(Issuer::parse(ISSUER).unwrap(), Subject::parse(subject).unwrap()).scopes(scopes.parse().unwrap())
}

fn tokens() -> StaticTokens {
    let mut tokens = StaticTokens::new(Issuer::parse(ISSUER).unwrap(), ResourceId::parse(RESOURCE).unwrap());
    let ended = epoch() - Duration::from_secs(1);
    for (token, principal) in [
        (ADA, who("ada", "mcp")),
        (ADA_AGAIN, who("ada", "mcp")),
        (BOB, who("bob", "mcp")),
        (NARROW, who("ada", "other")),
        (EXPIRED_AND_NARROW, who("ada", "other").expires_at(ended)),
        (SHORT, who("ada", "mcp").expires_at(epoch() + Duration::from_secs(60))),
    ] {
        tokens.insert(token, principal.build()).unwrap();
    }
    tokens
}

/// What a program puts in front of its endpoint. The other resource knows the same tokens, which are not for it.
#[derive(Clone)]
struct Front {
    documents: WellKnown,
    endpoint: Cors<Guard<McpService>>,
    other: Cors<Guard<McpService>>,
}

impl Front {
    fn new(service: &McpService, clock: fn() -> SystemTime) -> Self {
        let tokens = Arc::new(tokens());
        let resource = |id: &str| {
            let resource = ProtectedResource::builder(ResourceId::parse(id).unwrap())
                .authorization_server(Issuer::parse(ISSUER).unwrap())
                .required_scopes("mcp".parse().unwrap());
            Arc::new(resource.build().unwrap())
        };
        let guarded = |resource: &Arc<ProtectedResource>| {
            let guard = GuardLayer::new(Arc::clone(resource), Arc::clone(&tokens) as Arc<_>).clock(clock);
            CorsLayer::new(AccessPolicy::default()).layer(guard.layer(service.clone()))
        };
        let (resource, other) = (resource(RESOURCE), resource(OTHER));
        Self {
            endpoint: guarded(&resource),
            other: guarded(&other),
            documents: WellKnown::new([Arc::clone(&resource), other]).unwrap().default_resource(resource.id()).unwrap(),
        }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<UnsyncBoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if WellKnown::owns(request.uri()) {
            let answer = self.documents.call(request);
            return Box::pin(async { answer.await.map(|response| response.map(BodyExt::boxed_unsync)) });
        }
        let guarded = if request.uri().path() == "/mcp" { &mut self.endpoint } else { &mut self.other };
        let answer = guarded.call(request);
        Box::pin(async { answer.await.map(|response| response.map(BodyExt::boxed_unsync)) })
    }
}

async fn start_at(clock: fn() -> SystemTime) -> Endpoint {
    let handler = Scripted::new(Revisions::all());
    Endpoint::behind(handler, |config| config.clock = clock, |service| Front::new(&service, clock)).await
}

async fn start() -> Endpoint {
    start_at(epoch).await
}

fn bearer(message: &Message, token: &str) -> Message {
    message.clone().header("Authorization", &format!("Bearer {token}"))
}

async fn session(endpoint: &Endpoint, token: &str, revision: &str) -> String {
    let answer = endpoint.ask(&bearer(&initialize(revision), token)).await;
    answer.head.get("mcp-session-id").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// Checks the status, the error of the only challenge, and that it leads to the configured document.
#[track_caller]
fn is_challenge(answer: &Answer, status: u16, error: Option<&str>) {
    assert_eq!(answer.head.status, status, "{answer:?}");
    let challenge = answer.head.get("www-authenticate").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(challenge.starts_with("Bearer ") && challenge.contains(&format!(r#"resource_metadata="{DOCUMENT}""#)));
    match error {
        Some(error) => assert!(challenge.contains(&format!(r#"error="{error}""#)), "{challenge}"),
        None => assert!(!challenge.contains("error"), "{challenge}"),
    }
}

/// A request of each kind and era, for a session.
fn requests(session: &str) -> [Message; 5] {
    [
        tool("echo", "{}"),
        legacy(session, "1", "ping", "{}"),
        notification(session, "notifications/initialized", "{}"),
        listen(session),
        Message::new("DELETE").session(session),
    ]
}

// RFC 6750 section 2 and MCP authorization, "Token Requirements": the token stands in one Authorization header; the
// scheme's name is case-insensitive (RFC 9110 section 11.1).
#[tokio::test]
async fn attack_068_the_token_stands_in_one_authorization_header() {
    let endpoint = start().await;
    let echo = tool("echo", "{}");
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR "] {
        let answer = endpoint.ask(&echo.clone().header("Authorization", &format!("{scheme} {ADA}  "))).await;
        answer.is_result(r#"{"echo":{}}"#);
    }
    // With a good token in the header, too: what stands in a URL stands in logs.
    for target in ["/mcp?access_token=ada-0123456789abc", "/mcp?x=1&access%5Ftoken=ada-0123456789abc"] {
        let answer = endpoint.ask(&echo.clone().at(target)).await;
        is_challenge(&answer, 400, Some("invalid_request"));
        is_challenge(&endpoint.ask(&bearer(&echo, ADA).at(target)).await, 400, Some("invalid_request"));
    }
    let form = Message::post(format!("access_token={ADA}")).header("Content-Type", "application/x-www-form-urlencoded");
    is_challenge(&endpoint.ask(&form).await, 400, Some("invalid_request"));
    let twice = bearer(&echo, ADA).and("Authorization", &format!("Bearer {ADA}"));
    is_challenge(&endpoint.ask(&twice).await, 400, Some("invalid_request"));
    let joined = bearer(&echo, &format!("{ADA}, Bearer {ADA}"));
    is_challenge(&endpoint.ask(&joined).await, 400, Some("invalid_request"));
    assert_eq!(endpoint.handler.count("began echo"), 4);
}

// RFC 6750 section 3: no credentials, no error; RFC 9728 section 5.1: where the document is.
#[tokio::test]
async fn attack_069_without_credentials_the_challenge_has_no_error() {
    let endpoint = start().await;
    let session = session(&endpoint, ADA, "2025-11-25").await;
    let large = Message::new("POST").header("Content-Type", "application/json").header("Content-Length", "99999999");
    for request in requests(&session).into_iter().chain([initialize("2025-11-25"), large]) {
        // The body is not waited for.
        let answer = endpoint.ask(&request).await;
        is_challenge(&answer, 401, None);
        assert!(answer.head.get("www-authenticate").unwrap().contains(r#"scope="mcp""#), "{answer:?}");
        assert_eq!(answer.head.get("cache-control"), Some("no-store"));
        // Credentials of a kind that is not taken here are none.
        let basic = request.header("Authorization", "Basic YWRhOmFkYQ==");
        is_challenge(&endpoint.ask(&basic).await, 401, None);
    }
    assert_eq!(endpoint.service.sessions(), 1);
}

// RFC 6750 section 3.1: what is wrong with the token comes before what it may do.
#[tokio::test]
async fn attack_070_an_expired_token_is_401_and_not_403() {
    let endpoint = start().await;
    for request in [tool("echo", "{}"), initialize("2025-11-25"), listen("any"), tool("scoped", "{}")] {
        is_challenge(&endpoint.ask(&bearer(&request, EXPIRED_AND_NARROW)).await, 401, Some("invalid_token"));
        is_challenge(&endpoint.ask(&bearer(&request, "nobody-knows-this-one")).await, 401, Some("invalid_token"));
        let narrow = endpoint.ask(&bearer(&request, NARROW)).await;
        is_challenge(&narrow, 403, Some("insufficient_scope"));
        assert!(narrow.head.get("www-authenticate").unwrap().contains(r#"scope="mcp""#), "{narrow:?}");
    }
    // What a single tool needs is asked after that.
    is_challenge(&endpoint.ask(&bearer(&tool("scoped", "{}"), ADA)).await, 403, Some("insufficient_scope"));
    assert_eq!(endpoint.handler.log(), [""; 0]);
}

// RFC 8707 section 2, MCP authorization, "Access Token Usage": a token for another resource is no token here.
#[tokio::test]
async fn a_token_for_another_resource_is_refused() {
    let endpoint = start().await;
    let answer = endpoint.ask(&bearer(&tool("echo", "{}"), ADA).at("/mcp-other")).await;
    assert_eq!(answer.head.status, 401);
    let challenge = answer.head.get("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token") && challenge.contains(r#"/oauth-protected-resource/mcp-other""#));
    endpoint.ask(&bearer(&tool("echo", "{}"), ADA)).await.is_result(r#"{"echo":{}}"#);
}

// RFC 9728 section 3: what is published comes from configuration, whatever the request says about hosts.
#[tokio::test]
async fn attack_072_forged_headers_reach_neither_the_documents_nor_the_challenge() {
    let endpoint = start().await;
    let forged = |message: Message| {
        message
            .header("X-Forwarded-Host", "evil.test")
            .header("X-Forwarded-Proto", "http")
            .header("X-Forwarded-Prefix", "/evil")
            .header("X-Original-URL", "/evil")
            .header("Forwarded", "host=evil.test;proto=http")
    };
    let mut bodies = Vec::new();
    for target in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let plain = Message::new("GET").at(target);
        for request in [plain.clone(), forged(plain).header("Host", "evil.test").header("Origin", "https://evil.test")]
        {
            let answer = endpoint.ask(&request).await;
            assert_eq!(answer.head.status, 200, "{answer:?}");
            assert_eq!(answer.json()["resource"], RESOURCE);
            bodies.push(answer.body);
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0] && !body.contains("evil")), "{bodies:?}");
    let other = endpoint.ask(&Message::new("GET").at("/.well-known/oauth-protected-resource/mcp-other")).await;
    assert_eq!(other.json()["resource"], OTHER);
    for (message, error) in
        [(tool("echo", "{}"), None), (bearer(&tool("echo", "{}"), EXPIRED_AND_NARROW), Some("invalid_token"))]
    {
        let answer = endpoint.ask(&forged(message)).await;
        is_challenge(&answer, 401, error);
        assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
    }
}

// MCP authorization, "Access Token Privilege Restriction": the token goes no further than the guard.
#[tokio::test]
async fn the_handler_sees_who_calls_and_not_the_token() {
    let endpoint = start().await;
    let session = session(&endpoint, ADA, "2025-06-18").await;
    for request in [tool("caller", "{}"), legacy_tool(&session, "1", "caller", "{}")] {
        let answer = endpoint.ask(&bearer(&request, ADA).header("DPoP", "a.b.c").header("X-Other", "kept")).await;
        assert_eq!(answer.json()["result"]["subject"], "ada");
        let headers = answer.json()["result"]["headers"].as_str().unwrap().to_owned();
        assert!(headers.contains("x-other"), "{headers}");
        for gone in ["authorization", "dpop", "Bearer", ADA] {
            assert!(!headers.contains(gone), "{headers}");
        }
    }
}

// "If the Origin header is present and invalid, servers MUST respond with HTTP 403 Forbidden", token or not; the host
// of a page that rebinds its name is refused as well.
#[tokio::test]
async fn attack_076_strangers_are_refused_before_they_are_asked_for_a_token() {
    let endpoint = start().await;
    let session = session(&endpoint, ADA, "2025-11-25").await;
    for request in requests(&session) {
        for (name, value) in
            [("Origin", "https://evil.test"), ("Origin", "null"), ("Host", "evil.test"), ("Host", "evil.test:3000")]
        {
            let strange = request.clone().header(name, value);
            for message in [bearer(&strange, ADA), bearer(&strange, EXPIRED_AND_NARROW), strange] {
                let answer = endpoint.ask(&message).await;
                assert_eq!(answer.head.status, 403, "{message}");
                assert_eq!(answer.head.get("www-authenticate"), None);
                assert_eq!(answer.head.get("access-control-allow-origin"), None);
            }
        }
    }
    // A page that may speak to us reads the challenge, and its preflight needs no token.
    let page = tool("echo", "{}").header("Origin", "http://localhost:5173");
    let answer = endpoint.ask(&page).await;
    is_challenge(&answer, 401, None);
    assert_eq!(answer.head.get("access-control-allow-origin"), Some("http://localhost:5173"));
    assert!(answer.head.get("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
    let preflight = Message::new("OPTIONS").header("Access-Control-Request-Method", "POST");
    for (origin, status) in [("http://localhost:5173", 204), ("https://evil.test", 403)] {
        assert_eq!(endpoint.ask(&preflight.clone().header("Origin", origin)).await.head.status, status);
    }
    assert_eq!((endpoint.service.sessions(), endpoint.handler.count("began echo")), (1, 0));
}

// Security best practices, "Session Hijacking": a session id is no credential; another's session is not there.
#[tokio::test]
async fn attack_077_a_session_of_one_user_is_not_there_for_another() {
    let endpoint = start().await;
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = session(&endpoint, ADA, revision).await;
        let batch = Message::post(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).session(&session);
        let answer = Message::post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).session(&session);
        let resume = listen(&session).header("Last-Event-ID", "1-0");
        let [_modern, rest @ ..] = requests(&session);
        for request in rest.into_iter().chain([batch, answer, resume]) {
            assert_eq!(endpoint.ask(&bearer(&request, BOB)).await.head.status, 404, "{request}");
        }
        assert_eq!(endpoint.handler.count("opened") + endpoint.handler.count("closed ByClient"), 0);
        // Another token of the same user serves as well.
        let ping = legacy(&session, "1", "ping", "{}");
        assert_eq!(endpoint.ask(&bearer(&ping, ADA_AGAIN)).await.head.status, 200);
    }
    assert_eq!(endpoint.service.sessions(), 4);
}

// "Open streams end when their token expires": in mid-stream, behind the guard, in both eras; the session outlives it.
#[tokio::test]
async fn streams_end_when_their_token_expires() {
    static SINCE_EPOCH: AtomicU64 = AtomicU64::new(0);
    fn clock() -> SystemTime {
        epoch() + Duration::from_secs(SINCE_EPOCH.load(Ordering::SeqCst))
    }
    let endpoint = start_at(clock).await;
    let session = session(&endpoint, SHORT, "2025-06-18").await;
    endpoint.handler.go.add_permits(1);
    let mut streams = Vec::new();
    for (request, first) in [
        (legacy_tool(&session, "1", "trickle", r#"{"n":10}"#), "notifications/message"),
        (tool("emit_and_detach", "{}"), "notifications/message"),
        (modern("subscriptions/listen", r#""notifications":{}"#), "notifications/subscriptions/acknowledged"),
        (listen(&session), ""),
    ] {
        let (head, mut stream) = endpoint.open(&bearer(&request, SHORT)).await;
        assert_eq!((head.status, head.get("content-type")), (200, Some("text/event-stream")), "{request}");
        if !first.is_empty() {
            assert_eq!(stream.message().await.unwrap()["method"], first);
        }
        streams.push(stream);
    }
    SINCE_EPOCH.store(60, Ordering::SeqCst);
    for stream in &mut streams {
        while stream.message().await.is_some() {}
    }
    // The modern calls ended with their streams; the legacy one goes on, and its answer waits for a fresh token.
    endpoint.handler.until("cancelled emit_and_detach").await;
    endpoint.handler.until("over listen").await;
    assert_eq!(endpoint.handler.count("cancelled trickle"), 0);
    let resume = listen(&session).header("Last-Event-ID", "1-0");
    is_challenge(&endpoint.ask(&bearer(&resume, SHORT)).await, 401, Some("invalid_token"));
    endpoint.handler.go.add_permits(20);
    let (_, mut rest) = endpoint.open(&bearer(&resume, ADA)).await;
    for n in 1..10 {
        assert_eq!(rest.message().await.unwrap()["params"]["data"], n);
    }
    assert_eq!(rest.message().await.unwrap()["result"]["name"], "trickle");
}
