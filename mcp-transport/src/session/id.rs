//! The id of a session.

use std::{fmt, sync::Arc};

/// The id of a session: 128 random bits as 32 hexadecimal digits when it is ours, else whatever visible ASCII
/// (0x21 to 0x7E) the peer chose (MCP 2025-11-25, transports, "Session Management", 1).
///
/// Whoever knows it can speak in the session if no token is needed, so it is not shown in full in logs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// A fresh id from the system's random generator.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn random() -> Result<Self, crate::Error> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|cause| std::io::Error::other(cause.to_string()))?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes)).into()))
    }

    /// The id that a header says; `None` if it is empty, longer than 256 bytes, or not visible ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=256).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7E).contains(&byte));
        fits.then(|| Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}..)", self.0.get(..8).unwrap_or(".."))
    }
}

impl std::borrow::Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // MCP 2025-11-25, transports: "The session ID MUST only contain visible ASCII characters (0x21 to 0x7E)".
    #[test]
    fn only_visible_ascii_is_an_id() {
        for bad in ["", " ", "a b", "a\tb", "é", "\u{7f}", &"x".repeat(257)] {
            assert!(SessionId::parse(bad).is_none(), "{bad:?}");
        }
        let fresh = SessionId::random().unwrap();
        assert_eq!(SessionId::parse(fresh.as_str()).unwrap(), fresh);
        assert_ne!(SessionId::random().unwrap(), fresh);
        assert!(!format!("{fresh:?}").contains(fresh.as_str()));
    }
}
