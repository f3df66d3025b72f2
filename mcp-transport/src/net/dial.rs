//! From a name to a TCP connection: look up, judge, dial what was judged.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::error::{Error, Kind};
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
        let connect = |approved: Approved| {
            let address = self.instead.get(&approved.address()).copied().unwrap_or(approved.address());
            TcpStream::connect(address)
        };
        race(approved, connect).await.map_err(Error::unavailable)
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        // RFC 6761 section 6.3: these names are loopback, and no server of names is asked.
        if names::is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        self.resolver.resolve(name).await.map_err(|cause| Error::new(Kind::Unresolved, cause))
    }
}

/// Tries the addresses one after the other, and beside each other where one takes long (RFC 8305 section 5). The first
/// connection that stands is taken; what is still under way then is dropped.
async fn race<S, F>(addresses: Vec<Approved>, connect: impl Fn(Approved) -> F) -> io::Result<(S, Approved)>
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut waiting = alternate(addresses).into_iter().take(TRIED).peekable();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::other("the name has no address");
    loop {
        if let Some(approved) = waiting.next() {
            let attempt = connect(approved);
            attempts.spawn(async move { (attempt.await, approved) });
        }
        let finished = if waiting.peek().is_some() {
            match tokio::time::timeout(NEXT_ATTEMPT, attempts.join_next()).await {
                Ok(finished) => finished,
                // The next address is tried beside this one.
                Err(_) => continue,
            }
        } else {
            attempts.join_next().await
        };
        match finished {
            Some(Ok((Ok(stream), approved))) => return Ok((stream, approved)),
            Some(Ok((Err(cause), _))) => last = cause,
            Some(Err(cause)) => last = io::Error::other(cause),
            None => return Err(last),
        }
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

    fn approved(addresses: &[&str]) -> Vec<Approved> {
        let target = Target::parse("https://example.com/").unwrap();
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Policy::operator().admit(&target).unwrap().approve(&addresses).unwrap()
    }

    #[test]
    fn families_take_turns() {
        let approved = approved(&["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"]);
        let order: Vec<String> = alternate(approved).iter().map(|one| one.address().ip().to_string()).collect();
        assert_eq!(order, ["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"]);
        assert!(alternate(Vec::new()).is_empty());
    }

    /// Connects as the last number of each address says: 1 at once, 2 fails at once, 3 never, 4 after a second.
    async fn connect(approved: Approved) -> io::Result<()> {
        match approved.address().ip() {
            IpAddr::V4(address) => match address.octets()[3] {
                1 => Ok(()),
                2 => Err(io::Error::other("refused")),
                3 => std::future::pending().await,
                _ => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(())
                }
            },
            IpAddr::V6(_) => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silent_addresses_hold_nobody_up() {
        for (addresses, taken, milliseconds) in [
            (&["9.9.9.1", "9.9.8.1"][..], Some("9.9.9.1"), 0),
            (&["9.9.9.2", "9.9.8.2", "9.9.9.1"], Some("9.9.9.1"), 0),
            (&["9.9.9.3", "9.9.9.1"], Some("9.9.9.1"), 250),
            (&["9.9.9.3", "9.9.9.2", "9.9.8.3", "9.9.9.1"], Some("9.9.9.1"), 500),
            // The slow one wins if nobody else does.
            (&["9.9.9.4", "9.9.9.2", "9.9.9.3"], Some("9.9.9.4"), 1000),
            (&["9.9.9.2", "9.9.8.2"], None, 0),
            (&[], None, 0),
            // Eight are tried.
            (
                &["9.1.9.2", "9.2.9.2", "9.3.9.2", "9.4.9.2", "9.5.9.2", "9.6.9.2", "9.7.9.2", "9.8.9.2", "9.9.9.1"],
                None,
                0,
            ),
        ] {
            let started = tokio::time::Instant::now();
            let result = race(approved(addresses), connect).await;
            let expected = taken.map(|address| address.parse::<IpAddr>().unwrap());
            assert_eq!(result.ok().map(|(_, approved)| approved.address().ip()), expected, "{addresses:?}");
            // The clock of tokio ticks in milliseconds.
            let took = started.elapsed().as_millis();
            assert!((milliseconds..milliseconds + 5).contains(&took), "{addresses:?} took {took} ms");
        }
    }
}
