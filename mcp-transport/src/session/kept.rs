//! What outlives the process in a session: what its client has set, and what the handler keeps with it.

use std::collections::BTreeMap;
#[cfg(feature = "http")]
use std::collections::BTreeSet;

use bytes::Bytes;

#[cfg(feature = "http")]
use super::SessionRecord;
use crate::{jsonrpc::Raw, protocol::LoggingLevel};

/// How many bytes a handler may keep with one session, names and values together.
pub const KEPT_MOST: usize = 64 << 10;

/// One thing about a session that has changed, as stores and other processes are told it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionChange {
    /// The client has set the level of log messages.
    LogLevel(LoggingLevel),
    /// The handler keeps another value under this name, or none.
    Kept {
        /// The name. It is the handler's, and so is the shape of the value.
        name: String,
        /// The value; `None` takes it away.
        value: Option<Raw>,
    },
}

impl SessionChange {
    /// Whether both are about the same thing, so that the later one replaces the earlier.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::LogLevel(_), Self::LogLevel(_)) => true,
            (Self::Kept { name, .. }, Self::Kept { name: other, .. }) => name == other,
            (Self::LogLevel(_) | Self::Kept { .. }, _) => false,
        }
    }

    /// What it takes to remember that a value is gone.
    fn size_if_gone(&self) -> usize {
        match self {
            Self::Kept { name, value: None } => name.len() + size_of::<Self>(),
            Self::Kept { value: Some(_), .. } | Self::LogLevel(_) => 0,
        }
    }
}

/// The session keeps as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("a session keeps at most {KEPT_MOST} bytes")]
pub struct KeptFull;

/// The state of one session that others are told of.
#[derive(Debug, Default)]
pub(super) struct Kept {
    level: Option<LoggingLevel>,
    values: BTreeMap<String, Raw>,
    /// What nobody was told yet: at most one change of each thing.
    changes: Vec<SessionChange>,
}

impl Kept {
    pub(super) const fn level(&self) -> Option<LoggingLevel> {
        self.level
    }

    pub(super) const fn values(&self) -> &BTreeMap<String, Raw> {
        &self.values
    }

    /// Makes a change of this process.
    pub(super) fn change(&mut self, change: SessionChange) -> Result<(), KeptFull> {
        let change = match change {
            SessionChange::LogLevel(level) if self.level == Some(level) => return Ok(()),
            SessionChange::Kept { name, value } if self.values.get(&name) == value.as_ref() => return Ok(()),
            SessionChange::Kept { name, value: Some(value) } => {
                let held = |(held, value): (&String, &Raw)| if *held == name { 0 } else { size(held, value) };
                let others: usize = self.values.iter().map(held).sum();
                // What was let go counts until that has been told, or names could be used up without end.
                let gone: usize = self.changes.iter().map(SessionChange::size_if_gone).sum();
                if others + gone + size(&name, &value) > KEPT_MOST {
                    return Err(KeptFull);
                }
                // Copied, because a slice would keep the whole body that it came in.
                let value = Some(Raw::trusted(Bytes::copy_from_slice(value.as_bytes())));
                SessionChange::Kept { name, value }
            }
            other => other,
        };
        self.apply(change.clone());
        self.changes.retain(|earlier| !change.replaces(earlier));
        self.changes.push(change);
        Ok(())
    }

    /// Makes a change that another process has made.
    pub(super) fn apply(&mut self, change: SessionChange) {
        match change {
            SessionChange::LogLevel(level) => self.level = Some(level),
            SessionChange::Kept { name, value: Some(value) } => drop(self.values.insert(name, value)),
            SessionChange::Kept { name, value: None } => drop(self.values.remove(&name)),
        }
    }

    /// Makes the changes between `before` and `record` of what still is as it was before.
    #[cfg(feature = "http")]
    pub(super) fn catch_up(&mut self, before: &SessionRecord, record: &SessionRecord) {
        if self.level == before.log_level {
            self.level = record.log_level;
        }
        let names: BTreeSet<&String> = before.kept.keys().chain(record.kept.keys()).collect();
        for name in names {
            let value = record.kept.get(name);
            if self.values.get(name) == before.kept.get(name) && value != before.kept.get(name) {
                self.apply(SessionChange::Kept { name: name.clone(), value: value.cloned() });
            }
        }
    }

    pub(super) fn take_changes(&mut self) -> Vec<SessionChange> {
        std::mem::take(&mut self.changes)
    }

    /// Takes changes back that could not be told, unless there are newer ones of the same things.
    pub(super) fn untold(&mut self, changes: Vec<SessionChange>) {
        let newer = std::mem::take(&mut self.changes);
        let is_current = |change: &SessionChange| !newer.iter().any(|newer| newer.replaces(change));
        self.changes.extend(changes.into_iter().filter(is_current));
        self.changes.extend(newer);
    }
}

fn size(name: &str, value: &Raw) -> usize {
    name.len() + value.as_bytes().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(kept: &mut Kept, name: &str, value: Option<&str>) -> Result<(), KeptFull> {
        let value = value.map(|value| Raw::parse(value.to_owned()).unwrap());
        kept.change(SessionChange::Kept { name: name.to_owned(), value })
    }

    fn told(kept: &mut Kept) -> Vec<String> {
        let one = |change| match change {
            SessionChange::LogLevel(level) => format!("{level:?}"),
            SessionChange::Kept { name, value } => format!("{name}={}", value.as_ref().map_or("", Raw::as_str)),
        };
        kept.take_changes().into_iter().map(one).collect()
    }

    #[test]
    fn values_that_are_gone_count_until_that_has_been_told() {
        let mut kept = Kept::default();
        let full = (0..KEPT_MOST).find(|n| {
            let name = n.to_string();
            let refused = keep(&mut kept, &name, Some("1")).is_err();
            keep(&mut kept, &name, None).unwrap();
            refused
        });
        assert!(full.is_some_and(|n| n > 16), "{full:?}");
        kept.take_changes();
        keep(&mut kept, "again", Some("1")).unwrap();
    }

    #[test]
    fn only_the_newest_change_of_a_thing_is_told() {
        let mut kept = Kept::default();
        for value in [Some("1"), Some("2"), None, Some("3")] {
            keep(&mut kept, "a", value).unwrap();
        }
        keep(&mut kept, "b", Some("{}")).unwrap();
        kept.change(SessionChange::LogLevel(LoggingLevel::Info)).unwrap();
        kept.change(SessionChange::LogLevel(LoggingLevel::Error)).unwrap();
        assert_eq!(told(&mut kept), ["a=3", "b={}", "Error"]);
        // What is so already is no change.
        keep(&mut kept, "a", Some("3")).unwrap();
        keep(&mut kept, "c", None).unwrap();
        kept.change(SessionChange::LogLevel(LoggingLevel::Error)).unwrap();
        assert!(told(&mut kept).is_empty());
    }

    #[test]
    fn what_others_changed_is_not_told_again() {
        let mut kept = Kept::default();
        kept.apply(SessionChange::LogLevel(LoggingLevel::Alert));
        kept.apply(SessionChange::Kept { name: "a".to_owned(), value: Some(Raw::NULL) });
        assert_eq!((kept.level(), kept.values().len()), (Some(LoggingLevel::Alert), 1));
        assert!(told(&mut kept).is_empty());
    }

    #[test]
    fn what_could_not_be_told_is_told_later_unless_it_is_old() {
        let mut kept = Kept::default();
        keep(&mut kept, "a", Some("1")).unwrap();
        keep(&mut kept, "b", Some("1")).unwrap();
        let changes = kept.take_changes();
        keep(&mut kept, "b", Some("2")).unwrap();
        kept.untold(changes);
        assert_eq!(told(&mut kept), ["a=1", "b=2"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Kept::default();
        let long = format!("\"{}\"", "x".repeat(KEPT_MOST / 2));
        keep(&mut kept, "a", Some(&long)).unwrap();
        assert_eq!(keep(&mut kept, "b", Some(&long)), Err(KeptFull));
        assert_eq!(keep(&mut kept, &"n".repeat(KEPT_MOST), Some("1")), Err(KeptFull));
        // In its own place there is room.
        keep(&mut kept, "a", Some(&long.replace('x', "y"))).unwrap();
        keep(&mut kept, "a", None).unwrap();
        keep(&mut kept, "b", Some(&long)).unwrap();
    }
}
