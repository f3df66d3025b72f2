//! What an embedder has left out, as far as requests show it: said once in the log, with what to do.

use std::sync::atomic::{AtomicBool, Ordering};

/// What has been said.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    plain: AtomicBool,
    stranger: AtomicBool,
}

impl Hints {
    /// A request was refused because it came in plain text, and the issuer is https.
    pub(crate) fn plain(&self) {
        if is_first(&self.plain) {
            tracing::warn!(
                "requests are refused with 'use https': the issuer is https, and they come in plain text over a network; \
                 name the reverse proxy that they come through with AuthService::behind (mcp-auth: --trusted-proxy; it has \
                 to send X-Forwarded-Proto: https), or say with Peer::secure that this process speaks TLS itself (mcp-auth: \
                 --tls-cert)"
            );
        }
    }

    /// A request came from nobody knows whom.
    pub(crate) fn stranger(&self) {
        if is_first(&self.stranger) {
            tracing::warn!(
                "nobody tells who asks: all requests share one limit, and it is not known whether they come through TLS; \
                 give AuthService::peer"
            );
        }
    }
}

/// Whether it has not been said yet. From now on it has.
fn is_first(said: &AtomicBool) -> bool {
    !said.load(Ordering::Relaxed) && !said.swap(true, Ordering::Relaxed)
}
