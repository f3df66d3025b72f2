//! Names of parties: issuer, subject, client, resource.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::text::text_newtype;
use super::url::{self, UrlError};

/// An authorization server's issuer identifier (RFC 8414 section 2).
///
/// An `https` URL without query and fragment; plain `http` on loopback. Compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(Arc<str>);

text_newtype!(Issuer, UrlError, check_issuer);

fn check_issuer(text: &str) -> Result<(), UrlError> {
    let split = url::split(text)?;
    if split.path_and_query.contains('?') {
        return Err(UrlError::Query);
    }
    Ok(())
}

/// A protected resource's identifier (RFC 9728 section 1.2, RFC 8707 section 2).
///
/// An `https` URL without fragment; plain `http` on loopback. Kept byte for byte and never written
/// anew: this very text stands in the metadata document and in the audience of tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(Arc<str>);

text_newtype!(ResourceId, UrlError, check_resource);

fn check_resource(text: &str) -> Result<(), UrlError> {
    url::split(text).map(|_| ())
}

impl ResourceId {
    /// Scheme, host and port, as written in the identifier.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.split().origin
    }

    /// What follows the origin, as written: empty, or beginning with `/` or `?`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.split().path_and_query
    }

    /// Whether a peer that wrote `other` means this resource.
    ///
    /// For authorization servers, which should accept upper-case scheme and host (MCP, "Canonical
    /// Server URI"), the slash that URL libraries add to a bare origin, and a default port whether it is
    /// written or not. The audience of a token is compared with `==` instead.
    #[must_use]
    pub fn is_named_by(&self, other: &str) -> bool {
        let Ok(other) = url::split(other) else {
            return false;
        };
        let own = self.split();
        let bare = |path: &str| matches!(path, "" | "/");
        without_default_port(own.origin).eq_ignore_ascii_case(without_default_port(other.origin))
            && (own.path_and_query == other.path_and_query || (bare(own.path_and_query) && bare(other.path_and_query)))
    }

    fn split(&self) -> url::Split<'_> {
        // The constructor judged this text, so the other arm is never taken.
        url::split(&self.0).unwrap_or(url::Split { origin: &self.0, path_and_query: "" })
    }
}

/// RFC 3986 section 6.2.3: `https` without a port is `https` at 443, and `http` at 80.
fn without_default_port(origin: &str) -> &str {
    // The address of a host in brackets ends in one, so what follows the last colon here is a port.
    let is_https = origin.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"));
    origin.strip_suffix(if is_https { ":443" } else { ":80" }).unwrap_or(origin)
}

/// Why a text is not a subject or client identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// Nothing in it.
    #[error("the identifier is empty")]
    Empty,
    /// Too long to be meant seriously.
    #[error("the identifier is too long")]
    Length,
    /// A character outside the grammar.
    #[error("the identifier holds a character that is not allowed")]
    Character,
}

/// Whom a token speaks for, unique within its issuer (RFC 7519 section 4.1.2).
///
/// At most 1024 bytes, without control characters. `Debug` does not show it: a subject is often
/// a person's address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

text_newtype!(Subject, IdentifierError, check_subject);

fn check_subject(text: &str) -> Result<(), IdentifierError> {
    check(text, 1024, |character| !character.is_control())
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

/// The client that a token was issued to (RFC 6749 section 2.2 and appendix A.1).
///
/// Visible ASCII and spaces, at most 2048 bytes: the URL of a client metadata document fits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

text_newtype!(ClientId, IdentifierError, check_client);

fn check_client(text: &str) -> Result<(), IdentifierError> {
    check(text, 2048, |character| matches!(character, ' '..='~'))
}

fn check(text: &str, longest: usize, allowed: fn(char) -> bool) -> Result<(), IdentifierError> {
    if text.is_empty() {
        Err(IdentifierError::Empty)
    } else if text.len() > longest {
        Err(IdentifierError::Length)
    } else if text.chars().all(allowed) {
        Ok(())
    } else {
        Err(IdentifierError::Character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_has_no_query() {
        // RFC 8414 section 2: "no query or fragment components".
        assert_eq!(Issuer::parse("https://as.example/?a=b"), Err(UrlError::Query));
        assert!(Issuer::parse("https://as.example/tenant").is_ok());
    }

    #[test]
    fn resource_is_kept_byte_for_byte() {
        for text in ["https://H.example", "https://h.example/", "HTTPS://h:443/a%2fb/?x=%C3"] {
            assert_eq!(ResourceId::parse(text).unwrap().as_str(), text);
        }
        assert_ne!(ResourceId::parse("https://h").unwrap(), ResourceId::parse("https://h/").unwrap());
    }

    #[test]
    fn resource_is_named_in_either_case_and_with_a_bare_slash() {
        let resource = ResourceId::parse("https://h.example").unwrap();
        assert!(resource.is_named_by("https://h.example/"));
        assert!(resource.is_named_by("HTTPS://H.Example"));
        assert!(resource.is_named_by("https://h.example:443") && resource.is_named_by("HTTPS://h.example:443/"));
        for other in [
            "https://h.example/mcp",
            "https://h.example.evil.test",
            "https://h.example:8443",
            "https://h.example:80",
            "https://h.example:4430",
            "https://h.example#x",
            "h.example",
        ] {
            assert!(!resource.is_named_by(other), "{other}");
        }
        let mcp = ResourceId::parse("https://h.example/mcp").unwrap();
        assert!(!mcp.is_named_by("https://h.example/MCP"));
        assert!(!mcp.is_named_by("https://h.example/mcp/"));
        assert!(!mcp.is_named_by("https://h.example/mcp-other"));
        assert!(mcp.is_named_by("https://h.example:443/mcp") && !mcp.is_named_by("https://h.example/:443/mcp"));
        for (own, other) in [
            ("https://h.example:443/mcp", "https://h.example/mcp"),
            ("http://localhost/mcp", "http://localhost:80/mcp"),
            ("https://[::1]/mcp", "https://[::1]:443/mcp"),
        ] {
            assert!(ResourceId::parse(own).unwrap().is_named_by(other), "{own} {other}");
        }
        let address = ResourceId::parse("https://[2001:db8::443]").unwrap();
        assert!(!address.is_named_by("https://[2001:db8::]") && address.is_named_by("https://[2001:db8::443]:443"));
        assert!(!ResourceId::parse("http://localhost").unwrap().is_named_by("http://localhost:443"));
    }

    #[test]
    fn identifiers_refuse_controls_and_nothing() {
        assert_eq!(Subject::parse(""), Err(IdentifierError::Empty));
        assert_eq!(Subject::parse("a\nb"), Err(IdentifierError::Character));
        assert_eq!(Subject::parse(&"a".repeat(1025)), Err(IdentifierError::Length));
        assert_eq!(ClientId::parse("ä"), Err(IdentifierError::Character));
        assert!(ClientId::parse("https://app.example/client.json").is_ok());
    }

    #[test]
    fn debug_hides_the_subject() {
        let subject = Subject::parse("ada@example.com").unwrap();
        assert!(!format!("{subject:?}").contains("ada"));
    }
}
