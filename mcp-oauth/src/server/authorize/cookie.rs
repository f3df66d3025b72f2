//! The two cookies: which browser this is, and who is signed in on it.
//!
//! Neither is looked up anywhere: the first is a random number, the second is sealed with a key of the server.

use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::server::engine::Engine;
use crate::server::error::OAuthError;
use crate::types::{Digest, Identity, Secret, Timestamp, random};

const BOUND_TO: &[u8] = b"mcp-oauth session cookie";
/// Who is signed in, until the sign-in is over.
const SESSION_NAME: &str = "mcp_session";
/// Which browser it is, as long as it is open.
const BROWSER_NAME: &str = "mcp_browser";

/// Somebody who is signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) identity: Identity,
    pub(crate) authenticated_at: Timestamp,
    expires_at: Timestamp,
    /// When it began, for those who end all that began before: no earlier than the last of such ends, whatever the clock says.
    pub(super) begun_at: Timestamp,
    /// What the person has signed in with.
    credential: Option<Digest>,
    /// Random, so that what pages carry is bound to this sign-in.
    id: [u8; 16],
}

impl Session {
    /// A new sign-in; all that began before `earlier_over` are over.
    pub(crate) fn begin(
        identity: Identity,
        earlier_over: Option<Timestamp>,
        now: Timestamp,
        life: Duration,
    ) -> Result<Self, OAuthError> {
        let begun_at = earlier_over.map_or(now, |earlier| earlier.max(now));
        let credential = identity.credential;
        // Browsers drop cookies that are too long. The provider is asked at each use, and tells the rest again.
        let mut kept = Identity::new(&identity.provider, identity.subject);
        kept.username = identity.username;
        let (authenticated_at, expires_at) = (now, now.after(life));
        Ok(Self { identity: kept, authenticated_at, expires_at, begun_at, credential, id: random()? })
    }

    /// What consent forms are bound to.
    pub(crate) fn binding(&self) -> Digest {
        Digest::of("session", &[&self.id])
    }

    /// The same sign-in of a person of whom more is known now; `None` if they sign in with something else by now.
    pub(crate) fn with(mut self, mut identity: Identity) -> Option<Self> {
        let own = |fresh: Digest| self.credential.is_some_and(|own| own.matches(&fresh));
        if !identity.credential.take().is_none_or(own) {
            return None;
        }
        self.identity = identity;
        Some(self)
    }
}

/// A browser, by the number that it was given.
#[derive(Clone, Debug)]
pub(crate) struct Browser(Secret);

impl Browser {
    /// What sign-in forms are bound to.
    pub(crate) fn binding(&self) -> Digest {
        self.0.digest()
    }
}

/// The cookies of a request, and how they are set.
pub(crate) struct Cookies<'a> {
    engine: &'a Engine,
    headers: &'a HeaderMap,
}

impl<'a> Cookies<'a> {
    /// The cookies of a request.
    pub(crate) const fn of(engine: &'a Engine, headers: &'a HeaderMap) -> Self {
        Self { engine, headers }
    }

    /// Who is signed in.
    pub(crate) fn session(&self, now: Timestamp) -> Option<Session> {
        let sealed = self.get(SESSION_NAME)?;
        let keys = self.engine.keychain.current();
        let plain = keys.seal(now).ok()?.open(sealed, BOUND_TO).ok()?;
        let session: Session = serde_json::from_slice(&plain).ok()?;
        (!session.expires_at.is_over(now)).then_some(session)
    }

    /// Which browser it is; `None` for one that has no number yet.
    pub(crate) fn browser(&self) -> Option<Browser> {
        let text = self.get(BROWSER_NAME).filter(|text| text.len() == 43)?;
        Some(Browser(Secret::new(text.to_owned())))
    }

    /// The browser, and the header that gives it a number if it has none.
    pub(crate) fn browser_or_new(&self) -> Result<(Browser, Option<HeaderValue>), OAuthError> {
        if let Some(browser) = self.browser() {
            return Ok((browser, None));
        }
        let secret = Secret::random("")?;
        let header = self.set(BROWSER_NAME, secret.expose(), None)?;
        Ok((Browser(secret), Some(header)))
    }

    /// The header that signs somebody in.
    pub(crate) fn sign_in(&self, session: &Session, now: Timestamp) -> Result<HeaderValue, OAuthError> {
        let plain = serde_json::to_vec(session).map_err(OAuthError::server_error)?;
        let keys = self.engine.keychain.current();
        let sealed = keys.seal(now)?.seal(&plain, BOUND_TO).map_err(OAuthError::server_error)?;
        self.set(SESSION_NAME, &sealed, Some(session.expires_at.since(now)))
    }

    /// The header that signs everybody out.
    pub(crate) fn sign_out(&self) -> Result<HeaderValue, OAuthError> {
        self.set(SESSION_NAME, "", Some(Duration::ZERO))
    }

    /// RFC 6265bis section 4.1.3.2: a cookie with the prefix was set by this very host, through TLS. On loopback without TLS
    /// browsers refuse the prefix, and `Secure` with it.
    fn name(&self, name: &str) -> String {
        if self.engine.config.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        alone(self.headers, &self.name(name))
    }

    fn set(&self, name: &str, value: &str, life: Option<Duration>) -> Result<HeaderValue, OAuthError> {
        let mut text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", self.name(name));
        if self.engine.config.is_secure() {
            text.push_str("; Secure");
        }
        if let Some(life) = life {
            text.push_str(&format!("; Max-Age={}", life.as_secs()));
        }
        HeaderValue::from_str(&text).map_err(OAuthError::server_error)
    }
}

/// The value of a cookie that is there once. Other cookies are whatever other programs of the host have set, and need not be
/// text: browsers send the bytes of any name and value back (RFC 6265bis section 5.8.3).
fn alone<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut found = pairs.filter_map(|pair| pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    // Two of one name: somebody else's is among them, and nobody knows which.
    found.next().filter(|_| found.next().is_none()).and_then(|value| std::str::from_utf8(value).ok())
}

/// Adds a cookie to an answer.
pub(crate) fn add_cookie(headers: &mut HeaderMap, cookie: HeaderValue) {
    headers.append(SET_COOKIE, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        alone(&headers, "mcp_browser").map(str::to_owned)
    }

    #[test]
    fn attack_023_cookies_of_others_are_whatever_they_are() {
        for lines in [
            &[&b"mcp_browser=x"[..]][..],
            &[b"mcp_browser=x; name=J\xc3\xbcrgen"],
            &[b"name=J\xfcrgen;mcp_browser=x"],
            &[b"a", b"\xff=\xff; =; mcp_browser=x; mcp_browser2=y; MCP_BROWSER=z"],
        ] {
            assert_eq!(read(lines).as_deref(), Some("x"), "{lines:?}");
        }
        for lines in [
            &[&b"mcp_browser=x; mcp_browser=x"[..]][..],
            &[b"mcp_browser=x", b"mcp_browser=y"],
            // One of ours that is no text is there all the same.
            &[b"mcp_browser=x; mcp_browser=\xff"],
            &[b"mcp_browser=\xff"],
            &[b"mcp_browser"],
            &[b"xmcp_browser=x"],
            &[],
        ] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
