//! How a client authenticates: what it asks for, what it could do as well, and what is taken of that.
//!
//! Three members count: `token_endpoint_auth_method` (RFC 7591 section 2), `token_endpoint_auth_signing_alg` (OpenID
//! Connect Registration section 2), and the list `token_endpoint_auth_methods_supported` of OpenID Connect Relying Party
//! Metadata Choices 1.0, of which the server takes one where it cannot take the single one.

use serde_json::{Map, Value};

use super::error::{MemberFault, MetadataError};
use super::keys::Keys;
use super::metadata::{Source, exact, strings};
use super::policy::MetadataPolicy;
use crate::types::{ApplicationType, ClientAuthMethod};

const METHOD: &str = "token_endpoint_auth_method";
const CHOICES: &str = "token_endpoint_auth_methods_supported";
const ALGORITHM: &str = "token_endpoint_auth_signing_alg";
const LONGEST: usize = 64;

/// The method of the client.
pub(super) fn choose(
    members: &Map<String, Value>,
    policy: &MetadataPolicy,
    source: Source<'_>,
    keys: &Keys,
    application_type: ApplicationType,
) -> Result<ClientAuthMethod, MetadataError> {
    let single = exact(members, METHOD, LONGEST)?;
    let choices = strings(members, CHOICES, 16, LONGEST)?.unwrap_or_default();
    let algorithm = exact(members, ALGORITHM, LONGEST)?;
    let algorithm_fits = algorithm.is_none_or(|own| policy.assertion_algorithms.contains(&own));
    let possible = |method: ClientAuthMethod| {
        policy.allows(method)
            && !(method.has_secret() && source.is_document())
            && (method != ClientAuthMethod::PrivateKeyJwt || (keys.any() && algorithm_fits))
    };
    let unsupported = Err(MetadataError::member(METHOD, MemberFault::Unsupported));
    if let Some(single) = &single {
        // CIMD 4.1: no method "based around a shared symmetric secret", whatever else the document offers.
        if source.is_document() && single.starts_with("client_secret_") {
            return unsupported;
        }
        if let Ok(method) = single.parse()
            && possible(method)
        {
            return Ok(method);
        }
    }
    let chosen = |method: &ClientAuthMethod| choices.iter().any(|own| own == method.as_str()) && possible(*method);
    if let Some(method) = policy.auth_methods.iter().copied().find(|method| chosen(method)) {
        return Ok(method);
    }
    match single.as_deref() {
        Some("private_key_jwt") if !keys.any() => Err(MetadataError::member(METHOD, MemberFault::NeedsKeys)),
        Some(_) => unsupported,
        None if !choices.is_empty() => Err(MetadataError::member(CHOICES, MemberFault::Unsupported)),
        None => default(source, application_type).into_iter().find(|method| possible(*method)).map_or(unsupported, Ok),
    }
}

/// What a client that says nothing means, and what it gets if that is not offered.
///
/// RFC 7591 section 2 says `client_secret_basic`. Native clients that say nothing send nothing afterwards
/// (<https://github.com/microsoft/vscode/issues/259642>), so they are public, and the answer tells them. A document has
/// no way to a secret at all.
const fn default(source: Source<'_>, application_type: ApplicationType) -> [ClientAuthMethod; 3] {
    use ClientAuthMethod::{ClientSecretBasic, ClientSecretPost, None};
    match (source, application_type) {
        (Source::Registration, ApplicationType::Web) => [ClientSecretBasic, ClientSecretPost, None],
        _ => [None, ClientSecretBasic, ClientSecretPost],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WEB: ApplicationType = ApplicationType::Web;
    const NATIVE: ApplicationType = ApplicationType::Native;
    const DOCUMENT: Source<'_> = Source::Document("https://h/c");

    fn method(value: &Value, source: Source<'_>, kind: ApplicationType) -> Result<ClientAuthMethod, MetadataError> {
        let members = value.as_object().unwrap();
        choose(members, &MetadataPolicy::default(), source, &Keys::read(members).unwrap(), kind)
    }

    #[test]
    fn a_client_that_says_nothing() {
        use ClientAuthMethod as M;
        for value in [json!({}), json!({"token_endpoint_auth_method": null}), json!({"token_endpoint_auth_method": ""})]
        {
            assert_eq!(method(&value, Source::Registration, WEB), Ok(M::ClientSecretBasic));
            assert_eq!(method(&value, Source::Registration, NATIVE), Ok(M::None));
            assert_eq!(method(&value, DOCUMENT, WEB), Ok(M::None));
        }
        let only = |methods: &[M]| MetadataPolicy { auth_methods: methods.to_vec(), ..MetadataPolicy::default() };
        let default =
            |policy: &MetadataPolicy, source, kind| choose(&Map::new(), policy, source, &Keys::default(), kind);
        assert_eq!(default(&only(&[M::None]), Source::Registration, WEB), Ok(M::None));
        assert_eq!(default(&only(&[M::ClientSecretPost]), Source::Registration, NATIVE), Ok(M::ClientSecretPost));
        assert!(default(&only(&[M::ClientSecretPost]), DOCUMENT, NATIVE).is_err());
        assert!(default(&only(&[]), Source::Registration, WEB).is_err());
    }

    #[test]
    fn choices_are_for_what_cannot_be_had() {
        use ClientAuthMethod as M;
        let chatgpt = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://h/j",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg": "RS256"});
        assert_eq!(method(&chatgpt, DOCUMENT, WEB), Ok(M::PrivateKeyJwt));
        let members = chatgpt.as_object().unwrap();
        let keys = Keys::read(members).unwrap();
        for policy in [
            MetadataPolicy { auth_methods: vec![M::ClientSecretBasic, M::None], ..MetadataPolicy::default() },
            MetadataPolicy { assertion_algorithms: vec!["ES256".to_owned()], ..MetadataPolicy::default() },
        ] {
            assert_eq!(choose(members, &policy, DOCUMENT, &keys, WEB), Ok(M::None));
        }
        let list = json!({"token_endpoint_auth_methods_supported": ["tls_client_auth", "client_secret_post", "none"]});
        assert_eq!(method(&list, Source::Registration, WEB), Ok(M::None));
        assert_eq!(method(&list, DOCUMENT, WEB), Ok(M::None));
        let none = json!({"token_endpoint_auth_methods_supported": ["tls_client_auth"]});
        assert!(method(&none, Source::Registration, WEB).is_err());
    }

    #[test]
    fn attack_080_methods_that_cannot_be() {
        for (value, fault) in [
            (json!({"token_endpoint_auth_method": "client_secret_jwt"}), MemberFault::Unsupported),
            (json!({"token_endpoint_auth_method": "None"}), MemberFault::Unsupported),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), MemberFault::NeedsKeys),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://h/j",
                    "token_endpoint_auth_signing_alg": "none"}),
                MemberFault::Unsupported,
            ),
            (json!({"token_endpoint_auth_method": ["none"]}), MemberFault::Type),
            (json!({"token_endpoint_auth_method": "x".repeat(65)}), MemberFault::Length),
        ] {
            let refused = method(&value, Source::Registration, WEB);
            assert_eq!(refused, Err(MetadataError::member(METHOD, fault)), "{value}");
        }
    }

    #[test]
    fn attack_092_a_document_has_no_secret_method() {
        for name in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
            let value = json!({"token_endpoint_auth_method": name, "token_endpoint_auth_methods_supported": ["none"]});
            assert!(method(&value, DOCUMENT, WEB).is_err(), "{name}");
        }
    }
}
