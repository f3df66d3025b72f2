//! From a name to a TCP connection: look up, judge, dial what was judged.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::error::Error;
use super::names;
use super::policy::{Admitted, Approved};
use super::resolve::Resolve;
use super::target::{Host, Target};

/// How many addresses of a name are tried. All of them are judged.
const TRIED: usize = 8;

/// RFC 8305 section 5: how long one address is waited for before the next one is tried beside it.
const NEXT_ATTEMPT: Duration = Duration::from_millis(250);

/// Looks names up and dials.
pub(super) struct Dialler {
    pub(super) resolver: Arc<dyn Resolve>,
    /// Approved addresses that are dialled elsewhere: empty but in tests. See `danger::dial_instead`.
    pub(super) instead: HashMap<SocketAddr, SocketAddr>,
}

impl Dialler {
    /// Connects to one of the addresses of `target`, if all of them may be dialled.
    pub(super) async fn dial(&self, admitted: &Admitted<'_>, target: &Target) -> Result<(TcpStream, Approved), Error> {
        let found = match target.host() {
            Host::Address(address) => vec![address],
            Host::Name(name) => self.look_up(name).await?,
        };
        let approved = admitted.approve(&found)?;
        let mut waiting = alternate(approved).into_iter().take(TRIED);
        let mut attempts = JoinSet::new();
        let mut last = None;
        loop {
            let more = waiting.next();
            let has_more = more.is_some();
            if let Some(approved) = more {
                let address = self.instead.get(&approved.address()).copied().unwrap_or(approved.address());
                attempts.spawn(async move { (TcpStream::connect(address).await, approved) });
            }
            let finished = if has_more {
                // Time is over: the next address is tried beside this one.
                let Ok(finished) = tokio::time::timeout(NEXT_ATTEMPT, attempts.join_next()).await else {
                    continue;
                };
                finished
            } else {
                attempts.join_next().await
            };
            match finished {
                // What is still under way is dropped, and with it its connection.
                Some(Ok((Ok(stream), approved))) => return Ok((stream, approved)),
                Some(Ok((Err(cause), _))) => last = Some(cause),
                Some(Err(cause)) => last = Some(io::Error::other(cause)),
                None if has_more => {}
                None => {
                    return Err(Error::unavailable(
                        last.unwrap_or_else(|| io::Error::other("the name has no address")),
                    ));
                }
            }
        }
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        // RFC 6761 section 6.3: these names are loopback, and no server of names is asked.
        if names::is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        self.resolver.resolve(name).await.map_err(Error::unavailable)
    }
}

/// RFC 8305 section 4: the families take turns, beginning with that of the first address.
fn alternate(addresses: Vec<Approved>) -> Vec<Approved> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let is_v6 = first.address().is_ipv6();
    let (same, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|one| one.address().is_ipv6() == is_v6);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut mixed = Vec::with_capacity(same.len() + other.len());
    loop {
        let before = mixed.len();
        mixed.extend(same.next());
        mixed.extend(other.next());
        if mixed.len() == before {
            return mixed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::Policy;
    use super::*;

    #[test]
    fn families_take_turns() {
        let target = Target::parse("https://example.com/").unwrap();
        let policy = Policy::operator();
        let addresses: Vec<IpAddr> =
            ["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"].iter().map(|text| text.parse().unwrap()).collect();
        let approved = policy.admit(&target).unwrap().approve(&addresses).unwrap();
        let order: Vec<String> = alternate(approved).iter().map(|one| one.address().ip().to_string()).collect();
        assert_eq!(order, ["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"]);
        assert!(alternate(Vec::new()).is_empty());
    }
}
