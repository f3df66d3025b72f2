//! Where Redis is, read from a URL.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::net::Error;

/// What stands behind the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Single(Node),
    Cluster(Vec<Node>),
    Sentinel { nodes: Vec<Node>, service: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Tls,
}

/// A URL in parts.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) topology: Topology,
    pub(super) transport: Transport,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

const SINGLE_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Location {
    /// Reads a URL. An error does not show it: there may be a password in it.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once("://").ok_or_else(unknown_scheme)?;
        let (transport, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (Transport::Plain, kind),
            ("rediss", kind) => (Transport::Tls, kind),
            _ => return Err(unknown_scheme()),
        };
        if rest.contains(['?', '#']) {
            return Err(Error::config("a Redis URL has neither a query nor a fragment; escape ? and # in a password"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (user, password) = credentials.map(read_credentials).transpose()?.unwrap_or_default();
        let default_port = if kind == "sentinel" { SENTINEL_PORT } else { SINGLE_PORT };
        let nodes = hosts.split(',').map(|host| Node::parse(host, default_port)).collect::<Result<Vec<_>, _>>()?;
        let (topology, database) = match (kind, nodes.as_slice()) {
            ("", [node]) => (Topology::Single(node.clone()), read_database(path)?),
            ("" | "cluster", _) => (Topology::Cluster(nodes), read_database(path)?),
            ("sentinel", _) => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(Error::config("a redis+sentinel URL names the service after the hosts: .../SERVICE"));
                }
                (Topology::Sentinel { nodes, service: decode(service)? }, read_database(database)?)
            }
            _ => return Err(unknown_scheme()),
        };
        if matches!(topology, Topology::Cluster(_)) && database != 0 {
            return Err(Error::config("a Redis cluster has database 0 alone"));
        }
        Ok(Self { topology, transport, user, password, database })
    }
}

impl Node {
    fn parse(text: &str, default_port: u16) -> Result<Self, Error> {
        let wrong = || Error::config("a Redis URL names each host as HOST or HOST:PORT, with commas between several");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
                let address: std::net::Ipv6Addr = host.parse().map_err(|_| wrong())?;
                (address.to_string(), after.strip_prefix(':').or(if after.is_empty() { Some("") } else { None }))
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                (host.to_owned(), Some(port))
            }
        };
        let port = match port.ok_or_else(wrong)? {
            "" => default_port,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let strange = |character: char| {
            character.is_control() || character.is_whitespace() || "@[]\\%".contains(character) || !character.is_ascii()
        };
        if host.is_empty() || port == 0 || host.contains(strange) {
            return Err(wrong());
        }
        Ok(Self { host, port })
    }
}

fn unknown_scheme() -> Error {
    Error::config("a Redis URL begins with redis://, rediss://, redis+cluster:// or redis+sentinel://")
}

fn read_credentials(text: &str) -> Result<(Option<String>, Option<String>), Error> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let some = |text: &str| if text.is_empty() { Ok(None) } else { decode(text).map(Some) };
    Ok((some(user)?, some(password)?))
}

fn read_database(text: &str) -> Result<i64, Error> {
    if text.is_empty() {
        return Ok(0);
    }
    let wrong = || Error::config("the database of a Redis URL is a small number, after the hosts");
    text.parse::<u16>().map(i64::from).map_err(|_| wrong())
}

fn decode(text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| Error::config("a Redis URL holds an escape that is no text"))
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("topology", &self.topology)
            .field("transport", &self.transport)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    #[test]
    fn urls_are_read_in_parts() {
        let location = Location::parse("rediss://us%40er:p%3Aw:x@redis.example:7000/3").unwrap();
        assert_eq!(location.topology, Topology::Single(node("redis.example", 7000)));
        assert_eq!(location.transport, Transport::Tls);
        assert_eq!((location.user.as_deref(), location.password.as_deref()), (Some("us@er"), Some("p:w:x")));
        assert_eq!(location.database, 3);
        assert!(!format!("{location:?}").contains("w:x"));

        for (text, topology) in [
            ("redis://h", Topology::Single(node("h", 6379))),
            ("redis://:pw@h/", Topology::Single(node("h", 6379))),
            ("redis://[::1]", Topology::Single(node("::1", 6379))),
            ("redis://[::1]:7", Topology::Single(node("::1", 7))),
            ("redis://a:1,b", Topology::Cluster(vec![node("a", 1), node("b", 6379)])),
            ("redis+cluster://a:1", Topology::Cluster(vec![node("a", 1)])),
            ("redis+cluster://a,[fd00::1]:2/0", Topology::Cluster(vec![node("a", 6379), node("fd00::1", 2)])),
            (
                "redis+sentinel://a,b:1/my%2Dmaster/2",
                Topology::Sentinel { nodes: vec![node("a", 26379), node("b", 1)], service: "my-master".to_owned() },
            ),
        ] {
            assert_eq!(Location::parse(text).unwrap().topology, topology, "{text}");
        }
        assert_eq!(Location::parse("redis+sentinel://a/m/2").unwrap().database, 2);
        assert_eq!(Location::parse("redis://user@h").unwrap().user.as_deref(), Some("user"));
    }

    #[test]
    fn what_is_no_redis_url_is_refused_without_being_shown() {
        for text in [
            "",
            "redis.secret:6379",
            "http://secret/",
            "redis+other://secret",
            "redis://",
            "redis://:secret@",
            "redis://secret:0",
            "redis://secret:65536",
            "redis://secret:1:2",
            "redis://secret:+1",
            "redis://[::1",
            "redis://[secret]",
            "redis://[::1]x",
            "redis://a,,secret",
            "redis://secret/x",
            "redis://secret/-1",
            "redis://secret/0/1",
            "redis://secret?db=1",
            "redis+cluster://secret/1",
            "redis+sentinel://secret",
            "redis+sentinel://secret/",
            "redis://se cret",
            "redis://%FF:secret@h",
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(error.is_config() && !format!("{error:?}").contains("secret"), "{text} {error:?}");
        }
    }
}
