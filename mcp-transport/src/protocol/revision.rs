//! The five published revisions of the protocol, and sets of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ShapeError;

/// A published revision of the Model Context Protocol, ordered by date.
///
/// Only `rules.rs` compares revisions; everywhere else a question is asked, such as [`Revision::has_sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// `2024-11-05`, the first one.
    V2024_11_05,
    /// `2025-03-26`: Streamable HTTP, batches, tool annotations, audio.
    V2025_03_26,
    /// `2025-06-18`: structured content, elicitation, resource links, titles; no batches.
    V2025_06_18,
    /// `2025-11-25`: icons, URL elicitation, sampling with tools, experimental tasks.
    V2025_11_25,
    /// `2026-07-28`: stateless; discovery, listen streams, multi round-trip requests.
    V2026_07_28,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;
    /// The newest revision that begins with `initialize`.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision's name on the wire: its date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Revision {
    type Err = ShapeError;

    /// Reads the date of a published revision.
    ///
    /// # Errors
    /// Any other text, surrounding blanks included, is a [`ShapeError`].
    fn from_str(text: &str) -> Result<Self, ShapeError> {
        Ok(match text {
            "2026-07-28" => Self::V2026_07_28,
            "2025-11-25" => Self::V2025_11_25,
            "2025-06-18" => Self::V2025_06_18,
            "2025-03-26" => Self::V2025_03_26,
            "2024-11-05" => Self::V2024_11_05,
            _ => return Err(ShapeError::new("a known protocol revision")),
        })
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of revisions.
///
/// ```
/// use mcp_transport::protocol::{Revision, Revisions};
///
/// let legacy = Revisions::all().without(Revision::LATEST);
/// assert_eq!(legacy, Revisions::legacy());
/// assert_eq!(legacy.newest(), Some(Revision::LATEST_LEGACY));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Revisions(u8);

impl Revisions {
    /// Every revision.
    #[must_use]
    pub const fn all() -> Self {
        Self(0b1_1111)
    }

    /// No revision.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// One revision.
    #[must_use]
    pub const fn only(revision: Revision) -> Self {
        Self(revision.bit())
    }

    /// The revisions that begin with `initialize`.
    #[must_use]
    pub const fn legacy() -> Self {
        Self::all().without(Revision::V2026_07_28)
    }

    /// The revisions in which every request stands alone.
    #[must_use]
    pub const fn modern() -> Self {
        Self::only(Revision::V2026_07_28)
    }

    /// This set and `revision`.
    #[must_use]
    pub const fn with(self, revision: Revision) -> Self {
        Self(self.0 | revision.bit())
    }

    /// This set except `revision`.
    #[must_use]
    pub const fn without(self, revision: Revision) -> Self {
        Self(self.0 & !revision.bit())
    }

    /// The revisions in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The revisions in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `revision` is in the set.
    #[must_use]
    pub const fn contains(self, revision: Revision) -> bool {
        self.0 & revision.bit() != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The newest revision of the set.
    #[must_use]
    pub fn newest(self) -> Option<Revision> {
        self.iter().next()
    }

    /// The revisions of the set, newest first: the order in which a peer is told of them.
    pub fn iter(self) -> impl Iterator<Item = Revision> + Clone {
        Revision::ALL.into_iter().rev().filter(move |revision| self.contains(*revision))
    }
}

impl fmt::Debug for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Revision::as_str)).finish()
    }
}

impl FromIterator<Revision> for Revisions {
    fn from_iter<I: IntoIterator<Item = Revision>>(revisions: I) -> Self {
        revisions.into_iter().fold(Self::none(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_revision_is_its_date_in_text_and_json() {
        for revision in Revision::ALL {
            assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
            let json = serde_json::to_string(&revision).unwrap();
            assert_eq!(json, format!("\"{revision}\""));
            assert_eq!(serde_json::from_str::<Revision>(&json).unwrap(), revision);
        }
        assert!("2026-07-28 ".parse::<Revision>().is_err());
        assert!(serde_json::from_str::<Revision>("\"draft\"").is_err());
    }

    #[test]
    fn revisions_are_ordered_by_date() {
        assert!(Revision::ALL.is_sorted());
        assert_eq!(Revision::ALL.last(), Some(&Revision::LATEST));
    }

    #[test]
    fn a_set_lists_its_members_newest_first() {
        let set: Revisions = [Revision::V2024_11_05, Revision::V2025_11_25].into_iter().collect();
        let listed: Vec<_> = set.iter().map(Revision::as_str).collect();
        assert_eq!(listed, ["2025-11-25", "2024-11-05"]);
        assert_eq!(set.newest(), Some(Revision::V2025_11_25));
        assert!(Revisions::none().is_empty() && Revisions::none().newest().is_none());
        assert_eq!(Revisions::all().iter().count(), Revision::ALL.len());
        assert_eq!(Revisions::legacy().union(Revisions::modern()), Revisions::all());
        assert!(Revisions::legacy().intersection(Revisions::modern()).is_empty());
    }
}
