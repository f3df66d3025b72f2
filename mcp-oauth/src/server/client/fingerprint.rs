//! When two registrations are one and the same client.

use crate::types::{ClientAuthMethod, ClientMetadata, Digest};

/// The digest by which a store finds that the very same public client has registered before; `None` for clients that
/// have a secret or keys, each of which is its own.
///
/// Some clients register anew each time that they connect (<https://github.com/anthropics/claude-code/issues/84614> and
/// others). Everything that is registered goes in. Lists that are sets go in sorted, so that their order makes no
/// difference, nor does the order of the members.
#[must_use]
pub(crate) fn fingerprint(metadata: &ClientMetadata) -> Option<Digest> {
    if metadata.token_endpoint_auth_method != ClientAuthMethod::None {
        return None;
    }
    // Members stand in the order of the struct. What is left is what the client has put in order.
    let canonical = if is_in_order(metadata) {
        serde_json::to_vec(metadata)
    } else {
        let mut metadata = metadata.clone();
        put_in_order(&mut metadata);
        serde_json::to_vec(&metadata)
    };
    Some(Digest::of("client registration", &[&canonical.ok()?]))
}

/// Most clients list their one redirect URI, and their grants by the alphabet.
fn is_in_order(metadata: &ClientMetadata) -> bool {
    let ClientMetadata { redirect_uris, grant_types, response_types, contacts, jwks, .. } = metadata;
    redirect_uris.is_sorted()
        && [grant_types, response_types, contacts].into_iter().all(|list| list.is_sorted())
        && jwks.is_none()
}

fn put_in_order(metadata: &mut ClientMetadata) {
    let ClientMetadata { redirect_uris, grant_types, response_types, contacts, jwks, .. } = metadata;
    redirect_uris.sort_unstable();
    for list in [grant_types, response_types, contacts] {
        list.sort_unstable();
    }
    if let Some(jwks) = jwks {
        jwks.sort_all_objects();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{MetadataPolicy, register};
    use super::*;

    fn of(body: &Value) -> Option<Digest> {
        fingerprint(&register(body.to_string().as_bytes(), &MetadataPolicy::default()).unwrap().metadata)
    }

    fn body() -> Value {
        json!({
            "client_name": "Claude", "redirect_uris": ["https://h/cb", "http://localhost:1/cb"],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"
        })
    }

    #[test]
    fn attack_082_the_same_public_client_is_one() {
        let same = r#"{"token_endpoint_auth_method":"none","x-unknown":1,"response_types":["code"],"application_type":"native",
            "grant_types":["refresh_token","authorization_code","password"],"client_name":" Claude ",
            "redirect_uris":["http://localhost:1/cb","https://h/cb","https://h/cb"]}"#;
        assert!(of(&body()).is_some());
        assert_eq!(of(&serde_json::from_str(same).unwrap()), of(&body()));
    }

    #[test]
    fn whatever_differs_makes_another() {
        for (member, value) in [
            ("client_name", json!("Claude 2")),
            ("redirect_uris", json!(["https://h/cb"])),
            ("redirect_uris", json!(["https://h/cb", "http://localhost:2/cb"])),
            ("grant_types", json!(["authorization_code"])),
            ("client_uri", json!("https://h/")),
            ("software_id", json!("x")),
            ("contacts", json!(["x"])),
            ("jwks", json!({"keys": [{"kty": "EC", "x": "1"}]})),
        ] {
            let mut other = body();
            other[member] = value;
            assert_ne!(of(&other), of(&body()), "{member}");
        }
    }

    #[test]
    fn clients_with_a_secret_are_each_their_own() {
        for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
            let mut other = body();
            other["token_endpoint_auth_method"] = json!(method);
            other["jwks_uri"] = json!("https://h/jwks.json");
            assert_eq!(of(&other), None, "{method}");
        }
    }
}
