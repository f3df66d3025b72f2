//! `mcp-echo`: a diagnostic MCP server. Its tools show what a request looked like when it arrived.
//!
//! | file | what it holds |
//! |---|---|
//! | `options`, `config` | the command line, and what it means |
//! | `run`, `routes`, `arrival`, `metrics`, `logging` | serving over HTTP and stdio, paths, the time of arrival, counters, the log |
//! | `facts` | what reports are made of; `environment` and `system` are parts of it |
//! | `report`, `redact`, `jwt`, `clock` | how reports are written, what is a secret, tokens, times |
//! | `tools/` | the tools, one file each |

mod arrival;
mod clock;
mod config;
mod environment;
mod facts;
mod jwt;
mod logging;
mod metrics;
mod options;
mod redact;
mod report;
mod routes;
mod run;
mod system;
mod tools;

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
    thread,
};

use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::{Builder, Runtime};

use self::{
    config::Config,
    environment::Environment,
    options::{Options, Print},
};

/// The exit code of wrong usage and wrong configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(what) = options.print {
        return print(what).map_or_else(|error| failed(1, error), |()| ExitCode::SUCCESS);
    }
    let environment = Environment::of(std::env::vars_os());
    let config = match Config::new(&options) {
        Ok(config) => config,
        Err(error) => return failed(USAGE, error),
    };
    if let Err(error) = logging::start(options.log_format, options.debug, environment.get("RUST_LOG")) {
        return failed(USAGE, format_args!("RUST_LOG cannot be read: {error}"));
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(1, format_args!("no runtime can be started: {error}")),
    };
    let outcome = runtime.block_on(run::run(config, environment));
    // A reading of the machine that hangs must not keep the process alive.
    runtime.shutdown_background();
    outcome.map_or_else(|error| failed(1, error), |()| ExitCode::SUCCESS)
}

/// One thread where there is one processor: more would only hand work to each other.
fn runtime() -> io::Result<Runtime> {
    let mut builder = match thread::available_parallelism() {
        Ok(threads) if threads.get() > 1 => Builder::new_multi_thread(),
        Ok(_) | Err(_) => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// Says what is wrong, in one line on standard error.
fn failed(code: u8, why: impl fmt::Display) -> ExitCode {
    // If nobody reads standard error, the exit code still tells.
    let _ = writeln!(io::stderr(), "mcp-echo: {why}");
    ExitCode::from(code)
}

fn print(what: Print) -> io::Result<()> {
    let mut command = Options::command();
    let mut text = Vec::new();
    match what {
        Print::Completions { shell } => clap_complete::generate(shell, &mut command, "mcp-echo", &mut text),
        Print::Man => clap_mangen::Man::new(command).render(&mut text)?,
    }
    io::stdout().write_all(&text)
}
