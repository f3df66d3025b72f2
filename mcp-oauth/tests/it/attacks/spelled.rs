//! A secret in every spelling that something might write it in, and the search for many of them at once.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret as text, as its bytes, and both in other texts, by what the spelling is.
pub(super) fn spellings(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut spelled = encoded(secret.as_bytes());
    spelled.push(("as it is", secret.as_bytes().to_vec()));
    // What is random in it is random bytes, which a store might keep as such.
    let random =
        [Some(secret), secret.rsplit('.').next(), secret.len().checked_sub(43).and_then(|at| secret.get(at..))];
    for random in random.into_iter().flatten() {
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(random)
            && bytes.len() >= 16
        {
            spelled.extend(encoded(&bytes));
            spelled.push(("as bytes", bytes));
        }
    }
    spelled
}

fn encoded(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let mut spelled = vec![
        ("in upper hex", hex.to_ascii_uppercase().into_bytes()),
        ("in lower hex", hex.into_bytes()),
        ("as a list", list.trim_matches(['[', ']']).as_bytes().to_vec()),
    ];
    // Base64 of a longer text looks otherwise, by where in it the secret begins. Characters that have bits of what stands
    // beside it are left out.
    for before in 0..3 {
        let text = [&vec![0; before][..], bytes].concat();
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for (how, engine) in [("in base64", &STANDARD_NO_PAD), ("in base64url", &URL_SAFE_NO_PAD)] {
            spelled.push((how, engine.encode(&text).as_bytes()[from..to].to_vec()));
        }
    }
    // What is short is found by chance.
    spelled.retain(|(_, spelling)| spelling.len() >= 8);
    spelled
}

/// Many byte strings to look for, each with what it means.
pub(super) struct Spelled<T>(HashMap<[u8; 4], Vec<(Vec<u8>, T)>>);

impl<T: Copy> Spelled<T> {
    /// All of them have at least four bytes.
    pub(super) fn new(strings: impl IntoIterator<Item = (T, Vec<u8>)>) -> Self {
        let mut found = HashMap::<_, Vec<_>>::new();
        for (meaning, string) in strings {
            found.entry(*string.first_chunk().unwrap()).or_default().push((string, meaning));
        }
        Self(found)
    }

    /// What the first of them means that is there.
    pub(super) fn first_in(&self, bytes: &[u8]) -> Option<T> {
        (0..bytes.len()).find_map(|at| {
            let candidates = self.0.get(bytes[at..].first_chunk()?)?;
            candidates.iter().find(|(string, _)| bytes[at..].starts_with(string)).map(|(_, meaning)| *meaning)
        })
    }
}

#[test]
fn every_spelling_is_found() {
    let secret = "mcpo_rt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let raw: Vec<u8> = (0..32).collect();
    let text = |bytes: &[u8]| format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    for place in [
        secret.as_bytes().to_vec(),
        raw.clone(),
        hex(secret.as_bytes()).into_bytes(),
        hex(&raw).to_ascii_lowercase().into_bytes(),
        text(&raw).into_bytes(),
        text(secret.as_bytes()).into_bytes(),
        STANDARD_NO_PAD.encode(&raw).into_bytes(),
        STANDARD_NO_PAD.encode(format!("a{secret}")).into_bytes(),
        URL_SAFE_NO_PAD.encode(format!("ab{secret}cd")).into_bytes(),
        URL_SAFE_NO_PAD.encode([&[255, 254], &raw[..], &[253]].concat()).into_bytes(),
    ] {
        let spelled = Spelled::new(spellings(secret));
        let bytes = [b"before ", &place[..], b" after"].concat();
        assert!(spelled.first_in(&bytes).is_some(), "{:?}", String::from_utf8_lossy(&place));
        assert!(spelled.first_in(&bytes[..bytes.len() / 3]).is_none());
    }
}
