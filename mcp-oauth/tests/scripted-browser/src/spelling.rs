//! A secret in every spelling that something might write it in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What is random is looked for in pieces of this length: who shows one or the other half of it, or only its beginning, shows
/// too much.
const PIECE: usize = 12;
/// What is shorter stands in a text by chance.
const SHORTEST: usize = 8;

/// What a secret looks like, by what the spelling is. What is shorter than four bytes is no secret, and has none.
pub(crate) fn spellings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = pieces(secret).flat_map(spelled).collect::<Vec<_>>();
    // Text that is random stands for random bytes, which something might keep as such.
    let decoded = [&URL_SAFE_NO_PAD, &STANDARD].into_iter().filter_map(|engine| engine.decode(secret).ok());
    for bytes in decoded.filter(|bytes| bytes.len() >= 16) {
        all.extend(pieces(&bytes).flat_map(spelled));
    }
    all
}

/// One after the other, and the last ones once more; a short one whole.
fn pieces(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    let long = secret.len() >= 2 * PIECE;
    let (size, last) = if long { (PIECE, secret.len() - PIECE) } else { (secret.len().max(1), 0) };
    secret.chunks_exact(size).chain(secret.get(last..).filter(|_| long))
}

fn spelled(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |written: fn(&u8) -> String| {
        let all: Vec<String> = bytes.iter().map(written).collect();
        all.concat().trim_end_matches(',').to_owned()
    };
    let mut encoded = vec![
        ("in lower hex", each(|byte| format!("{byte:02x}"))),
        ("in upper hex", each(|byte| format!("{byte:02X}"))),
        ("in lower hex, byte by byte", each(|byte| format!("%{byte:02x}"))),
        ("in upper hex, byte by byte", each(|byte| format!("%{byte:02X}"))),
        // White space between the bytes is left to the search.
        ("as a list", each(|byte| format!("{byte},"))),
        ("as a list in lower hex", each(|byte| format!("{byte:x},"))),
        ("as a list in upper hex", each(|byte| format!("{byte:X},"))),
        ("as a list of 0x", each(|byte| format!("0x{byte:x},"))),
    ];
    // Base64 of a longer text looks otherwise, by where in it the secret begins. Characters that have bits of what stands
    // beside it are left out, and the padding with them.
    for before in 0..3_usize {
        let text = [[0; 2].as_slice().get(..before).unwrap_or_default(), bytes].concat();
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for (how, engine) in [("in base64", &STANDARD_NO_PAD), ("in base64url", &URL_SAFE_NO_PAD)] {
            encoded.push((how, engine.encode(&text).get(from..to).unwrap_or_default().to_owned()));
        }
    }
    let mut all: Vec<_> = encoded.into_iter().map(|(how, text)| (how, text.into_bytes())).collect();
    all.retain(|(_, text)| text.len() >= SHORTEST);
    all.push(("as it is", bytes.to_vec()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let own = |text: &str| text.trim_matches('"').as_bytes().to_vec();
        all.extend([
            ("percent-encoded", own(&percent_encoded(text, "%20"))),
            ("form-encoded", own(&percent_encoded(text, "+"))),
            ("in JSON", own(&serde_json::to_string(text).unwrap_or_default())),
            ("as Rust writes it", own(&format!("{text:?}"))),
            ("in HTML", own(&in_html(text))),
        ]);
    }
    all.retain(|(_, text)| text.len() >= 4);
    all.sort_by(|one, other| one.1.cmp(&other.1));
    all.dedup_by(|one, other| one.1 == other.1);
    all
}

fn percent_encoded(text: &str, space: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn in_html(text: &str) -> String {
    let escaped = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
    escaped.into_iter().fold(text.to_owned(), |text, (character, name)| text.replace(character, name))
}
