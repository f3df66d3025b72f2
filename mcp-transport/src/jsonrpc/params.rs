//! The `params` of a request or notification, with a note of where their members stand.

use std::borrow::Cow;

use bytestring::ByteString;
use serde::de::DeserializeOwned;

use super::{
    DefectKind,
    raw::Raw,
    scan::{Broken, Scanner},
    span::Span,
};

/// The `params` of a message. Members are found without parsing again.
///
/// A message without `params` has none of the members, and [`raw`](Self::raw) says `None`.
#[derive(Clone, Debug, Default)]
pub struct Params {
    raw: Option<Raw>,
    members: Vec<Member>,
}

/// How many members most messages have in `params` and `_meta` together.
const USUAL: usize = 8;

/// A member of `params` or of its `_meta`; which of the two is told by the mark of its name. So all members are one small
/// allocation, and a message, which is moved from hand to hand, holds no more than its address.
#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    value: Span,
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Params,
    Meta,
}

impl Member {
    const fn new(of: Of, name: Span, value: Span) -> Self {
        let name = match of {
            Of::Params => name,
            Of::Meta => name.marked(),
        };
        Self { name, value }
    }

    const fn of(&self) -> Of {
        if self.name.is_marked() { Of::Meta } else { Of::Params }
    }

    fn is(&self, of: Of, text: &str, name: &str) -> bool {
        self.of() == of && self.name.is(text, name)
    }
}

impl Params {
    /// Params of our own making.
    ///
    /// # Errors
    /// `raw` is not an object, or its `_meta` is not one.
    #[expect(clippy::needless_pass_by_value, reason = "it is given away: what is made keeps slices of it")]
    pub fn new(raw: Raw) -> Result<Self, DefectKind> {
        let limits = super::Limits::default();
        let mut scanner = Scanner::new(raw.as_str(), &limits);
        Noted::scan(&mut scanner)?.params(raw.as_text())
    }

    /// Params of our own making, from anything that serializes to an object.
    ///
    /// # Errors
    /// `value` does not serialize, or not to an object.
    pub fn write<T: serde::Serialize>(value: &T) -> Result<Self, crate::Error> {
        let raw = Raw::write(value).map_err(crate::Error::encoding)?;
        Self::new(raw).map_err(crate::Error::defect)
    }

    /// The whole value as it was written.
    #[must_use]
    pub const fn raw(&self) -> Option<&Raw> {
        self.raw.as_ref()
    }

    /// The whole value; `{}` if there was none.
    #[must_use]
    pub fn to_raw(&self) -> Raw {
        self.raw.clone().unwrap_or(Raw::EMPTY_OBJECT)
    }

    /// The JSON text of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(Of::Params, name).map(|span| span.of(self.text()))
    }

    /// A member as a value of its own.
    #[must_use]
    pub fn get_raw(&self, name: &str) -> Option<Raw> {
        let span = self.find(Of::Params, name)?;
        Some(Raw::slice(self.raw.as_ref()?.as_text(), span))
    }

    /// A member that is a string, unescaped.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(Of::Params, name)?.string(self.text())
    }

    /// The JSON text of a member of `_meta`.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.find(Of::Meta, name).map(|span| span.of(self.text()))
    }

    /// Every member of `_meta`: its name, unescaped, and its value.
    #[cfg(feature = "http")]
    pub(crate) fn all_meta(&self) -> impl Iterator<Item = (Cow<'_, str>, Value<'_>)> {
        let text = self.text();
        let meta = self.members.iter().filter(|member| member.of() == Of::Meta);
        meta.map(move |member| (member.name.unescaped(text), Value { text, span: member.value }))
    }

    /// A member of `_meta` as a value of its own.
    #[must_use]
    pub fn meta_raw(&self, name: &str) -> Option<Raw> {
        let span = self.find(Of::Meta, name)?;
        Some(Raw::slice(self.raw.as_ref()?.as_text(), span))
    }

    /// A member of `_meta` that is a string, unescaped.
    #[must_use]
    pub fn meta_str(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(Of::Meta, name)?.string(self.text())
    }

    /// Decodes all of the params; a message without params decodes as `{}`.
    ///
    /// # Errors
    /// The params do not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(if self.raw.is_some() { self.text() } else { "{}" })
    }

    fn text(&self) -> &str {
        self.raw.as_ref().map(Raw::as_str).unwrap_or_default()
    }

    fn find(&self, of: Of, name: &str) -> Option<Span> {
        let text = self.text();
        self.members.iter().find(|member| member.is(of, text, name)).map(|member| member.value)
    }
}

/// The value of a member.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    text: &'a str,
    span: Span,
}

#[cfg(feature = "http")]
impl<'a> Value<'a> {
    /// Its JSON text.
    pub(crate) fn json(self) -> &'a str {
        self.span.of(self.text)
    }

    /// What it is as a string, unescaped.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        self.span.string(self.text)
    }
}

/// What the scan noted about `params`, in offsets of the whole message.
#[derive(Debug)]
pub(crate) struct Noted {
    whole: Span,
    members: Vec<Member>,
    /// Why they are no params. This is told when the envelope is known, so that the answer carries the id.
    refused: Option<&'static str>,
}

impl Noted {
    /// Scans a value, whatever it is: the rest of the message is still to be read.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        if scanner.peek() != Some(b'{') {
            let whole = scanner.value()?;
            return Ok(Self { whole, members: Vec::new(), refused: Some("params must be an object") });
        }
        let start = scanner.at();
        let mut members = Vec::with_capacity(USUAL);
        let mut refused = None;
        let mut object = scanner.enter()?;
        while let Some(name) = scanner.member(&mut object)? {
            let is_meta = name.is(scanner.text(), "_meta");
            let value = if is_meta && scanner.peek() == Some(b'{') {
                Self::scan_meta(scanner, &mut members)?
            } else {
                if is_meta {
                    refused = Some("_meta must be an object");
                }
                scanner.value()?
            };
            members.push(Member::new(Of::Params, name, value));
        }
        Ok(Self { whole: Span::new(start, scanner.at()), members, refused })
    }

    fn scan_meta(scanner: &mut Scanner<'_>, members: &mut Vec<Member>) -> Result<Span, Broken> {
        let start = scanner.at();
        let mut object = scanner.enter()?;
        while let Some(name) = scanner.member(&mut object)? {
            let value = scanner.value()?;
            members.push(Member::new(Of::Meta, name, value));
        }
        Ok(Span::new(start, scanner.at()))
    }

    /// The params as slices of `message`.
    pub(crate) fn params(mut self, message: &ByteString) -> Result<Params, DefectKind> {
        if let Some(why) = self.refused {
            return Err(DefectKind::BadParams(why));
        }
        let start = self.whole.start();
        for Member { name, value } in &mut self.members {
            (*name, *value) = (name.relative_to(start), value.relative_to(start));
        }
        Ok(Params { raw: Some(Raw::slice(message, self.whole)), members: self.members })
    }
}
