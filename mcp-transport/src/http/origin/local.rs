//! Requests of this machine itself.

use http::header::{FORWARDED, HeaderMap, VIA};
use http::{HeaderName, Uri};

use super::AccessPolicy;

/// What proxies say of where a request came from, besides `X-Forwarded-*`.
const SAID_BY_PROXIES: [HeaderName; 3] = [FORWARDED, VIA, HeaderName::from_static("x-real-ip")];

/// Whether a request that came in on a loopback address was made on this machine, as far as it shows: it names a loopback
/// host and no foreign origin, and no proxy has handed it on.
///
/// For what is told to nobody else, such as counters. The address that a connection comes from does not tell: behind a
/// reverse proxy on this machine everybody has the proxy's, and a page on the web reaches loopback through the browser of
/// whoever reads it (DNS rebinding). A proxy that says nothing of itself and names a loopback host is not found out: there,
/// listen on an address that it does not lead to.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Uri};
/// use mcp_transport::http::origin::is_local;
///
/// let target = Uri::from_static("/metrics");
/// let mut headers = HeaderMap::new();
/// headers.insert("host", HeaderValue::from_static("127.0.0.1:8000"));
/// assert!(is_local(&target, &headers));
/// headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9"));
/// assert!(!is_local(&target, &headers));
/// ```
#[must_use]
pub fn is_local(target: &Uri, headers: &HeaderMap) -> bool {
    let by_proxy = |name: &HeaderName| name.as_str().starts_with("x-forwarded") || SAID_BY_PROXIES.contains(name);
    !headers.keys().any(by_proxy) && AccessPolicy::default().check(target, headers).is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn local(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        is_local(&Uri::from_static("/metrics"), &map)
    }

    #[test]
    fn whoever_is_not_on_this_machine_is_found_out() {
        for host in ["127.0.0.1:8000", "localhost", "[::1]:1", "metrics.localhost:8000"] {
            assert!(local(&[("host", host)]), "{host}");
        }
        // A name that leads here is not loopback, and a request without a host is nobody's.
        for host in ["evil.test", "127.0.0.1.evil.test", "192.0.2.1", "localhost.", "0.0.0.0:8000", ""] {
            assert!(!local(&[("host", host)]), "{host}");
        }
        assert!(!local(&[]) && !local(&[("host", "localhost"), ("host", "localhost")]));
        for (name, value) in [
            ("forwarded", "for=203.0.113.9"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "203.0.113.9"),
            ("x-forwarded-for", "203.0.113.9"),
            // Loopback is what a client may say of itself.
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded", ""),
            ("origin", "https://evil.test"),
            ("origin", "null"),
        ] {
            assert!(!local(&[("host", "localhost"), (name, value)]), "{name}: {value}");
        }
        assert!(local(&[("host", "localhost"), ("origin", "http://localhost:3000")]));
        let target = Uri::from_static("https://evil.test/metrics");
        assert!(!is_local(
            &target,
            &HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost"))])
        ));
    }
}
