//! The log: on standard error, for standard output is for answers.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::options::LogFormat;

/// What is logged while the program serves, unless `RUST_LOG` says otherwise.
pub(crate) const SERVING: &str = "info";
/// And for a command that answers and ends.
pub(crate) const ANSWERING: &str = "warn";

/// What is never logged: of a request that is malformed h2 writes down the path, with a token in it if one was sent there.
const UNLOGGED: &str = "h2::server";

/// Starts the log. `filter` is what `RUST_LOG` says.
pub(crate) fn start(format: LogFormat, filter: Option<&str>, usual: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter.filter(|filter| !filter.is_empty()).unwrap_or(usual))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Whatever the filter says.
    let most = filter_fn(|metadata| metadata.target() != UNLOGGED);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).finish().with(most).init(),
        LogFormat::Json => log.json().flatten_event(true).finish().with(most).init(),
    }
    Ok(())
}
