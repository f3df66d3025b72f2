//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document section 4).

use std::fmt;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

use super::document_url::DocumentUrl;
use super::error::MetadataError;
use super::fetch::{FetchError, Fetched};
use super::metadata::{self, Source};
use super::policy::MetadataPolicy;
use crate::jose::object;
use crate::types::ClientMetadata;

/// The largest document that is read by default. The draft recommends 5 KiB and leaves it to the server; a client with a
/// few keys and redirect URIs has more.
pub(crate) const LARGEST_DOCUMENT: usize = 64 * 1024;

/// A document that cannot be used.
///
/// `Display` is the same for all of them: whoever names a URL is not told whether anything answers there. The cause is
/// for the log.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("the client metadata document cannot be used")]
pub(crate) struct DocumentError {
    cause: DocumentFault,
    retry_after: Option<Duration>,
}

impl DocumentError {
    /// What happened. For the log alone.
    #[must_use]
    pub(crate) const fn cause(&self) -> DocumentFault {
        self.cause
    }

    /// How long to wait before asking again makes sense, where nothing was heard of the document: its host does not answer
    /// now, or is not asked now. `None`: it is no good, or its host is none to be asked. The client is then an unknown one.
    #[must_use]
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Nothing is known of the document for the time being.
    pub(super) const fn for_now(cause: DocumentFault, retry_after: Duration) -> Self {
        Self { cause, retry_after: Some(retry_after) }
    }
}

impl fmt::Debug for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentError({:?})", self.cause)
    }
}

impl From<DocumentFault> for DocumentError {
    fn from(cause: DocumentFault) -> Self {
        Self { cause, retry_after: None }
    }
}

/// Why a document cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DocumentFault {
    /// The policy of the server does not let it be fetched.
    #[error("documents of this host are not taken")]
    Host,
    /// Too many documents are fetched, of this host or at all.
    #[error("too many documents are being fetched")]
    Busy,
    /// It could not be fetched a moment ago.
    #[error("it could not be used a moment ago, and is not fetched again yet")]
    Recently,
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A status other than 200 (section 4: anything else is an error, and redirects are not followed).
    #[error("it was answered with status {0}")]
    Status(u16),
    /// No JSON by its media type.
    #[error("it is not application/json")]
    MediaType,
    /// Larger than the limit.
    #[error("it is too large")]
    Size,
    /// Not a JSON object in UTF-8 without a byte order mark that names each member once.
    #[error("it is not a JSON object that names each member once")]
    Json,
    /// Its `client_id` is not its URL, byte for byte.
    #[error("its client_id is not its URL")]
    ClientId,
    /// It has a secret, which everybody can read (section 4.1).
    #[error("it has a secret")]
    Secret,
    /// What it says of the client is refused.
    #[error("what it says of the client is refused")]
    Metadata(#[from] MetadataError),
}

impl DocumentFault {
    /// Whether the host has said something about the document, rather than that it cannot serve it now.
    pub(super) const fn is_verdict(self) -> bool {
        match self {
            // Some hosts answer 403 and 429 to whom they take for a robot
            // (https://github.com/anthropics/claude-code/issues/84263).
            Self::Status(status) => matches!(status, 300..=399 | 404 | 410),
            Self::MediaType
            | Self::Size
            | Self::Json
            | Self::ClientId
            | Self::Secret
            | Self::Metadata(_)
            | Self::Fetch(FetchError::TooLarge | FetchError::Malformed) => true,
            Self::Fetch(
                FetchError::Forbidden | FetchError::Timeout | FetchError::NotFound | FetchError::Unreachable,
            )
            | Self::Host
            | Self::Busy
            | Self::Recently => false,
        }
    }

    /// Whether nothing can be said of the document for now, so that the client is neither known nor unknown.
    ///
    /// A host that may not be asked is none of these, nor is one without an address: whether a name exists inside, where it
    /// may not be asked, would be told by the difference.
    pub(super) const fn passes(self) -> bool {
        match self {
            Self::Fetch(FetchError::Timeout | FetchError::Unreachable) | Self::Busy => true,
            Self::Status(status) => matches!(status, 403 | 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}

/// Judges what was fetched from `url`.
///
/// # Errors
///
/// When the document cannot be used; see [`DocumentFault`].
pub(crate) fn judge_document(
    url: &DocumentUrl,
    fetched: &Fetched,
    policy: &MetadataPolicy,
    largest: usize,
) -> Result<ClientMetadata, DocumentError> {
    Ok(judge(url, fetched, policy, largest)?)
}

fn judge(
    url: &DocumentUrl,
    fetched: &Fetched,
    policy: &MetadataPolicy,
    largest: usize,
) -> Result<ClientMetadata, DocumentFault> {
    if fetched.status != 200 {
        return Err(DocumentFault::Status(fetched.status));
    }
    if !is_json(&fetched.headers) {
        return Err(DocumentFault::MediaType);
    }
    if fetched.body.len() > largest {
        return Err(DocumentFault::Size);
    }
    let mut members = object(fetched.body.clone()).ok_or(DocumentFault::Json)?;
    // Section 4: it "MUST match the URL of the document using simple string comparison".
    if members.get("client_id").and_then(|id| id.as_str()) != Some(url.as_str()) {
        return Err(DocumentFault::ClientId);
    }
    // Section 4.1: "The client_secret and client_secret_expires_at properties MUST NOT be used."
    if ["client_secret", "client_secret_expires_at"].iter().any(|member| members.contains_key(*member)) {
        return Err(DocumentFault::Secret);
    }
    // Nobody vouches for it: the document stands for itself.
    members.remove("software_statement");
    Ok(metadata::judge(&members, policy, Source::Document(url.as_str()))?)
}

/// One type: `application/json`, or one that is built on it (RFC 6839 section 3.1); parameters do not matter.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(content_type)), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else { return false };
    let suffix = subtype.len().checked_sub(5).and_then(|at| subtype.get(at..)).unwrap_or_default();
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || (subtype.len() > 5 && suffix.eq_ignore_ascii_case("+json")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::error::MemberFault;
    use super::super::testing::json_document;
    use super::*;
    use crate::types::{ApplicationType, ClientAuthMethod};

    const URL: &str = "https://client.example/client.json";

    fn judged(fetched: &Fetched) -> Result<ClientMetadata, DocumentFault> {
        let url = DocumentUrl::parse(URL).unwrap();
        let judged = judge_document(&url, fetched, &MetadataPolicy::default(), LARGEST_DOCUMENT);
        judged.map_err(|error| error.cause())
    }

    fn document(member: &str, value: Value) -> Fetched {
        let mut document = json!({"client_id": URL, "client_name": "Client", "redirect_uris": ["https://h/cb"]});
        document[member] = value;
        json_document(document.to_string())
    }

    #[test]
    fn a_plain_document_is_a_public_client() {
        let metadata = judged(&document("x-unknown", json!([{}]))).unwrap();
        assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::None);
        assert_eq!(
            (metadata.client_name.as_deref(), metadata.application_type),
            (Some("Client"), ApplicationType::Web)
        );
        let grants = json!(["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token"]);
        assert_eq!(
            judged(&document("grant_types", grants)).unwrap().grant_types,
            ["authorization_code", "refresh_token"]
        );
        // Section 4.3 lets a statement be there; whether it is approved makes no difference.
        assert!(judged(&document("software_statement", json!("a.b.c"))).is_ok());
    }

    #[test]
    fn attack_089_what_is_no_document() {
        let good = document("client_name", json!("x"));
        let with_types = |types: &[&str]| {
            let mut headers = HeaderMap::new();
            for content_type in types {
                headers.append(CONTENT_TYPE, content_type.parse().unwrap());
            }
            Fetched { headers, ..good.clone() }
        };
        for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/oauth-client+json"] {
            assert!(judged(&with_types(&[content_type])).is_ok(), "{content_type}");
        }
        for types in [
            &[][..],
            &[""],
            &["text/html"],
            &["text/json"],
            &["application/+json"],
            &["application/jsonx"],
            &["application/json, text/html"],
            &["application/json", "text/html"],
        ] {
            assert_eq!(judged(&with_types(types)), Err(DocumentFault::MediaType), "{types:?}");
        }
        for status in [201, 204, 206, 301, 302, 304, 307, 401, 403, 404, 500] {
            assert_eq!(judged(&Fetched { status, ..good.clone() }), Err(DocumentFault::Status(status)));
        }
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bom = [b"\xef\xbb\xbf", &good.body[..]].concat();
        for body in [b"<html></html>".to_vec(), Vec::new(), b"[]".to_vec(), b"\x1f\x8b\x08".to_vec(), utf16, bom] {
            assert_eq!(judged(&json_document(body)), Err(DocumentFault::Json));
        }
        let twice = format!(r#"{{"client_id":"{URL}","client_id":"{URL}","redirect_uris":["https://h/cb"]}}"#);
        assert_eq!(judged(&json_document(twice)), Err(DocumentFault::Json));
        let large = document("x", json!("x".repeat(LARGEST_DOCUMENT)));
        assert_eq!(judged(&large), Err(DocumentFault::Size));
        let url = DocumentUrl::parse(URL).unwrap();
        assert!(judge_document(&url, &good, &MetadataPolicy::default(), 10).is_err(), "the limit is a setting");
    }

    #[test]
    fn attack_089_one_text_for_every_fault() {
        let texts = [
            DocumentFault::Status(404),
            DocumentFault::Fetch(FetchError::Forbidden),
            DocumentFault::Fetch(FetchError::Timeout),
            DocumentFault::Json,
            DocumentFault::Busy,
        ]
        .map(|fault| DocumentError::from(fault).to_string());
        assert!(texts.iter().all(|text| text == "the client metadata document cannot be used"), "{texts:?}");
    }

    #[test]
    fn attack_090_the_client_id_is_the_url_byte_for_byte() {
        for other in [
            json!("https://client.example/Client.json"),
            json!("https://CLIENT.example/client.json"),
            json!("HTTPS://client.example/client.json"),
            json!("https://client.example/client.json/"),
            json!("https://client.example:443/client.json"),
            json!("https://client.example/client%2Ejson"),
            json!("https://client.example/client.json "),
            json!("https://client.example/client.json?"),
            json!("https://client.example/client.json#"),
            json!([URL]),
            json!(null),
            json!(1),
        ] {
            assert_eq!(judged(&document("client_id", other.clone())), Err(DocumentFault::ClientId), "{other}");
        }
        assert_eq!(judged(&json_document(r#"{"redirect_uris":["https://h/cb"]}"#)), Err(DocumentFault::ClientId));
    }

    #[test]
    fn attack_092_a_document_keeps_no_secret() {
        for member in ["client_secret", "client_secret_expires_at"] {
            for value in [json!("x"), json!(0), json!(null)] {
                assert_eq!(judged(&document(member, value)), Err(DocumentFault::Secret), "{member}");
            }
        }
        for method in ["client_secret_post", "client_secret_basic", "client_secret_jwt"] {
            assert!(judged(&document("token_endpoint_auth_method", json!(method))).is_err(), "{method}");
        }
        let private = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "A", "y": "B", "d": "C"}]});
        let fault = MetadataError::member("jwks", MemberFault::PrivateKey);
        assert_eq!(judged(&document("jwks", private)), Err(DocumentFault::Metadata(fault)));
    }

    #[test]
    fn attack_005_a_document_with_a_dangerous_redirect() {
        let uris = json!(["https://h/cb", "javascript:alert(1)"]);
        assert!(matches!(judged(&document("redirect_uris", uris)), Err(DocumentFault::Metadata(_))));
        assert!(matches!(judged(&document("redirect_uris", json!([]))), Err(DocumentFault::Metadata(_))));
    }
}
