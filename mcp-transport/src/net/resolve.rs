//! The lookup of names, as a seam.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// How many lookups the system's resolver does at a time. Each holds a thread until it is over.
const SYSTEM_LOOKUPS: usize = 32;

/// Looks up the addresses of a name. What it answers is judged by the [`Policy`](super::Policy) of the client, and the
/// judged addresses are the ones that are dialled.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `name`, best first. The name is in lower case and ASCII, and has no dot at its end.
    ///
    /// # Errors
    ///
    /// Any error means that the name has no addresses now.
    ///
    /// # Cancel safety
    ///
    /// The client drops the future when its time is over.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system (`getaddrinfo`), with its hosts file and its own choice of servers.
///
/// A lookup occupies a thread of tokio's pool for blocking work until the system gives up, also after the client has.
/// At most 32 run at a time; the next ones wait, within the client's time to connect.
#[derive(Clone)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    /// The system's resolver. Clones share the bound on lookups.
    #[must_use]
    pub fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(SYSTEM_LOOKUPS)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemResolver").finish_non_exhaustive()
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        // Not `tokio::net::lookup_host`: a lookup that nobody waits for any more has to count until its thread is free.
        let lookup = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            drop(permit);
            found.map(|addresses| addresses.map(|address| address.ip()).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn system_knows_itself_and_no_invalid_name() {
        let resolver = SystemResolver::new();
        let found = resolver.resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
        // RFC 6761 6.4: names under invalid do not exist.
        assert!(resolver.resolve("nothing.invalid").await.is_err());
        assert_eq!(resolver.lookups.available_permits(), SYSTEM_LOOKUPS);
    }
}
