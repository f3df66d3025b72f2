//! The file of users, parsed.

use std::collections::BTreeMap;

use thiserror::Error;

use super::name::{UserName, UserNameError};
use super::password::{Hash, HashFault};
use crate::types::RandomError;

/// The longest line, in bytes, and the most users.
const LONGEST_LINE: usize = 4096;
const MOST_USERS: usize = 100_000;
/// The most groups of a user, and the longest text of an option, in bytes.
const MOST_GROUPS: usize = 64;
const LONGEST_TEXT: usize = 254;

/// How a user stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserState {
    /// They may sign in, if they have a password.
    #[default]
    Good,
    /// They may not, for the time being.
    Disabled,
    /// They are gone; nobody else may have their name.
    Removed,
}

/// A line of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) state: UserState,
    pub(super) password: Option<Hash>,
    pub(super) groups: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
}

impl User {
    /// Whether they may sign in, and keep what they have.
    pub(super) const fn is_good(&self) -> bool {
        matches!(self.state, UserState::Good) && self.password.is_some()
    }
}

/// The users.
#[derive(Debug)]
pub(super) struct Table {
    users: BTreeMap<UserName, User>,
    nobody: Hash,
}

/// Why a file of users is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableError {
    /// A line breaks the rules.
    #[error("line {line} of the users file is not usable (NAME:PASSWORD[:OPTION]..)")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// The fault.
        #[source]
        fault: LineFault,
    },
    /// More than 100,000 users.
    #[error("the users file holds more than 100000 users")]
    Many,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LineFault {
    /// More than 4096 bytes.
    #[error("the line has more than 4096 bytes")]
    Long,
    /// No colon after the name.
    #[error("the line has no colon")]
    Colon,
    /// The name breaks its grammar.
    #[error(transparent)]
    Name(#[from] UserNameError),
    /// The name stands in the file twice.
    #[error("the name occurs twice")]
    Repeated,
    /// The password is not an argon2id hash.
    #[error(transparent)]
    Password(#[from] HashFault),
    /// An option that there is not, or one that is there twice.
    #[error("the options are disabled, removed, groups=, name= and email=, each once")]
    Option,
    /// A text of an option that is empty, too long, or holds control characters.
    #[error("the text of an option has 1 to 254 bytes without control characters, and there are 64 groups at most")]
    Text,
    /// An address without its at sign.
    #[error("an address has one at sign, and no spaces")]
    Address,
}

/// What of a line counts: nothing of blank ones and comments.
pub(super) fn content(line: &str) -> Option<&str> {
    Some(line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl Table {
    pub(super) fn parse(text: &str) -> Result<Self, TableError> {
        let mut users = BTreeMap::new();
        // Editors of other systems begin a file with a mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, content) in (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, content(text)?))) {
            let (name, user) = parse_line(content).map_err(|fault| TableError::Line { line, fault })?;
            if users.insert(name, user).is_some() {
                return Err(TableError::Line { line, fault: LineFault::Repeated });
            }
            if users.len() > MOST_USERS {
                return Err(TableError::Many);
            }
        }
        let dearest = users.values().filter_map(|user: &User| user.password.as_ref()).max_by_key(|hash| hash.cost());
        Ok(Self { nobody: Hash::of_nobody(dearest)?, users })
    }

    pub(super) fn find(&self, name: &UserName) -> Option<&User> {
        self.users.get(name)
    }

    /// A password that nobody has, verified in the place of one that is not there.
    pub(super) const fn nobody(&self) -> &Hash {
        &self.nobody
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&UserName, &User)> {
        self.users.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }
}

fn parse_line(line: &str) -> Result<(UserName, User), LineFault> {
    if line.len() > LONGEST_LINE {
        return Err(LineFault::Long);
    }
    let (name, rest) = line.split_once(':').ok_or(LineFault::Colon)?;
    let name = UserName::parse(name)?;
    let mut fields = rest.split(':');
    let mut user = User::default();
    if let Some(password) = fields.next().filter(|password| !password.is_empty()) {
        user.password = Some(Hash::parse(password)?);
    }
    for option in fields {
        take(&mut user, option)?;
    }
    Ok((name, user))
}

fn take(user: &mut User, option: &str) -> Result<(), LineFault> {
    let once = |fresh: bool| if fresh { Ok(()) } else { Err(LineFault::Option) };
    match option.split_once('=') {
        None if option == "disabled" => {
            once(user.state == UserState::Good)?;
            user.state = UserState::Disabled;
        }
        None if option == "removed" => {
            once(user.state == UserState::Good)?;
            user.state = UserState::Removed;
        }
        Some(("groups", list)) => {
            once(user.groups.is_empty())?;
            user.groups = list.split(',').map(plain).collect::<Result<_, _>>()?;
            if user.groups.len() > MOST_GROUPS {
                return Err(LineFault::Text);
            }
        }
        Some(("name", name)) => once(user.name.replace(plain(name)?).is_none())?,
        Some(("email", email)) => {
            let email = plain(email)?;
            let mut parts = email.split('@');
            let whole = [parts.next(), parts.next()].into_iter().all(|part| part.is_some_and(|part| !part.is_empty()));
            if !whole || parts.next().is_some() || email.contains(char::is_whitespace) {
                return Err(LineFault::Address);
            }
            once(user.email.replace(email).is_none())?;
        }
        _ => return Err(LineFault::Option),
    }
    Ok(())
}

fn plain(text: &str) -> Result<String, LineFault> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(LineFault::Text);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::password::tests::cheap;
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    #[test]
    fn lines_are_read_as_documented() {
        let hash = cheap("hunter2");
        let text = format!(
            "\u{feff}# users\n\n  ada:{hash}:groups=staff, admins:name=Ada Lovelace:email=ada@example.com\r\n\
             bob:{hash}:disabled\neve:\ncyd::removed\n"
        );
        let table = Table::parse(&text).unwrap();
        assert_eq!(table.len(), 4);
        let ada = table.find(&name("ada")).unwrap();
        assert!(ada.is_good());
        assert_eq!(ada.groups, ["staff", "admins"]);
        assert_eq!((ada.name.as_deref(), ada.email.as_deref()), (Some("Ada Lovelace"), Some("ada@example.com")));
        for (who, state) in [("bob", UserState::Disabled), ("eve", UserState::Good), ("cyd", UserState::Removed)] {
            let user = table.find(&name(who)).unwrap();
            assert_eq!(user.state, state);
            assert!(!user.is_good(), "{who}");
        }
        assert!(table.find(&name("dan")).is_none());
    }

    #[test]
    fn a_broken_line_is_named() {
        let hash = cheap("x");
        for (line, fault) in [
            ("ada".to_owned(), LineFault::Colon),
            ("Ada:".to_owned(), LineFault::Name(UserNameError)),
            ("bob:hunter2".to_owned(), LineFault::Password(HashFault::Form)),
            ("eve:".to_owned(), LineFault::Repeated),
            (format!("bob:{hash}:disable"), LineFault::Option),
            (format!("bob:{hash}:disabled:removed"), LineFault::Option),
            (format!("bob:{hash}:"), LineFault::Option),
            (format!("bob:{hash}:groups=a:groups=b"), LineFault::Option),
            (format!("bob:{hash}:name=a:name=b"), LineFault::Option),
            (format!("bob:{hash}:groups=a,,b"), LineFault::Text),
            (format!("bob:{hash}:groups={}x", "x,".repeat(64)), LineFault::Text),
            (format!("bob:{hash}:name="), LineFault::Text),
            (format!("bob:{hash}:name=a\u{1b}b"), LineFault::Text),
            (format!("bob:{hash}:email=bob"), LineFault::Address),
            (format!("bob:{hash}:email=a@b@c"), LineFault::Address),
            (format!("bob:{}", "x".repeat(5000)), LineFault::Long),
        ] {
            let text = format!("# comment\neve:\n{line}\nzoe:\n");
            assert_eq!(Table::parse(&text).err(), Some(TableError::Line { line: 3, fault }), "{line}");
        }
    }

    #[test]
    fn errors_say_nothing_of_the_password() {
        let fault = Table::parse("bob:hunter2\n").unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("hunter2"));
    }
}
