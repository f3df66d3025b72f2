//! The policy for URLs that a peer brings.

use std::fmt;

use super::address::Class;
use super::error::Error;
use super::names;
use super::policy::Refusal;
use super::target::{Host, Scheme, Target};

/// Rules for any URL learned from a peer: only public addresses, only https, only port 443.
///
/// Refused before any lookup: other schemes and ports, names that only mean something nearby, IPv4 addresses in an unusual
/// spelling, and addresses that are not public. (User information and whatever could be read in two ways is refused by
/// [`Target::parse`] under every policy.) Then every address of a name has to be public, or none of them is dialled.
///
/// ```
/// use mcp_transport::net::{OperatorHost, Policy, Public};
///
/// let ours: OperatorHost = "clients.corp.example:8443".parse()?;
/// let policy: Policy = Public::new().ports([443, 8443]).operator_host(ours).into();
/// # let _ = policy;
/// # Ok::<(), mcp_transport::net::Error>(())
/// ```
///
/// What loosens it further is in [`danger`](super::danger).
#[derive(Clone, Debug)]
pub struct Public {
    pub(super) plain_http: PlainHttp,
    pub(super) ports: Ports,
    pub(super) private: Private,
    operator_hosts: Vec<OperatorHost>,
}

/// Whether http may go without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainHttp {
    Refused,
    Allowed,
}

#[derive(Clone, Debug)]
pub(super) enum Ports {
    These(Vec<u16>),
    Any,
}

/// Whether networks nearby count as public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Private {
    Refused,
    Allowed,
}

impl Private {
    pub(super) fn judge(self, class: Class) -> Result<(), Refusal> {
        match class {
            Class::Public => Ok(()),
            // Never what a cloud tells a machine about itself, and nothing that is no server.
            Class::Loopback | Class::Private | Class::Shared if self == Self::Allowed => Ok(()),
            _ => Err(Refusal::Address(class)),
        }
    }
}

impl Public {
    /// The strict rules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            plain_http: PlainHttp::Refused,
            ports: Ports::These(vec![443]),
            private: Private::Refused,
            operator_hosts: Vec::new(),
        }
    }

    /// The ports that may be dialled, instead of 443 alone.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = Ports::These(ports.into_iter().collect());
        self
    }

    /// A host that the operator has named: URLs there are fetched under [`Policy::operator`](super::Policy::operator),
    /// private addresses and plain http included. A redirect from there to another host is held to the public rules.
    #[must_use]
    pub fn operator_host(mut self, host: OperatorHost) -> Self {
        self.operator_hosts.push(host);
        self
    }

    pub(super) fn is_operators(&self, target: &Target) -> bool {
        self.operator_hosts.iter().any(|host| host.names(target))
    }

    pub(super) fn admit(&self, target: &Target) -> Result<(), Refusal> {
        if target.scheme() == Scheme::Http && self.plain_http == PlainHttp::Refused {
            return Err(Refusal::Scheme);
        }
        if let Ports::These(ports) = &self.ports
            && !ports.contains(&target.port())
        {
            return Err(Refusal::Port);
        }
        if target.is_spelled_oddly() {
            return Err(Refusal::Spelling);
        }
        match self.private {
            Private::Refused => names::judge(target.host()),
            Private::Allowed => Ok(()),
        }
    }
}

impl Default for Public {
    fn default() -> Self {
        Self::new()
    }
}

/// `HOST` or `HOST:PORT`, as an operator writes it. Without a port it means all of them. Names under it are other hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorHost {
    target: Target,
    port: Option<u16>,
}

impl OperatorHost {
    fn names(&self, target: &Target) -> bool {
        self.target.host() == target.host() && self.port.is_none_or(|port| port == target.port())
    }
}

impl std::str::FromStr for OperatorHost {
    type Err = Error;

    /// Reads `HOST[:PORT]`; an IPv6 address stands in brackets.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains(['/', '?', '#']) {
            return Err(Error::config("a host is written as HOST or HOST:PORT, without a scheme or a path"));
        }
        let target = Target::parse(&format!("https://{text}/")).map_err(Error::config)?;
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = has_port.then(|| target.port());
        Ok(Self { target, port })
    }
}

impl fmt::Display for OperatorHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host: Host<'_> = self.target.host();
        match self.port {
            Some(port) => write!(f, "{host}:{port}"),
            None => write!(f, "{host}"),
        }
    }
}

impl fmt::Debug for OperatorHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorHost({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(public: &Public, text: &str) -> Result<(), Refusal> {
        public.admit(&Target::parse(text).unwrap())
    }

    #[test]
    fn strict_rules_are_applied_in_order() {
        let public = Public::new();
        assert_eq!(admit(&public, "https://example.com/"), Ok(()));
        assert_eq!(admit(&public, "https://example.com:443/"), Ok(()));
        assert_eq!(admit(&public, "http://example.com/"), Err(Refusal::Scheme));
        assert_eq!(admit(&public, "https://example.com:8443/"), Err(Refusal::Port));
        assert_eq!(admit(&public, "https://0x08080808/"), Err(Refusal::Spelling));
        assert_eq!(admit(&public, "https://intranet/"), Err(Refusal::LocalName));
        assert_eq!(admit(&public, "https://localhost./"), Err(Refusal::LocalName));
        assert_eq!(admit(&public.ports([8443]), "https://example.com:8443/"), Ok(()));
    }

    #[test]
    fn operator_hosts_are_named_exactly() {
        for (host, named, others) in [
            (
                "clients.corp.example",
                &["https://clients.corp.example/", "http://CLIENTS.corp.example.:81/x"][..],
                &["https://x.clients.corp.example/", "https://corp.example/"][..],
            ),
            ("10.0.0.5:8443", &["https://10.0.0.5:8443/"], &["https://10.0.0.5/", "https://10.0.0.6:8443/"]),
            ("[fd00::1]:443", &["https://[fd00::1]/"], &["http://[fd00::1]/", "https://[fd00::2]/"]),
            ("[fd00::1]", &["https://[FD00:0::1]:9/"], &["https://[fd00::2]/"]),
            ("localhost:80", &["http://localhost/"], &["https://localhost/", "http://127.0.0.1/"]),
        ] {
            let host: OperatorHost = host.parse().unwrap();
            for text in named {
                assert!(host.names(&Target::parse(text).unwrap()), "{host} {text}");
            }
            for text in others {
                assert!(!host.names(&Target::parse(text).unwrap()), "{host} {text}");
            }
        }
        for text in ["", "https://h", "h/", "h:", "h:0", "h:99999", "u@h", "h?x", "a b", "[::1"] {
            assert!(text.parse::<OperatorHost>().unwrap_err().is_config(), "{text}");
        }
    }
}
