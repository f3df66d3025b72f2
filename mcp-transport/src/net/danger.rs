//! Every switch that loosens what is dialled. Each is said in the log when it is set.

use std::net::SocketAddr;

use super::builder::ClientBuilder;
use super::connector::Through;
use super::public::{PlainHttp, Ports, Private, Public};

/// Lets URLs of peers be plain `http`, on port 80 beside the ports that are allowed already.
///
/// Whoever is on the way can read and change what is fetched.
#[must_use]
pub fn plain_http(mut public: Public) -> Public {
    tracing::warn!("URLs that a peer brings may be plain http");
    public.plain_http = PlainHttp::Allowed;
    if let Ports::These(ports) = &mut public.ports {
        ports.push(80);
    }
    public
}

/// Lets URLs of peers name any port.
///
/// A peer can then find out which ports of other public servers answer, in our name.
#[must_use]
pub fn any_port(mut public: Public) -> Public {
    tracing::warn!("URLs that a peer brings may name any port");
    public.ports = Ports::Any;
    public
}

/// Lets URLs of peers lead to loopback, private and shared networks.
///
/// Whatever this machine reaches and trusts because of where the request comes from is then within reach of every peer.
/// What a cloud tells a machine about itself stays out of reach, and so does what is no server.
#[must_use]
pub fn private_addresses(mut public: Public) -> Public {
    tracing::warn!("URLs that a peer brings may lead to private and loopback addresses");
    public.private = Private::Allowed;
    public
}

/// Lets URLs of peers go through the [`Proxies`](super::Proxies) of the client.
///
/// The proxy does the lookup, so no address is judged here: the proxy has to forbid the way back inside. Names and addresses
/// that stand in the URL are judged as ever.
pub fn public_through_proxy(mut client: ClientBuilder) -> ClientBuilder {
    tracing::warn!("URLs that a peer brings go through the proxy, which alone decides where they lead");
    client.through = Through::Proxy;
    client
}

/// Dials `to` wherever the approved address is `from`. For tests, which have no public addresses: a name that a resolver
/// of theirs sends to `from` is judged as a public one, and served on loopback.
pub fn dial_instead(mut client: ClientBuilder, from: SocketAddr, to: SocketAddr) -> ClientBuilder {
    tracing::warn!(%from, %to, "an address is dialled instead of another one");
    client.instead.insert(from, to);
    client
}

#[cfg(test)]
mod tests;
