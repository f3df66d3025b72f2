//! Public keys as JSON (RFC 7517), read strictly and written whole.

use mcp_transport::auth::JwkThumbprint;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::encoding::{decode, encode};
use super::error::JwkError;

/// The longest `kid` that is taken, in bytes. A thumbprint has 43.
pub(crate) const LONGEST_KEY_ID: usize = 256;

/// RSA keys: below 2048 bits RFC 7518 section 3.3 forbids them, above 8192 a peer's key costs us more than it is worth.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What only the private half of a key has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key: the members that make it, in canonical base64url, judged to be a key of its algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicJwk {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    material: Material,
}

/// The required members by key type. As text: one text per key, since base64url is read canonically.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Ec { x: String, y: String },
    Rsa { n: String, e: String },
    Okp { x: String },
}

impl PublicJwk {
    /// Reads a key. Members that say nothing about the key itself (`x5c`, `x5u`, ..) are passed over.
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self, JwkError> {
        let (material, algorithm) = match required(members, "kty")? {
            "EC" => (Material::ec(members)?, Algorithm::Es256),
            "RSA" => (Material::rsa(members)?, Algorithm::Rs256),
            "OKP" => (Material::okp(members)?, Algorithm::EdDsa),
            _ => return Err(JwkError::Kind),
        };
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        // RFC 8725 3.1: each key is used with exactly one algorithm.
        match optional(members, "alg")?.map(Algorithm::from_name) {
            None => {}
            Some(Some(named)) if named == algorithm => {}
            Some(_) => return Err(JwkError::Algorithm),
        }
        if !matches!(optional(members, "use")?, None | Some("sig")) || !verifies(members)? {
            return Err(JwkError::Use);
        }
        let key_id = optional(members, "kid")?;
        if key_id.is_some_and(|id| id.is_empty() || id.len() > LONGEST_KEY_ID) {
            return Err(JwkError::Member { name: "kid" });
        }
        Ok(Self { algorithm, key_id: key_id.map(str::to_owned), material })
    }

    /// The thumbprint with SHA-256 (RFC 7638).
    pub(crate) fn thumbprint(&self) -> Option<JwkThumbprint> {
        // RFC 7638 3.3: the required members alone, in lexicographic order, without white space. None of the values needs
        // escaping: they are base64url and names of ours.
        let canonical = match &self.material {
            Material::Ec { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Material::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            // RFC 8037 section 2 and appendix A.3.
            Material::Okp { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        };
        JwkThumbprint::parse(&encode(digest(&SHA256, canonical.as_bytes()))).ok()
    }

    /// The members that make the key, and nothing else.
    pub(crate) fn bare(&self) -> Map<String, Value> {
        let members: &[(&str, &str)] = match &self.material {
            Material::Ec { x, y } => &[("kty", "EC"), ("crv", "P-256"), ("x", x), ("y", y)],
            Material::Rsa { n, e } => &[("kty", "RSA"), ("n", n), ("e", e)],
            Material::Okp { x } => &[("kty", "OKP"), ("crv", "Ed25519"), ("x", x)],
        };
        members.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    /// The key as a JWKS publishes it: with its id, algorithm and use (RFC 7517 sections 4.2, 4.4 and 4.5).
    pub(crate) fn published(&self, key_id: &str) -> Map<String, Value> {
        let mut members = self.bare();
        for (name, value) in [("kid", key_id), ("alg", self.algorithm.name()), ("use", "sig")] {
            members.insert(name.to_owned(), Value::from(value));
        }
        members
    }
}

impl Material {
    fn ec(members: &Map<String, Value>) -> Result<Self, JwkError> {
        if required(members, "crv")? != "P-256" {
            return Err(JwkError::Kind);
        }
        // RFC 7518 6.2.1.2: the length of a coordinate is that of the curve, always. Whether the point is on the curve is
        // for the library to say, when the verifier is made.
        let (x, _) = bytes(members, "x", 32..=32)?;
        let (y, _) = bytes(members, "y", 32..=32)?;
        Ok(Self::Ec { x, y })
    }

    fn rsa(members: &Map<String, Value>) -> Result<Self, JwkError> {
        let (n, modulus) = bytes(members, "n", 1..=RSA_BITS.end() / 8)?;
        let (e, exponent) = bytes(members, "e", 1..=4)?;
        // RFC 7518 2, Base64urlUInt: in the minimum number of octets. A zero in front would also change the thumbprint.
        for (name, number) in [("n", &modulus), ("e", &exponent)] {
            if number.first() == Some(&0) {
                return Err(JwkError::Member { name });
            }
        }
        let zeros = modulus.first().map_or(8, |byte| byte.leading_zeros() as usize);
        if !RSA_BITS.contains(&(modulus.len() * 8 - zeros)) {
            return Err(JwkError::Size);
        }
        // With the exponent 1 each text is its own signature. Moduli and exponents are odd, or the key is none.
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(&modulus) || !odd(&exponent) || exponent == [1] {
            return Err(JwkError::Weak);
        }
        Ok(Self::Rsa { n, e })
    }

    fn okp(members: &Map<String, Value>) -> Result<Self, JwkError> {
        if required(members, "crv")? != "Ed25519" {
            return Err(JwkError::Kind);
        }
        let (x, point) = bytes(members, "x", 32..=32)?;
        if is_weak_ed25519(&point) { Err(JwkError::Weak) } else { Ok(Self::Okp { x }) }
    }
}

/// The prime of Curve25519, 2^255 - 19, little endian.
const PRIME: [u8; 32] = {
    let mut prime = [0xFF; 32];
    prime[0] = 0xED;
    prime[31] = 0x7F;
    prime
};

/// The y coordinates of the points of order 8. Those of order 1, 2 and 4 are 1, -1 and 0.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF,
        0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
    ],
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20,
        0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
    ],
];

/// Whether anybody can sign for this Ed25519 key, because its point is of small order, or it is written in more ways than
/// one. OpenSSL takes such keys.
fn is_weak_ed25519(point: &[u8]) -> bool {
    // RFC 8032 5.1.2: little endian, and the highest bit is the sign of x. Points of small order come with both signs.
    let mut y = point.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7F;
    }
    let below = |limit: &[u8]| y.iter().rev().lt(limit.iter().rev());
    let small = |number: u8| y.iter().rev().skip(31).eq([&number]) && y.iter().skip(1).all(|byte| *byte == 0);
    let minus_one = y.first() == Some(&0xEC) && y.iter().skip(1).eq(PRIME.iter().skip(1));
    // RFC 8032 5.1.3: decoding fails for y at the prime or above.
    !below(&PRIME) || small(0) || small(1) || minus_one || ORDER_8.iter().any(|other| y == other)
}

fn optional<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, JwkError> {
    members.get(name).map(|value| value.as_str().ok_or(JwkError::Member { name })).transpose()
}

fn required<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JwkError> {
    optional(members, name)?.ok_or(JwkError::Member { name })
}

/// A required member and the bytes that it stands for.
fn bytes(
    members: &Map<String, Value>,
    name: &'static str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<(String, Vec<u8>), JwkError> {
    let text = required(members, name)?;
    let bytes = decode(text, *lengths.end()).filter(|bytes| lengths.contains(&bytes.len()));
    bytes.map(|bytes| (text.to_owned(), bytes)).ok_or(JwkError::Member { name })
}

/// RFC 7517 4.3: `key_ops`, if it is there, names each operation once.
fn verifies(members: &Map<String, Value>) -> Result<bool, JwkError> {
    let malformed = JwkError::Member { name: "key_ops" };
    let Some(value) = members.get("key_ops") else {
        return Ok(true);
    };
    let names: Option<Vec<&str>> = value.as_array().ok_or(malformed)?.iter().map(Value::as_str).collect();
    let names = names.ok_or(malformed)?;
    // Far more than there are operations.
    if names.len() > 16 || names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|other| other == name)) {
        return Err(malformed);
    }
    Ok(names.contains(&"verify"))
}

#[cfg(test)]
mod tests;
