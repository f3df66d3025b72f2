//! Client ids that are URLs of metadata documents.

use std::fmt;

use mcp_transport::auth::ClientId;
use mcp_transport::uri::{Octet, is_uri_text, octets};
use thiserror::Error;

/// The URL of a client ID metadata document (draft-ietf-oauth-client-id-metadata-document section 3).
///
/// `https` with a host and a path, without fragment, user information and dot segments; kept and compared byte for byte.
/// A query is allowed, though the draft advises against it. Nothing here says where the URL leads: that is judged when it
/// is dialled.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DocumentUrl(ClientId);

/// A client id that is no such URL. Which rule it breaks is nobody's business but the log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DocumentUrlError {
    /// Not `https://` in lower case: this is not meant to be such a URL.
    #[error("the client id is no https URL")]
    Scheme,
    /// A character that RFC 3986 does not allow, or a broken escape.
    #[error("the URL of the document holds a character that is not allowed")]
    Character,
    /// A fragment.
    #[error("the URL of the document has a fragment")]
    Fragment,
    /// User information.
    #[error("the URL of the document has user information")]
    UserInformation,
    /// No host, one in upper case or with escapes, or a port that cannot be.
    #[error("the URL of the document has no host that it could be fetched from")]
    Authority,
    /// No path, or one with dot segments, also escaped.
    #[error("the URL of the document has no path, or one with dot segments")]
    Path,
}

/// Whether the client id is the URL of a metadata document, so that it could be fetched.
#[must_use]
pub fn is_document_url(client_id: &str) -> bool {
    DocumentUrl::parse(client_id).is_ok()
}

impl DocumentUrl {
    /// Judges a client id.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub(crate) fn parse(text: &str) -> Result<Self, DocumentUrlError> {
        let id = ClientId::parse(text).map_err(|_| DocumentUrlError::Character)?;
        let rest = text.strip_prefix("https://").ok_or(DocumentUrlError::Scheme)?;
        if rest.contains('#') {
            return Err(DocumentUrlError::Fragment);
        }
        if !only_url_characters(text) {
            return Err(DocumentUrlError::Character);
        }
        let (authority, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(DocumentUrlError::UserInformation);
        }
        judge_authority(authority)?;
        let path = path_and_query.split('?').next().unwrap_or_default();
        // Section 3: "MUST contain a path component", "MUST NOT contain single-dot or double-dot path segments".
        if path.is_empty() || path.split('/').any(is_dots) {
            return Err(DocumentUrlError::Path);
        }
        Ok(Self(id))
    }

    /// The client id.
    #[must_use]
    pub(crate) const fn client_id(&self) -> &ClientId {
        &self.0
    }

    /// The URL as it was given.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host without its port: what the user is shown, and what fetches are counted by.
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        let rest = self.as_str().strip_prefix("https://").unwrap_or_default();
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        split_port(authority).0
    }
}

/// Host and what follows it: nothing, or a colon and the port.
fn split_port(authority: &str) -> (&str, &str) {
    let after_address = authority.find(']').map_or(0, |bracket| bracket + 1);
    let (address, rest) = authority.split_at_checked(after_address).unwrap_or((authority, ""));
    let colon = rest.find(':').unwrap_or(rest.len());
    authority.split_at_checked(address.len() + colon).unwrap_or((authority, ""))
}

/// A host in the one form that the same host has: two spellings would be two clients of one document.
fn judge_authority(authority: &str) -> Result<(), DocumentUrlError> {
    let (host, port) = split_port(authority);
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_');
    let fits = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => !host.is_empty() && !host.starts_with('.') && !host.ends_with('.') && host.bytes().all(named),
    };
    let port_fits = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
                && digits.parse::<u16>().is_ok()
        }
    };
    if fits && port_fits { Ok(()) } else { Err(DocumentUrlError::Authority) }
}

/// `.` or `..`, each dot plain or escaped.
fn is_dots(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

/// What a URI holds, but no escape of a control character.
fn only_url_characters(text: &str) -> bool {
    let control = |octet| matches!(octet, Octet::Escaped(byte) if byte.is_ascii_control());
    is_uri_text(text) && !octets(text.as_bytes()).any(control)
}

impl fmt::Display for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_documents() {
        for (text, host) in [
            ("https://claude.ai/oauth/claude-code-client-metadata", "claude.ai"),
            ("https://chatgpt.com/oauth/codex/client.json", "chatgpt.com"),
            ("https://client.example:8443/client.json", "client.example"),
            ("https://client.example/", "client.example"),
            ("https://client.example/a?b=c", "client.example"),
            ("https://client.example/a..b/.c/...", "client.example"),
            ("https://client.example//a", "client.example"),
            ("https://xn--bcher-kva.example/a", "xn--bcher-kva.example"),
            ("https://127.0.0.1:8443/client.json", "127.0.0.1"),
            ("https://[2001:db8::1]:8443/client.json", "[2001:db8::1]"),
        ] {
            let url = DocumentUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.host()), (text, host));
            assert!(is_document_url(text));
        }
    }

    #[test]
    fn attack_091_what_is_refused_before_any_fetch() {
        use DocumentUrlError as E;
        for (text, why) in [
            ("http://client.example/c", E::Scheme),
            ("HTTPS://client.example/c", E::Scheme),
            ("ftp://client.example/c", E::Scheme),
            ("client.example/c", E::Scheme),
            ("mcpo_client", E::Scheme),
            ("https:client.example/c", E::Scheme),
            ("https://client.example/c#f", E::Fragment),
            ("https://client.example/c#", E::Fragment),
            ("https://user:pw@client.example/c", E::UserInformation),
            ("https://client.example@evil.test/c", E::UserInformation),
            ("https://client.example", E::Path),
            ("https://client.example?c", E::Path),
            ("https://client.example/../c", E::Path),
            ("https://client.example/a/./c", E::Path),
            ("https://client.example/a/..", E::Path),
            ("https://client.example/%2e%2e/c", E::Path),
            ("https://client.example/.%2E/c", E::Path),
            ("https://client.example/%2e/c", E::Path),
            ("https://client.example/c%00", E::Character),
            ("https://client.example/c%0d%0aX:y", E::Character),
            ("https://client.example/c%7f", E::Character),
            ("https://client.example/c\r\n", E::Character),
            ("https://client.example/c\u{0}", E::Character),
            ("https://client.example/ä", E::Character),
            ("https://client.example/a b", E::Character),
            ("https://client.example\\c", E::Character),
            ("https://client.example/%zz", E::Character),
            ("https:///c", E::Authority),
            ("https://:443/c", E::Authority),
            ("https://client.example:0/c", E::Authority),
            ("https://client.example:/c", E::Authority),
            ("https://client.example:070/c", E::Authority),
            ("https://client.example:99999/c", E::Authority),
            ("https://client.example:x/c", E::Authority),
            ("https://client%2eexample/c", E::Authority),
            ("https://Client.example/c", E::Authority),
            ("https://client.example./c", E::Authority),
            ("https://[::1/c", E::Authority),
            ("https://[::1]x/c", E::Authority),
            ("https://[0:0::1]/c", E::Authority),
        ] {
            assert_eq!(DocumentUrl::parse(text), Err(why), "{text:?}");
        }
        let long = format!("https://h/{}", "a".repeat(2048));
        assert_eq!(DocumentUrl::parse(&long), Err(E::Character));
    }
}
