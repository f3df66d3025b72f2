//! Reading `WWW-Authenticate` (RFC 9110 sections 5.6 and 11.6.1).

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

use super::{Challenge, ErrorCode};
use crate::auth::scope::{ScopeSet, ScopeToken};

/// The longest header that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// The most challenges in one header, and the most parameters in one challenge.
const MOST: usize = 32;

/// Why a header is not a list of challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// Longer than 16 KiB, or more than 32 challenges or parameters.
    #[error("the header is too large")]
    Size,
    /// Something other than a scheme where one has to be.
    #[error("expected an authentication scheme at byte {at}")]
    Scheme {
        /// Where, counted from 0.
        at: usize,
    },
    /// Something other than a parameter, a token68 or a comma.
    #[error("expected a parameter at byte {at}")]
    Parameter {
        /// Where, counted from 0.
        at: usize,
    },
    /// A quoted text without an end.
    #[error("the quoted text at byte {at} has no end")]
    Unterminated {
        /// Where it begins, counted from 0.
        at: usize,
    },
    /// A name twice in one challenge (RFC 9110 section 11.2: it occurs once).
    #[error("a parameter occurs twice in one challenge")]
    Repeated,
}

impl Challenge {
    /// Parses one header: any number of challenges, separated by commas.
    ///
    /// Tolerated: empty list elements, space around `=`, and a value that should have been quoted
    /// but was not, such as a bare URL. Bytes outside ASCII are read as UTF-8, with replacement.
    ///
    /// # Errors
    ///
    /// When the header breaks the grammar in any other way.
    pub fn parse(value: &HeaderValue) -> Result<Vec<Self>, ChallengeError> {
        let (challenges, fault) = read(value.as_bytes());
        fault.map_or(Ok(challenges), Err)
    }

    /// Every challenge of a response, over all its `WWW-Authenticate` headers.
    ///
    /// Of a header that breaks the grammar, the challenges before the fault are kept: one bad
    /// challenge must not hide the good one that a client needs.
    #[must_use]
    pub fn parse_all(headers: &HeaderMap) -> Vec<Self> {
        headers.get_all(WWW_AUTHENTICATE).iter().take(MOST).flat_map(|value| read(value.as_bytes()).0).collect()
    }

    /// Takes one parameter that was read. Names are case-insensitive (RFC 9110 section 11.2).
    fn accept(&mut self, name: &[u8], value: Box<str>) -> Result<(), ChallengeError> {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let repeated = match name.as_str() {
            "realm" => self.realm.replace(value).is_some(),
            "error" => self.error.replace(ErrorCode::from(&*value)).is_some(),
            "error_description" => self.error_description.replace(value).is_some(),
            "resource_metadata" => self.resource_metadata.replace(value).is_some(),
            "scope" => {
                let repeated = self.scope.is_some() || self.get("scope").is_some();
                let scopes: Result<ScopeSet, _> = value.split_ascii_whitespace().map(ScopeToken::parse).collect();
                match scopes {
                    Ok(scopes) => self.scope = Some(scopes),
                    Err(_) => self.parameters.push((name.into(), value)),
                }
                repeated
            }
            _ => {
                let repeated = self.get(&name).is_some();
                self.parameters.push((name.into(), value));
                repeated
            }
        };
        if repeated {
            Err(ChallengeError::Repeated)
        } else if self.parameters.len() > MOST {
            Err(ChallengeError::Size)
        } else {
            Ok(())
        }
    }
}

/// The challenges of one header, up to the first fault.
fn read(bytes: &[u8]) -> (Vec<Challenge>, Option<ChallengeError>) {
    let mut challenges = Vec::new();
    if bytes.len() > LONGEST {
        return (challenges, Some(ChallengeError::Size));
    }
    let mut cursor = Cursor { bytes, at: 0 };
    loop {
        cursor.skip(is_list_space);
        if cursor.peek().is_none() {
            return (challenges, None);
        }
        match cursor.challenge() {
            Ok(_) if challenges.len() == MOST => return (challenges, Some(ChallengeError::Size)),
            Ok(challenge) => challenges.push(challenge),
            Err(fault) => return (challenges, Some(fault)),
        }
    }
}

#[derive(Clone, Copy)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, wanted: fn(u8) -> bool) {
        self.take(wanted);
    }

    fn take(&mut self, wanted: fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// One challenge, and the comma after it if there is one.
    fn challenge(&mut self) -> Result<Challenge, ChallengeError> {
        let start = self.at;
        let name = self.take(is_tchar);
        if name.is_empty() || !matches!(self.peek(), None | Some(b' ' | b'\t' | b',')) {
            return Err(ChallengeError::Scheme { at: start });
        }
        let mut challenge = Challenge::named(&String::from_utf8_lossy(name));
        self.skip(is_space);
        if matches!(self.peek(), None | Some(b',')) {
            self.next();
            return Ok(challenge);
        }
        if self.parameter_name().is_none() {
            let token68 = self.token68()?;
            challenge.token68 = Some(token68);
            return Ok(challenge);
        }
        loop {
            // Ahead of every turn stands a parameter, or what is not one and begins a challenge.
            let before = *self;
            let Some(name) = self.parameter_name() else {
                *self = before;
                return Ok(challenge);
            };
            self.skip_to_value(name);
            let value = self.value()?;
            challenge.accept(name, value)?;
            self.skip(is_space);
            match self.peek() {
                None => return Ok(challenge),
                Some(b',') => self.skip(is_list_space),
                Some(_) => return Err(ChallengeError::Parameter { at: self.at }),
            }
        }
    }

    /// The name of the parameter ahead, without moving: a token, `=`, and the start of a value.
    fn parameter_name(&self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let name = ahead.take(is_tchar);
        ahead.skip(is_space);
        let equals = ahead.next() == Some(b'=');
        ahead.skip(is_space);
        let value = ahead.peek().is_some_and(|byte| byte == b'"' || is_bare(byte));
        // `abc==` is a token68, whose second sign is no value.
        (!name.is_empty() && equals && value && ahead.peek() != Some(b'=')).then_some(name)
    }

    fn skip_to_value(&mut self, name: &[u8]) {
        self.at += name.len();
        self.skip(is_space);
        self.next();
        self.skip(is_space);
    }

    fn value(&mut self) -> Result<Box<str>, ChallengeError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Ok(text(self.take(is_bare)));
        }
        self.next();
        let mut unquoted = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => return Ok(text(&unquoted)),
                Some(b'\\') => match self.next() {
                    Some(byte) => unquoted.push(byte),
                    None => return Err(ChallengeError::Unterminated { at: start }),
                },
                Some(byte) => unquoted.push(byte),
                None => return Err(ChallengeError::Unterminated { at: start }),
            }
        }
    }

    fn token68(&mut self) -> Result<Box<str>, ChallengeError> {
        let start = self.at;
        let body = self.take(is_token68).len();
        self.skip(|byte| byte == b'=');
        let token68 = self.bytes.get(start..self.at).unwrap_or_default();
        self.skip(is_space);
        if body == 0 || !matches!(self.next(), None | Some(b',')) {
            return Err(ChallengeError::Parameter { at: start });
        }
        Ok(text(token68))
    }
}

fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const fn is_list_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b',')
}

/// What a value may hold that lacks its quotes: everything visible but comma and quote.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b'"')
}

/// RFC 9110 section 11.2.
pub(in crate::auth) const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// RFC 9110 section 5.6.2.
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}
