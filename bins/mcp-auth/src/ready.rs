//! Whether the server can serve.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcp_oauth::server::AuthorizationServer;
use mcp_transport::stop::Stop;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer of the store is good: asking may write to the disk, and anybody may ask.
const KEPT: Duration = Duration::from_secs(1);
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells whether the server can serve. A clone counts a reference.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Inner>);

struct Inner {
    server: AuthorizationServer,
    draining: Stop,
    asked: Mutex<Option<(Instant, State)>>,
}

/// Whether the server can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It can.
    Ready,
    /// It was told to stop.
    Stopping,
    /// The store fails, for this reason.
    StoreFails(Arc<str>),
}

impl Readiness {
    /// Asks the store of `server`, until `draining` is given.
    pub(crate) fn new(server: AuthorizationServer, draining: Stop) -> Self {
        Self(Arc::new(Inner { server, draining, asked: Mutex::new(None) }))
    }

    /// Whether it can serve now, or could a second ago.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    pub(crate) async fn state(&self) -> State {
        if self.0.draining.is_given() {
            return State::Stopping;
        }
        // Whoever asks at the same time waits for the same answer.
        let mut asked = self.0.asked.lock().await;
        if let Some((at, state)) = asked.as_ref()
            && at.elapsed() < KEPT
        {
            return state.clone();
        }
        let state = match tokio::time::timeout(PATIENCE, self.0.server.ready()).await {
            Ok(Ok(())) => State::Ready,
            Ok(Err(error)) => State::StoreFails(crate::error::chain(&error).into()),
            Err(_) => State::StoreFails("it does not answer in time".into()),
        };
        *asked = Some((Instant::now(), state.clone()));
        state
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").finish_non_exhaustive()
    }
}
