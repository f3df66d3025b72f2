//! The `params` of a request or notification, with a note of where their members stand.

use std::borrow::Cow;

use bytestring::ByteString;
use serde::de::DeserializeOwned;

use super::{
    DefectKind,
    escape::unescape,
    raw::{Raw, string},
    scan::{Name, Scanner, Span},
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

/// A member of `params` or of its `_meta`. Which of the two is told by the highest bit of its start, and whether its name
/// is escaped by that of its end: a text of less than 2 GiB leaves both free. So all members are one small allocation,
/// and a message, which is moved from hand to hand, holds no more than its address.
#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    value: Span,
}

const MARK: u32 = 1 << 31;

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Params,
    Meta,
}

impl Member {
    const fn new(of: Of, name: Name<'_>, value: Span) -> Self {
        let start = match of {
            Of::Params => name.span.start,
            Of::Meta => name.span.start | MARK,
        };
        let end = if name.is_escaped() { name.span.end | MARK } else { name.span.end };
        Self { name: Span { start, end }, value }
    }

    const fn of(&self) -> Of {
        if self.name.start & MARK == 0 { Of::Params } else { Of::Meta }
    }

    const fn is_escaped(&self) -> bool {
        self.name.end & MARK != 0
    }

    const fn written(&self) -> Span {
        Span { start: self.name.start & !MARK, end: self.name.end & !MARK }
    }

    fn is(&self, of: Of, text: &str, name: &str) -> bool {
        if self.of() != of {
            return false;
        }
        let (span, escaped) = (self.written(), self.is_escaped());
        // Most names are told apart by their length.
        if !escaped && (span.end - span.start) as usize != name.len() {
            return false;
        }
        if escaped {
            return unescape(span.of(text)) == name;
        }
        text.as_bytes().get(span.start as usize..span.end as usize) == Some(name.as_bytes())
    }

    const fn relative_to(self, start: u32) -> Self {
        let written = self.written().relative_to(start);
        let name = Span { start: written.start | (self.name.start & MARK), end: written.end | (self.name.end & MARK) };
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
        string(self.get(name)?)
    }

    /// The JSON text of a member of `_meta`.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.find(Of::Meta, name).map(|span| span.of(self.text()))
    }

    /// Every member of `_meta`: its name, unescaped, and its JSON text.
    #[cfg(feature = "http")]
    pub(crate) fn all_meta(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        let text = self.text();
        self.members.iter().filter(|member| member.of() == Of::Meta).map(move |member| {
            let name = member.written().of(text);
            let name = if member.is_escaped() { unescape(name) } else { Cow::Borrowed(name) };
            (name, member.value.of(text))
        })
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

    fn find(&self, of: Of, name: &str) -> Option<Span> {
        let text = self.text();
        self.members.iter().find(|member| member.is(of, text, name)).map(|member| member.value)
    }
}

/// What the scan noted about `params`, in offsets of the whole message.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    whole: Span,
    members: Vec<Member>,
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
        let mut members = Vec::with_capacity(USUAL);
        let mut meta_is_object = true;
        let mut object = scanner.enter()?;
        while let Some(name) = scanner.member(&mut object)? {
            let is_meta = name.is("_meta");
            let value = if is_meta && scanner.peek() == Some(b'{') {
                Self::scan_meta(scanner, &mut members)?
            } else {
                meta_is_object &= !is_meta;
                scanner.value()?
            };
            members.push(Member::new(Of::Params, name, value));
        }
        if !meta_is_object {
            return Err(DefectKind::BadParams("_meta must be an object"));
        }
        let whole = Span { start, end: scanner.at() };
        Ok(Self { whole, members })
    }

    fn scan_meta(scanner: &mut Scanner<'_>, members: &mut Vec<Member>) -> Result<Span, DefectKind> {
        let start = scanner.at();
        let mut object = scanner.enter()?;
        while let Some(name) = scanner.member(&mut object)? {
            let value = scanner.value()?;
            members.push(Member::new(Of::Meta, name, value));
        }
        Ok(Span { start, end: scanner.at() })
    }

    /// The params as slices of `message`.
    pub(crate) fn params(mut self, message: &ByteString) -> Params {
        let start = self.whole.start;
        for member in &mut self.members {
            *member = member.relative_to(start);
        }
        Params { raw: Some(Raw::slice(message, self.whole)), members: self.members }
    }
}
