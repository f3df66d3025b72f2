//! The `params` of a request or notification, with a note of where their members stand.

use std::borrow::Cow;

use bytestring::ByteString;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;

use super::{
    raw::{Raw, string},
    scan::{DefectKind, Name, Scanner, Span},
};

/// The `params` of a message. Members are found without parsing again.
///
/// A message without `params` has none of the members, and [`raw`](Self::raw) says `None`.
#[derive(Clone, Debug, Default)]
pub struct Params {
    raw: Option<Raw>,
    members: Members<4>,
    meta: Members<4>,
}

type Members<const N: usize> = SmallVec<[Member; N]>;

/// A member. It is small because messages are moved: the mark of an escaped name is the highest bit of its end, which a
/// text of less than 2 GiB leaves free.
#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    value: Span,
}

const ESCAPED: u32 = 1 << 31;

impl Member {
    fn is(&self, text: &str, name: &str) -> bool {
        let escaped = self.name.end & ESCAPED != 0;
        let span = Span { start: self.name.start, end: self.name.end & !ESCAPED };
        // Most names are told apart by their length.
        if !escaped && (span.end - span.start) as usize != name.len() {
            return false;
        }
        let written = span.of(text);
        if escaped { super::scan::unescape(written) == name } else { written == name }
    }

    fn relative_to(self, start: u32) -> Self {
        let mark = self.name.end & ESCAPED;
        let mut name = Span { start: self.name.start, end: self.name.end & !ESCAPED }.relative_to(start);
        name.end |= mark;
        Self { name, value: self.value.relative_to(start) }
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
        let noted = Noted::scan(&mut scanner)?;
        Ok(noted.params(raw.as_text()))
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
        self.find(&self.members, name).map(|span| span.of(self.text()))
    }

    /// A member as a value of its own.
    #[must_use]
    pub fn get_raw(&self, name: &str) -> Option<Raw> {
        let span = self.find(&self.members, name)?;
        Some(Raw::slice(self.raw.as_ref()?.as_text(), span))
    }

    /// A member that is a string, unescaped.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<Cow<'_, str>> {
        string(self.get(name)?)
    }

    /// The JSON text of a member of `_meta`.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.find(&self.meta, name).map(|span| span.of(self.text()))
    }

    /// A member of `_meta` as a value of its own.
    #[must_use]
    pub fn meta_raw(&self, name: &str) -> Option<Raw> {
        let span = self.find(&self.meta, name)?;
        Some(Raw::slice(self.raw.as_ref()?.as_text(), span))
    }

    /// A member of `_meta` that is a string, unescaped.
    #[must_use]
    pub fn meta_str(&self, name: &str) -> Option<Cow<'_, str>> {
        string(self.meta(name)?)
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

    fn find(&self, members: &[Member], name: &str) -> Option<Span> {
        let text = self.text();
        members.iter().find(|member| member.is(text, name)).map(|member| member.value)
    }
}

/// What the scan noted about `params`, in offsets of the whole message.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    whole: Span,
    members: Members<4>,
    meta: Members<4>,
}

impl Noted {
    /// Scans a value that must be an object. It is consumed whole even where it is refused, so that the rest of the
    /// message can still be read.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, DefectKind> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Err(DefectKind::BadParams("params must be an object"));
        }
        let start = scanner.at();
        let mut members = Members::new();
        let mut meta = Members::new();
        let mut meta_is_object = true;
        scanner.object(|scanner, name| {
            let value = if name.is("_meta") && scanner.peek() == Some(b'{') {
                Self::scan_meta(scanner, &mut meta)?
            } else {
                meta_is_object &= !name.is("_meta");
                scanner.value()?
            };
            members.push(member(name, value));
            Ok(())
        })?;
        if !meta_is_object {
            return Err(DefectKind::BadParams("_meta must be an object"));
        }
        let whole = Span { start, end: scanner.at() };
        Ok(Self { whole, members, meta })
    }

    fn scan_meta(scanner: &mut Scanner<'_>, meta: &mut Members<4>) -> Result<Span, DefectKind> {
        let start = scanner.at();
        scanner.object(|scanner, name| {
            let value = scanner.value()?;
            meta.push(member(name, value));
            Ok(())
        })?;
        Ok(Span { start, end: scanner.at() })
    }

    /// The params as slices of `message`.
    pub(crate) fn params(mut self, message: &ByteString) -> Params {
        let start = self.whole.start;
        for member in self.members.iter_mut().chain(&mut self.meta) {
            *member = member.relative_to(start);
        }
        Params { raw: Some(Raw::slice(message, self.whole)), members: self.members, meta: self.meta }
    }
}

const fn member(name: Name<'_>, value: Span) -> Member {
    let mark = if name.is_escaped() { ESCAPED } else { 0 };
    Member { name: Span { start: name.span.start, end: name.span.end | mark }, value }
}
