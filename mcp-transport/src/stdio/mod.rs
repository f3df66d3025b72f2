//! MCP over lines: the standard streams of a process, a Unix socket, a pipe to a child.
//!
//! [`serve`] answers on the process's own standard input and output, [`serve_on`] on any two streams. Both drive one
//! [`Handler`] until the input ends, the output breaks, or [`StdioConfig::shutdown`] is given.
//!
//! - **Both eras, per request** (MCP 2026-07-28, versioning, "Backward Compatibility"): a request with the modern
//!   `_meta` is served on its own; `initialize` opens the one legacy session of the connection. A handler without a
//!   modern revision makes this a legacy server: `_meta` then selects nothing.
//! - **Concurrency**: up to [`StdioConfig::max_in_flight`] requests run at once. More wait in a bounded backlog while
//!   reading goes on, so that cancellations and answers to our own requests always get through; when the backlog is
//!   full, a request is answered -32603. `ping` does not wait. Listen streams are counted on their own.
//! - **Cancellation**: `notifications/cancelled` drops the call; nothing more is sent for it. `initialize` goes on.
//! - **Slow clients**: a client that does not read its side makes calls wait, and then is not read either; memory does not
//!   grow ([`StdioConfig::max_output_bytes`]).
//! - **A handler that blocks its thread blocks the connection**: calls are first polled where lines are read, so that
//!   a call that need not wait costs no task.
//!
//! Nothing but messages, one per line, goes to the output. White space between the tokens of a result is sent as
//! blanks, because a message "MUST NOT contain embedded newlines".

mod answer;
mod backlog;
mod call;
mod caught;
mod config;
mod connection;
mod input;
mod judge;
mod output;
mod queue;
mod receive;
mod table;

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout_at,
};

pub use self::config::{Ended, Report, StdioConfig};
use self::{connection::Connection, input::Stdin};
use crate::{Error, handler::Handler};

/// What the last answers get to be written at least, even where the time to drain is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves `handler` on the process's standard input and output.
///
/// Both are used from threads of their own that do not keep the process alive: a program may return from `main` while
/// nobody types and nobody reads. Nothing else may write to standard output while this runs.
///
/// ```no_run
/// use std::sync::Arc;
/// use mcp_transport::{handler::Handler, stdio::{self, StdioConfig}};
///
/// async fn run(handler: Arc<dyn Handler>) -> Result<(), mcp_transport::Error> {
///     let config = StdioConfig::default();
///     let shutdown = config.shutdown.clone(); // give it where the program learns that it has to end
///     let report = stdio::serve(handler, config).await?;
///     assert!(!shutdown.is_given(), "then it was the client that closed its end: {report:?}");
///     Ok(())
/// }
/// ```
///
/// # Errors
/// Reading or writing failed for another reason than that the client is gone ([`Error::is_io`]).
///
/// # Cancel safety
/// Dropping the future drops all calls without answers, and `Handler::closed` is not called; give
/// [`StdioConfig::shutdown`] instead.
pub async fn serve(handler: Arc<dyn Handler>, config: StdioConfig) -> Result<Report, Error> {
    let (out, frames) = queue::queue(config.max_output_bytes);
    let reader = Stdin::open()?;
    let writing = output::write_on_thread(frames)?;
    run(Connection::new(handler, config, out), reader, writing).await
}

/// Serves `handler` on two streams.
///
/// # Errors
/// Reading or writing failed for another reason than that the client is gone ([`Error::is_io`]).
///
/// # Cancel safety
/// Dropping the future drops all calls without answers, and `Handler::closed` is not called; give
/// [`StdioConfig::shutdown`] instead.
pub async fn serve_on<R, W>(
    handler: Arc<dyn Handler>,
    reader: R,
    writer: W,
    config: StdioConfig,
) -> Result<Report, Error>
where
    R: AsyncRead,
    W: AsyncWrite,
{
    let (out, frames) = queue::queue(config.max_output_bytes);
    run(Connection::new(handler, config, out), reader, output::write(frames, writer)).await
}

async fn run<R: AsyncRead>(
    mut connection: Connection,
    reader: R,
    writing: impl Future<Output = io::Result<()>>,
) -> Result<Report, Error> {
    let owed = connection.out.owed();
    let mut writing = pin!(writing);
    let reader = pin!(reader);
    // Reading goes first, so that what it answers is written by the same wake-up.
    let (ended, input) = tokio::select! {
        biased;
        finished = connection.run(reader) => finished,
        written = &mut writing => {
            connection.finish(Ended::OutputClosed).await;
            let report = connection.into_report(Ended::OutputClosed);
            return match written {
                Err(error) if !is_gone(&error) => Err(error.into()),
                Ok(()) | Err(_) => Ok(Report { unwritten: owed.messages(), ..report }),
            };
        }
    };
    connection.finish(ended).await;
    // A client that reads slowly has as long as the calls had.
    let latest = connection.at_least(LAST_WORDS);
    // This lets the writer see that nobody sends any more.
    let report = connection.into_report(ended);
    match timeout_at(latest, writing).await {
        Ok(Err(error)) if !is_gone(&error) => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let report = Report { unwritten: owed.messages(), ..report };
    if report.unwritten > 0 {
        tracing::warn!(messages = report.unwritten, "the client did not read all that there was to say");
    }
    input.map_or(Ok(report), |error| Err(error.into()))
}

/// Whether the error says no more than that the other side has gone.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

#[cfg(test)]
mod tests;
