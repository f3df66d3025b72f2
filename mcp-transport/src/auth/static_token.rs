//! A verifier over a fixed table, for tests and small set-ups.

use std::fmt;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use thiserror::Error;

use super::hierarchy::ScopeHierarchy;
use super::identifier::{IdentifierError, Issuer, ResourceId, Subject};
use super::principal::{Ended, Principal};
use super::scope::{ScopeError, ScopeSet, ScopeToken};
use super::verify::{Presented, Rejection, Scheme, Verifier};

/// The shortest token that is accepted into a table, in bytes: 16 characters of base64url are 96
/// bits.
const SHORTEST: usize = 16;

type Digest = [u8; SHA256_OUTPUT_LEN];

/// Tokens that the operator wrote down, each with its principal.
///
/// For tests and for a handful of people: every verification looks at every entry. Only SHA-256
/// digests of the tokens are kept, and compared in constant time. The table serves one resource;
/// presented for another, its tokens are rejected as of a wrong audience. Bearer tokens only.
///
/// ```
/// use mcp_transport::auth::{Issuer, ResourceId, StaticTokens};
///
/// let tokens = StaticTokens::parse(
///     Issuer::parse("https://example.com")?,
///     ResourceId::parse("https://example.com/mcp")?,
///     "# token subject scopes\nq7Jx0nVd3mT4sKzR ada files:read files:write\n",
/// )?;
/// assert_eq!(tokens.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StaticTokens {
    issuer: Issuer,
    resource: ResourceId,
    hierarchy: ScopeHierarchy,
    entries: Vec<Entry>,
}

struct Entry {
    digest: Digest,
    principal: Arc<Principal>,
}

impl StaticTokens {
    /// An empty table for `resource`, whose principals are vouched for by `issuer`.
    #[must_use]
    pub const fn new(issuer: Issuer, resource: ResourceId) -> Self {
        Self { issuer, resource, hierarchy: ScopeHierarchy::flat(), entries: Vec::new() }
    }

    /// What the scopes of entries that are added from now on imply.
    #[must_use]
    pub fn hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// Reads a table of lines `TOKEN SUBJECT SCOPE ..`. Blank lines and lines that begin with `#`
    /// are skipped.
    ///
    /// # Errors
    ///
    /// Names the line and the fault, never the token.
    pub fn parse(issuer: Issuer, resource: ResourceId, text: &str) -> Result<Self, StaticTokenError> {
        let mut tokens = Self::new(issuer, resource);
        tokens.extend_from_text(text)?;
        Ok(tokens)
    }

    /// Reads a table from a file. Meant for start-up: it blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or as [`parse`](Self::parse).
    pub fn from_file(issuer: Issuer, resource: ResourceId, path: &Path) -> Result<Self, StaticTokenError> {
        let text = std::fs::read_to_string(path).map_err(StaticTokenError::Read)?;
        Self::parse(issuer, resource, &text)
    }

    /// Adds the lines of a text: see [`parse`](Self::parse).
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); the lines before the fault have been added.
    pub fn extend_from_text(&mut self, text: &str) -> Result<(), StaticTokenError> {
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if !content.is_empty() && !content.starts_with('#') {
                self.insert_line(content).map_err(|fault| StaticTokenError::Line { line, fault })?;
            }
        }
        Ok(())
    }

    fn insert_line(&mut self, content: &str) -> Result<(), LineFault> {
        let mut words = content.split_ascii_whitespace();
        let token = words.next().unwrap_or_default();
        let subject = Subject::parse(words.next().unwrap_or_default()).map_err(LineFault::Subject)?;
        let scopes: ScopeSet = words.map(ScopeToken::parse).collect::<Result<_, _>>().map_err(LineFault::Scope)?;
        let principal =
            Principal::builder(self.issuer.clone(), subject).hierarchy(self.hierarchy.clone()).scopes(scopes).build();
        self.insert(token, principal)
    }

    /// Adds a token for a principal made elsewhere, for instance one that expires.
    ///
    /// # Errors
    ///
    /// When the token is shorter than 16 characters or cannot stand in a header, or is in the
    /// table.
    pub fn insert(&mut self, token: &str, principal: Principal) -> Result<(), LineFault> {
        let in_header = token.bytes().all(super::challenge::is_token68);
        if token.len() < SHORTEST {
            return Err(LineFault::Short);
        }
        if !in_header {
            return Err(LineFault::Character);
        }
        let digest = digest_of(token);
        if self.find(&digest).is_some() {
            return Err(LineFault::Repeated);
        }
        self.entries.push(Entry { digest, principal: Arc::new(principal) });
        Ok(())
    }

    /// Revokes one token at once, for verifications to come and for streams that are open. Gives
    /// its principal, or `None` when the token is not in the table.
    pub fn revoke(&self, token: &str) -> Option<Arc<Principal>> {
        let principal = self.find(&digest_of(token))?;
        principal.liveness().revoke();
        Some(Arc::clone(principal))
    }

    /// Revokes every token of a subject, and says how many there were.
    pub fn revoke_subject(&self, subject: &Subject) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.principal.subject() == subject)
            .inspect(|entry| entry.principal.liveness().revoke())
            .count()
    }

    /// How many tokens there are, revoked ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Looks at every entry, found or not, so that time tells nothing about the table.
    fn find(&self, wanted: &Digest) -> Option<&Arc<Principal>> {
        let mut found = None;
        for entry in &self.entries {
            if equal(&entry.digest, wanted) {
                found = Some(&entry.principal);
            }
        }
        found
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    for (to, from) in bytes.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    bytes
}

fn equal(left: &Digest, right: &Digest) -> bool {
    let difference = left.iter().zip(right).fold(0, |difference, (left, right)| black_box(difference | (left ^ right)));
    difference == 0
}

#[async_trait]
impl Verifier for StaticTokens {
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        if presented.scheme != Scheme::Bearer {
            return Err(Rejection::invalid("static tokens are bearer tokens"));
        }
        let principal = self.find(&digest_of(presented.token)).ok_or(Rejection::invalid("not in the table"))?;
        if *presented.resource.id() != self.resource {
            return Err(Rejection::WrongAudience);
        }
        match principal.ended(presented.now) {
            None => Ok(Arc::clone(principal)),
            Some(Ended::Expired) => Err(Rejection::Expired),
            Some(Ended::Revoked) => Err(Rejection::Revoked),
        }
    }
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens")
            .field("issuer", &self.issuer.as_str())
            .field("resource", &self.resource.as_str())
            .field("tokens", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Why a table of tokens cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StaticTokenError {
    /// The file cannot be read.
    #[error("the token file cannot be read")]
    Read(#[source] io::Error),
    /// A line has a fault.
    #[error("line {line} of the token file is not usable (TOKEN SUBJECT [SCOPE ..])")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// The fault.
        #[source]
        fault: LineFault,
    },
}

/// What is wrong with one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LineFault {
    /// The token is too short to be a secret.
    #[error("the token has fewer than 16 characters")]
    Short,
    /// The token cannot be sent in a header.
    #[error("the token may hold letters, digits and -._~+/ only")]
    Character,
    /// The token is in the table already.
    #[error("the token occurs twice")]
    Repeated,
    /// The subject is missing or malformed.
    #[error("the subject is not usable")]
    Subject(#[source] IdentifierError),
    /// A scope is malformed.
    #[error("a scope is not usable")]
    Scope(#[source] ScopeError),
}

#[cfg(test)]
mod tests;
