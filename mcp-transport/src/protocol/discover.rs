//! `server/discover`: what a modern server is. Its params are [`EmptyParams`](super::EmptyParams).

use super::object::object;
use super::{Meta, Revision, ServerCapabilities};

object! {
    /// The result of `server/discover`.
    pub cacheable result DiscoverResult {
        required {
            /// The revisions that the server speaks; texts, since a peer may know more of them than we do.
            supported_versions: Vec<String>,
            /// What the server can do.
            capabilities: ServerCapabilities,
        }
        optional {
            /// How to use the server, for the model.
            instructions: String => with_instructions,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

impl DiscoverResult {
    /// The revisions of the list that this crate knows, too.
    #[must_use]
    pub fn known_versions(&self) -> super::Revisions {
        let known = self.supported_versions.iter();
        known.filter_map(|text| text.parse::<Revision>().ok()).collect()
    }
}
