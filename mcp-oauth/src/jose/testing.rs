//! What the tests of this room share: keys that are made once, and tokens with any header, claims and signature.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};
use serde_json::{Value, json};

use super::encoding::encode;
use super::{
    AccessTokenClaims, AccessTokenPolicy, Algorithm, Header, Limits, SigningKey, TokenError, Unverified, VerifyingKeys,
};

/// The time of all tests, in seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// One key for each algorithm. RSA keys take long to make.
pub(crate) fn key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
        Algorithm::ALL.into_iter().map(|algorithm| SigningKey::generate(algorithm).unwrap()).collect()
    });
    KEYS.iter().find(|key| key.algorithm() == algorithm).unwrap()
}

/// All of them, to verify with.
pub(crate) fn keys() -> &'static VerifyingKeys {
    static KEYS: LazyLock<VerifyingKeys> = LazyLock::new(|| {
        VerifyingKeys::new(Algorithm::ALL.into_iter().map(|algorithm| key(algorithm).verifying_key().clone())).unwrap()
    });
    &KEYS
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse("https://as.example").unwrap()
}

pub(crate) fn resource() -> ResourceId {
    ResourceId::parse("https://h.example/mcp").unwrap()
}

pub(crate) fn policy() -> AccessTokenPolicy {
    AccessTokenPolicy::for_resource(issuer(), resource())
}

/// What the resource says of a token, now.
pub(crate) fn judge(token: &str) -> Result<AccessTokenClaims, TokenError> {
    policy().verify(token, keys(), at(NOW))
}

/// Good claims of an access token.
pub(crate) fn claims() -> AccessTokenClaims {
    AccessTokenClaims::new(
        issuer(),
        Subject::parse("ada").unwrap(),
        resource(),
        ClientId::parse("https://app.example/client.json").unwrap(),
        "jti-1".to_owned(),
        at(NOW),
        Duration::from_secs(3600),
    )
}

/// The same as JSON, to be spoilt.
pub(crate) fn good() -> Value {
    serde_json::to_value(claims()).unwrap()
}

/// The header that goes with it.
pub(crate) fn header(key: &SigningKey) -> Value {
    json!({"alg": key.algorithm().name(), "kid": key.key_id(), "typ": "at+jwt"})
}

/// A token of these texts, whatever they are, with a signature over what is sent.
#[expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it hands it over")]
pub(crate) fn token(header: impl ToString, payload: impl ToString, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    let signature = encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The same, signed honestly with the key for ES256.
pub(crate) fn signed(header: impl ToString, payload: impl ToString) -> String {
    token(header, payload, |input| key(Algorithm::Es256).sign(input).unwrap())
}

/// Good claims after a change, signed honestly.
pub(crate) fn spoilt(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = good();
    change(&mut claims);
    signed(header(key(Algorithm::Es256)), claims)
}

/// A header that was read.
pub(crate) fn header_of(json: &str) -> Header {
    let token = token(json, "{}", |_| Vec::new());
    Unverified::parse(&token, &Limits::default()).unwrap().header().clone()
}
