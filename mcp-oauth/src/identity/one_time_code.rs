//! Codes that a person reads in one place and types in another.

use zeroize::Zeroizing;

use crate::types::{Digest, RandomError, Secret, random};

/// No vowels, so that no words come out, and no digits, so that none is mistaken for a letter (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters: 20^15 is more than 2^64.
const LENGTH: usize = 15;
/// How many stand together.
const GROUP: usize = 5;
/// How many letters a mark has.
const MARK: usize = 4;
/// The longest text that is looked at.
const LONGEST: usize = 128;

/// A new code: what is shown, and what is kept of it. 64.8 random bits, in three groups of five letters.
pub(super) fn mint() -> Result<(Secret, Digest), RandomError> {
    let mut letters = Zeroizing::new(String::with_capacity(LENGTH));
    while letters.len() < LENGTH {
        let bytes = Zeroizing::new(random::<32>()?);
        for byte in bytes.iter() {
            // 240 is twelve times twenty: each letter is as likely as any other.
            let letter = LETTERS.get(usize::from(byte % 20)).filter(|_| *byte < 240 && letters.len() < LENGTH);
            letters.extend(letter.map(|letter| char::from(*letter)));
        }
    }
    let mut shown = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (index, letter) in letters.chars().enumerate() {
        if index > 0 && index % GROUP == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    Ok((Secret::new(shown), digest(&letters)))
}

/// A few letters that tell codes apart. Whoever reads them knows nothing of the code.
pub(super) fn mark() -> Result<String, RandomError> {
    let mut mark = String::with_capacity(MARK);
    while mark.len() < MARK {
        let byte = random::<1>()?[0];
        let letter = LETTERS.get(usize::from(byte % 20)).filter(|_| byte < 240);
        mark.extend(letter.map(|letter| char::from(*letter)));
    }
    Ok(mark)
}

/// What a person typed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Typed {
    /// Nothing at all.
    Nothing,
    /// What cannot be a code.
    Malformed,
    /// What may be one.
    Code(Digest),
}

/// Reads what a person typed: in either case, with spaces and dashes anywhere.
pub(super) fn read(text: &str) -> Typed {
    if text.len() > LONGEST {
        return Typed::Malformed;
    }
    let mut letters = Zeroizing::new(String::with_capacity(LONGEST));
    letters.extend(
        text.chars()
            // Hyphens and dashes of every length: programs put them in the place of ours.
            .filter(|character| !(character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}')))
            .map(|character| character.to_ascii_uppercase()),
    );
    if letters.is_empty() {
        Typed::Nothing
    } else if letters.len() == LENGTH && letters.bytes().all(|byte| LETTERS.contains(&byte)) {
        Typed::Code(digest(&letters))
    } else {
        Typed::Malformed
    }
}

fn digest(letters: &str) -> Digest {
    Digest::of("one-time code", &[letters.as_bytes()])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn attack_044_codes_have_64_bits_spread_evenly() {
        let codes: Vec<Secret> = (0..4_000).map(|_| mint().unwrap().0).collect();
        let different: HashSet<&str> = codes.iter().map(|code| code.expose()).collect();
        assert_eq!(different.len(), codes.len());
        let mut counts = [0_u32; 128];
        for code in &codes {
            assert_eq!(code.expose().split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5]);
            code.expose().bytes().filter(|byte| *byte != b'-').for_each(|byte| counts[usize::from(byte)] += 1);
        }
        // 60,000 letters, 3,000 of each on average, with a standard deviation of 53.
        let used: Vec<u32> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(used.len(), LETTERS.len());
        assert!(used.iter().all(|count| (2_600..3_400).contains(count)), "{used:?}");
        assert!((LETTERS.len() as f64).log2() * LENGTH as f64 > 64.0);
    }

    #[test]
    fn people_type_as_they_like() {
        let (shown, digest) = mint().unwrap();
        let plain = shown.expose().replace('-', "");
        for typed in [
            shown.expose().to_owned(),
            plain.clone(),
            plain.to_lowercase(),
            format!("  {}\t\r\n", shown.expose().replace('-', " ")),
            shown.expose().replace('-', "\u{2013}"),
            shown.expose().replace('-', "\u{a0}-\u{a0}"),
        ] {
            assert!(matches!(read(&typed), Typed::Code(read) if read == digest), "{typed}");
        }
        assert!(matches!(read(" - "), Typed::Nothing));
        let longer = format!("{plain}B");
        for other in
            [&plain[1..], longer.as_str(), &plain.replace(&plain[..1], "A"), &" ".repeat(129), "ſſſſſſſſſſſſſſſ"]
        {
            assert!(matches!(read(other), Typed::Malformed), "{other}");
        }
    }
}
