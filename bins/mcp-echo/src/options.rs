//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, builder::FalseyValueParser};
use clap_complete::Shell;

/// A diagnostic MCP server: its tools show what a request looked like when it arrived.
///
/// It speaks all revisions of the protocol, over Streamable HTTP at /mcp, or over the standard streams with --stdio.
/// Logs go to standard error. Exit codes: 0 stopped as asked, 1 failed while running, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) print: Option<Print>,

    /// Where to listen; port 0 lets the system choose. Wins over --host and --port [default: 127.0.0.1:3000]
    #[arg(long, env = "MCP_ECHO_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,

    /// The host to listen on
    #[arg(long, env = "MCP_ECHO_HOST", value_name = "ADDR", default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// The port to listen on
    #[arg(long, env = "MCP_ECHO_PORT", value_name = "PORT", default_value_t = 3000)]
    pub(crate) port: u16,

    /// Speak over standard input and output instead of HTTP
    #[arg(long, env = "MCP_ECHO_STDIO", value_parser = FalseyValueParser::new())]
    pub(crate) stdio: bool,

    /// A host that requests may name besides loopback, `*` for any; repeatable
    #[arg(long, env = "MCP_ECHO_ALLOW_HOST", value_name = "HOST[:PORT]", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,

    /// An origin whose web pages may send requests, `*` for any; repeatable
    #[arg(long, env = "MCP_ECHO_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allow_origin: Vec<String>,

    /// A certificate chain (PEM) to speak TLS with; read again when it changes
    #[arg(long, env = "MCP_ECHO_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key (PEM) of the certificate
    #[arg(long, env = "MCP_ECHO_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The most bytes that a message may have
    #[arg(long, env = "MCP_ECHO_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value_t = 4 << 20)]
    pub(crate) max_message_bytes: u32,

    /// The most connections that may be open
    #[arg(long, env = "MCP_ECHO_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "10000")]
    pub(crate) max_connections: std::num::NonZeroU32,

    /// How long running requests may go on once the program was told to stop
    #[arg(long, env = "MCP_ECHO_SHUTDOWN_TIMEOUT", value_name = "SECONDS", default_value_t = 10)]
    pub(crate) shutdown_timeout: u32,

    /// How the log is written
    #[arg(long, env = "MCP_ECHO_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// Log each request, and more; RUST_LOG wins over it
    #[arg(long, env = "MCP_ECHO_DEBUG", value_parser = FalseyValueParser::new())]
    pub(crate) debug: bool,
}

/// What can be printed instead of serving.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Print {
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for argument in Options::command().get_arguments() {
            let long = argument.get_long().unwrap();
            let env = argument.get_env().map(|env| env.to_str().unwrap().to_owned());
            assert_eq!(env.unwrap(), format!("MCP_ECHO_{}", long.to_uppercase().replace('-', "_")));
        }
    }
}
