//! Log messages from server to client.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Meta;
use super::object::object;

/// How severe a log message is: the levels of RFC 5424, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 5424 has these eight")]
pub enum LoggingLevel {
    /// For debugging.
    Debug,
    /// For information.
    Info,
    /// Normal but significant.
    Notice,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// A critical condition.
    Critical,
    /// Action must be taken at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LoggingLevel {
    /// Every level, the least severe first.
    pub const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];
}

object! {
    /// The params of `logging/setLevel` (legacy).
    pub struct SetLevelParams {
        required {
            /// From what level on the client wants messages.
            level: LoggingLevel,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `notifications/message`.
    pub struct LoggingMessageParams {
        required {
            /// How severe it is.
            level: LoggingLevel,
            /// What there is to say: a text or any data.
            data: Value,
        }
        optional {
            /// Which part of the server says it.
            logger: String => with_logger,
            /// Metadata of the notification.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
