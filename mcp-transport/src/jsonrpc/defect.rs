//! How a message may be, and what is wrong with one that is not.

use super::{Code, RequestId};

/// How large and how deep a message may be, and how many entries a batch may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in one message or batch. The default is 4 MiB.
    pub bytes: usize,
    /// Objects and arrays open inside one another. The default is 128, which is what serde_json reads.
    pub depth: u16,
    /// Messages in one batch of revision 2025-03-26. The default is 64.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 128, batch: 64 }
    }
}

/// Why a message was refused before anybody acted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// The id of the request, where it could be read before the defect was met.
    pub id: Option<RequestId>,
}

/// The kinds of [`Defect`], each with one JSON-RPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefectKind {
    /// The text is not UTF-8.
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("the message is not well-formed JSON (at byte {at})")]
    Malformed {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
    /// The text is longer than [`Limits::bytes`].
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Objects and arrays are nested deeper than [`Limits::depth`].
    #[error("the message is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: u16,
    },
    /// An object names the same member twice, compared after unescaping (RFC 8259 section 4 leaves the meaning open,
    /// and two readers that choose differently are a hole).
    #[error("an object names the same member twice (at byte {at})")]
    DuplicateMember {
        /// Offset of the second name.
        at: usize,
    },
    /// The value is not an object, or its members do not make a request, a notification or a response.
    #[error("not a JSON-RPC 2.0 request, notification or response: {0}")]
    NotAMessage(&'static str),
    /// `params` is there and is not an object, or its `_meta` is not one.
    #[error("invalid params: {0}")]
    BadParams(&'static str),
    /// A batch has no entry, or more than [`Limits::batch`].
    #[error("a batch has between 1 and {limit} messages")]
    BatchSize {
        /// The limit, in messages.
        limit: usize,
    },
}

impl DefectKind {
    /// The JSON-RPC 2.0 code of this defect (section 5.1).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotUtf8 | Self::Malformed { .. } => Code::PARSE_ERROR,
            Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::DuplicateMember { .. }
            | Self::NotAMessage(_)
            | Self::BatchSize { .. } => Code::INVALID_REQUEST,
            Self::BadParams(_) => Code::INVALID_PARAMS,
        }
    }
}

impl From<DefectKind> for Defect {
    fn from(kind: DefectKind) -> Self {
        Self { kind, id: None }
    }
}
