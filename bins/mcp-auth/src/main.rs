//! `mcp-auth`: an OAuth 2.1 authorization server for MCP.
//!
//! | file | what it holds |
//! |---|---|
//! | `options`, `environment`, `config`, `address` | the command line, and what it means |
//! | `place`, `stores` | the data folder, the master key, stores by URL |
//! | `server`, `run`, `check`, `doctor` | the authorization server put together, served, or only looked at |
//! | `routes`, `ready`, `metrics`, `logging` | paths, whether it can serve, counters, the log |
//! | `admin/` | administration, in the running server or without one |
//! | `error` | why the program cannot go on |

mod address;
mod admin;
mod check;
mod config;
mod doctor;
mod environment;
mod error;
mod logging;
mod metrics;
mod options;
mod place;
mod ready;
mod routes;
mod run;
mod server;
mod stores;
#[cfg(test)]
mod testing;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;

use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::{Builder, Runtime};

use self::admin::request::Request;
use self::config::Config;
use self::environment::Environment;
use self::error::Failure;
use self::options::{Command, Options};
use self::place::Place;

fn main() -> ExitCode {
    let options = Options::parse();
    let environment = Environment::of(std::env::vars_os());
    match run(&options, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => said(failure.code(), &failure),
    }
}

fn run(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let command = options.command.as_ref().unwrap_or(&Command::Serve);
    let serves = matches!(command, Command::Serve);
    let usual = if serves { logging::SERVING } else { logging::ANSWERING };
    logging::start(options.place.log_format, environment.get("RUST_LOG"), usual)?;
    match command {
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Options::command(), "mcp-auth", &mut text);
            io::stdout().write_all(&text).map_err(Failure::Output)
        }
        Command::Man => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Options::command()).render(&mut text).map_err(Failure::Output)?;
            io::stdout().write_all(&text).map_err(Failure::Output)
        }
        Command::Users(command) => admin::users::run(command, options.place.users_file.as_deref()),
        Command::Restore { file } => in_runtime(admin::restore::run(file, Place::new(&options.place, environment)?)),
        Command::Doctor => in_runtime(doctor::run(Config::new(options, environment)?)),
        Command::Serve => in_runtime(run::serve(Config::new(options, environment)?)),
        Command::Check => in_runtime(check::run(Config::new(options, environment)?)),
        other => match Request::of(other)? {
            Some(request) => in_runtime(admin::ask::run(request, options, environment)),
            None => Ok(()),
        },
    }
}

fn in_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(work);
    // A password that is being computed must not keep the process alive.
    runtime.shutdown_background();
    outcome
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
fn said(code: u8, why: &impl fmt::Display) -> ExitCode {
    // If nobody reads standard error, the exit code still tells.
    let _ = writeln!(io::stderr(), "mcp-auth: {why}");
    ExitCode::from(code)
}
