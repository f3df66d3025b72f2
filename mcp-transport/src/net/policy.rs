//! Where a client may go. The one guard against request forgery.
//!
//! A URL is admitted first ([`Policy::admit`]), before anything is looked up. What comes out, [`Admitted`], is the only way to
//! have addresses approved, and an [`Approved`] address the only thing that is dialled.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use super::address::Class;
use super::names;
use super::public::{Private, Public};
use super::target::{Host, Scheme, Target};

/// Why a policy says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Plain http where only https may go.
    #[error("plain http is not allowed here")]
    Scheme,
    /// A port that is not on the list.
    #[error("the port is not allowed")]
    Port,
    /// An address that is not written in its usual form.
    #[error("the address is spelled in an unusual way")]
    Spelling,
    /// A name that only means something nearby: `localhost`, a name of one label, `*.internal`, ..
    #[error("the name has a meaning only locally")]
    LocalName,
    /// The URL names an address that is not allowed, or one of the addresses of its name is none.
    #[error("an address of class {0:?} is not allowed")]
    Address(Class),
}

/// Where a [`Client`](super::Client) may go.
///
/// | policy | for | what may be dialled |
/// |---|---|---|
/// | [`Public`] | any URL that a peer brings | public addresses; https and port 443 unless said otherwise |
/// | operator | hosts that the configuration names | everything |
/// | same reach | what a server that the user named refers to | public addresses, and the class that this server was found in |
#[derive(Clone, Debug)]
pub struct Policy(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Public(Arc<Public>),
    Operator,
    SameReach(Arc<SameReach>),
}

impl Policy {
    /// Public addresses over https on port 443: see [`Public`], which also has what can be set.
    #[must_use]
    pub fn public() -> Self {
        Public::new().into()
    }

    /// Any address, any port, http or https. For hosts that the person who runs the program has named, and never for
    /// a URL that came over the wire.
    #[must_use]
    pub fn operator() -> Self {
        Self(Rule::Operator)
    }

    /// For a client of a server that the user named, and for what this server refers to (its authorization server, ..).
    ///
    /// The host of `server` may be anywhere. Other hosts have to be public, or of the class (loopback, private, shared) that
    /// `server` itself is of. For an address and for `localhost` the class is known at once. For a name it is that of the
    /// address to which the first connection has succeeded, with its TLS: what a lookup says alone proves nothing. From then
    /// on, the server's own host is held to it as well. Plain http to a public host is only for those whose server is
    /// plain http itself.
    ///
    /// Clones of the policy learn together. A connection through a proxy teaches nothing.
    #[must_use]
    pub fn same_reach(server: &Target) -> Self {
        Self(Rule::SameReach(Arc::new(SameReach::new(server))))
    }

    /// Whether this is [`Public`], under which pools and proxies are off by default.
    pub(super) fn is_public(&self) -> bool {
        matches!(self.0, Rule::Public(_))
    }

    /// Judges a URL before any lookup.
    pub(super) fn admit<'a>(&self, target: &'a Target) -> Result<Admitted<'a>, Refusal> {
        let footing = match &self.0 {
            Rule::Operator => Footing::Anywhere,
            Rule::Public(public) if public.is_operators(target) => Footing::Anywhere,
            Rule::Public(public) => {
                public.admit(target)?;
                Footing::Public(public.private)
            }
            Rule::SameReach(reach) => reach.admit(target)?,
        };
        let admitted = Admitted { target, footing };
        if let Host::Address(address) = target.host() {
            admitted.judge(address)?;
        }
        Ok(admitted)
    }
}

impl From<Public> for Policy {
    fn from(public: Public) -> Self {
        Self(Rule::Public(Arc::new(public)))
    }
}

/// A URL that may be looked up, and the rule for the addresses that are found.
#[derive(Clone, Debug)]
pub(super) struct Admitted<'a> {
    target: &'a Target,
    footing: Footing,
}

#[derive(Clone, Debug)]
enum Footing {
    Public(Private),
    Anywhere,
    /// The server that the user named.
    Named(Arc<SameReach>),
    /// Another host under the same policy.
    Beside(Arc<SameReach>),
}

impl Admitted<'_> {
    /// Judges what a lookup answered. One forbidden address refuses the whole answer: a name with addresses on both sides
    /// of a border is an attack, and which of them would be dialled is a matter of chance.
    pub(super) fn approve(&self, addresses: &[IpAddr]) -> Result<Vec<Approved>, Refusal> {
        addresses
            .iter()
            .map(|address| {
                self.judge(*address)?;
                Ok(Approved(SocketAddr::new(*address, self.target.port())))
            })
            .collect()
    }

    /// Tells the policy that a connection stands, to where.
    pub(super) fn connected(&self, address: Approved) {
        if let Footing::Named(reach) = &self.footing {
            // Only the first connection teaches.
            reach.class.set(Class::of(address.0.ip())).unwrap_or_default();
        }
    }

    /// Whether the policy of these hosts lets a proxy do the lookup.
    pub(super) fn trusts_proxies(&self) -> bool {
        !matches!(self.footing, Footing::Public(_))
    }

    fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        let class = Class::of(address);
        match &self.footing {
            Footing::Anywhere => Ok(()),
            Footing::Public(private) => private.judge(class),
            Footing::Named(reach) => reach.judge_named(class),
            Footing::Beside(reach) => reach.judge_other(class, self.target.scheme()),
        }
    }
}

/// An address that the policy lets us dial. There is no other way to make one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Approved(SocketAddr);

impl Approved {
    pub(super) fn address(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Debug for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of the server that the user named.
struct SameReach {
    server: Target,
    class: OnceLock<Class>,
}

impl SameReach {
    fn new(server: &Target) -> Self {
        let class = OnceLock::new();
        let known = match server.host() {
            Host::Address(address) => Some(Class::of(address)),
            // RFC 6761 6.3: these names are loopback, and we do not look them up.
            Host::Name(name) => names::is_localhost(name).then_some(Class::Loopback),
        };
        if let Some(known) = known {
            class.set(known).unwrap_or_default();
        }
        Self { server: server.clone(), class }
    }

    fn admit(self: &Arc<Self>, target: &Target) -> Result<Footing, Refusal> {
        if target.host() == self.server.host() {
            return Ok(Footing::Named(Arc::clone(self)));
        }
        if target.is_spelled_oddly() {
            return Err(Refusal::Spelling);
        }
        if self.class.get().is_none_or(|class| class.is_public()) {
            names::judge(target.host())?;
            if target.scheme() == Scheme::Http && self.server.scheme() == Scheme::Https {
                return Err(Refusal::Scheme);
            }
        }
        Ok(Footing::Beside(Arc::clone(self)))
    }

    fn judge_named(&self, class: Class) -> Result<(), Refusal> {
        match self.class.get() {
            Some(known) if class != *known && !class.is_public() => Err(Refusal::Address(class)),
            _ => Ok(()),
        }
    }

    fn judge_other(&self, class: Class, scheme: Scheme) -> Result<(), Refusal> {
        if class.is_public() {
            let plain = scheme == Scheme::Http && self.server.scheme() == Scheme::Https;
            return if plain { Err(Refusal::Scheme) } else { Ok(()) };
        }
        let near = matches!(class, Class::Loopback | Class::Private | Class::Shared);
        if near && self.class.get() == Some(&class) { Ok(()) } else { Err(Refusal::Address(class)) }
    }
}

impl fmt::Debug for SameReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameReach").field("server", &self.server).field("class", &self.class.get()).finish()
    }
}

#[cfg(test)]
mod tests;
