//! The protected resource metadata document (RFC 9728 section 2), written and read.

use serde::{Deserialize, Serialize};

use super::identifier::{Issuer, ResourceId};
use super::scope::ScopeToken;

/// The path under which every document lives (RFC 9728 section 3).
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What a resource says about itself.
///
/// A server writes it through [`ProtectedResource`](super::ProtectedResource); a client reads it
/// with serde. Unknown members are ignored, as RFC 9728 section 3.2 asks; a member of the wrong
/// type is an error. A client MUST compare [`resource`](Self::resource) with the identifier that it
/// asked for (RFC 9728 section 3.3), and take no document whose
/// [`authorization_servers`](Self::authorization_servers) is empty (MCP asks for at least one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResourceMetadata {
    /// The resource identifier, byte for byte.
    pub resource: ResourceId,
    /// The authorization servers whose tokens the resource takes.
    #[serde(default)]
    pub authorization_servers: Vec<Issuer>,
    /// The scopes that a client asks for when no challenge named any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<ScopeToken>,
    /// How a token may be presented. MCP knows `header` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// A page for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_documentation: Option<String>,
    /// Algorithms of DPoP proofs that the resource takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether only DPoP-bound tokens are taken. Absent means no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dpop_bound_access_tokens_required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl ResourceMetadata {
    /// Where the document of `resource` is (RFC 9728 section 3.1): the well-known path goes between
    /// host and path, and the slash of a bare origin goes away.
    ///
    /// ```
    /// use mcp_transport::auth::{ResourceId, ResourceMetadata};
    ///
    /// let resource = ResourceId::parse("https://example.com/public/mcp")?;
    /// assert_eq!(
    ///     ResourceMetadata::url_of(&resource),
    ///     "https://example.com/.well-known/oauth-protected-resource/public/mcp"
    /// );
    /// # Ok::<(), mcp_transport::auth::UrlError>(())
    /// ```
    #[must_use]
    pub fn url_of(resource: &ResourceId) -> String {
        format!("{}{}", resource.origin(), Self::path_of(resource))
    }

    /// The fallback at the root of the host, which MCP clients try last.
    #[must_use]
    pub fn root_url_of(resource: &ResourceId) -> String {
        format!("{}{WELL_KNOWN}", resource.origin())
    }

    /// Path and query of [`url_of`](Self::url_of).
    #[must_use]
    pub fn path_of(resource: &ResourceId) -> String {
        let rest = resource.path_and_query();
        // RFC 9728 section 3.1: the terminating slash that follows the host is removed. A slash at
        // the end of a longer path is part of the identifier and stays, so that /mcp and /mcp/ are
        // two documents.
        let rest = match rest.strip_prefix('/') {
            Some(after) if after.is_empty() || after.starts_with('?') => after,
            _ => rest,
        };
        format!("{WELL_KNOWN}{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9728_3_1_insertion() {
        for (resource, path) in [
            ("https://h", ""),
            ("https://h/", ""),
            ("https://h/mcp", "/mcp"),
            ("https://h/mcp/", "/mcp/"),
            ("https://h/a/b", "/a/b"),
            ("https://h?k=v", "?k=v"),
            ("https://h/?k=v", "?k=v"),
            ("https://h/mcp?k=v", "/mcp?k=v"),
        ] {
            let resource = ResourceId::parse(resource).unwrap();
            assert_eq!(
                ResourceMetadata::url_of(&resource),
                format!("https://h/.well-known/oauth-protected-resource{path}"),
                "{resource}"
            );
            assert_eq!(ResourceMetadata::root_url_of(&resource), "https://h/.well-known/oauth-protected-resource");
        }
    }

    #[test]
    fn client_reads_a_strangers_document() {
        let metadata: ResourceMetadata = serde_json::from_str(
            r#"{"x-new":{"a":[1]},"resource":"https://H/mcp","authorization_servers":["https://as"],
                "scopes_supported":["a","b"],"dpop_bound_access_tokens_required":true}"#,
        )
        .unwrap();
        assert_eq!(metadata.resource.as_str(), "https://H/mcp");
        assert_eq!(metadata.authorization_servers.len(), 1);
        assert!(metadata.dpop_bound_access_tokens_required);
    }

    #[test]
    fn client_refuses_a_wrong_document() {
        for json in [
            "{}",
            r#"{"authorization_servers":["https://as"]}"#,
            r#"{"resource":"http://h.example/mcp"}"#,
            r#"{"resource":"https://h","authorization_servers":"https://as"}"#,
            r#"{"resource":"https://h","scopes_supported":["a b"]}"#,
        ] {
            assert!(serde_json::from_str::<ResourceMetadata>(json).is_err(), "{json}");
        }
    }
}
