//! What is secret in a flow, and the search for it where it must not be.
//!
//! ```
//! use scripted_browser::secrets::{Kind, Secrets};
//!
//! let mut secrets = Secrets::default();
//! secrets.add(Kind::Password, "correct horse");
//! secrets.assert_has(&[Kind::Password]);
//! let search = secrets.search();
//! search.assert_not_in("the log", b"ada has signed in");
//! assert!(search.first_in(b"signed in: user=ada&password=correct+horse").is_some());
//! ```

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spelling::spellings;
use crate::{Jar, forms};

/// What kind of secret something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kind {
    /// What opens a resource: a JWT.
    AccessToken,
    /// What a client signs to say who it is: a JWT (RFC 7523).
    Assertion,
    /// A client's secret.
    ClientSecret,
    /// What a client redeems.
    Code,
    /// A cookie's value.
    Cookie,
    /// What a device asks with (RFC 8628).
    DeviceCode,
    /// What binds a form to a page.
    FormToken,
    /// What the keys in a store are sealed with.
    MasterKey,
    /// What the owner signs in with, once.
    OwnerCode,
    /// What a user signs in with.
    Password,
    /// What somebody signs with: the numbers of a key that are not public.
    PrivateKey,
    /// What a client gets new tokens with.
    RefreshToken,
    /// What a client changes its registration with (RFC 7592).
    RegistrationToken,
    /// What a client recognises its own request by.
    State,
    /// What a server shows its store.
    StorePassword,
    /// What the user of a device types (RFC 8628).
    UserCode,
    /// What a client proves that it began a flow with (RFC 7636).
    Verifier,
}

/// The layout of what is sealed: its first 44 characters (version, id of the key, salt and nonce) are not secret.
const SEALED_HEAD: usize = 44;
/// The random end of what the server hands out: 256 bits in base64url.
const RANDOM: usize = 43;

impl Kind {
    /// What of a secret stands nowhere else. The claims of a token and the id of a grant are for everybody; whoever has what
    /// comes after them has it all.
    fn own_part(self, secret: &[u8]) -> &[u8] {
        let after = |length: usize| secret.get(length..);
        let own = match self {
            Self::AccessToken | Self::Assertion | Self::Code | Self::RefreshToken => {
                secret.rsplit(|byte| *byte == b'.').next()
            }
            Self::Cookie | Self::FormToken if secret.len() > 2 * SEALED_HEAD => after(SEALED_HEAD),
            _ if secret.starts_with(b"mcpo_") => after(secret.len().saturating_sub(RANDOM)),
            _ => None,
        };
        own.filter(|own| !own.is_empty()).unwrap_or(secret)
    }
}

/// The secrets of a flow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Secrets(Vec<(Kind, Vec<u8>)>);

impl Secrets {
    /// One more, as text or as bytes. What is there already is not there twice.
    ///
    /// # Panics
    ///
    /// If it is so short that it would be found by chance.
    #[track_caller]
    pub fn add(&mut self, kind: Kind, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(secret.len() >= 6, "{kind:?}: {}", secret.escape_ascii());
        if !self.0.iter().any(|(own, known)| *own == kind && known == secret) {
            self.0.push((kind, secret.to_vec()));
        }
    }

    /// The numbers of a key that are not public, of its PKCS#8 form: the scalar of P-256 (RFC 5915) or Ed25519 (RFC 8410),
    /// or all numbers behind the public exponent 65537 (RFC 8017).
    ///
    /// # Panics
    ///
    /// If it is something else.
    #[track_caller]
    pub fn add_key(&mut self, pkcs8: &[u8]) {
        let behind = |mark: &[u8]| {
            let at = pkcs8.windows(mark.len()).position(|window| window == mark);
            at.and_then(|at| pkcs8.get(at + mark.len()..))
        };
        let scalar = behind(&[2, 1, 1, 4, 32]).or_else(|| behind(&[4, 34, 4, 32])).and_then(|rest| rest.get(..32));
        if let Some(scalar) = scalar {
            return self.add(Kind::PrivateKey, scalar);
        }
        let mut rest = behind(&[2, 3, 1, 0, 1]).unwrap_or_default();
        let mut numbers = 0;
        while let Some((number, after)) = integer(rest) {
            self.add(Kind::PrivateKey, number);
            (rest, numbers) = (after, numbers + 1);
        }
        assert_eq!(numbers, 6, "of which kind is this key?");
    }

    /// What an answer in JSON hands out.
    pub fn answered(&mut self, body: &Value) {
        for (name, kind) in [
            ("access_token", Kind::AccessToken),
            ("refresh_token", Kind::RefreshToken),
            ("client_secret", Kind::ClientSecret),
            ("registration_access_token", Kind::RegistrationToken),
            ("device_code", Kind::DeviceCode),
            ("user_code", Kind::UserCode),
        ] {
            if let Some(secret) = body.get(name).and_then(Value::as_str) {
                self.add(kind, secret);
            }
        }
    }

    /// What a form says that is sent, right or wrong.
    pub fn sent(&mut self, form: &[(&str, &str)]) {
        for (name, value) in form {
            let kind = match *name {
                "client_assertion" => Kind::Assertion,
                "client_secret" => Kind::ClientSecret,
                "code" if value.starts_with("mcpo_") => Kind::Code,
                "code" => Kind::OwnerCode,
                "code_verifier" => Kind::Verifier,
                "device_code" => Kind::DeviceCode,
                "flow" => Kind::FormToken,
                "password" => Kind::Password,
                "refresh_token" => Kind::RefreshToken,
                "state" => Kind::State,
                "user_code" => Kind::UserCode,
                _ => continue,
            };
            self.add(kind, value);
        }
    }

    /// What binds the forms of a page.
    pub fn shown(&mut self, html: &str) {
        for (_, value) in forms(html).iter().flat_map(|form| &form.hidden).filter(|(name, _)| name == "flow") {
            self.add(Kind::FormToken, value);
        }
    }

    /// The cookies that a browser has.
    pub fn kept(&mut self, jar: &Jar) {
        jar.values().for_each(|value| self.add(Kind::Cookie, value));
    }

    /// Those of this kind, where they are text.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let own = self.0.iter().filter(move |(own, _)| *own == kind);
        own.filter_map(|(_, secret)| std::str::from_utf8(secret).ok())
    }

    /// That there are some of each of these kinds: a flow that ends early has nothing to look for.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[track_caller]
    pub fn assert_has(&self, kinds: &[Kind]) {
        for kind in kinds {
            assert!(self.0.iter().any(|(own, _)| own == kind), "there is no {kind:?}");
        }
    }

    /// Takes others in.
    pub fn extend(&mut self, others: &Self) {
        for (kind, secret) in &others.0 {
            self.add(*kind, secret);
        }
    }

    /// Prepares the search for all of them.
    #[must_use]
    pub fn search(&self) -> Search<'_> {
        let mut search = Search { begins: vec![false; 1 << 16], by_beginning: HashMap::new() };
        for (kind, secret) in &self.0 {
            let own = kind.own_part(secret);
            for other in otherwise_written(*kind, own).iter().map(Vec::as_slice).chain([own]) {
                for (how, spelling) in spellings(other) {
                    search.add(spelling, Found { kind: *kind, how, secret });
                }
            }
        }
        search
    }
}

/// People write what they type in either case, with and without what stands between the letters.
fn otherwise_written(kind: Kind, secret: &[u8]) -> Vec<Vec<u8>> {
    if !matches!(kind, Kind::OwnerCode | Kind::UserCode) {
        return Vec::new();
    }
    let plain: Vec<u8> = secret.iter().copied().filter(|byte| *byte != b'-').collect();
    vec![secret.to_ascii_lowercase(), plain.to_ascii_lowercase(), plain]
}

/// The bytes of a DER INTEGER without its leading zero, and what comes after it.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [2, 0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [2, 0x81, length, rest @ ..] | [2, length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(length)?;
    Some((number.strip_prefix(&[0]).unwrap_or(number), rest))
}

/// How many findings are told of one place, and how much of what stands around each.
const MOST_COMPLAINTS: usize = 8;
const AROUND: usize = 240;

/// A secret that was found, and how it was written.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    kind: Kind,
    how: &'static str,
    secret: &'a [u8],
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}: {}", self.kind, self.how, self.secret.escape_ascii())
    }
}

/// A search for many secrets in all their spellings at once.
#[derive(Debug)]
pub struct Search<'a> {
    /// Which two bytes some spelling begins with: most places are left at a glance.
    begins: Vec<bool>,
    by_beginning: HashMap<[u8; 4], Vec<(Vec<u8>, Found<'a>)>>,
}

impl<'a> Search<'a> {
    fn add(&mut self, spelling: Vec<u8>, found: Found<'a>) {
        if let Some(beginning) = spelling.first_chunk::<4>() {
            if let Some(begins) = self.begins.get_mut(two(beginning)) {
                *begins = true;
            }
            self.by_beginning.entry(*beginning).or_default().push((spelling, found));
        }
    }

    /// The first secret in these bytes, if there is any: as they are, and without white space, which stands between what is
    /// written byte by byte, and breaks lines.
    #[must_use]
    pub fn first_in(&self, bytes: &[u8]) -> Option<Found<'a>> {
        let without: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        [bytes, &without].into_iter().find_map(|bytes| self.from(bytes, 0)).map(|(_, found)| found)
    }

    /// The first one that begins there or later, and where it does.
    fn from(&self, bytes: &[u8], start: usize) -> Option<(usize, Found<'a>)> {
        bytes.windows(4).enumerate().skip(start).find_map(|(at, window)| {
            let beginning = window.first_chunk::<4>()?;
            if self.begins.get(two(beginning)) != Some(&true) {
                return None;
            }
            let rest = bytes.get(at..)?;
            let candidates = self.by_beginning.get(beginning)?;
            candidates.iter().find(|(spelling, _)| rest.starts_with(spelling)).map(|(_, found)| (at, *found))
        })
    }

    /// What is wrong with a place where none of them may be: nothing, or a line for each of the first that are.
    #[must_use]
    pub fn complaints(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut start = 0;
        while let Some((at, found)) = self.from(bytes, start)
            && complaints.len() < MOST_COMPLAINTS
        {
            let around = bytes.get(at.saturating_sub(AROUND)..bytes.len().min(at + AROUND)).unwrap_or_default();
            complaints.push(format!("{place} has {found:?}: .. {} ..", around.escape_ascii()));
            let rest = bytes.get(at..).unwrap_or_default();
            start = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        }
        if complaints.is_empty() {
            complaints.extend(self.first_in(bytes).map(|found| format!("{place} has {found:?}")));
        }
        complaints
    }

    /// That none of them is in these bytes.
    ///
    /// # Panics
    ///
    /// If one is: with what it is, and what stands around it.
    #[track_caller]
    pub fn assert_not_in(&self, place: &str, bytes: impl AsRef<[u8]>) {
        let complaints = self.complaints(place, bytes.as_ref());
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

fn two(beginning: &[u8; 4]) -> usize {
    let [one, two, ..] = beginning;
    usize::from(*one) << 8 | usize::from(*two)
}

#[cfg(test)]
mod tests;
