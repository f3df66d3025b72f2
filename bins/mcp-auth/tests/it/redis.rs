//! A Redis of a test's own, which ends with the test.

#[path = "../../../../mcp-oauth/tests/it/redis/server.rs"]
mod server;

pub(crate) use server::{Cluster, Server};

pub(crate) const PASSWORD: &str = "a-password-of-redis";

/// One server that writes nothing to the disk.
pub(crate) fn forgetful() -> Server {
    Server::start(&["--requirepass", PASSWORD])
}

/// One that has written to the disk what it has answered.
pub(crate) fn durable() -> Server {
    Server::start(&["--requirepass", PASSWORD, "--appendonly", "yes", "--appendfsync", "always"])
}
