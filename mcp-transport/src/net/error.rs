//! What can go wrong with a request of ours.

use std::{error, fmt};

use super::policy::Refusal;

/// A request that failed, or a setting of the client that makes no sense.
///
/// Its `Display` is the same for every failed request, so that whoever shows it to a peer tells nothing about which
/// addresses and ports exist here. The cause is in `source()`, for the log of the person who runs the program. Ask with the
/// `is_*` methods to decide what to do.
pub struct Error {
    kind: Kind,
    cause: Option<Box<dyn error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The caller's request or URL is none.
    Invalid,
    /// The policy says no.
    Forbidden,
    Timeout,
    /// There is no address for the name.
    Unresolved,
    Unavailable,
    Tls,
    /// The peer's fault: not HTTP, or HTTP that we do not take.
    Protocol,
    TooLarge,
    Encoding,
    Redirect,
    Config,
}

impl Error {
    /// The URL is none, or none that can be dialled: nothing was looked up.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }

    /// The [`Policy`](super::Policy) forbids the URL or one of the addresses behind it. Nothing was sent there.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.kind == Kind::Forbidden
    }

    /// One of the [`Timeouts`](super::Timeouts) was over.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// The peer was not found or not reached, or the connection broke. Trying later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::Unresolved)
    }

    /// No address was found for the name of the peer: there is none, or whoever knows it was not reached.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        self.kind == Kind::Unresolved
    }

    /// No TLS with this peer: most often a certificate that nobody we trust has signed, or one of another name.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.kind == Kind::Tls
    }

    /// The peer does not speak its protocol as it should, or the head of its response is too large.
    #[must_use]
    pub fn is_protocol(&self) -> bool {
        self.kind == Kind::Protocol
    }

    /// The body is larger than the limit.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    /// The body is compressed, though nothing of the kind was asked for.
    #[must_use]
    pub fn is_encoding(&self) -> bool {
        self.kind == Kind::Encoding
    }

    /// A redirect that is not followed: too many, from https to http, or with a body to another origin.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        self.kind == Kind::Redirect
    }

    /// A setting makes no sense; the text says which.
    #[must_use]
    pub fn is_config(&self) -> bool {
        self.kind == Kind::Config
    }

    pub(super) fn new(kind: Kind, cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self { kind, cause: Some(cause.into()) }
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn config(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Config, cause)
    }

    pub(super) fn invalid(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Invalid, cause)
    }

    pub(super) fn unavailable(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Unavailable, cause)
    }

    pub(super) fn timeout(what: &'static str) -> Self {
        Self::new(Kind::Timeout, what)
    }

    /// What hyper's client says, read through to the connector's own error.
    pub(super) fn of_client(cause: hyper_util::client::legacy::Error) -> Self {
        let kind = find(&cause).unwrap_or(Kind::Unavailable);
        Self::new(kind, cause)
    }

    /// What hyper says of a body.
    pub(super) fn of_body(cause: hyper::Error) -> Self {
        let kind = find(&cause).unwrap_or(Kind::Unavailable);
        Self::new(kind, cause)
    }
}

/// The kind of the first error in the chain that has one.
fn find(outer: &(dyn error::Error + 'static)) -> Option<Kind> {
    let mut next = Some(outer);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.kind);
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return Some(Kind::Protocol);
        }
        next = error.source();
    }
    None
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Forbidden, refusal)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).field("cause", &self.cause).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Config => "a setting of the HTTP client makes no sense",
            _ => "the request to the other server failed",
        })
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
