//! Every switch that opens the host and origin check up. Each shows up in
//! [`AccessPolicy::openings`](super::AccessPolicy::openings), which programs log at start.

use super::{HostPolicy, OriginPolicy};

/// Serves whatever host a request names.
///
/// Right behind a proxy that checks the host itself, on a listener that nobody else reaches; anywhere else it
/// leaves DNS rebinding to the origin check alone. A missing, repeated or malformed host is refused still.
#[must_use]
pub fn any_host() -> HostPolicy {
    HostPolicy { any: true, ..HostPolicy::default() }
}

/// Lets every web page send requests and read the answers.
///
/// Only for servers where every request needs a token: pages can then do no more than anyone with the token.
#[must_use]
pub fn any_origin() -> OriginPolicy {
    OriginPolicy { any: true, ..OriginPolicy::loopback() }
}
