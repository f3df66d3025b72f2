//! What particular clients need otherwise than others: the operator's rules.

use std::path::Path;
use std::{fs, io};

use mcp_oauth::server::client::{QuirkRule, Quirks};

use super::ConfigError;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuirksError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error("it is no list of rules: {0}")]
    Form(#[source] serde_json::Error),
    #[error("the rule {0:?} knows no client: give it redirect_uris, client_names or documents")]
    NoSign(String),
    #[error("the rule {0:?} is there twice")]
    Repeated(String),
    #[error("the rule {0:?} does nothing, and there is no built-in one of that name that it could switch off")]
    Idle(String),
}

/// The rules of a file.
pub(super) fn read(file: Option<&Path>) -> Result<Vec<QuirkRule>, ConfigError> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else { return Ok(Vec::new()) };
    let wrong = |error| ConfigError::Quirks(file.display().to_string(), error);
    let text = fs::read(file).map_err(|error| wrong(QuirksError::Unreadable(error)))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &[u8]) -> Result<Vec<QuirkRule>, QuirksError> {
    let rules: Vec<QuirkRule> = serde_json::from_slice(text).map_err(QuirksError::Form)?;
    for (place, rule) in rules.iter().enumerate() {
        let name = || rule.name.clone();
        if rules.iter().take(place).any(|other| other.name == rule.name) {
            return Err(QuirksError::Repeated(name()));
        }
        let signs = rule.redirect_uris.len() + rule.client_names.len() + rule.documents.len();
        let is_built_in = Quirks::default().rules().any(|own| own.name == rule.name);
        if rule.quirks.is_empty() && !is_built_in {
            return Err(QuirksError::Idle(name()));
        }
        if !rule.quirks.is_empty() && signs == 0 {
            return Err(QuirksError::NoSign(name()));
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_replace_extend_and_switch_off() {
        let rules = br#"[
            {"name": "perplexity", "quirks": [], "issue": ""},
            {"name": "mine", "client_names": ["Mine"], "quirks": ["invalid-grant-unauthorized"], "issue": "https://i"}
        ]"#;
        let rules = parse(rules).unwrap();
        assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["perplexity", "mine"]);
        assert!(parse(b"[]").unwrap().is_empty());
    }

    #[test]
    fn what_could_not_be_meant_is_refused() {
        for (text, part) in [
            ("", "no list of rules"),
            (r#"{"name": "a"}"#, "no list of rules"),
            (r#"[{"name": "a", "quirks": ["magic"], "issue": ""}]"#, "magic"),
            (r#"[{"name": "a", "quirks": ["public"], "issue": "", "redirect_uri": "https://a"}]"#, "redirect_uri"),
            (r#"[{"name": "a", "quirks": ["public"], "issue": ""}]"#, "knows no client"),
            (r#"[{"name": "perplexitty", "quirks": [], "issue": ""}]"#, "does nothing"),
            (
                r#"[{"name": "cursor", "quirks": [], "issue": ""}, {"name": "cursor", "quirks": [], "issue": ""}]"#,
                "twice",
            ),
        ] {
            let said = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(part) && !said.contains('\n'), "{text}: {said}");
        }
    }
}
