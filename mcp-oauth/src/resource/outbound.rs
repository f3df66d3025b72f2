//! The way out to an issuer: where it may lead, and how long it may take.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use mcp_transport::auth::Issuer;
use mcp_transport::net::{self, Client, Host, Policy, Response, Scheme, Target, Timeouts, Tls, UrlFault};
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

/// Why there is no answer. For the log.
#[derive(Debug, Error)]
pub(super) enum NoAnswer {
    #[error("the request failed")]
    Request(#[from] net::Error),
    #[error("the server answered with status {0}")]
    Status(StatusCode),
}

/// Sends a request and reads the answer, which has to be 200 and no longer than `limit`. Its text goes nowhere but into our
/// readers.
pub(super) async fn ask(client: &Client, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, NoAnswer> {
    let response = client.fetch(request, limit).await?;
    match response.status() {
        StatusCode::OK => Ok(response),
        other => Err(NoAnswer::Status(other)),
    }
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
}
