//! Private keys as text files have them (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::der;
use super::error::KeyError;

/// The longest text that is read. A key of 8192 bits takes 6400 bytes.
const LONGEST: usize = 16 << 10;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The one private key in `text`, as PKCS#8. Other blocks (the parameters that some tools write in front) are passed over.
pub(crate) fn private_key(text: &str) -> Result<(Algorithm, Zeroizing<Vec<u8>>), KeyError> {
    if text.len() > LONGEST {
        return Err(KeyError::Size);
    }
    let mut found = None;
    let mut rest = text;
    while let Some(block) = Block::next(&mut rest)? {
        if block.label == "ENCRYPTED PRIVATE KEY" || block.body.contains("Proc-Type:") {
            return Err(KeyError::Encrypted);
        }
        if !block.label.ends_with("PRIVATE KEY") {
            continue;
        }
        let der = block.decode()?;
        let key = match block.label {
            "PRIVATE KEY" => der::pkcs8(&der),
            "RSA PRIVATE KEY" => der::pkcs1(&der),
            "EC PRIVATE KEY" => der::sec1(&der),
            _ => None,
        };
        // Which of two keys is meant would be a guess.
        if found.replace(key.ok_or(KeyError::Unsupported)?).is_some() {
            return Err(KeyError::Encoding);
        }
    }
    found.ok_or(KeyError::Encoding)
}

/// What `JWT_PRIVATE_KEY_B64` holds: the text of a PEM file, in base64 once more.
pub(crate) fn base64_private_key(text: &str) -> Result<(Algorithm, Zeroizing<Vec<u8>>), KeyError> {
    if text.len() > LONGEST * 2 {
        return Err(KeyError::Size);
    }
    let bytes = decode(text)?;
    private_key(std::str::from_utf8(&bytes).map_err(|_| KeyError::Encoding)?)
}

/// Base64 with the line breaks that tools put into it.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.chars().filter(|character| !character.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(packed.len())]);
    let length = STANDARD.decode_slice(packed.as_bytes(), &mut bytes).map_err(|_| KeyError::Encoding)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// One block between its two lines.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

impl<'a> Block<'a> {
    fn next(rest: &mut &'a str) -> Result<Option<Self>, KeyError> {
        let Some((_, text)) = rest.split_once(BEGIN) else {
            return Ok(None);
        };
        let (label, text) = text.split_once(DASHES).ok_or(KeyError::Encoding)?;
        let (body, text) = text.split_once(END).ok_or(KeyError::Encoding)?;
        let text = text.strip_prefix(label).and_then(|text| text.strip_prefix(DASHES)).ok_or(KeyError::Encoding)?;
        *rest = text;
        Ok(Some(Self { label, body }))
    }

    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        decode(self.body)
    }
}
