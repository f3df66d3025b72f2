//! Roots: the folders and files of the client's that a server may use.

use super::Meta;
use super::object::object;

object! {
    /// The result of `roots/list`, which a client gives.
    pub result ListRootsResult {
        required {
            /// The roots.
            roots: Vec<Root>,
        }
        optional {
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A root.
    pub struct Root {
        required {
            /// Where it is: a `file:` URI.
            uri: String,
        }
        optional {
            /// Its name for people.
            name: String => with_name,
            /// Metadata of the root.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
