//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, builder::FalseyValueParser};
use clap_complete::Shell;
use mcp_oauth::{
    resource::{IntrospectionAuth, IntrospectionMode, ProtectionSettings},
    types::Secret,
};

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

    /// Where /metrics is served besides the main address, which has it only if it is loopback, for who asks on this machine and
    /// not through a proxy. One that sends no header of its own (X-Forwarded-For, Via, ..) is not found out: give this then
    #[arg(long, env = "MCP_ECHO_ADMIN_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) admin_listen: Option<String>,

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

    /// Take requests with access tokens of this issuer only; needs --resource
    #[arg(long, env = "MCP_ECHO_AUTH_ISSUER", value_name = "URL")]
    pub(crate) auth_issuer: Option<String>,

    /// The URL under which clients reach /mcp, byte for byte; tokens have to be for it, and its host may be named
    #[arg(long, env = "MCP_ECHO_RESOURCE", value_name = "URL")]
    pub(crate) resource: Option<String>,

    /// A scope that every request needs; repeatable
    #[arg(long, env = "MCP_ECHO_REQUIRED_SCOPE", value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) required_scope: Vec<String>,

    /// A scope and those that it includes, several with spaces between them; repeatable
    #[arg(long, env = "MCP_ECHO_SCOPE_IMPLIES", value_name = "BROAD=NARROW", value_delimiter = ',')]
    pub(crate) scope_implies: Vec<String>,

    /// Certificates (PEM) to trust besides the system's when the issuer is asked
    #[arg(long, env = "MCP_ECHO_AUTH_CA_FILE", value_name = "FILE")]
    pub(crate) auth_ca_file: Option<PathBuf>,

    /// Where the issuer's keys are, if its metadata does not say it
    #[arg(long, env = "MCP_ECHO_AUTH_JWKS_URL", value_name = "URL")]
    pub(crate) auth_jwks_url: Option<String>,

    /// Ask the issuer about tokens: also, to see revocations at once; only, if its tokens are not JWTs
    #[arg(long, env = "MCP_ECHO_AUTH_INTROSPECTION", value_name = "WHEN", default_value = "off")]
    pub(crate) auth_introspection: Introspection,

    /// Where to ask it, if its metadata does not say it
    #[arg(long, env = "MCP_ECHO_AUTH_INTROSPECTION_URL", value_name = "URL")]
    pub(crate) auth_introspection_url: Option<String>,

    /// As which client to ask it
    #[arg(long, env = "MCP_ECHO_AUTH_CLIENT_ID", value_name = "ID")]
    pub(crate) auth_client_id: Option<String>,

    /// The client's secret; better in the environment, for command lines are seen by all users of the machine
    #[arg(long, env = "MCP_ECHO_AUTH_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true, value_parser = secret)]
    pub(crate) auth_client_secret: Option<Secret>,

    /// Where the client's secret goes: into the Authorization header, or the body
    #[arg(long, env = "MCP_ECHO_AUTH_CLIENT_METHOD", value_name = "METHOD", default_value = "basic")]
    pub(crate) auth_client_method: ClientMethod,

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

impl Options {
    /// What the flags say of tokens.
    pub(crate) fn protection(&self) -> ProtectionSettings {
        ProtectionSettings {
            issuer: self.auth_issuer.clone(),
            resource: self.resource.clone(),
            required_scopes: self.required_scope.clone(),
            scope_implies: self.scope_implies.clone(),
            ca_file: self.auth_ca_file.clone(),
            jwks_url: self.auth_jwks_url.clone(),
            introspection: match self.auth_introspection {
                Introspection::Off => IntrospectionMode::Off,
                Introspection::Also => IntrospectionMode::Also,
                Introspection::Only => IntrospectionMode::Only,
            },
            introspection_url: self.auth_introspection_url.clone(),
            client_id: self.auth_client_id.clone(),
            client_secret: self.auth_client_secret.clone(),
            client_auth: match self.auth_client_method {
                ClientMethod::Basic => IntrospectionAuth::Basic,
                ClientMethod::Post => IntrospectionAuth::Post,
            },
        }
    }
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// Whether the issuer is asked about tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Introspection {
    /// Its keys tell whether a token is good
    Off,
    /// Its keys tell, and it is asked whether the token was revoked
    Also,
    /// It is asked; its tokens need not be JWTs
    Only,
}

/// Where the client's secret goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientMethod {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
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
