use std::collections::HashMap;
use std::future::{Ready, pending, ready};
use std::pin::pin;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use http_body::Body;

use super::*;
use crate::auth::{
    Challenge, Confirmation, DpopPolicy, ErrorCode, Issuer, JwkThumbprint, Liveness, Presented, Principal, ResourceId,
    Subject,
};

mod dpop;

/// A body that cannot be read: that it compiles shows that the guard reads none.
#[derive(Debug, PartialEq)]
struct Unreadable;

type Seen = Arc<Mutex<Vec<Request<Unreadable>>>>;

/// Keeps what gets through, and insists on being polled ready before each call.
#[derive(Debug)]
struct Inner {
    seen: Seen,
    is_ready: bool,
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self { seen: Arc::clone(&self.seen), is_ready: false }
    }
}

impl Service<Request<Unreadable>> for Inner {
    type Response = Response<OnceBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Unreadable>) -> Self::Future {
        assert!(mem::take(&mut self.is_ready), "called without being ready");
        self.seen.lock().unwrap().push(request);
        ready(Ok(Response::new(OnceBody::from(Bytes::from_static(b"inner")))))
    }
}

/// Whose certificate a connection has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Certificate(&'static str);

/// A token that is good on the connection of Ada's certificate.
const CERTIFIED: &str = "certified";

/// Verdicts by token.
#[derive(Default)]
struct Table(HashMap<&'static str, Result<Arc<Principal>, Rejection>>);

#[async_trait]
impl Verifier for Table {
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        if presented.token == "slow" {
            pending::<()>().await;
        }
        let certificate = presented.extensions.and_then(|extensions| extensions.get());
        if presented.token == CERTIFIED && certificate != Some(&Certificate("ada")) {
            return Err(Rejection::invalid("the connection is somebody else's"));
        }
        self.0.get(presented.token).cloned().unwrap_or(Err(Rejection::invalid("unknown")))
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1000)
}

fn ada() -> crate::auth::PrincipalBuilder {
    Principal::builder(Issuer::parse("https://as.example").unwrap(), Subject::parse("ada").unwrap())
}

struct Setup {
    service: Guard<Inner>,
    seen: Seen,
}

fn setup_with(dpop: DpopPolicy, access: Access) -> Setup {
    let resource = ProtectedResource::builder(ResourceId::parse("https://h.example/mcp").unwrap())
        .authorization_server(Issuer::parse("https://as.example").unwrap())
        .required_scopes("mcp".parse().unwrap())
        .dpop(dpop, ["ES256"])
        .build()
        .unwrap();
    let scoped = || ada().scopes("mcp".parse().unwrap());
    let bound = Confirmation::Dpop(JwkThumbprint::parse(&"k".repeat(43)).unwrap());
    let revoked = Liveness::new();
    revoked.revoke();
    let verdicts = Table(HashMap::from([
        ("good", Ok(Arc::new(scoped().build()))),
        (CERTIFIED, Ok(Arc::new(scoped().build()))),
        ("bound", Ok(Arc::new(scoped().confirmation(bound).build()))),
        ("narrow", Ok(Arc::new(ada().scopes("other".parse().unwrap()).build()))),
        (
            "broad",
            Ok(Arc::new(
                ada().hierarchy("admin implies mcp".parse().unwrap()).scopes("admin".parse().unwrap()).build(),
            )),
        ),
        ("expired-and-narrow", Ok(Arc::new(ada().expires_at(now()).build()))),
        ("revoked", Ok(Arc::new(scoped().liveness(revoked).build()))),
        ("foreign", Err(Rejection::WrongAudience)),
        ("down", Err(Rejection::Unavailable { retry_after: Duration::from_secs(7) })),
    ]));
    let seen = Seen::default();
    let layer = GuardLayer::new(Arc::new(resource), Arc::new(verdicts)).clock(now).access(access);
    let service = layer.layer(Inner { seen: Arc::clone(&seen), is_ready: false });
    Setup { service, seen }
}

fn setup() -> Setup {
    setup_with(DpopPolicy::Off, Access::Required)
}

/// A POST to the endpoint with these headers.
fn request(headers: &[(&'static str, &[u8])]) -> Request<Unreadable> {
    let mut request = Request::post("/mcp").body(Unreadable).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

fn with_token(token: &str) -> Request<Unreadable> {
    request(&[("authorization", format!("Bearer {token}").as_bytes())])
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

impl Setup {
    fn answer(&mut self, request: Request<Unreadable>) -> Response<String> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut cx).is_ready());
        let future = pin!(self.service.call(request));
        let Poll::Ready(Ok(response)) = poll(future) else {
            panic!("nothing here waits");
        };
        response.map(|body| {
            let hint = body.size_hint().exact().unwrap();
            let mut body = pin!(body);
            let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) else {
                panic!("every answer here has content");
            };
            let data = frame.into_data().unwrap();
            assert_eq!(u64::try_from(data.len()).unwrap(), hint);
            assert!(body.is_end_stream());
            String::from_utf8(data.to_vec()).unwrap()
        })
    }

    /// The answer to a request that must not get through.
    fn refusal(&mut self, request: Request<Unreadable>) -> Response<String> {
        let response = self.answer(request);
        assert!(self.seen.lock().unwrap().is_empty(), "it got through");
        response
    }

    /// The request as it got through.
    fn passed(&mut self, request: Request<Unreadable>) -> Request<Unreadable> {
        let response = self.answer(request);
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        assert_eq!(response.body(), "inner");
        self.seen.lock().unwrap().pop().unwrap()
    }
}

fn challenge<B>(response: &Response<B>) -> Challenge {
    let mut challenges = Challenge::parse_all(response.headers());
    assert_eq!(challenges.len(), 1);
    challenges.remove(0)
}

const URL: &str = "https://h.example/.well-known/oauth-protected-resource/mcp";

#[test]
fn a_good_token_becomes_a_principal() {
    let seen = setup().passed(with_token("good"));
    let principal = seen.extensions().get::<Arc<Principal>>().unwrap();
    assert_eq!(principal.subject().as_str(), "ada");
    let resource = seen.extensions().get::<Arc<ProtectedResource>>().unwrap();
    assert_eq!(resource.id().as_str(), "https://h.example/mcp");
    assert_eq!(seen.body(), &Unreadable);
}

#[test]
fn attack_074_the_token_goes_no_further() {
    let seen =
        setup().passed(request(&[("authorization", b"Bearer good"), ("dpop", b"proof"), ("mcp-session-id", b"s")]));
    assert_eq!(seen.headers().len(), 1);
    assert_eq!(seen.headers()["mcp-session-id"], "s");
    assert!(!format!("{seen:?}").contains("good"));
}

#[test]
fn attack_068_scheme_is_case_insensitive_and_spaces_are_tolerated() {
    for value in [&b"bearer good"[..], b"BEARER good", b" Bearer   good \t"] {
        setup().passed(request(&[("authorization", value)]));
    }
}

#[test]
fn attack_068_two_authorization_headers_are_400() {
    let response = setup().refusal(request(&[("authorization", b"Bearer good"), ("authorization", b"Bearer good")]));
    assert_eq!(response.status(), 400);
    assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidRequest));
}

#[test]
fn attack_068_token_in_query_is_400_even_beside_a_good_one() {
    for access in [Access::Required, Access::Optional] {
        let mut request = with_token("good");
        *request.uri_mut() = "/mcp?access_token=good".parse().unwrap();
        let response = setup_with(DpopPolicy::Off, access).refusal(request);
        assert_eq!(response.status(), 400);
        assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidRequest));
        assert!(!format!("{response:?}").contains("good"));
    }
}

#[test]
fn attack_068_token_in_form_is_400_and_never_read() {
    let form = ("content-type", &b"application/x-www-form-urlencoded"[..]);
    for headers in [&[form][..], &[form, ("authorization", b"Bearer good")]] {
        let response = setup().refusal(request(headers));
        assert_eq!(response.status(), 400);
        assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidRequest));
    }
}

#[test]
fn attack_069_no_credentials_is_401_without_an_error() {
    for headers in [&[][..], &[("authorization", &b"Basic YTpi"[..])]] {
        let response = setup().refusal(request(headers));
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], format!(r#"Bearer scope="mcp", resource_metadata="{URL}""#));
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}

#[test]
fn attack_070_expired_and_under_scoped_is_401() {
    let response = setup().refusal(with_token("expired-and-narrow"));
    assert_eq!(response.status(), 401);
    let challenge = challenge(&response);
    assert_eq!(challenge.error_code(), Some(&ErrorCode::InvalidToken));
    assert_eq!(challenge.resource_metadata_url(), Some(URL));
}

#[test]
fn attack_070_only_under_scoped_is_403() {
    let response = setup().refusal(with_token("narrow"));
    assert_eq!(response.status(), 403);
    let challenge = challenge(&response);
    assert_eq!(challenge.error_code(), Some(&ErrorCode::InsufficientScope));
    assert_eq!(challenge.scopes().unwrap().to_string(), "mcp");
    assert_eq!(challenge.resource_metadata_url(), Some(URL));
}

#[test]
fn attack_071_a_broader_scope_passes() {
    setup().passed(with_token("broad"));
}

#[test]
fn attack_072_forged_hosts_do_not_reach_the_challenge() {
    let response = setup().refusal(request(&[
        ("host", b"evil.test"),
        ("x-forwarded-host", b"evil.test"),
        ("x-forwarded-proto", b"http"),
        ("forwarded", b"host=evil.test"),
    ]));
    assert_eq!(challenge(&response).resource_metadata_url(), Some(URL));
    assert!(!format!("{response:?}").contains("evil"));
}

#[test]
fn attack_075_a_cached_verdict_does_not_outlive_a_revocation() {
    let response = setup().refusal(with_token("revoked"));
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidToken));
}

#[test]
fn bad_tokens_are_401_in_either_mode() {
    for access in [Access::Required, Access::Optional] {
        for value in [&b"Bearer unknown"[..], b"Bearer foreign", b"Bearer a b", b"Bearer \xff"] {
            let response = setup_with(DpopPolicy::Off, access).refusal(request(&[("authorization", value)]));
            assert_eq!(response.status(), 401, "{value:?}");
            assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidToken));
        }
        // Wrong credentials are not none.
        let basic = request(&[("authorization", b"Basic YTpi")]);
        assert_eq!(setup_with(DpopPolicy::Off, access).refusal(basic).status(), 401);
    }
}

#[test]
fn a_store_failure_is_503_and_not_theft() {
    let response = setup().refusal(with_token("down"));
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[RETRY_AFTER], "7");
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
}

#[test]
fn optional_access_lets_nobody_through_without_a_principal() {
    let mut setup = setup_with(DpopPolicy::Off, Access::Optional);
    let seen = setup.passed(request(&[]));
    assert!(seen.extensions().get::<Arc<Principal>>().is_none());
    assert!(seen.extensions().get::<Arc<ProtectedResource>>().is_some());
    let seen = setup.passed(with_token("good"));
    assert!(seen.extensions().get::<Arc<Principal>>().is_some());
}

#[test]
fn only_a_preflight_passes_unasked() {
    let asks = ("access-control-request-method", &b"POST"[..]);
    let origin = ("origin", &b"https://app.example"[..]);
    let options = |headers: &[(&'static str, &[u8])]| {
        let mut request = request(headers);
        *request.method_mut() = Method::OPTIONS;
        request
    };
    let seen = setup().passed(options(&[asks, origin]));
    assert!(seen.extensions().get::<Arc<Principal>>().is_none());

    for request in [
        options(&[]),
        options(&[asks]),
        options(&[origin]),
        options(&[asks, origin, ("authorization", b"Bearer unknown")]),
        request(&[asks, origin]),
    ] {
        assert_eq!(setup().refusal(request).status(), 401);
    }
}

#[test]
fn rfc8705_3_a_verifier_sees_what_is_known_of_the_connection() {
    let mut setup = setup();
    for (shown, passes) in [(Some(Certificate("ada")), true), (Some(Certificate("eve")), false), (None, false)] {
        let mut request = with_token(CERTIFIED);
        if let Some(certificate) = shown {
            request.extensions_mut().insert(certificate);
        }
        if passes {
            setup.passed(request);
        } else {
            assert_eq!(setup.refusal(request).status(), 401, "{shown:?}");
        }
    }
}

#[test]
fn a_client_that_leaves_during_verification_changes_nothing() {
    let mut setup = setup();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(setup.service.poll_ready(&mut cx).is_ready());
    {
        let future = pin!(setup.service.call(with_token("slow")));
        assert!(poll(future).is_pending());
    }
    assert!(setup.seen.lock().unwrap().is_empty());
    setup.passed(with_token("good"));
}

#[test]
fn the_error_text_says_nothing_about_the_token() {
    let response = setup().refusal(with_token("super-secret-token"));
    assert!(!format!("{response:?}").contains("super-secret"));
    assert_eq!(
        response.body(),
        r#"{"error":"invalid_token","error_description":"the access token is not valid here"}"#
    );
}
