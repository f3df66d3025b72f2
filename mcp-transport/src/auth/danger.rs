//! Every switch that opens the guard up. Each is said in the log when it is set.

use super::guard::{Access, GuardLayer};

/// Lets requests without credentials through, without a principal.
///
/// Everybody who reaches the listener can call whatever the inner service does not protect on its
/// own. Even the scopes that the resource requires of every request are not asked of nobody.
/// Credentials that are wrong are refused as ever, and never count as none.
///
/// Right where most of a server is public and some tools need scopes: who calls one of those
/// without a token gets 401 with the challenge.
#[must_use]
pub fn anonymous(guard: GuardLayer) -> GuardLayer {
    guard.access(Access::Optional)
}
