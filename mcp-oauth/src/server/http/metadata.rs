//! What the server says about itself (RFC 8414), and its public keys (RFC 7517).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::respond::{Answer, bytes, empty};
use crate::jose::Algorithm;
use crate::server::config::{Config, Registration};
use crate::server::engine::Engine;
use crate::server::grant::DEVICE_CODE;
use crate::types::ClientAuthMethod;

/// How long documents may be kept. A key is published for longer than this before it signs.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The document, written once. It says nothing that is not served.
pub(crate) fn document(config: &Config, grants: &[&str], documents: DocumentClients) -> Bytes {
    let methods: Vec<&str> = config.auth_methods.iter().map(|method| method.as_str()).collect();
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    // With a name alone nobody is told what a token is.
    let proving: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    let mut metadata = json!({
        "issuer": config.issuer,
        "authorization_endpoint": config.url("/authorize"),
        "token_endpoint": config.url("/token"),
        "jwks_uri": config.url("/jwks"),
        "scopes_supported": config.scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": config.url("/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": documents == DocumentClients::Taken,
        "protected_resources": config.resources,
    });
    let Value::Object(members) = &mut metadata else { return Bytes::new() };
    if !proving.is_empty() {
        members.insert("introspection_endpoint".to_owned(), json!(config.url("/introspect")));
        members.insert("introspection_endpoint_auth_methods_supported".to_owned(), json!(proving));
    }
    if config.auth_methods.contains(&ClientAuthMethod::PrivateKeyJwt) {
        for endpoint in ["token", "revocation", "introspection"] {
            members.insert(format!("{endpoint}_endpoint_auth_signing_alg_values_supported"), json!(algorithms));
        }
    }
    if config.registration == Registration::Open {
        members.insert("registration_endpoint".to_owned(), json!(config.url("/register")));
    }
    if grants.contains(&DEVICE_CODE) {
        members.insert("device_authorization_endpoint".to_owned(), json!(config.url("/device_authorization")));
    }
    if let Some(documentation) = &config.documentation {
        members.insert("service_documentation".to_owned(), json!(documentation));
    }
    metadata.to_string().into()
}

/// The same for OpenID clients, with the members that they insist on. There are no ID tokens.
pub(crate) fn openid(document: &Bytes) -> Bytes {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(document) else { return document.clone() };
    members.insert("subject_types_supported".to_owned(), json!(["public"]));
    members.insert("id_token_signing_alg_values_supported".to_owned(), json!(["RS256"]));
    Value::Object(members).to_string().into()
}

/// Whether clients may be known by a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentClients {
    /// They are.
    Taken,
    /// They are not.
    Refused,
}

/// A document that may be kept for a while.
pub(crate) fn kept(body: Bytes, media_type: &'static str) -> Answer {
    let mut answer = bytes(StatusCode::OK, HeaderValue::from_static(media_type), body);
    answer.headers_mut().remove(http::header::PRAGMA);
    answer.headers_mut().insert(CACHE_CONTROL, KEEP);
    answer
}

/// The public keys.
pub(crate) fn jwks(engine: &Engine, headers: &HeaderMap) -> Answer {
    let keys = engine.keychain.current();
    let jwks = keys.ring().jwks();
    let mut answer = if is_known(headers, jwks.etag()) {
        // RFC 9110 section 15.4.5.
        let mut answer = empty(StatusCode::NOT_MODIFIED);
        answer.headers_mut().insert(CACHE_CONTROL, KEEP);
        answer
    } else {
        kept(jwks.body().clone(), "application/jwk-set+json")
    };
    if let Ok(etag) = HeaderValue::from_str(jwks.etag()) {
        answer.headers_mut().insert(ETAG, etag);
    }
    answer
}

/// Whether whoever asks has it already (RFC 9110 section 13.1.2): by one of the tags that they name, compared weakly, or by an
/// asterisk for whatever there is.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let mut lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| {
        let mut tags = line.split(',').map(|tag| tag.trim_matches([' ', '\t']));
        line.trim() == "*" || tags.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_13_1_2_what_somebody_has_already() {
        let known = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_str(line).unwrap()));
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value);
            }
            is_known(&headers, "\"a\"")
        };
        for lines in [
            &["\"a\""][..],
            &["W/\"a\""],
            &["\"b\", \"a\""],
            &["\"b\",W/\"a\",\"c\""],
            &["\"b\"", "\"a\""],
            &["*"],
            &[" * "],
        ] {
            assert!(known(lines), "{lines:?}");
        }
        for lines in [&[][..], &[""], &["a"], &["\"b\""], &["\"A\""], &["\"a"], &["\"b\", *"], &["w/\"a\""]] {
            assert!(!known(lines), "{lines:?}");
        }
    }
}
