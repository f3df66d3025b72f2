//! Progress of a running request.

use super::object::object;
use super::{Meta, ProgressToken, number};

object! {
    /// The params of `notifications/progress`.
    pub struct ProgressParams {
        required {
            /// The token that the request carried.
            progress_token: ProgressToken,
            /// How far it is; more each time.
            #[serde(serialize_with = "number::serialize")]
            progress: f64,
        }
        optional {
            /// How far it goes, if known.
            #[serde(serialize_with = "number::optional")]
            total: f64 => with_total,
            /// What is being done (since 2025-03-26).
            message: String => with_message,
            /// Metadata of the notification.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
