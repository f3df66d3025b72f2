//! The page on which a user allows a client something: what it says.

use std::net::IpAddr;

use mcp_transport::auth::{ResourceId, ScopeSet};
use url::Url;

use super::text::Text;
use super::view::Target;
use crate::types::{ClientSnapshot, ClientSource, Identity, RedirectKind, RedirectUri};

/// Who stands behind a client, as far as the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientProof {
    /// The operator of the server, who added it.
    Operator,
    /// Whoever holds this host: the client is described there.
    Host(Text),
    /// Nobody: it registered itself, under a name of its choice.
    Nobody,
}

/// A client: what it claims, and what is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientView {
    /// What it calls itself. A claim. Empty if it does not.
    pub name: Text,
    /// Its id. A fact.
    pub id: Text,
    /// Who stands behind it. A fact.
    pub proof: ClientProof,
}

impl ClientView {
    /// This client.
    #[must_use]
    pub fn of(client: &ClientSnapshot) -> Self {
        let proof = match client.source {
            ClientSource::Preregistered => ClientProof::Operator,
            ClientSource::Registered => ClientProof::Nobody,
            ClientSource::MetadataDocument => match host(client.id.as_str()) {
                Some(host) => ClientProof::Host(Text::host(&host)),
                None => ClientProof::Nobody,
            },
        };
        let name = client.name.as_deref().map(Text::new).unwrap_or_default();
        Self { name, id: Text::up_to(300, client.id.as_str()), proof }
    }
}

/// The host of a URL, with its port if that is not the usual one.
fn host(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// How the answer reaches the client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Way {
    /// The browser is sent there.
    Redirect {
        /// What stands there.
        kind: RedirectKind,
        /// The host, or the scheme of an app. To be shown prominently: whoever is there gets the access.
        place: Text,
        /// The whole address.
        uri: Text,
    },
    /// The device that shows this code gets it (RFC 8628 section 5.4: the user compares).
    Device {
        /// The code, as the device shows it.
        user_code: Text,
    },
}

impl Way {
    /// The browser is sent to this address.
    ///
    /// One on this computer is [`RedirectKind::Loopback`] here, over TLS too: that says nothing of who listens.
    #[must_use]
    pub fn redirect(uri: &RedirectUri) -> Self {
        let (kind, place) = match uri.host() {
            Some(host) if is_here(host) => (RedirectKind::Loopback, Text::host(host)),
            Some(host) => (uri.kind(), Text::host(host)),
            None => (uri.kind(), Text::host(&format!("{}:", uri.shown()))),
        };
        Self::Redirect { kind, place, uri: Text::up_to(300, uri.as_str()) }
    }

    /// The device that shows this code gets it.
    #[must_use]
    pub fn device(user_code: &str) -> Self {
        Self::Device { user_code: Text::up_to(40, user_code) }
    }
}

/// Whether a host is the computer that the browser runs on.
fn is_here(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// A scope that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeView {
    /// Its name.
    pub name: Text,
    /// What it means, where the operator said. Empty if not.
    pub description: Text,
}

impl ScopeView {
    /// A scope, and what it means.
    #[must_use]
    pub fn new(name: &str, description: Option<&str>) -> Self {
        Self { name: Text::new(name), description: description.map(|text| Text::up_to(300, text)).unwrap_or_default() }
    }

    /// All scopes of a set, and what each means.
    #[must_use]
    pub fn all<'a>(scopes: &ScopeSet, description: impl Fn(&str) -> Option<&'a str>) -> Vec<Self> {
        scopes.iter().map(|scope| Self::new(scope.as_str(), description(scope.as_str()))).collect()
    }
}

/// The page on which a user allows a client something, or does not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Consent {
    /// Who is signed in, by the name of their account.
    pub user: Text,
    /// Who that is: their subject.
    pub subject: Text,
    /// Who asks.
    pub client: ClientView,
    /// How the answer reaches them.
    pub way: Way,
    /// For what.
    pub resource: Text,
    /// To do what, in order: all that would be allowed.
    pub scopes: Vec<ScopeView>,
    /// Where the form is sent, with `decision=approve` or `decision=deny`.
    pub target: Target,
    /// Where a form is sent to sign in as somebody else.
    pub switch_user: Option<Target>,
}

impl Consent {
    /// This client asks this user for access to this resource.
    #[must_use]
    pub fn new(
        user: &Identity,
        client: &ClientSnapshot,
        way: Way,
        resource: &ResourceId,
        scopes: Vec<ScopeView>,
        target: Target,
    ) -> Self {
        Self {
            user: Text::new(user.shown()),
            subject: Text::new(user.subject.as_str()),
            client: ClientView::of(client),
            way,
            resource: Text::up_to(300, resource.as_str()),
            scopes,
            target,
            switch_user: None,
        }
    }

    /// Lets the user sign in as somebody else.
    #[must_use]
    pub fn switch_user(mut self, target: Target) -> Self {
        self.switch_user = Some(target);
        self
    }
}
