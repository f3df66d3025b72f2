//! The only way to send a browser to a client.

use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use mcp_transport::auth::Issuer;

use crate::server::error::OAuthError;
use crate::server::http::{Answer, empty};
use crate::types::RedirectUri;
use crate::types::token::AuthorizationCode;

/// A redirect URI that the client has registered, with what goes back with every answer.
///
/// Only [`Asked::judge`](super::Asked::judge) makes one, after it has compared the URI with the registration. So no
/// error can be sent to a place that nobody has vouched for.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    uri: RedirectUri,
    /// Whether the request left it out, and the registered one is meant.
    implied: bool,
    state: Option<String>,
    issuer: Issuer,
}

impl Redirect {
    /// Vouches for a URI: for the module that compares it with the registration.
    pub(super) const fn vouched(uri: RedirectUri, state: Option<String>, issuer: Issuer) -> Self {
        Self { uri, implied: false, state, issuer }
    }

    /// The same where the request named none.
    pub(super) const fn implied(mut self, implied: bool) -> Self {
        self.implied = implied;
        self
    }

    /// Whether the request named none.
    pub(crate) const fn is_implied(&self) -> bool {
        self.implied
    }

    /// The URI.
    pub(crate) const fn uri(&self) -> &RedirectUri {
        &self.uri
    }

    /// Sends the code (RFC 6749 section 4.1.2).
    pub(crate) fn code(&self, code: &AuthorizationCode) -> Answer {
        self.answer(&[("code", code.expose())])
    }

    /// Sends an error (RFC 6749 section 4.1.2.1).
    pub(crate) fn error(&self, error: &OAuthError) -> Answer {
        self.answer(&[("error", error.code().as_str()), ("error_description", &error.told())])
    }

    fn answer(&self, parameters: &[(&str, &str)]) -> Answer {
        let state = self.state.as_deref().map(|state| ("state", state));
        // RFC 9207 section 2: in every answer, errors too.
        let issuer = ("iss", self.issuer.as_str());
        let url = self.uri.with_query(parameters.iter().copied().chain(state).chain([issuer]));
        // RFC 9700 section 4.12: 303, so that no browser sends a form on to the client.
        let mut answer = empty(StatusCode::SEE_OTHER);
        let headers = answer.headers_mut();
        // Everything in it is percent-encoded or was judged to hold only the characters of a URI.
        headers.insert(LOCATION, HeaderValue::from_str(&url).unwrap_or(HeaderValue::from_static("about:blank")));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::error::ErrorCode;

    fn location(state: Option<&str>) -> String {
        let redirect = Redirect::vouched(
            "https://c.example/cb?x=1".parse().unwrap(),
            state.map(str::to_owned),
            Issuer::parse("https://as.example").unwrap(),
        );
        let answer = redirect.error(&OAuthError::new(ErrorCode::AccessDenied, "no"));
        assert_eq!(answer.status(), 303);
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn attack_012_every_answer_says_who_it_is_from() {
        let url = location(Some("s"));
        assert_eq!(
            url,
            "https://c.example/cb?x=1&error=access_denied&error_description=no&state=s&iss=https%3A%2F%2Fas.example"
        );
        assert_eq!(url.matches("iss=").count(), 1);
    }

    #[test]
    fn attack_013_a_state_is_echoed_once_and_splits_nothing() {
        assert!(!location(None).contains("state="));
        let url = location(Some("a\r\nSet-Cookie: x&code=evil#f&iss=https://evil"));
        assert_eq!((url.matches("&code=").count(), url.matches("&iss=").count(), url.contains('\n')), (0, 1, false));
    }
}
