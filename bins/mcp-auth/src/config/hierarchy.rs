//! Which scope contains which.

use mcp_transport::auth::ScopeHierarchy;

use super::{ConfigError, Scopes};

/// Which scope contains which, as it was said and as it is meant.
#[derive(Debug, Default)]
pub(crate) struct Hierarchy {
    pub(crate) lines: Vec<String>,
    pub(crate) meant: ScopeHierarchy,
}

impl Hierarchy {
    /// Reads `BROAD implies NARROW ..`, of scopes that there are: a name that is none was mistyped.
    pub(super) fn new(given: &[String], scopes: Option<&Scopes>) -> Result<Self, ConfigError> {
        let lines: Vec<String> =
            given.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        let is_known = |name: &str| match scopes {
            Some(scopes) => scopes.known.iter().any(|scope| scope.name.as_str() == name),
            None => name == "mcp",
        };
        for line in &lines {
            let mut names = line.split_ascii_whitespace().enumerate().filter(|(place, _)| *place != 1);
            let one = !line.contains(['\n', '\r']) && names.all(|(_, name)| is_known(name));
            if !one || line.parse::<ScopeHierarchy>().is_err() {
                return Err(ConfigError::Hierarchy(line.clone()));
            }
        }
        let meant = lines.join("\n").parse().map_err(|_| ConfigError::Hierarchy(lines.join("; ")))?;
        Ok(Self { lines, meant })
    }
}
