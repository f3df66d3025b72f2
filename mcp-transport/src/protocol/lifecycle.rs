//! The handshake of the legacy era, and how both sides introduce themselves.

use serde::{Deserialize, Serialize};

use super::object::object;
use super::{ClientCapabilities, Meta, ServerCapabilities};

object! {
    /// The params of `initialize`.
    pub struct InitializeParams {
        required {
            /// The newest revision that the client speaks; any text, since a server answers an unknown one with its own.
            protocol_version: String,
            /// What the client can do.
            capabilities: ClientCapabilities,
            /// Who the client is.
            client_info: Implementation,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `initialize`.
    pub result InitializeResult {
        required {
            /// The revision of the session.
            protocol_version: String,
            /// What the server can do.
            capabilities: ServerCapabilities,
            /// Who the server is.
            server_info: Implementation,
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

object! {
    /// Who a client or a server is.
    pub struct Implementation {
        required {
            /// Its name for programs.
            name: String,
            /// Its version.
            version: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What it does (since 2025-11-25).
            description: String => with_description,
            /// Its home page (since 2025-11-25).
            website_url: String => with_website_url,
            /// Its pictures (since 2025-11-25).
            icons: Vec<Icon> => with_icons,
        }
    }
}

object! {
    /// A picture for a user interface (SEP-973).
    pub struct Icon {
        required {
            /// Where it is: an http, https or data URI.
            src: String,
        }
        optional {
            /// Its media type, if the source does not say.
            mime_type: String => with_mime_type,
            /// The sizes at which it can be used: `48x48` and the like, or `any`.
            sizes: Vec<String> => with_sizes,
            /// The background for which it is made.
            theme: IconTheme => with_theme,
        }
    }
}

/// The background for which an icon is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum IconTheme {
    /// A light background.
    Light,
    /// A dark background.
    Dark,
}
