//! Paging through lists.

use serde::{Deserialize, Serialize};

use super::Meta;
use super::object::object;

/// Where a list goes on: opaque to everybody but the server that made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

object! {
    /// The params of the list requests.
    #[derive(Default)]
    pub struct PaginatedParams {
        optional {
            /// Where to go on; from the start if absent.
            cursor: Cursor => with_cursor,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
