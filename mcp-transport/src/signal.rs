//! When a program is asked to stop: what accept loops and `serve` functions take for their end.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! let stop = mcp_transport::signal::asked_to_stop()?;
//! // .. start what is to be stopped, and then:
//! stop.await;
//! # Ok(())
//! # }
//! ```

use std::{future::Future, io};

/// Waits for SIGTERM or SIGINT (Ctrl-C where there are no signals). Where there are signals it listens from now on, so
/// that none is lost before the future is polled, and neither of them ends the process by itself; elsewhere it listens from the
/// first poll. It needs a tokio runtime.
///
/// # Errors
/// The system does not let the process listen for signals.
///
/// # Cancel safety
/// Dropping the future leaves the signals without effect, not with their default one.
///
/// # Panics
/// Outside of a tokio runtime that handles signals.
pub fn asked_to_stop() -> io::Result<impl Future<Output = ()> + Send> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without signals there is nothing to wait for; the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
