//! The crate's error.

use std::{error, fmt};

use crate::jsonrpc::DefectKind;

/// Something that this crate could not do. Ask it with the `is_*` methods; do not match its text.
pub struct Error {
    kind: Kind,
    cause: Option<Box<dyn error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Encoding,
    Defect,
    Config,
    Io,
    Store,
    TooLarge,
}

impl Error {
    /// A value of the caller's could not be written as JSON.
    #[must_use]
    pub fn is_encoding(&self) -> bool {
        matches!(self.kind, Kind::Encoding | Kind::Defect)
    }

    /// A setting does not make sense; the message says which.
    #[must_use]
    pub fn is_config(&self) -> bool {
        self.kind == Kind::Config
    }

    /// The operating system refused: a socket, a file, a pipe.
    #[must_use]
    pub fn is_io(&self) -> bool {
        self.kind == Kind::Io
    }

    /// A store could not be reached or answered badly.
    #[must_use]
    pub fn is_store(&self) -> bool {
        self.kind == Kind::Store
    }

    /// A value of the caller's is larger than it may be.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    #[cfg(feature = "seal")]
    pub(crate) fn too_large(cause: &'static str) -> Self {
        Self::with(Kind::TooLarge, cause)
    }

    pub(crate) fn encoding(cause: serde_json::Error) -> Self {
        Self::with(Kind::Encoding, cause)
    }

    pub(crate) fn defect(cause: DefectKind) -> Self {
        Self::with(Kind::Defect, cause)
    }

    /// A setting that does not make sense. The text is for the person who wrote it.
    #[must_use]
    pub fn config(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::with(Kind::Config, cause)
    }

    /// A store that failed, for implementers of the store traits.
    #[must_use]
    pub fn store(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::with(Kind::Store, cause)
    }

    fn with(kind: Kind, cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self { kind, cause: Some(cause.into()) }
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Self::with(Kind::Io, cause)
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
            Kind::Encoding => "a value could not be written as JSON",
            Kind::Defect => "a value is not the JSON that is needed here",
            Kind::Config => "a setting does not make sense",
            Kind::Io => "an operation on a socket, a file or a pipe failed",
            Kind::Store => "a store failed",
            Kind::TooLarge => "a value is too large",
        })
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// An error with all its causes, in one line: for the log, and for whoever runs the program.
///
/// ```
/// use mcp_transport::Chain;
///
/// let cause = "x".parse::<u8>().unwrap_err();
/// assert_eq!(Chain(&cause).to_string(), "invalid digit found in string");
/// ```
///
/// A cause that its error has said already is not said again.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a way to write an error, and nothing else")]
pub struct Chain<'a>(pub &'a (dyn error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let cause = error.to_string();
            if !said.ends_with(&cause) {
                write!(f, ": {cause}")?;
            }
            said = cause;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the setting cannot be read: {0}")]
    struct Repeats(#[source] std::num::ParseIntError);

    #[derive(Debug, thiserror::Error)]
    #[error("the program cannot start")]
    struct Outer(#[source] Repeats);

    #[test]
    fn each_cause_is_said_once() {
        let error = Outer(Repeats("x".parse::<u8>().unwrap_err()));
        assert_eq!(
            Chain(&error).to_string(),
            "the program cannot start: the setting cannot be read: invalid digit found in string"
        );
    }
}
