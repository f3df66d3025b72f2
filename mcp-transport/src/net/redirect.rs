//! Where a redirect leads, and what goes along (RFC 9110 section 15.4).

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::error::{Error, Kind};
use super::target::{Scheme, Target};

/// Whether redirects are followed.
///
/// Each hop is judged by the policy of the client like the first one. `Authorization`, `Cookie`, `Proxy-Authorization` and
/// every value marked as sensitive stay behind when the origin changes. Never followed, but an error: from https to http,
/// and a body to another origin, since there may be secrets in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirects {
    /// The redirect is the response.
    #[default]
    Never,
    /// Followed, so many times at most; one more is an error.
    Follow {
        /// How many.
        max: u8,
    },
}

/// One request on its way.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Fields that describe a body, and go with it (RFC 9110 section 8).
const OF_BODY: [HeaderName; 6] = [
    http::header::CONTENT_TYPE,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_LANGUAGE,
    http::header::CONTENT_LOCATION,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("digest"),
];

impl Hop {
    /// The next request, if the answer to this one is a redirect.
    pub(super) fn next(&self, status: StatusCode, answer: &HeaderMap) -> Result<Option<Self>, Error> {
        let see_other = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return Ok(None),
        };
        let Some(location) = answer.get(LOCATION) else {
            return Ok(None);
        };
        let location = location.to_str().map_err(|cause| Error::new(Kind::Redirect, cause))?;
        let target = self.target.join(location).map_err(|cause| Error::new(Kind::Redirect, cause))?;
        if self.target.scheme() == Scheme::Https && target.scheme() == Scheme::Http {
            return Err(Error::new(Kind::Redirect, "the redirect leads from https to http"));
        }
        let mut next = Self { target, ..self.clone() };
        if see_other {
            // RFC 9110 15.4.2-15.4.4: what was asked for lies there, to be fetched.
            next.method = Method::GET;
            next.body = Bytes::new();
            for name in &OF_BODY {
                next.headers.remove(name);
            }
        }
        if !next.target.same_origin(&self.target) {
            if !next.body.is_empty() {
                return Err(Error::new(Kind::Redirect, "the redirect takes a body to another origin"));
            }
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                next.headers.remove(name);
            }
            let secret: Vec<HeaderName> =
                next.headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
            for name in secret {
                next.headers.remove(name);
            }
        }
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn hop(method: Method, url: &str, body: &'static [u8]) -> Hop {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        headers.insert(COOKIE, HeaderValue::from_static("a=b"));
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        let mut key = HeaderValue::from_static("k");
        key.set_sensitive(true);
        headers.insert("x-api-key", key);
        Hop { method, target: Target::parse(url).unwrap(), headers, body: Bytes::from_static(body) }
    }

    fn follow(hop: &Hop, status: u16, location: &str) -> Result<Option<Hop>, Error> {
        let mut answer = HeaderMap::new();
        answer.insert(LOCATION, HeaderValue::try_from(location).unwrap());
        hop.next(StatusCode::from_u16(status).unwrap(), &answer)
    }

    // RFC 9110 15.4.2, 15.4.3: a user agent MAY change POST to GET; 15.4.4: GET or HEAD; 15.4.8, 15.4.9: MUST NOT change.
    #[test]
    fn methods_change_as_rfc_9110_says() {
        for (method, status, expected) in [
            (Method::GET, 301, Method::GET),
            (Method::POST, 301, Method::GET),
            (Method::POST, 302, Method::GET),
            (Method::PUT, 302, Method::PUT),
            (Method::HEAD, 302, Method::HEAD),
            (Method::POST, 303, Method::GET),
            (Method::PUT, 303, Method::GET),
            (Method::HEAD, 303, Method::HEAD),
            (Method::POST, 307, Method::POST),
            (Method::POST, 308, Method::POST),
            (Method::DELETE, 308, Method::DELETE),
        ] {
            let before = hop(method.clone(), "https://a.example/x/y", b"body");
            let next = follow(&before, status, "z").unwrap().unwrap();
            assert_eq!(next.method, expected, "{method} {status}");
            assert_eq!(next.target.as_str(), "https://a.example/x/z");
            let kept = !(next.method == Method::GET && method != Method::GET);
            assert_eq!(next.body.is_empty(), !kept);
            assert_eq!(next.headers.contains_key("content-type"), kept);
            assert!(next.headers.contains_key(AUTHORIZATION) && next.headers.contains_key("x-api-key"));
        }
        for status in [200, 300, 304, 305, 306, 400] {
            assert!(follow(&hop(Method::GET, "https://a.example/", b""), status, "/x").unwrap().is_none());
        }
        assert!(
            hop(Method::GET, "https://a.example/", b"").next(StatusCode::FOUND, &HeaderMap::new()).unwrap().is_none()
        );
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let before = hop(Method::GET, "https://a.example/", b"");
        for (location, same) in [
            ("/x", true),
            ("https://A.example:443/x", true),
            ("https://b.example/", false),
            ("https://x.a.example/", false),
            ("https://a.example:444/", false),
            ("//b.example", false),
        ] {
            let next = follow(&before, 302, location).unwrap().unwrap();
            for name in ["authorization", "cookie", "x-api-key"] {
                assert_eq!(next.headers.contains_key(name), same, "{name} {location}");
            }
            assert!(next.headers.contains_key("accept"));
        }
        // From http to https on the same host is another origin too.
        let next = follow(&hop(Method::GET, "http://a.example/", b""), 301, "https://a.example/").unwrap().unwrap();
        assert!(!next.headers.contains_key(AUTHORIZATION));
    }

    #[test]
    fn attack_088_downgrade_and_strange_places_are_not_followed() {
        let get = hop(Method::GET, "https://a.example/", b"");
        for location in [
            "http://a.example/",
            "http://127.0.0.1/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://u:p@b.example/",
            "https://b.example\\@c.example/",
            "https:/b.example",
            "//",
        ] {
            assert!(follow(&get, 302, location).unwrap_err().is_redirect(), "{location}");
        }
        let post = hop(Method::POST, "https://a.example/", b"client_secret=x");
        assert!(follow(&post, 307, "https://b.example/").unwrap_err().is_redirect());
        assert!(follow(&post, 308, "https://a.example/y").unwrap().is_some());
        assert!(follow(&post, 303, "https://b.example/").unwrap().unwrap().body.is_empty());
    }
}
