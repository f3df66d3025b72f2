//! What of a flow nobody else may see, and a process that goes every way through the server and logs everything: for checks
//! 45 and 46.
//!
//! | file | what it holds |
//! |---|---|
//! | `ways` | the ways through the server, and the secrets on them |
//! | `logged` | the process |
//! | `sockets` | its part on sockets: TLS, HTTP/2, the guards of resources |

mod logged;
mod sockets;
mod ways;

pub(crate) use logged::process;
pub(crate) use ways::all_ways;

/// A client of the operator's, and its secret.
pub(crate) const DAEMON: (&str, &str) = ("daemon", "the-secret-of-the-daemon-6d41");
/// What the test server seals its keys with, as 32 equal bytes.
const MASTER: u8 = 7;
