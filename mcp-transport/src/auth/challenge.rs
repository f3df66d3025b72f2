//! `WWW-Authenticate`: built for clients, and parsed for ours (RFC 9110 section 11.6.1).

use std::fmt::{self, Write as _};

use http::HeaderValue;
use thiserror::Error;

use super::scope::ScopeSet;
use super::verify::Scheme;

mod parse;

pub use parse::ChallengeError;
pub(super) use parse::is_token68;

/// The `error` of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `invalid_request`: the credentials were presented wrongly (RFC 6750 section 3.1). 400.
    InvalidRequest,
    /// `invalid_token`: expired, revoked, malformed, of another audience (RFC 6750). 401.
    InvalidToken,
    /// `insufficient_scope`: a good token that may not do this (RFC 6750). 403.
    InsufficientScope,
    /// `invalid_dpop_proof` (RFC 9449 section 7.1). 401.
    InvalidDpopProof,
    /// `use_dpop_nonce` (RFC 9449 section 9). 401.
    UseDpopNonce,
    /// A code of a stranger's.
    Other(Box<str>),
}

impl ErrorCode {
    /// The code as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(code: &str) -> Self {
        match code {
            "invalid_request" => Self::InvalidRequest,
            "invalid_token" => Self::InvalidToken,
            "insufficient_scope" => Self::InsufficientScope,
            "invalid_dpop_proof" => Self::InvalidDpopProof,
            "use_dpop_nonce" => Self::UseDpopNonce,
            other => Self::Other(other.into()),
        }
    }
}

/// One challenge: a scheme and what the client is told with it.
///
/// ```
/// use mcp_transport::auth::{Challenge, ErrorCode, Scheme};
///
/// let challenge = Challenge::of(Scheme::Bearer)
///     .error(ErrorCode::InsufficientScope)
///     .scope("files:write".parse()?);
/// let header = challenge.to_header_value();
/// assert_eq!(header, r#"Bearer error="insufficient_scope", scope="files:write""#);
/// assert_eq!(Challenge::parse(&header)?, [challenge]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Box<str>,
    token68: Option<Box<str>>,
    realm: Option<Box<str>>,
    error: Option<ErrorCode>,
    error_description: Option<Box<str>>,
    scope: Option<ScopeSet>,
    resource_metadata: Option<Box<str>>,
    parameters: Vec<(Box<str>, Box<str>)>,
}

impl Challenge {
    /// A challenge of one of our schemes, without parameters.
    #[must_use]
    pub fn of(scheme: Scheme) -> Self {
        Self::named(scheme.as_str())
    }

    fn named(scheme: &str) -> Self {
        Self {
            scheme: scheme.into(),
            token68: None,
            realm: None,
            error: None,
            error_description: None,
            scope: None,
            resource_metadata: None,
            parameters: Vec::new(),
        }
    }

    /// Sets `error`.
    #[must_use]
    pub fn error(mut self, error: ErrorCode) -> Self {
        self.error = Some(error);
        self
    }

    /// Sets `error_description`, a sentence for developers.
    ///
    /// RFC 6750 section 3 allows visible ASCII and spaces without quote and backslash: a quote
    /// becomes an apostrophe, a backslash a slash, everything else a question mark.
    #[must_use]
    pub fn error_description(mut self, description: &str) -> Self {
        let plain = |character| match character {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => character,
            _ => '?',
        };
        self.error_description = Some(description.chars().map(plain).collect::<String>().into());
        self
    }

    /// Sets `scope`; the empty set leaves it out.
    #[must_use]
    pub fn scope(mut self, scope: ScopeSet) -> Self {
        self.scope = (!scope.is_empty()).then_some(scope);
        self
    }

    /// Sets `realm`.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = Some(header_text(realm));
        self
    }

    /// Sets `resource_metadata` (RFC 9728 section 5.1).
    #[must_use]
    pub fn resource_metadata(mut self, url: &str) -> Self {
        self.resource_metadata = Some(header_text(url));
        self
    }

    /// Sets `algs` (RFC 9449 section 7.1), names separated by spaces.
    #[must_use]
    pub(super) fn algorithms(mut self, names: &str) -> Self {
        self.parameters.push(("algs".into(), header_text(names)));
        self
    }

    /// Adds a parameter that this type has no method for.
    ///
    /// # Errors
    ///
    /// When the name is no token, or has a method, or was added before (RFC 9110 section 11.2: a
    /// name occurs once per challenge).
    pub fn parameter(mut self, name: &str, value: &str) -> Result<Self, ChallengeParameterError> {
        if !parse::is_token(name.as_bytes()) {
            return Err(ChallengeParameterError::Name);
        }
        let own = ["realm", "error", "error_description", "scope", "resource_metadata"];
        if own.iter().any(|taken| name.eq_ignore_ascii_case(taken)) || self.get(name).is_some() {
            return Err(ChallengeParameterError::Repeated);
        }
        self.parameters.push((name.into(), header_text(value)));
        Ok(self)
    }

    /// The scheme's name as written.
    #[must_use]
    pub fn scheme_name(&self) -> &str {
        &self.scheme
    }

    /// The scheme, if it is one of ours.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        Scheme::from_name(self.scheme.as_bytes())
    }

    /// The `token68` that some schemes have in place of parameters.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The `realm`.
    #[must_use]
    pub fn realm_text(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The `error`.
    #[must_use]
    pub const fn error_code(&self) -> Option<&ErrorCode> {
        self.error.as_ref()
    }

    /// The `error_description`. A stranger's text: clean it before a terminal shows it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.error_description.as_deref()
    }

    /// The `scope`: what a client asks for to get this request through (MCP, "Scope Selection
    /// Strategy"). A text that is no list of scopes is found with [`get`](Self::get) instead.
    #[must_use]
    pub const fn scopes(&self) -> Option<&ScopeSet> {
        self.scope.as_ref()
    }

    /// The `resource_metadata`, unjudged: fetch it only under a network policy.
    #[must_use]
    pub fn resource_metadata_url(&self) -> Option<&str> {
        self.resource_metadata.as_deref()
    }

    /// A parameter that this type has no method for, by its name in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The challenge as the value of a `WWW-Authenticate` header.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // Every text in here is visible ASCII and spaces, which a header value always takes.
        HeaderValue::try_from(self.to_string()).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

/// Writes the challenge in the grammar of RFC 9110 section 11.6.1, every value quoted.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(token68) = &self.token68 {
            return write!(f, " {token68}");
        }
        let scope = self.scope.as_ref().map(ScopeSet::to_string);
        let known = [
            ("realm", self.realm.as_deref()),
            ("error", self.error.as_ref().map(ErrorCode::as_str)),
            ("error_description", self.error_description.as_deref()),
            ("scope", scope.as_deref()),
            ("resource_metadata", self.resource_metadata.as_deref()),
        ];
        let others = self.parameters.iter().map(|(name, value)| (&**name, &**value));
        let mut separator = " ";
        for (name, value) in known.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(others) {
            write!(f, "{separator}{name}=")?;
            write_quoted(f, value)?;
            separator = ", ";
        }
        Ok(())
    }
}

/// RFC 9110 section 5.6.4: quote and backslash are escaped, and nothing else needs to be.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            // A parsed challenge may hold a stranger's text.
            ' '..='~' => f.write_char(character)?,
            _ => f.write_char('?')?,
        }
    }
    f.write_char('"')
}

/// The text with everything but visible ASCII and spaces replaced: no line break gets into a header.
fn header_text(text: &str) -> Box<str> {
    let visible = |character| {
        if matches!(character, ' '..='~') { character } else { '?' }
    };
    text.chars().map(visible).collect::<String>().into()
}

/// Why a parameter cannot be added to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChallengeParameterError {
    /// The name is not a token (RFC 9110 section 5.6.2).
    #[error("the parameter's name is not a token")]
    Name,
    /// The challenge has a parameter of this name.
    #[error("the challenge has a parameter of this name")]
    Repeated,
}

#[cfg(test)]
mod tests;
