//! What every page is sent with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use mcp_transport::auth::Issuer;

use super::Pages;
use crate::types::Digest;

/// What the pages may load (Content Security Policy Level 3): nothing, but for what is said here.
///
/// Scripts cannot be admitted. There is no `form-action` either: Chrome holds every redirect after the form is sent to
/// it, so that the way back to the client would end in a silent error (`form-action 'self'`), or would have to be open
/// to every client there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentPolicy {
    styles: Vec<Digest>,
    own_images: bool,
}

impl ContentPolicy {
    /// Nothing is loaded.
    #[must_use]
    pub fn strict() -> Self {
        Self::default()
    }

    /// A `style` element of exactly this text is in effect. Line ends are `\n`, as browsers read them.
    #[must_use]
    pub fn style(mut self, text: &str) -> Self {
        self.styles.push(Digest::sha256(text.as_bytes()));
        self
    }

    /// Images of this server are loaded. Never those of others: they would learn who signs in, and when.
    #[must_use]
    pub const fn own_images(mut self) -> Self {
        self.own_images = true;
        self
    }
}

impl fmt::Display for ContentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("default-src 'none'; ")?;
        if !self.styles.is_empty() {
            f.write_str("style-src")?;
            for digest in &self.styles {
                write!(f, " 'sha256-{}'", STANDARD.encode(digest.as_bytes()))?;
            }
            f.write_str("; ")?;
        }
        if self.own_images {
            f.write_str("img-src 'self'; ")?;
        }
        f.write_str("base-uri 'none'; frame-ancestors 'none'")
    }
}

/// The headers of the pages of one server, made once.
///
/// There is no `Cross-Origin-Opener-Policy`: clients that open the page in a window of their own wait for it, and would
/// find it gone.
///
/// `Referrer-Policy: no-referrer` has browsers send the forms of these pages with `Origin: null` (Fetch Standard,
/// "append a request `Origin` header"). Whoever judges a form goes by `Sec-Fetch-Site` and by a hidden field.
#[derive(Clone, Debug)]
pub struct PageHeaders(HeaderMap);

impl PageHeaders {
    /// The headers of these pages, as a server of this issuer sends them.
    #[must_use]
    pub fn new(pages: &dyn Pages, issuer: &Issuer) -> Self {
        let mut headers = HeaderMap::new();
        let fixed: [(HeaderName, &'static str); 7] = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // For browsers that do not know `frame-ancestors`.
            (header::X_FRAME_OPTIONS, "DENY"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("x-robots-tag"), "noindex"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // It is ASCII, and so a value. Were it not, nothing at all would be loaded.
        let policy = HeaderValue::try_from(pages.policy().to_string());
        let strictest = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(strictest));
        if issuer.as_str().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
            // RFC 6797 section 7.2: not over plain HTTP. Neighbours on sub-domains are not ours to bind.
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        Self(headers)
    }

    /// Puts them into those of an answer.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name, value.clone());
        }
    }

    /// An answer that is a page.
    #[must_use]
    pub fn page(&self, status: StatusCode, html: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(html));
        *response.status_mut() = status;
        self.apply(response.headers_mut());
        response
    }

    /// An answer to a form that sends the browser elsewhere: 303, after which nothing of the form is sent again (RFC
    /// 9700 section 4.12). `None` for what cannot stand in a header.
    #[must_use]
    pub fn see_other(&self, location: &str) -> Option<Response<Bytes>> {
        // RFC 9110 section 10.2.2: a URI reference, which is ASCII. A header could hold more.
        let location = HeaderValue::from_str(location).ok().filter(|_| location.is_ascii())?;
        let mut response = self.page(StatusCode::SEE_OTHER, String::new());
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().insert(header::LOCATION, location);
        Some(response)
    }
}
