//! The protection of a server as its command line says it. The flags have the same names in all programs.

use std::path::PathBuf;

use mcp_transport::auth::{
    ClientId, HierarchyError, IdentifierError, Issuer, ResourceId, ScopeError, ScopeHierarchy, ScopeSet, ScopeToken,
    UrlError,
};
use mcp_transport::net::{self, Tls};
use thiserror::Error;

use super::introspector::IntrospectionAuth;
use super::options::VerifierOptions;
use super::outbound::EndpointError;
use super::protection::{IntrospectionClient, Protection, ProtectionError, TokenCheck};
use super::remote_issuer::RemoteIssuerError;
use crate::types::Secret;
use mcp_transport::Chain;

/// What the flags of a server say. Each field is a flag of its name; empty texts are flags that were not given.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "programs fill in every flag that they have, and the compiler shows them new ones"
)]
pub struct ProtectionSettings {
    /// `--auth-issuer`: whose tokens are taken.
    pub issuer: Option<String>,
    /// `--resource`: the URL under which clients reach the endpoint; tokens name it as their audience.
    pub resource: Option<String>,
    /// `--required-scope`: what every request needs.
    pub required_scopes: Vec<String>,
    /// `--scope-implies`: `BROAD=NARROW[ NARROW..]`.
    pub scope_implies: Vec<String>,
    /// `--auth-ca-file`: certificates (PEM) to trust besides the platform's when the issuer is asked.
    pub ca_file: Option<PathBuf>,
    /// `--auth-jwks-url`: where the issuer's keys are, if its metadata does not say it.
    pub jwks_url: Option<String>,
    /// `--auth-introspection`: whether the issuer is asked about tokens.
    pub introspection: IntrospectionMode,
    /// `--auth-introspection-url`: where, if its metadata does not say it.
    pub introspection_url: Option<String>,
    /// `--auth-client-id`: as whom.
    pub client_id: Option<String>,
    /// `--auth-client-secret`. Better in the environment, for everybody on the machine sees command lines.
    pub client_secret: Option<Secret>,
    /// `--auth-client-method`: where the secret goes.
    pub client_auth: IntrospectionAuth,
}

/// Whether an issuer is asked about tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a program maps each to a word of its flag")]
pub enum IntrospectionMode {
    /// Tokens are JWTs, and the issuer's keys tell.
    #[default]
    Off,
    /// The keys tell, and the issuer is asked whether a token was revoked.
    Also,
    /// Only the issuer can read its tokens.
    Only,
}

/// What is wrong with the flags, and how to mend it: one sentence.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// One without the other.
    #[error("--auth-issuer and --resource belong together: give both to protect the server, or neither")]
    Half,
    /// Flags of a protection that nobody asked for.
    #[error("{0} protects nothing without --auth-issuer and --resource")]
    Alone(&'static str),
    /// The issuer is no URL.
    #[error("--auth-issuer: {0}")]
    Issuer(#[source] UrlError),
    /// The resource is no URL.
    #[error("--resource: {0}")]
    Resource(#[source] UrlError),
    /// A scope is none.
    #[error("--required-scope: {0}")]
    Scope(#[source] ScopeError),
    /// An implication is none.
    #[error("--scope-implies: write it as BROAD=NARROW, several narrower ones with spaces between them")]
    Implies(#[source] HierarchyError),
    /// The certificates cannot be used.
    #[error("--auth-ca-file: {}", Chain(.0))]
    CaFile(#[source] net::Error),
    /// The URL of the keys cannot be used.
    #[error("--auth-jwks-url: {}", Chain(.0))]
    Jwks(#[source] EndpointError),
    /// The URL of the introspection endpoint cannot be used.
    #[error("--auth-introspection-url: {}", Chain(.0))]
    IntrospectionUrl(#[source] EndpointError),
    /// The issuer would not answer somebody without a name.
    #[error(
        "--auth-introspection needs --auth-client-id and --auth-client-secret, which the issuer gave to this server"
    )]
    Client,
    /// The client is none.
    #[error("--auth-client-id: {0}")]
    ClientId(#[source] IdentifierError),
    /// The rest.
    #[error("the server cannot be protected: {}", Chain(.0))]
    Protection(#[source] ProtectionError),
}

impl ProtectionSettings {
    /// The protection that the flags ask for; `None` where they ask for none.
    ///
    /// # Errors
    ///
    /// One sentence that says which flag is wrong and what it wants.
    pub fn protection(&self) -> Result<Option<Protection>, SettingsError> {
        let (issuer, resource) = match (given(&self.issuer), given(&self.resource)) {
            (Some(issuer), Some(resource)) => (issuer, resource),
            (None, None) => return self.unused().map_or(Ok(None), |flag| Err(SettingsError::Alone(flag))),
            _ => return Err(SettingsError::Half),
        };
        let issuer = Issuer::parse(issuer).map_err(SettingsError::Issuer)?;
        let resource = ResourceId::parse(resource).map_err(SettingsError::Resource)?;
        let mut builder = Protection::builder(issuer, resource)
            .required_scopes(self.scopes()?)
            .options(VerifierOptions::new().hierarchy(self.hierarchy()?))
            .check(self.check()?);
        if let Some(file) = &self.ca_file {
            builder = builder.tls(Tls::with_ca_file(file).map_err(SettingsError::CaFile)?);
        }
        if let Some(url) = given(&self.jwks_url) {
            builder = builder.jwks(url);
        }
        builder.build().map(Some).map_err(|error| match error {
            ProtectionError::Introspection(fault) => SettingsError::IntrospectionUrl(fault),
            ProtectionError::Issuer(RemoteIssuerError::Jwks(fault)) => SettingsError::Jwks(fault),
            other => SettingsError::Protection(other),
        })
    }

    /// A flag that would have no effect without protection. Whoever gave it believes that there is some.
    fn unused(&self) -> Option<&'static str> {
        [
            (self.required_scopes.iter().any(|scope| !scope.is_empty()), "--required-scope"),
            (self.scope_implies.iter().any(|line| !line.is_empty()), "--scope-implies"),
            (self.ca_file.is_some(), "--auth-ca-file"),
            (given(&self.jwks_url).is_some(), "--auth-jwks-url"),
            (self.introspection != IntrospectionMode::Off, "--auth-introspection"),
            (given(&self.introspection_url).is_some(), "--auth-introspection-url"),
        ]
        .into_iter()
        .find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    fn scopes(&self) -> Result<ScopeSet, SettingsError> {
        let named = self.required_scopes.iter().flat_map(|text| text.split_ascii_whitespace());
        named.map(ScopeToken::parse).collect::<Result<_, _>>().map_err(SettingsError::Scope)
    }

    fn hierarchy(&self) -> Result<ScopeHierarchy, SettingsError> {
        let lines: Vec<String> = self.scope_implies.iter().map(|line| line.replacen('=', " implies ", 1)).collect();
        lines.join("\n").parse().map_err(SettingsError::Implies)
    }

    fn check(&self) -> Result<TokenCheck, SettingsError> {
        if self.introspection == IntrospectionMode::Off {
            return Ok(TokenCheck::Keys);
        }
        let (Some(id), Some(secret)) = (given(&self.client_id), &self.client_secret) else {
            return Err(SettingsError::Client);
        };
        let id = ClientId::parse(id).map_err(SettingsError::ClientId)?;
        let mut client = IntrospectionClient::new(id, secret.clone()).auth(self.client_auth);
        if let Some(url) = given(&self.introspection_url) {
            client = client.endpoint(url);
        }
        Ok(match self.introspection {
            IntrospectionMode::Only => TokenCheck::Introspection(client),
            IntrospectionMode::Also | IntrospectionMode::Off => TokenCheck::KeysAndIntrospection(client),
        })
    }
}

/// An empty environment variable is one that is not set.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ProtectionSettings {
        ProtectionSettings {
            issuer: Some("https://as.example".to_owned()),
            resource: Some("https://mcp.example/mcp".to_owned()),
            ..ProtectionSettings::default()
        }
    }

    /// What is said, after a change.
    fn said(change: impl FnOnce(&mut ProtectionSettings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        settings.protection().unwrap_err().to_string()
    }

    #[test]
    fn what_is_given_is_protected() {
        let mut settings = settings();
        settings.required_scopes = vec!["a b".to_owned(), String::new(), "c".to_owned()];
        settings.scope_implies = vec!["admin=a b".to_owned(), "b=c".to_owned()];
        let protection = settings.protection().unwrap().unwrap();
        assert_eq!(protection.resource().required_scopes().to_string(), "a b c");
        assert_eq!(protection.resource().authorization_servers()[0].as_str(), "https://as.example");
        assert_eq!(settings.hierarchy().unwrap().expand(&"admin".parse().unwrap()).to_string(), "a admin b c");
        assert!(ProtectionSettings::default().protection().unwrap().is_none());
        let empty = ProtectionSettings { issuer: Some(String::new()), ..ProtectionSettings::default() };
        assert!(empty.protection().unwrap().is_none());
    }

    #[test]
    fn mistakes_are_named_by_their_flag_in_one_sentence() {
        let text = |text: &str| Some(text.to_owned());
        for (said, start) in [
            (said(|s| s.resource = None), "--auth-issuer and --resource belong together"),
            (said(|s| s.issuer = text("")), "--auth-issuer and --resource belong together"),
            (said(|s| s.issuer = text("http://as.example")), "--auth-issuer: plain http is accepted for loopback"),
            (said(|s| s.issuer = text("https://as.example?x")), "--auth-issuer: the URL has a query"),
            (said(|s| s.resource = text("mcp")), "--resource: the URL does not begin with https"),
            (said(|s| s.required_scopes = vec!["a\"b".to_owned()]), "--required-scope: "),
            (said(|s| s.scope_implies = vec!["admin".to_owned()]), "--scope-implies: write it as"),
            (said(|s| s.ca_file = Some("/nonexistent".into())), "--auth-ca-file: "),
            (
                said(|s| s.jwks_url = text("http://keys.example")),
                "--auth-jwks-url: plain http is for an issuer on this",
            ),
            (said(|s| s.introspection = IntrospectionMode::Only), "--auth-introspection needs --auth-client-id"),
            (said(|s| s.required_scopes = vec!["offline_access".to_owned()]), "the server cannot be protected: "),
            (
                said(|s| {
                    s.issuer = None;
                    s.resource = None;
                    s.required_scopes = vec!["a".to_owned()];
                }),
                "--required-scope protects nothing",
            ),
            (
                said(|s| {
                    s.introspection = IntrospectionMode::Also;
                    s.client_id = text("rs");
                    s.client_secret = Some(Secret::new("hush".to_owned()));
                    s.introspection_url = text("ftp://as.example");
                }),
                "--auth-introspection-url: the URL cannot be used: ",
            ),
        ] {
            assert!(said.starts_with(start) && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut settings = settings();
        settings.client_secret = Some(Secret::new("hush-hush".to_owned()));
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
