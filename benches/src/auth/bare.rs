//! The baseline of token issuance: hyper, a form, a digest and a signature, and nothing between them.
//!
//! This file is what token issuance is held against, so it changes only with a line in `benches/README.md`.
//!
//! It does what no server can leave out: read the body, read the form, take the secret from the header or from the form,
//! compare its digest in constant time, make an id for the token, sign the claims, and answer with JSON that is not to be
//! stored (RFC 6749 section 5.1). Claims and signature are made by the very code of the server beside it, with the same
//! key. It knows one client by two names, asks no store, sets no limit, takes nothing down, and judges no parameter but
//! those that it uses.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Full};
use hyper::service::{Service, service_fn};
use mcp_oauth::jose::{AccessTokenClaims, SigningKey};
use mcp_oauth::types::{Digest, Secret, random};
use mcp_transport::auth::{ClientId, Issuer, ResourceId, ScopeSet, Subject};
use serde::Serialize;
use url::form_urlencoded;

use super::{BASIC, Credentials, ISSUER, POST, RESOURCE, SCOPE};

/// How long a token lives: what the server beside it has by default.
const LIFETIME: Duration = Duration::from_secs(1800);

/// Who issues tokens, for what, to whom, and signed with which key.
#[derive(Debug)]
pub struct Issuing {
    key: SigningKey,
    issuer: Issuer,
    resource: ResourceId,
    scope: ScopeSet,
    clients: [Known; 2],
}

/// A client that is known.
#[derive(Debug)]
struct Known {
    id: ClientId,
    subject: Subject,
    secret: Digest,
}

/// A successful answer (RFC 6749 section 5.1).
#[derive(Serialize)]
struct Answer<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'a ScopeSet,
}

/// The form of a token request, as far as it is used.
#[derive(Default)]
struct TokenRequest<'a> {
    grant_type: Option<Cow<'a, str>>,
    client_id: Option<Cow<'a, str>>,
    client_secret: Option<Cow<'a, str>>,
    resource: Option<Cow<'a, str>>,
}

/// The bare server as a service.
pub fn service<B>(
    issuing: Issuing,
) -> impl Service<
    Request<B>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send,
> + Clone
+ Send
where
    B: http_body::Body<Data: Send, Error: Send> + Send,
{
    let issuing = Arc::new(issuing);
    service_fn(move |request: Request<B>| {
        let issuing = Arc::clone(&issuing);
        async move { Ok(issuing.respond(request).await) }
    })
}

impl Known {
    fn new(who: Credentials) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let subject = Subject::parse(&format!("client:{}", who.id))?;
        Ok(Self { id: ClientId::parse(who.id)?, subject, secret: Secret::new(who.secret.to_owned()).digest() })
    }
}

impl Issuing {
    /// What the server beside it issues, signed with this key.
    ///
    /// # Errors
    /// If a name is not well-formed, which would be a fault of this package.
    pub fn new(key: SigningKey) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            key,
            issuer: Issuer::parse(ISSUER)?,
            resource: ResourceId::parse(RESOURCE)?,
            scope: SCOPE.parse()?,
            clients: [Known::new(BASIC)?, Known::new(POST)?],
        })
    }

    async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body,
    {
        let (head, body) = request.into_parts();
        if head.uri.path() != "/token" {
            return status(StatusCode::NOT_FOUND);
        }
        if head.method != Method::POST {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Ok(body) = body.collect().await else {
            return status(StatusCode::BAD_REQUEST);
        };
        let body = body.to_bytes();
        let form = TokenRequest::read(&body);
        let Some(client) = self.authenticate(&head, &form) else {
            return status(StatusCode::UNAUTHORIZED);
        };
        let ours = form.resource.as_deref().is_none_or(|named| named == self.resource.as_str());
        if form.grant_type.as_deref() != Some("client_credentials") || !ours {
            return status(StatusCode::BAD_REQUEST);
        }
        self.issue(client).map_or_else(|| status(StatusCode::INTERNAL_SERVER_ERROR), json)
    }

    fn authenticate(&self, head: &request::Parts, form: &TokenRequest<'_>) -> Option<&Known> {
        let (id, secret) = match head.headers.get(AUTHORIZATION) {
            Some(value) => {
                let pair = STANDARD.decode(value.as_bytes().strip_prefix(b"Basic ")?).ok()?;
                let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
                (Cow::Owned(id.to_owned()), Secret::new(secret.to_owned()))
            }
            None => (Cow::Borrowed(form.client_id.as_deref()?), Secret::new(form.client_secret.as_deref()?.to_owned())),
        };
        let client = self.clients.iter().find(|known| known.id.as_str() == id)?;
        secret.digest().matches(&client.secret).then_some(client)
    }

    fn issue(&self, client: &Known) -> Option<Vec<u8>> {
        let mut claims = AccessTokenClaims::new(
            self.issuer.clone(),
            client.subject.clone(),
            self.resource.clone(),
            client.id.clone(),
            URL_SAFE_NO_PAD.encode(random::<16>().ok()?),
            SystemTime::now(),
            LIFETIME,
        );
        claims.scope = self.scope.clone();
        let access_token = claims.sign(&self.key).ok()?;
        let (token_type, expires_in) = ("Bearer", LIFETIME.as_secs());
        serde_json::to_vec(&Answer { access_token, token_type, expires_in, scope: &self.scope }).ok()
    }
}

impl<'a> TokenRequest<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "grant_type" => read.grant_type = Some(value),
                "client_id" => read.client_id = Some(value),
                "client_secret" => read.client_secret = Some(value),
                "resource" => read.resource = Some(value),
                _ => {}
            }
        }
        read
    }
}

fn json(answer: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
