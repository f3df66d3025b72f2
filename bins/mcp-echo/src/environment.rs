//! The part of the environment that this program may speak of, read once at start.

use std::{collections::BTreeMap, ffi::OsString};

/// Variables that configure MCP programs, and `RUST_LOG`. Nothing else of the environment is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Keeps what this program may speak of.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let kept = variables.into_iter().map(|(name, value)| (text(name), text(value)));
        Self(kept.filter(|(name, _)| name.starts_with("MCP_") || name == "RUST_LOG").collect())
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All variables, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_of_mcp_programs_are_kept() {
        let given = [("MCP_ECHO_PORT", "1"), ("HOME", "/root"), ("AWS_SECRET_ACCESS_KEY", "x"), ("RUST_LOG", "info")];
        let kept = Environment::of(given.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("MCP_ECHO_PORT", "1"), ("RUST_LOG", "info")]);
        assert_eq!(kept.get("HOME"), None);
    }
}
