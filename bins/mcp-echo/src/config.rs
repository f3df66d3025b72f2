//! The command line, checked: what the program is to do.

use std::{num::NonZeroUsize, time::Duration};

use mcp_oauth::resource::{Protection, SettingsError};
use mcp_transport::auth::ResourceId;
use mcp_transport::http::{
    origin::{AccessPolicy, HostPolicy, InvalidEntry, OriginPolicy, danger},
    tls::{TlsConfig, TlsError},
};

use crate::options::Options;

/// What the program is to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) access: AccessPolicy,
    /// Who may call; everybody without it.
    pub(crate) protection: Option<Protection>,
    pub(crate) max_message_bytes: usize,
    pub(crate) shutdown_timeout: Duration,
}

/// What messages come over.
#[derive(Debug)]
pub(crate) enum Mode {
    Stdio,
    Http(Listen),
}

/// Where HTTP is served.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) address: Address,
    /// Where the operator is told the counters, besides a main address on loopback.
    pub(crate) admin: Option<Address>,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) max_connections: NonZeroUsize,
}

/// A host or an IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What is wrong with the command line or the environment, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{0:?} is no address to listen on: write it as 127.0.0.1:3000, [::1]:3000 or localhost:3000")]
    Listen(String),
    #[error(
        "--admin-listen: {0:?} is no address to listen on: write it as 127.0.0.1:9100, [::1]:9100 or localhost:9100"
    )]
    AdminListen(String),
    #[error("--allow-host: {0}")]
    AllowHost(#[source] InvalidEntry),
    #[error("--allow-origin: {0}")]
    AllowOrigin(#[source] InvalidEntry),
    #[error("--tls-cert and --tls-key: {0}")]
    Tls(#[source] TlsError),
    #[error(transparent)]
    Protection(#[from] SettingsError),
    #[error("--stdio and --auth-issuer exclude each other: on the standard streams nobody sends tokens")]
    Stdio,
}

impl Config {
    /// Checks the command line.
    pub(crate) fn new(options: &Options) -> Result<Self, ConfigError> {
        let address = match options.listen.as_deref().filter(|listen| !listen.is_empty()) {
            Some(listen) => Address::parse(listen).ok_or_else(|| ConfigError::Listen(listen.to_owned()))?,
            None => Address { host: unbracketed(&options.host).to_owned(), port: options.port },
        };
        let admin = options.admin_listen.as_deref().filter(|listen| !listen.is_empty());
        let parsed = |text: &str| Address::parse(text).ok_or_else(|| ConfigError::AdminListen(text.to_owned()));
        let admin = admin.map(parsed).transpose()?;
        let tls = match (&options.tls_cert, &options.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsConfig::from_pem_files(certificate, key).map_err(ConfigError::Tls)?)
            }
            // The command line refuses one without the other.
            _ => None,
        };
        let protection = options.protection().protection()?;
        if options.stdio && protection.is_some() {
            return Err(ConfigError::Stdio);
        }
        // Whoever names the URL of the endpoint means its host, too.
        let public = protection.as_ref().map(|protection| protection.resource().id());
        let hosts = hosts(&address, &options.allow_host, public).map_err(ConfigError::AllowHost)?;
        let origins = origins(&options.allow_origin).map_err(ConfigError::AllowOrigin)?;
        let most = usize::try_from(options.max_connections.get()).ok().and_then(NonZeroUsize::new);
        let listen = Listen { address, admin, tls, max_connections: most.unwrap_or(NonZeroUsize::MAX) };
        Ok(Self {
            mode: if options.stdio { Mode::Stdio } else { Mode::Http(listen) },
            access: AccessPolicy::new(hosts, origins),
            protection,
            max_message_bytes: usize::try_from(options.max_message_bytes).unwrap_or(usize::MAX),
            shutdown_timeout: Duration::from_secs(options.shutdown_timeout.into()),
        })
    }
}

/// The hosts that may be named: loopback, the listed ones, the one of the endpoint's public URL, and the address that is
/// listened on. An address cannot be rebound as a name can, so whoever names it means it.
fn hosts(address: &Address, allowed: &[String], public: Option<&ResourceId>) -> Result<HostPolicy, InvalidEntry> {
    if allowed.iter().any(|host| host == "*") {
        return Ok(danger::any_host());
    }
    let ip = address.host.parse::<std::net::IpAddr>().ok().filter(|ip| !ip.is_unspecified());
    let own = ip.map(|ip| std::net::SocketAddr::new(ip, 0).to_string());
    let own = own.as_deref().and_then(|text| text.strip_suffix(":0"));
    let listed = allowed.iter().map(String::as_str).filter(|host| !host.is_empty());
    let hosts = listed.chain(own).try_fold(HostPolicy::loopback(), HostPolicy::allow)?;
    match public {
        Some(public) => hosts.allow_resource(public),
        None => Ok(hosts),
    }
}

fn origins(allowed: &[String]) -> Result<OriginPolicy, InvalidEntry> {
    if allowed.iter().any(|origin| origin == "*") {
        return Ok(danger::any_origin());
    }
    let mut listed = allowed.iter().map(String::as_str).filter(|origin| !origin.is_empty());
    listed.try_fold(OriginPolicy::loopback(), OriginPolicy::allow)
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = unbracketed(host);
        // An IPv6 address needs its brackets, or nobody can tell where it ends.
        let whole = !bare.is_empty() && (bare.len() != host.len() || !bare.contains(':'));
        Some(Self { host: whole.then(|| bare.to_owned())?, port: port.parse().ok()? })
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use http::{HeaderMap, HeaderValue, Uri};

    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, ConfigError> {
        Config::new(&Options::parse_from([&["mcp-echo"], arguments].concat()))
    }

    fn listens_on(arguments: &[&str]) -> Option<(String, u16)> {
        match config(arguments).unwrap().mode {
            Mode::Http(listen) => Some((listen.address.host, listen.address.port)),
            Mode::Stdio => None,
        }
    }

    fn admits(arguments: &[&str], host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        config(arguments).unwrap().access.check(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn where_to_listen() {
        let at = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(listens_on(&[]), at("127.0.0.1", 3000));
        assert_eq!(listens_on(&["--host", "0.0.0.0", "--port", "8"]), at("0.0.0.0", 8));
        assert_eq!(listens_on(&["--listen", "localhost:0", "--port", "8"]), at("localhost", 0));
        assert_eq!(listens_on(&["--listen", "[::1]:7"]), at("::1", 7));
        assert_eq!(listens_on(&["--stdio"]), None);
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["3000", "::1:3000", "[]:1", "localhost", "localhost:99999", ":3000"] {
            let said = config(&["--listen", text]).unwrap_err().to_string();
            assert!(said.contains("write it as 127.0.0.1:3000") && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn where_the_operator_is_told() {
        let Mode::Http(listen) = config(&["--admin-listen", "[::1]:9100"]).unwrap().mode else { panic!("it is HTTP") };
        assert_eq!(listen.admin, Some(Address { host: "::1".to_owned(), port: 9100 }));
        assert!(config(&["--admin-listen", "9100"]).unwrap_err().to_string().starts_with("--admin-listen: \"9100\""));
    }

    #[test]
    fn the_address_that_is_listened_on_may_be_named() {
        assert!(admits(&["--listen", "192.0.2.7:3000"], "192.0.2.7:3000"));
        assert!(admits(&["--listen", "[2001:db8::1]:3000"], "[2001:db8::1]:3000"));
        assert!(!admits(&["--listen", "0.0.0.0:3000"], "192.0.2.7:3000"));
        assert!(!admits(&[], "mcp.example.com"));
        assert!(admits(&["--allow-host", "mcp.example.com"], "mcp.example.com"));
        assert!(admits(&["--allow-host", "*"], "anything.test"));
    }

    #[test]
    fn the_host_of_the_public_url_may_be_named() {
        let resource = "https://mcp.example.com/mcp";
        let arguments = ["--auth-issuer", "https://as.example.com", "--resource", resource];
        assert!(admits(&arguments, "mcp.example.com"));
        assert!(!admits(&arguments, "as.example.com"));
        let protection = config(&arguments).unwrap().protection.unwrap();
        assert_eq!(protection.resource().id().as_str(), resource);
        assert!(config(&[]).unwrap().protection.is_none());
    }

    #[test]
    fn what_is_no_host_and_no_origin_is_refused() {
        assert!(config(&["--allow-host", "http://x"]).unwrap_err().to_string().starts_with("--allow-host: "));
        assert!(config(&["--allow-origin", "x/y"]).unwrap_err().to_string().starts_with("--allow-origin: "));
        assert!(matches!(config(&["--tls-cert", "/no", "--tls-key", "/no"]), Err(ConfigError::Tls(_))));
    }
}
