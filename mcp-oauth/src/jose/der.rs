//! As much DER as the envelope of a private key needs, read with every length checked.
//!
//! josekit reads the same envelope to tell kinds of keys apart, and reserves as much memory as a length in it says. So it
//! is only given envelopes that were written here.

use zeroize::Zeroizing;

use super::algorithm::Algorithm;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: the parameters of an ECPrivateKey.
const CONTEXT_0: u8 = 0xA0;

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P_256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// 1.3.101.112 (RFC 8410 section 3)
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

/// What is left of a sequence of elements.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, if it has this tag and a definite length in the fewest bytes.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            0x81 | 0x82 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x0F))?;
                let length = length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
                let fewest = if first == 0x81 { 0x80 } else { 0x100 };
                (length >= fewest).then_some((length, rest))?
            }
            // A key of 64 KiB or more is no key.
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends one element. Contents are shorter than 64 KiB, because they were read from something that was.
fn write(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(one) => out.extend([0x81, one]),
        Err(_) => {
            let [.., high, low] = length.to_be_bytes();
            out.extend([0x82, high, low]);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Puts the key of one algorithm, in that algorithm's own form, into the PKCS#8 envelope (RFC 5208 section 5).
fn envelope(algorithm: Algorithm, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut identifier = Vec::new();
    match algorithm {
        Algorithm::Rs256 => {
            write(&mut identifier, OBJECT_IDENTIFIER, &[RSA_ENCRYPTION]);
            write(&mut identifier, NULL, &[]);
        }
        Algorithm::Es256 => {
            write(&mut identifier, OBJECT_IDENTIFIER, &[EC_PUBLIC_KEY]);
            write(&mut identifier, OBJECT_IDENTIFIER, &[P_256]);
        }
        Algorithm::EdDsa => write(&mut identifier, OBJECT_IDENTIFIER, &[ED25519]),
    }
    // Sized beforehand, so that no growth leaves a copy behind.
    let mut inner = Zeroizing::new(Vec::with_capacity(key.len() + 64));
    write(&mut inner, INTEGER, &[&[0]]);
    write(&mut inner, SEQUENCE, &[&identifier]);
    write(&mut inner, OCTET_STRING, &[key]);
    let mut out = Zeroizing::new(Vec::with_capacity(inner.len() + 4));
    write(&mut out, SEQUENCE, &[&inner]);
    out
}

/// Reads a PKCS#8 envelope of either version (RFC 5208 section 5, RFC 5958 section 2) and writes it anew: version 0,
/// without attributes and public key.
pub(crate) fn pkcs8(der: &[u8]) -> Option<(Algorithm, Zeroizing<Vec<u8>>)> {
    let mut outer = Reader(der);
    let mut inner = Reader(outer.element(SEQUENCE)?);
    if !outer.is_empty() || !matches!(inner.element(INTEGER)?, [0 | 1]) {
        return None;
    }
    let mut identifier = Reader(inner.element(SEQUENCE)?);
    let key = inner.element(OCTET_STRING)?;
    let name = identifier.element(OBJECT_IDENTIFIER)?;
    if name == RSA_ENCRYPTION {
        // RFC 3279 2.3.1: the parameters are NULL. Some writers leave them out.
        let plain = identifier.is_empty() || identifier.element(NULL) == Some(&[]);
        plain.then(|| pkcs1(key))?
    } else if name == EC_PUBLIC_KEY {
        (identifier.element(OBJECT_IDENTIFIER)? == P_256).then(|| sec1(key))?
    } else if name == ED25519 {
        // RFC 8410 section 7: an octet string within the octet string.
        let mut seed = Reader(key);
        let whole = seed.element(OCTET_STRING)?.len() == 32 && seed.is_empty() && identifier.is_empty();
        whole.then(|| (Algorithm::EdDsa, envelope(Algorithm::EdDsa, key)))
    } else {
        None
    }
}

/// An RSAPrivateKey (RFC 8017 appendix A.1.2), put into an envelope.
pub(crate) fn pkcs1(der: &[u8]) -> Option<(Algorithm, Zeroizing<Vec<u8>>)> {
    let mut outer = Reader(der);
    let mut inner = Reader(outer.element(SEQUENCE)?);
    // Version 0: two primes, and with them the modulus, two exponents and what the remainder theorem needs.
    let plain = inner.element(INTEGER)? == [0] && (0..8).all(|_| inner.element(INTEGER).is_some()) && inner.is_empty();
    (plain && outer.is_empty()).then(|| (Algorithm::Rs256, envelope(Algorithm::Rs256, der)))
}

/// An ECPrivateKey of P-256 (RFC 5915 section 3), put into an envelope.
pub(crate) fn sec1(der: &[u8]) -> Option<(Algorithm, Zeroizing<Vec<u8>>)> {
    let mut outer = Reader(der);
    let mut inner = Reader(outer.element(SEQUENCE)?);
    if !outer.is_empty() || inner.element(INTEGER)? != [1] || inner.element(OCTET_STRING)?.len() != 32 {
        return None;
    }
    if let Some(parameters) = inner.element(CONTEXT_0)
        && Reader(parameters).element(OBJECT_IDENTIFIER)? != P_256
    {
        return None;
    }
    Some((Algorithm::Es256, envelope(Algorithm::Es256, der)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_definite_short_and_within_the_text() {
        assert_eq!(Reader(&[4, 1, 7]).element(4), Some(&[7][..]));
        let long = [&[4, 0x81, 0x80][..], &[9; 128]].concat();
        assert_eq!(Reader(&long).element(4).map(<[u8]>::len), Some(128));
        for bytes in [
            &[][..],
            &[4],
            &[4, 1],
            &[5, 0],
            &[4, 0x80, 0, 0],                                   // indefinite
            &[4, 0x81, 1, 7],                                   // longer than it need be
            &[4, 0x82, 0, 1, 7],                                // the same
            &[4, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0],              // 2 GiB
            &[4, 0x88, 255, 255, 255, 255, 255, 255, 255, 255], // more than there can be
        ] {
            assert_eq!(Reader(bytes).element(4), None, "{bytes:?}");
        }
    }

    #[test]
    fn elements_are_read_as_they_are_written() {
        for length in [0, 1, 127, 128, 255, 256, 5000] {
            let content = vec![3; length];
            let mut out = Vec::new();
            write(&mut out, OCTET_STRING, &[&content]);
            assert_eq!(Reader(&out).element(OCTET_STRING), Some(&content[..]), "{length}");
        }
    }

    #[test]
    fn a_key_of_another_curve_is_none() {
        let mut p384 = Vec::new();
        write(&mut p384, OBJECT_IDENTIFIER, &[&[0x2B, 0x81, 0x04, 0x00, 0x22]]);
        let mut parameters = Vec::new();
        write(&mut parameters, CONTEXT_0, &[&p384]);
        let mut inner = Vec::new();
        write(&mut inner, INTEGER, &[&[1]]);
        write(&mut inner, OCTET_STRING, &[&[7; 32]]);
        let mut bare = Vec::new();
        write(&mut bare, SEQUENCE, &[&inner]);
        assert!(sec1(&bare).is_some());
        inner.extend(parameters);
        let mut named = Vec::new();
        write(&mut named, SEQUENCE, &[&inner]);
        assert!(sec1(&named).is_none());
    }
}
