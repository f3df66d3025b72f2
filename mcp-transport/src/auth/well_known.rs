//! The service of the public documents (RFC 9728 section 3).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use thiserror::Error;
use tower_service::Service;

use super::body::OnceBody;
use super::identifier::ResourceId;
use super::metadata::{ResourceMetadata, WELL_KNOWN};
use super::resource::ProtectedResource;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Serves the documents of any number of resources. Mount it at the root, outside the guard.
///
/// Each document is at the well-known path with the resource's path behind it (with and without a
/// slash at the end, if no other resource is there). The bare well-known path answers with the
/// resource that has no path; else with the [default](Self::default_resource); else, of a single
/// resource, with that one. What is served was prepared from configuration: no header of the
/// request has a part in it. Documents are for everybody, so any origin may read them.
///
/// Resources are told apart by path alone, because `Host` is not to be believed: two resources on
/// different hosts with one path need two services.
///
/// ```
/// use std::sync::Arc;
/// use mcp_transport::auth::{Issuer, ProtectedResource, ResourceId, WellKnown};
/// use tower_service::Service as _;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let resource = ProtectedResource::builder(ResourceId::parse("https://mcp.example/mcp")?)
///     .authorization_server(Issuer::parse("https://auth.example")?)
///     .build()?;
/// let mut documents = WellKnown::new([Arc::new(resource)])?;
/// let request = http::Request::get("/.well-known/oauth-protected-resource/mcp").body(())?;
/// assert!(WellKnown::owns(request.uri()));
/// let Ok(answer) = documents.call(request).await;
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WellKnown {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    /// By path and query, as they follow the host.
    documents: BTreeMap<String, Bytes>,
    resources: Vec<Arc<ProtectedResource>>,
    cache_control: HeaderValue,
}

/// Why documents cannot be served together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WellKnownError {
    /// Two resources would answer at one path.
    #[error("{first} and {second} have their metadata at the same path")]
    SamePath {
        /// One of them.
        first: ResourceId,
        /// The other.
        second: ResourceId,
    },
    /// The default is not one of the resources.
    #[error("the default {id} is not one of the resources")]
    UnknownDefault {
        /// The resource that was named.
        id: ResourceId,
    },
}

impl WellKnown {
    /// The documents of these resources, cached by clients for five minutes.
    ///
    /// # Errors
    ///
    /// When two of them share a path.
    pub fn new(resources: impl IntoIterator<Item = Arc<ProtectedResource>>) -> Result<Self, WellKnownError> {
        let resources: Vec<_> = resources.into_iter().collect();
        let mut exact: BTreeMap<String, &Arc<ProtectedResource>> = BTreeMap::new();
        for resource in &resources {
            let path = ResourceMetadata::path_of(resource.id());
            if let Some(earlier) = exact.insert(path, resource) {
                return Err(WellKnownError::SamePath { first: earlier.id().clone(), second: resource.id().clone() });
            }
        }
        let mut documents: BTreeMap<String, Bytes> =
            exact.iter().map(|(path, resource)| (path.clone(), resource.metadata_json().clone())).collect();
        for (path, resource) in &exact {
            // Clients differ in whether they take the slash off before they insert.
            if !path.contains('?') {
                let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
                // Never at the bare path: that has rules of its own.
                documents.entry(other).or_insert_with(|| resource.metadata_json().clone());
            }
        }
        if let [only] = resources.as_slice() {
            serve_at_root(&mut documents, only);
        }
        Ok(Self {
            shared: Arc::new(Shared { documents, resources, cache_control: cache_control(Duration::from_secs(300)) }),
        })
    }

    /// Names the resource that the bare well-known path answers with, unless a resource without a
    /// path is there.
    ///
    /// # Errors
    ///
    /// When it is not one of the resources.
    pub fn default_resource(mut self, id: &ResourceId) -> Result<Self, WellKnownError> {
        let shared = Arc::make_mut(&mut self.shared);
        let Some(resource) = shared.resources.iter().find(|known| known.id() == id) else {
            return Err(WellKnownError::UnknownDefault { id: id.clone() });
        };
        serve_at_root(&mut shared.documents, resource);
        Ok(self)
    }

    /// How long clients may keep a document. Whole seconds count.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        Arc::make_mut(&mut self.shared).cache_control = cache_control(max_age);
        self
    }

    /// Whether a router should send this target here: everything under the well-known path,
    /// served or not.
    #[must_use]
    pub fn owns(uri: &Uri) -> bool {
        uri.path().strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<OnceBody> {
        let mut response = match self.shared.find(request.uri()) {
            None => status_only(StatusCode::NOT_FOUND),
            Some(document) => match *request.method() {
                Method::GET => self.shared.document(document, document.clone()),
                // RFC 9110 section 9.3.2: the header section of GET, without the content.
                Method::HEAD => self.shared.document(document, Bytes::new()),
                Method::OPTIONS => options(),
                _ => {
                    let mut response = status_only(StatusCode::METHOD_NOT_ALLOWED);
                    response.headers_mut().insert(ALLOW, METHODS);
                    response
                }
            },
        };
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        response
    }
}

impl Shared {
    fn find(&self, uri: &Uri) -> Option<&Bytes> {
        // A query may be part of an identifier; otherwise it means nothing here.
        let whole = uri.path_and_query().map_or("", |target| target.as_str());
        self.documents.get(whole).or_else(|| self.documents.get(uri.path()))
    }

    fn document(&self, document: &Bytes, body: Bytes) -> Response<OnceBody> {
        let mut response = Response::new(OnceBody::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, document.len().into());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        response
    }
}

fn serve_at_root(documents: &mut BTreeMap<String, Bytes>, resource: &ProtectedResource) {
    let bare = format!("{WELL_KNOWN}/");
    documents.entry(WELL_KNOWN.to_owned()).or_insert_with(|| resource.metadata_json().clone());
    documents.entry(bare).or_insert_with(|| resource.metadata_json().clone());
}

/// Preflights of pages whose MCP client adds headers of its own, such as `MCP-Protocol-Version`.
fn options() -> Response<OnceBody> {
    let mut response = status_only(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ANY);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn status_only(status: StatusCode) -> Response<OnceBody> {
    let mut response = Response::new(OnceBody::default());
    *response.status_mut() = status;
    response
}

fn cache_control(max_age: Duration) -> HeaderValue {
    // Digits and letters are always a header value.
    HeaderValue::try_from(format!("public, max-age={}", max_age.as_secs()))
        .unwrap_or_else(|_| HeaderValue::from_static("no-cache"))
}

impl<B> Service<Request<B>> for WellKnown {
    type Response = Response<OnceBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<OnceBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

#[cfg(test)]
mod tests;
