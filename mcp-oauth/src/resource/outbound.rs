//! The way out to an issuer: where it may lead, and how long it may take.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use mcp_transport::{
    auth::Issuer,
    net::{self, Client, Host, Policy, Scheme, Target, Timeouts, Tls, UrlFault},
};
use thiserror::Error;

/// Makes a client for an issuer that the configuration names, which may be anywhere. An exchange takes no longer than `limit`.
pub(super) fn client(tls: Option<Tls>, limit: Duration) -> Result<Client, net::Error> {
    let timeouts = Timeouts::new().connect(limit).head(limit).total(Some(limit));
    let builder = Client::builder(Policy::operator()).timeouts(timeouts);
    match tls {
        Some(tls) => builder.tls(tls).build(),
        None => builder.build(),
    }
}

/// A URL of an issuer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no URL.
    #[error("the URL cannot be used")]
    Url(#[source] UrlFault),
    /// It is plain http, and not both it and its issuer are on this machine.
    #[error("plain http is for an issuer on this machine only; use https")]
    Insecure,
}

/// A URL of `issuer`: https; or http on loopback, for an issuer that is there too. What would go over the wire in plain could
/// be changed on its way, keys and verdicts alike.
pub(super) fn endpoint(issuer: &Issuer, url: &str) -> Result<Target, EndpointError> {
    let target = Target::parse(url).map_err(EndpointError::Url)?;
    let issuer = Target::parse(issuer.as_str()).map_err(EndpointError::Url)?;
    let near = |target: &Target| match target.host() {
        Host::Address(address) => address.is_loopback(),
        Host::Name(name) => name == "localhost",
    };
    match target.scheme() {
        Scheme::Https => Ok(target),
        Scheme::Http if near(&target) && issuer.scheme() == Scheme::Http => Ok(target),
        Scheme::Http => Err(EndpointError::Insecure),
    }
}

/// What a server answered with 200. Its text goes nowhere but into our readers.
pub(super) struct Answer {
    pub(super) body: Bytes,
    pub(super) max_age: Option<Duration>,
}

/// Why there is no answer. For the log.
#[derive(Debug, Error)]
pub(super) enum NoAnswer {
    #[error("the request failed")]
    Request(#[from] net::Error),
    #[error("the server answered with status {0}")]
    Status(StatusCode),
}

/// Sends a request and reads the answer, which has to be 200 and no longer than `limit`.
pub(super) async fn ask(client: &Client, request: Request<Bytes>, limit: usize) -> Result<Answer, NoAnswer> {
    let response = client.fetch(request, limit).await?;
    if response.status() != StatusCode::OK {
        return Err(NoAnswer::Status(response.status()));
    }
    let max_age = max_age(response.headers());
    Ok(Answer { body: response.into_body(), max_age })
}

/// For how long an answer may be kept (RFC 9111 section 5.2.2). Whoever forbids it gets the least that we keep anything.
fn max_age(headers: &http::HeaderMap) -> Option<Duration> {
    let values = headers.get_all(http::header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut found = None;
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            found = value.trim_matches('"').parse().ok().map(Duration::from_secs).or(found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let of = |issuer: &str, url: &str| endpoint(&Issuer::parse(issuer).unwrap(), url).map(|_| ());
        assert_eq!(of("https://as.example", "https://keys.example/jwks"), Ok(()));
        assert_eq!(of("http://localhost:1", "http://127.0.0.1:2/jwks"), Ok(()));
        assert_eq!(of("http://127.0.0.1:1", "https://keys.example/jwks"), Ok(()));
        for (issuer, url) in [
            ("https://as.example", "http://as.example/jwks"),
            ("https://as.example", "http://127.0.0.1/jwks"),
            ("http://localhost:1", "http://as.example/jwks"),
            ("http://localhost:1", "http://192.168.0.1/jwks"),
        ] {
            assert_eq!(of(issuer, url), Err(EndpointError::Insecure), "{issuer} {url}");
        }
        for url in ["file:///etc/passwd", "jwks", "", "https://u:p@as.example/", "javascript:0"] {
            assert!(matches!(of("https://as.example", url), Err(EndpointError::Url(_))), "{url}");
        }
    }

    #[test]
    fn cache_control_is_read() {
        let of = |values: &[&str]| {
            let mut headers = http::HeaderMap::new();
            for value in values {
                headers.append("cache-control", value.parse().unwrap());
            }
            max_age(&headers).map(|age| age.as_secs())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["public, Max-Age=120, immutable"]), Some(120));
        assert_eq!(of(&["public", "max-age=\"7\""]), Some(7));
        assert_eq!(of(&["max-age=300, no-store"]), Some(0));
        assert_eq!(of(&["no-cache"]), Some(0));
        for junk in ["max-age", "max-age=", "max-age=-1", "max-age=x", "x=max-age", "max-age=99999999999999999999"] {
            assert_eq!(of(&[junk]), None, "{junk}");
        }
    }
}
