//! Which hosts and which origins may speak to an MCP endpoint, and CORS from the same list.
//!
//! A page on the web can point a name of its own at 127.0.0.1 and so reach a server on the reader's machine
//! (DNS rebinding). Two header fields that scripts cannot forge tell such a request apart: `Host` still names
//! the page's host, and `Origin` names the page. Hence the specification: "Servers MUST validate the `Origin`
//! header on all incoming connections", and 403 if it is not valid (transports, "Security & Endpoint").
//!
//! [`AccessPolicy`] judges both. The MCP service always asks it; [`CorsLayer`] may stand outside the guard in
//! addition, so that a browser's preflight request, which carries no token, is answered, and that nobody is asked for a
//! token who may not speak to us at all.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Uri};
//! use mcp_transport::http::origin::{AccessPolicy, HostPolicy, OriginPolicy, Refused};
//!
//! let policy = AccessPolicy::new(
//!     HostPolicy::loopback().allow("mcp.example.com")?,
//!     OriginPolicy::loopback().allow("https://app.example.com")?,
//! );
//! let mut headers = HeaderMap::new();
//! headers.insert("host", HeaderValue::from_static("mcp.example.com"));
//! headers.insert("origin", HeaderValue::from_static("https://app.example.com"));
//! assert!(policy.check(&Uri::from_static("/mcp"), &headers).is_ok());
//! headers.insert("origin", HeaderValue::from_static("https://evil.test"));
//! assert_eq!(policy.check(&Uri::from_static("/mcp"), &headers).unwrap_err(), Refused::Origin);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authority;
mod cors;
pub mod danger;
mod local;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{StatusCode, Uri};

use self::authority::{Authority, WebOrigin};
pub use self::cors::{Cors, CorsFuture, CorsLayer};
pub use self::local::is_local;
use super::headers::{Field, one};
use crate::auth::ResourceId;

/// An entry for an allow-list that is not a host or not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEntry {
    /// Not `host` or `host:port`; IPv6 addresses stand in brackets. Wildcards and paths are not allowed.
    #[error("{0:?} is not a host: write it as name, name:port, 192.0.2.1 or [2001:db8::1]:port")]
    Host(String),
    /// Not `scheme://host` or `scheme://host:port`, and not `null`.
    #[error("{0:?} is not an origin: write it as https://host or https://host:port, without a path")]
    Origin(String),
}

/// The values of `Host` (`:authority` in HTTP/2) that are served.
#[derive(Debug, Clone, Default)]
pub struct HostPolicy {
    any: bool,
    allowed: Vec<Authority<'static>>,
}

impl HostPolicy {
    /// Loopback names and addresses, at any port: `localhost`, `*.localhost`, `127.0.0.0/8`, `[::1]`.
    /// The default.
    #[must_use]
    pub fn loopback() -> Self {
        Self::default()
    }

    /// Adds a host, compared without regard to case. Without a port it is served at any port. With one, at
    /// that port only; a request that names no port counts as both 80 and 443, since a proxy in front may
    /// have spoken either scheme.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry::Host`] if the text is not a host with an optional port.
    pub fn allow(mut self, host: &str) -> Result<Self, InvalidEntry> {
        let entry = Authority::parse(host.as_bytes()).ok_or_else(|| InvalidEntry::Host(host.to_owned()))?;
        self.allowed.push(entry.into_owned());
        Ok(self)
    }

    /// Adds the host of a resource: the one that clients name who use its public URL.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry::Host`] if its host is none that a request may name, such as `%6dcp.example.com`.
    pub fn allow_resource(self, resource: &ResourceId) -> Result<Self, InvalidEntry> {
        let origin = resource.origin();
        self.allow(origin.split_once("://").map_or(origin, |(_, authority)| authority))
    }

    fn admits(&self, asked: &Authority<'_>) -> bool {
        self.any || asked.host.is_loopback() || self.allowed.iter().any(|entry| entry.covers(asked))
    }
}

/// The values of `Origin` that are served, which are also the origins that CORS lets read the answers.
#[derive(Debug, Clone)]
pub struct OriginPolicy {
    any: bool,
    loopback: bool,
    null: bool,
    allowed: Vec<WebOrigin<'static>>,
}

impl Default for OriginPolicy {
    fn default() -> Self {
        Self::loopback()
    }
}

impl OriginPolicy {
    /// http and https origins on loopback, and these only while the request's host is loopback too.
    /// The default. It lets local tools (an inspector on another port) reach a local server.
    #[must_use]
    pub fn loopback() -> Self {
        Self { loopback: true, ..Self::listed_only() }
    }

    /// No origin but those that [`OriginPolicy::allow`] adds, not even one on loopback.
    #[must_use]
    pub const fn listed_only() -> Self {
        Self { any: false, loopback: false, null: false, allowed: Vec::new() }
    }

    /// Adds an origin such as `https://app.example.com` or `http://localhost:5173`. The port of http and
    /// https may be left out if it is the usual one. Extensions (`chrome-extension://..`) are written in full.
    /// `null` stands for every page without an origin (a sandboxed frame, a file), whoever wrote it.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry::Origin`] if the text is not an origin as browsers write it.
    pub fn allow(mut self, origin: &str) -> Result<Self, InvalidEntry> {
        if origin == "null" {
            self.null = true;
            return Ok(self);
        }
        let entry = WebOrigin::parse(origin.as_bytes()).ok_or_else(|| InvalidEntry::Origin(origin.to_owned()))?;
        self.allowed.push(entry.into_owned());
        Ok(self)
    }

    fn admits(&self, value: &[u8], host_is_loopback: bool) -> bool {
        if self.any {
            return true;
        }
        if value == b"null" {
            return self.null;
        }
        let Some(origin) = WebOrigin::parse(value) else {
            return false;
        };
        (self.loopback && host_is_loopback && origin.is_web() && origin.authority.host.is_loopback())
            || self.allowed.contains(&origin)
    }
}

/// Which requests are served, judged by `Host` and `Origin`. Strict unless told otherwise; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct AccessPolicy {
    // Shared, because the service and the layer in front of it hold the same one.
    inner: Arc<Policies>,
}

#[derive(Debug, Default)]
struct Policies {
    hosts: HostPolicy,
    origins: OriginPolicy,
    /// The first host that was served, as it was written, and whether it is loopback. Nearly all requests name the same
    /// one, and it need not be read each time.
    served: OnceLock<(Box<[u8]>, bool)>,
}

/// What is said to whoever is not served. The reason is for the log: it would tell a stranger what is on the list.
pub(in crate::http) const NOT_SERVED: &str = "this host or origin is not served";

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The request names no host.
    #[error("the request names no host")]
    HostMissing,
    /// `Host` stands more than once, or is not a host with an optional port.
    #[error("the request's host is malformed or stands more than once")]
    HostMalformed,
    /// The host is neither loopback nor on the allow-list.
    #[error("the request's host is not on the allow-list")]
    Host,
    /// `Origin` stands more than once, is malformed, or is not on the allow-list.
    #[error("the request's origin is not on the allow-list")]
    Origin,
}

impl Refused {
    /// 400 for a request that is wrong in itself (RFC 9112 section 3.2), else 403.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::HostMissing | Self::HostMalformed => StatusCode::BAD_REQUEST,
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
        }
    }
}

/// Proof that a request's host and origin were judged and are served.
///
/// Not `Clone`: it stands for one request.
#[derive(Debug)]
#[must_use = "the answer needs its CORS headers"]
pub struct Admitted {
    origin: Option<HeaderValue>,
}

impl AccessPolicy {
    /// A policy of both parts.
    #[must_use]
    pub fn new(hosts: HostPolicy, origins: OriginPolicy) -> Self {
        Self { inner: Arc::new(Policies { hosts, origins, served: OnceLock::new() }) }
    }

    /// The policy of an endpoint with this public URL: its host is served beside loopback, to pages on loopback alone.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, Uri};
    /// use mcp_transport::auth::ResourceId;
    /// use mcp_transport::http::origin::AccessPolicy;
    ///
    /// let policy = AccessPolicy::for_resource(&ResourceId::parse("https://mcp.example.com/mcp")?)?;
    /// let host = |name| HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static(name))]);
    /// assert!(policy.check(&Uri::from_static("/mcp"), &host("mcp.example.com")).is_ok());
    /// assert!(policy.check(&Uri::from_static("/mcp"), &host("evil.test")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`HostPolicy::allow_resource`].
    pub fn for_resource(resource: &ResourceId) -> Result<Self, InvalidEntry> {
        Ok(Self::new(HostPolicy::loopback().allow_resource(resource)?, OriginPolicy::default()))
    }

    /// Judges a request by its target and header fields.
    ///
    /// HTTP/2 carries the host in the target, HTTP/1.1 in `Host`; where both are there, both must be served.
    /// A loopback host without `Origin` is judged without an allocation.
    ///
    /// # Errors
    ///
    /// [`Refused`], whose [`status`](Refused::status) is the answer's.
    pub fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<Admitted, Refused> {
        let field = |name| match one(headers, name) {
            Ok(None) => Field::Missing,
            Ok(Some(value)) => Field::Once(value),
            Err(_) => Field::Again,
        };
        self.judge(target, field(&HOST), field(&ORIGIN))
    }

    /// [`check`](Self::check), where the fields have been found already.
    pub(super) fn judge(&self, target: &Uri, host: Field<'_>, origin: Field<'_>) -> Result<Admitted, Refused> {
        let field = host.one().map_err(|_| Refused::HostMalformed)?;
        let target = target.authority().map(|authority| authority.as_str().as_bytes());
        let host_is_loopback = match (target, field) {
            (None, None) => return Err(Refused::HostMissing),
            (Some(target), None) => self.host(target)?,
            (None, Some(field)) => self.host(field.as_bytes())?,
            // RFC 9113 8.3.1 and RFC 9112 3.2.2 differ in which one wins, so neither may name a host we refuse.
            (Some(target), Some(field)) => self.host(target)? & self.host(field.as_bytes())?,
        };
        let Some(origin) = origin.one().map_err(|_| Refused::Origin)? else {
            return Ok(Admitted { origin: None });
        };
        if self.inner.origins.admits(origin.as_bytes(), host_is_loopback) {
            Ok(Admitted { origin: Some(origin.clone()) })
        } else {
            Err(Refused::Origin)
        }
    }

    /// What has been opened up, one plain sentence each, for the log at start. Nothing by default.
    pub fn openings(&self) -> impl Iterator<Item = &'static str> + use<> {
        let hosts = self.inner.hosts.any.then_some("requests are served whatever host they name");
        let any = self.inner.origins.any.then_some("any web page may send requests and read the answers");
        let null = self.inner.origins.null.then_some("pages without an origin may send requests and read the answers");
        [hosts, any, null].into_iter().flatten()
    }

    /// Whether the host is loopback, if it is served.
    fn host(&self, text: &[u8]) -> Result<bool, Refused> {
        if let Some((served, is_loopback)) = self.inner.served.get()
            && **served == *text
        {
            return Ok(*is_loopback);
        }
        let authority = Authority::parse(text).ok_or(Refused::HostMalformed)?;
        if !self.inner.hosts.admits(&authority) {
            return Err(Refused::Host);
        }
        let is_loopback = authority.host.is_loopback();
        self.inner.served.get_or_init(|| (text.into(), is_loopback));
        Ok(is_loopback)
    }
}
