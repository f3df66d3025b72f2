//! The members `jwks` and `jwks_uri` (RFC 7591 section 2).

use serde_json::{Map, Value, json};

use super::error::{MemberFault, MetadataError};
use super::text;

/// How many keys a client may have.
const MOST_KEYS: usize = 16;
/// The longest value in a key: a modulus of 8192 bits.
const LONGEST_VALUE: usize = 1400;
/// Members of public keys that are kept (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
const PUBLIC: &[&str] = &["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];
/// Members that only private and symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Where a client's public keys are, if it has any.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) jwks: Option<Value>,
    pub(super) jwks_uri: Option<String>,
}

impl Keys {
    pub(super) const fn any(&self) -> bool {
        self.jwks.is_some() || self.jwks_uri.is_some()
    }

    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, MetadataError> {
        let jwks_uri = match members.get("jwks_uri") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) if text::is_https(text) => Some(text.clone()),
            Some(Value::String(_)) => return Err(MetadataError::member("jwks_uri", MemberFault::Url)),
            Some(_) => return Err(MetadataError::member("jwks_uri", MemberFault::Type)),
        };
        let jwks = match members.get("jwks") {
            None | Some(Value::Null) => None,
            Some(value) => Some(public(value)?),
        };
        // RFC 7591 2: "The jwks_uri and jwks parameters MUST NOT both be present in the same request or response."
        if jwks.is_some() && jwks_uri.is_some() {
            return Err(MetadataError::member("jwks", MemberFault::BesideJwksUri));
        }
        Ok(Self { jwks, jwks_uri })
    }
}

/// The set with its public members alone.
fn public(value: &Value) -> Result<Value, MetadataError> {
    let fault = |fault| MetadataError::member("jwks", fault);
    let keys = value.get("keys").and_then(Value::as_array).ok_or(fault(MemberFault::NotKeys))?;
    if keys.is_empty() {
        return Err(fault(MemberFault::NotKeys));
    }
    if keys.len() > MOST_KEYS {
        return Err(fault(MemberFault::Count));
    }
    let mut kept = Vec::with_capacity(keys.len());
    for key in keys {
        let key = key.as_object().ok_or(fault(MemberFault::NotKeys))?;
        let kty = key.get("kty").and_then(Value::as_str).ok_or(fault(MemberFault::NotKeys))?;
        if kty == "oct" || PRIVATE.iter().any(|name| key.contains_key(*name)) {
            return Err(fault(MemberFault::PrivateKey));
        }
        let mut public = Map::new();
        for name in PUBLIC {
            match key.get(*name) {
                None => {}
                Some(Value::String(text)) if text.len() <= LONGEST_VALUE => {
                    public.insert((*name).to_owned(), Value::String(text.clone()));
                }
                Some(Value::String(_)) => return Err(fault(MemberFault::Length)),
                Some(_) => return Err(fault(MemberFault::NotKeys)),
            }
        }
        kept.push(Value::Object(public));
    }
    Ok(json!({ "keys": kept }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<Keys, MetadataError> {
        Keys::read(value.as_object().unwrap())
    }

    fn fault(value: &Value) -> MemberFault {
        match read(value) {
            Err(MetadataError::Member { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn public_members_are_kept() {
        let keys = read(&json!({"jwks": {"keys": [
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "BB", "kid": "1", "x5c": ["long"], "ext": true}
        ]}}));
        let kept = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "BB", "kid": "1"}]});
        assert_eq!(keys.unwrap(), Keys { jwks: Some(kept), jwks_uri: None });
        assert!(read(&json!({"jwks_uri": "https://h/jwks.json"})).unwrap().any());
        assert!(!read(&json!({"jwks_uri": "", "jwks": null})).unwrap().any());
    }

    #[test]
    fn attack_080_private_keys_and_two_sources_are_refused() {
        for name in PRIVATE {
            let mut key = json!({"kty": "RSA", "n": "AA", "e": "AQAB"});
            key[*name] = json!("secret");
            assert_eq!(fault(&json!({"jwks": {"keys": [key]}})), MemberFault::PrivateKey, "{name}");
        }
        assert_eq!(fault(&json!({"jwks": {"keys": [{"kty": "oct"}]}})), MemberFault::PrivateKey);
        let one = json!({"keys": [{"kty": "RSA"}]});
        assert_eq!(fault(&json!({"jwks": one, "jwks_uri": "https://h/j"})), MemberFault::BesideJwksUri);
        for (value, why) in [
            (json!({"jwks": {}}), MemberFault::NotKeys),
            (json!({"jwks": "x"}), MemberFault::NotKeys),
            (json!({"jwks": {"keys": []}}), MemberFault::NotKeys),
            (json!({"jwks": {"keys": [1]}}), MemberFault::NotKeys),
            (json!({"jwks": {"keys": [{"kty": "RSA", "n": 1}]}}), MemberFault::NotKeys),
            (json!({"jwks": {"keys": [{"kty": "RSA", "n": "A".repeat(1401)}]}}), MemberFault::Length),
            (json!({"jwks": {"keys": vec![json!({"kty": "RSA"}); 17]}}), MemberFault::Count),
            (json!({"jwks_uri": "http://localhost/j"}), MemberFault::Url),
            (json!({"jwks_uri": 1}), MemberFault::Type),
        ] {
            assert_eq!(fault(&value), why, "{value}");
        }
    }
}
