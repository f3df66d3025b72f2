//! What real clients need otherwise, as a table: data, not code.
//!
//! A rule says by which signs it knows a client, what is done differently for it, and where one can read why. Signs are
//! claims: anybody can register with the redirect URI of somebody else. So a quirk may only change what any client could
//! have asked for by itself, and none opens anything up.
//!
//! Most of what real clients do needs no rule, because it holds for all: loopback ports float, unknown grants are left
//! out, native clients are public unless they say otherwise, RP Metadata Choices are understood.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::{ClientMetadata, RedirectUri};

/// What is done differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Quirk {
    /// It is a native application, whatever it says, also where the policy refuses such contradictions.
    Native,
    /// It is registered as a public client, whatever method it asks for.
    Public,
    /// It is registered with a secret, though it asks for the method `none`: it says that it is public, and then gives
    /// up without a secret. (RFC 7591 section 3.2.1 lets the server replace what was asked for.)
    Confidential,
    /// `invalid_grant` is answered with 401, though RFC 6749 section 5.2 says 400.
    InvalidGrantUnauthorized,
}

impl Quirk {
    /// The name that it is written by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Public => "public",
            Self::Confidential => "confidential",
            Self::InvalidGrantUnauthorized => "invalid-grant-unauthorized",
        }
    }
}

/// One line of the table.
///
/// A client is known by any of the signs. Written in configuration as
/// `{ name = "..", redirect_uris = [".."], quirks = ["confidential"], issue = "https://.." }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QuirkRule {
    /// What the rule is called. A later rule of the same name takes its place.
    pub name: String,
    /// Client ids that are URLs of metadata documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// Redirect URIs, one of which the client has; the port of loopback ones does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<RedirectUri>,
    /// Names of clients, letter by letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_names: Vec<String>,
    /// What is done differently. Nothing: the rule of this name is switched off.
    pub quirks: Vec<Quirk>,
    /// Where the reason is.
    pub issue: String,
}

impl QuirkRule {
    /// A rule without signs yet.
    #[must_use]
    pub fn new(name: &str, quirks: Vec<Quirk>, issue: &str) -> Self {
        Self {
            name: name.to_owned(),
            documents: Vec::new(),
            redirect_uris: Vec::new(),
            client_names: Vec::new(),
            quirks,
            issue: issue.to_owned(),
        }
    }

    fn knows(&self, signs: &Signs<'_>) -> bool {
        self.documents.iter().any(|own| Some(own.as_str()) == signs.id)
            || self.client_names.iter().any(|own| Some(own.as_str()) == signs.name)
            || self.redirect_uris.iter().any(|own| signs.redirect_uris.iter().any(|uri| own.admits(uri)))
    }
}

/// What a client is known by.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers give what they have")]
pub struct Signs<'a> {
    /// Its id, if it has one already.
    pub id: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its redirect URIs, or the one that is in use.
    pub redirect_uris: &'a [RedirectUri],
}

impl<'a> Signs<'a> {
    /// The signs of a client.
    #[must_use]
    pub fn of(id: &'a str, metadata: &'a ClientMetadata) -> Self {
        Self { id: Some(id), name: metadata.client_name.as_deref(), redirect_uris: &metadata.redirect_uris }
    }
}

/// The table.
#[derive(Clone, PartialEq, Eq)]
pub struct Quirks(Vec<QuirkRule>);

impl Quirks {
    /// A table without a rule.
    pub const NONE: Self = Self(Vec::new());

    /// The table that comes with the server, with these rules after it or in the place of those of the same name.
    #[must_use]
    pub fn with(rules: impl IntoIterator<Item = QuirkRule>) -> Self {
        let mut table = Self::default();
        for rule in rules {
            match table.0.iter_mut().find(|own| own.name == rule.name) {
                Some(own) => *own = rule,
                None => table.0.push(rule),
            }
        }
        table
    }

    /// The rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = &QuirkRule> {
        self.0.iter()
    }

    /// Whether a client has a quirk.
    #[must_use]
    pub fn has(&self, quirk: Quirk, signs: &Signs<'_>) -> bool {
        self.0.iter().any(|rule| rule.quirks.contains(&quirk) && rule.knows(signs))
    }
}

/// One line of the table that comes with the server.
struct Line {
    name: &'static str,
    redirect_uris: &'static [&'static str],
    quirks: &'static [Quirk],
    issue: &'static str,
}

/// Why there is no line for a client that has been heard of to need one: Cursor took 400 `invalid_grant` for a reason to
/// try again (<https://github.com/PrefectHQ/fastmcp/issues/2461>), and other clients want exactly that status. The quirk
/// is there for whoever sees it happen.
const TABLE: &[Line] = &[
    Line {
        name: "cursor",
        redirect_uris: &["cursor://anysphere.cursor-mcp/oauth/callback"],
        quirks: &[Quirk::Native],
        issue: "https://github.com/better-auth/better-auth/issues/10946",
    },
    Line {
        name: "perplexity",
        redirect_uris: &[
            "https://www.perplexity.ai/rest/connections/oauth_callback",
            "https://enterprise.perplexity.ai/rest/connections/oauth_callback",
        ],
        quirks: &[Quirk::Confidential],
        issue: "https://github.com/stacklok/toolhive/pull/6252",
    },
];

impl Default for Quirks {
    fn default() -> Self {
        let rule = |line: &Line| {
            let redirect_uris = line.redirect_uris.iter().filter_map(|text| RedirectUri::parse(text).ok()).collect();
            QuirkRule { redirect_uris, ..QuirkRule::new(line.name, line.quirks.to_vec(), line.issue) }
        };
        Self(TABLE.iter().map(rule).collect())
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|rule| (&rule.name, &rule.quirks))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(texts: &[&str]) -> Vec<RedirectUri> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_table_is_well_formed() {
        for (line, rule) in TABLE.iter().zip(Quirks::default().rules()) {
            assert_eq!(rule.redirect_uris, uris(line.redirect_uris), "{}", line.name);
            assert!(!rule.quirks.is_empty() && !rule.redirect_uris.is_empty());
            assert!(rule.issue.starts_with("https://github.com/"), "{}", line.name);
            assert_eq!(TABLE.iter().filter(|other| other.name == line.name).count(), 1);
        }
    }

    #[test]
    fn known_by_any_sign_and_by_no_other() {
        let mut rule = QuirkRule::new("x", vec![Quirk::Public], "https://example.com");
        rule.documents.push("https://h/client.json".to_owned());
        rule.client_names.push("X".to_owned());
        rule.redirect_uris = uris(&["http://localhost:1/cb"]);
        let quirks = Quirks::with([rule]);
        let floating = uris(&["https://h/", "http://localhost:2/cb"]);
        for signs in [
            Signs { id: Some("https://h/client.json"), ..Signs::default() },
            Signs { name: Some("X"), ..Signs::default() },
            Signs { redirect_uris: &floating, ..Signs::default() },
        ] {
            assert!(quirks.has(Quirk::Public, &signs), "{signs:?}");
            assert!(!quirks.has(Quirk::Native, &signs), "{signs:?}");
        }
        let other = uris(&["http://localhost/cb/x"]);
        for signs in [
            Signs { id: Some("https://h/client.json?"), name: Some("x"), redirect_uris: &other },
            Signs { id: Some("X"), name: Some("https://h/client.json"), redirect_uris: &[] },
        ] {
            assert!(!quirks.has(Quirk::Public, &signs), "{signs:?}");
        }
    }

    #[test]
    fn configuration_replaces_extends_and_switches_off() {
        let json = r#"[
            {"name": "perplexity", "quirks": [], "issue": ""},
            {"name": "mine", "client_names": ["Mine"], "quirks": ["invalid-grant-unauthorized"], "issue": "https://i"}
        ]"#;
        let quirks = Quirks::with(serde_json::from_str::<Vec<QuirkRule>>(json).unwrap());
        let perplexity = uris(&["https://www.perplexity.ai/rest/connections/oauth_callback"]);
        assert!(!quirks.has(Quirk::Confidential, &Signs { redirect_uris: &perplexity, ..Signs::default() }));
        assert!(quirks.has(Quirk::InvalidGrantUnauthorized, &Signs { name: Some("Mine"), ..Signs::default() }));
        assert_eq!(quirks.rules().count(), TABLE.len() + 1);
        assert_eq!(Quirks::NONE.rules().count(), 0);
        for quirk in [Quirk::Native, Quirk::Public, Quirk::Confidential, Quirk::InvalidGrantUnauthorized] {
            assert_eq!(serde_json::to_value(quirk).unwrap(), quirk.as_str());
        }
        for json in [
            r#"{"name": "a", "quirks": ["unknown"], "issue": ""}"#,
            r#"{"name": "a", "quirks": [], "issue": "", "redirect_uri": "x"}"#,
            r#"{"name": "a", "quirks": [], "issue": "", "redirect_uris": ["javascript:x"]}"#,
        ] {
            assert!(serde_json::from_str::<QuirkRule>(json).is_err(), "{json}");
        }
    }
}
