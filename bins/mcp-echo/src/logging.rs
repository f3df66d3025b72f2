//! The log: on standard error, for standard output may be the protocol.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::options::LogFormat;

const USUAL: &str = "info";
const DEBUG: &str = "info,mcp_echo=debug,mcp_transport=debug,mcp_server_kit=debug";

/// Starts the log. `filter` is what `RUST_LOG` says.
pub(crate) fn start(format: LogFormat, debug: bool, filter: Option<&str>) -> Result<(), ParseError> {
    let usual = if debug { DEBUG } else { USUAL };
    let filter = EnvFilter::builder().parse(filter.filter(|filter| !filter.is_empty()).unwrap_or(usual))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
