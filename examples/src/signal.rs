//! When a program is asked to stop.

use std::io;

/// Waits for SIGTERM or SIGINT (Ctrl-C where there are no signals).
///
/// # Errors
/// The system does not let the process listen for signals.
///
/// # Cancel safety
/// Nothing is lost but a signal that comes while nobody waits.
pub async fn asked_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
