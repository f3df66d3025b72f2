//! The variables of the environment that are no flags, read once at start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// What stands in the environment for this program. `Debug` shows the names alone: some values are secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<&'static str, String>);

/// The variables that count.
const KNOWN: [&str; 7] =
    ["BASE_DOMAIN", "HOME", "JWT_PRIVATE_KEY_B64", "REDIS_PASSWORD", "REDIS_URL", "RUST_LOG", "XDG_DATA_HOME"];

impl Environment {
    /// Keeps what counts, and is not empty.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let known = |name: OsString| KNOWN.into_iter().find(|known| name == **known);
        let kept = variables.into_iter().filter_map(|(name, value)| Some((known(name)?, value.into_string().ok()?)));
        Self(kept.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Where this user's programs keep their data.
    pub(crate) fn data_home(&self) -> Option<PathBuf> {
        let own = self.get("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".local/share")))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> Environment {
        Environment::of(given.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn only_known_variables_count_and_none_is_shown() {
        let kept = of(&[("REDIS_PASSWORD", "chocolate"), ("BASE_DOMAIN", ""), ("AWS_SECRET_ACCESS_KEY", "vanilla")]);
        assert_eq!((kept.get("REDIS_PASSWORD"), kept.get("BASE_DOMAIN")), (Some("chocolate"), None));
        assert_eq!(format!("{kept:?}"), r#"{"REDIS_PASSWORD"}"#);
    }

    #[test]
    fn data_is_where_the_user_has_it() {
        let home = |given: &[(&str, &str)]| of(given).data_home().map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(home(&[("HOME", "/h")]).as_deref(), Some("/h/.local/share"));
        assert_eq!(home(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]).as_deref(), Some("/d"));
        // XDG base directories: "All paths set in these environment variables must be absolute."
        assert_eq!(home(&[("HOME", "/h"), ("XDG_DATA_HOME", "d")]).as_deref(), Some("/h/.local/share"));
        assert_eq!(home(&[]), None);
    }
}
