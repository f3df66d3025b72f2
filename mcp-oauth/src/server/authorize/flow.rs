//! What pages carry from one step to the next: sealed, bound to the browser, and over after a while.

use mcp_transport::auth::ScopeSet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cookie::{Browser, Session};
use crate::server::engine::Engine;
use crate::server::error::OAuthError;
use crate::server::form::decode;
use crate::types::{Digest, Timestamp, random};

/// Where a user goes on after signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// The authorization request with this query.
    Authorize(String),
    /// The page for devices, with this query.
    Device(String),
}

impl Target {
    /// The same without a parameter that has been heeded.
    pub(crate) fn without(&self, name: &str) -> Self {
        let rest = |query: &str| {
            let named = |pair: &&str| {
                let own = decode(pair.split('=').next().unwrap_or_default().as_bytes());
                own.is_ok_and(|own| own == name)
            };
            query.split('&').filter(|pair| !named(pair)).collect::<Vec<_>>().join("&")
        };
        match self {
            Self::Authorize(query) => Self::Authorize(rest(query)),
            Self::Device(query) => Self::Device(rest(query)),
        }
    }

    /// Where the user goes on after signing in: `prompt` has been heeded, as far as it asked for a sign-in. What is left of
    /// it is that consent is asked for again.
    pub(crate) fn after_sign_in(&self) -> Self {
        match self {
            Self::Authorize(query) => {
                let (Self::Authorize(rest) | Self::Device(rest)) = self.without("prompt");
                let asked = rest.len() != query.len();
                Self::Authorize(if asked { format!("{rest}&prompt=consent") } else { rest })
            }
            device @ Self::Device(_) => device.clone(),
        }
    }

    /// The address within this server.
    pub(crate) fn path(&self, prefix: &str) -> String {
        let (endpoint, query) = match self {
            Self::Authorize(query) => ("/authorize", query),
            Self::Device(query) => ("/device", query),
        };
        if query.is_empty() { format!("{prefix}{endpoint}") } else { format!("{prefix}{endpoint}?{query}") }
    }
}

/// A form that waits for somebody to sign in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SignInForm {
    pub(crate) provider: String,
    pub(crate) target: Target,
    browser: Digest,
    expires_at: Timestamp,
}

/// A form that waits for a user's consent. It can be sent once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConsentForm {
    pub(crate) target: Target,
    /// What the user was shown.
    pub(crate) shown: Digest,
    /// The scopes that were on the page: what the policy left of those that were asked for.
    pub(crate) scopes: ScopeSet,
    session: Digest,
    id: [u8; 16],
    pub(crate) expires_at: Timestamp,
}

const SIGN_IN: &[u8] = b"mcp-oauth sign-in form";
const CONSENT: &[u8] = b"mcp-oauth consent form";

impl SignInForm {
    /// A form for this browser.
    pub(crate) fn seal(
        engine: &Engine,
        provider: &str,
        target: Target,
        browser: &Browser,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let expires_at = now.after(engine.config.lifetimes.page);
        let form = Self { provider: provider.to_owned(), target, browser: browser.binding(), expires_at };
        seal(engine, &form, SIGN_IN)
    }

    /// The form that a browser sends; `None` if it is no form of ours, of another browser, or too old.
    pub(crate) fn open(engine: &Engine, sealed: &str, browser: Option<&Browser>, now: Timestamp) -> Option<Self> {
        let form: Self = open(engine, sealed, SIGN_IN)?;
        let own = browser.is_some_and(|browser| browser.binding().matches(&form.browser));
        (own && !form.expires_at.is_over(now)).then_some(form)
    }
}

impl ConsentForm {
    /// A form for whoever is signed in.
    pub(crate) fn seal(
        engine: &Engine,
        target: Target,
        (shown, scopes): (Digest, &ScopeSet),
        session: &Session,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let expires_at = now.after(engine.config.lifetimes.page);
        let (session, scopes) = (session.binding(), scopes.clone());
        let form = Self { target, shown, scopes, session, id: random()?, expires_at };
        seal(engine, &form, CONSENT)
    }

    /// The form that a browser sends; `None` if it is no form of ours, of another sign-in, or too old.
    pub(crate) fn open(engine: &Engine, sealed: &str, session: &Session, now: Timestamp) -> Option<Self> {
        let form: Self = open(engine, sealed, CONSENT)?;
        let own = session.binding().matches(&form.session);
        (own && !form.expires_at.is_over(now)).then_some(form)
    }

    /// What may be used once.
    pub(crate) fn id(&self) -> Digest {
        Digest::of("consent form id", &[&self.id])
    }
}

fn seal(engine: &Engine, form: &impl Serialize, bound_to: &[u8]) -> Result<String, OAuthError> {
    let plain = serde_json::to_vec(form).map_err(OAuthError::server_error)?;
    let keys = engine.keychain.current();
    keys.seal(engine.now())?.seal(&plain, bound_to).map_err(OAuthError::server_error)
}

fn open<T: DeserializeOwned>(engine: &Engine, sealed: &str, bound_to: &[u8]) -> Option<T> {
    let keys = engine.keychain.current();
    let plain = keys.seal(engine.now()).ok()?.open(sealed, bound_to).ok()?;
    serde_json::from_slice(&plain).ok()
}
