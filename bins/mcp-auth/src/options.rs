//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::admin::commands::{Clients, Consents, Grants, Keys, Users};

/// An OAuth 2.1 authorization server for MCP.
///
/// It signs users in, asks for their consent, registers clients, and issues access tokens for MCP servers. Without
/// --users-file there is one user, the owner, who signs in with a one-time code that is printed on the terminal, or
/// written to the file `owner-code` in the data folder where there is none.
///
/// Logs go to standard error, answers to standard output. Exit codes: 0 stopped or done as asked, 1 failed while
/// running, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) place: PlaceOptions,

    #[command(flatten)]
    pub(crate) server: ServerOptions,
}

/// What is to be done.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve; so does the program without a command
    Serve,
    /// Check the configuration, open the store, and say what would be served
    Check,
    /// Users of the file that --users-file names
    #[command(subcommand)]
    Users(Users),
    /// Registered clients
    #[command(subcommand)]
    Clients(Clients),
    /// What users have allowed clients
    #[command(subcommand)]
    Grants(Grants),
    /// What clients are allowed without their users being asked again
    #[command(subcommand)]
    Consents(Consents),
    /// The keys that sign access tokens
    #[command(subcommand)]
    Keys(Keys),
    /// Count clients, grants and keys
    Stats,
    /// Remove what is over, and clients that nobody uses
    Purge,
    /// Copy the store, as it is at this moment, into a new file; the master key is not in it
    Backup {
        /// Where the copy goes; there must be no such file
        file: PathBuf,
    },
    /// Put a copy of the store in its place, while no server runs and there is no store
    Restore {
        /// The copy, as `backup` has made it
        file: PathBuf,
    },
    /// Look for what is wrong: the configuration, the data folder, every page of the store, and whether clients find the server
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Where the server keeps things, and how it logs. They count for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct PlaceOptions {
    /// The folder of the server: the store, the master key, the socket of administration [default: mcp-auth in the
    /// user's data folder, XDG_DATA_HOME or ~/.local/share]
    #[arg(long, global = true, env = "MCP_AUTH_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Where everything is kept: `file:PATH` for a durable file, `redis://`, `rediss://`, `redis+cluster://` or
    /// `redis+sentinel://` for what several servers share, `memory:` for nothing that survives. Without it REDIS_URL
    /// counts, if it is set; REDIS_PASSWORD is its password [default: file:DATA/store.redb]
    #[arg(long, global = true, env = "MCP_AUTH_STORE", value_name = "URL", hide_env_values = true)]
    pub(crate) store: Option<String>,

    /// How long a call of Redis may take; what waits longer is answered 503, for clients to try again
    #[arg(long, global = true, env = "MCP_AUTH_STORE_TIMEOUT", value_name = "SECONDS", default_value = "2")]
    pub(crate) store_timeout: NonZeroU32,

    /// The file with the key that seals the signing keys in the store, 32 random bytes in base64; made if it is missing.
    /// Servers that share a store have the same [default: DATA/master-key]
    #[arg(long, global = true, env = "MCP_AUTH_MASTER_KEY_FILE", value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,

    /// Users who sign in with a name and a password; `mcp-auth users add` makes the file
    #[arg(long, global = true, env = "MCP_AUTH_USERS_FILE", value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,

    /// Certificate authorities (PEM) that outbound connections trust beside the platform's
    #[arg(long, global = true, env = "MCP_AUTH_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// How the log is written
    #[arg(long, global = true, env = "MCP_AUTH_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// What is served, and to whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerOptions {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, global = true, env = "MCP_AUTH_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    pub(crate) listen: String,

    /// Where /metrics and /ready with details are served besides the main address, which has them only if it is loopback, for
    /// who asks on this machine and not through a proxy. With an https issuer, no TLS of its own and no --trusted-proxy they are
    /// here alone
    #[arg(long, global = true, env = "MCP_AUTH_ADMIN_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) admin_listen: Option<String>,

    /// A certificate chain (PEM) to speak TLS with; read again when it changes
    #[arg(long, global = true, env = "MCP_AUTH_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key (PEM) of the certificate
    #[arg(long, global = true, env = "MCP_AUTH_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; repeatable. Behind one that
    /// is not named everybody is one address, and shares its limits
    #[arg(long, global = true, env = "MCP_AUTH_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<String>,

    /// The URL that clients know the server by, without a slash at its end [default: the address it listens on, if that is
    /// loopback; else https://auth.BASE_DOMAIN, if that is set]
    #[arg(long, global = true, env = "MCP_AUTH_ISSUER", value_name = "URL")]
    pub(crate) issuer: Option<String>,

    /// A resource that tokens are issued for; the first is meant where a request names none; repeatable [default: the
    /// issuer's origin: its URL without a path]
    #[arg(long, global = true, env = "MCP_AUTH_RESOURCE", value_name = "URL", value_delimiter = ',')]
    pub(crate) resource: Vec<String>,

    /// The scopes that there are: names between spaces, or NAME=DESCRIPTION for the consent page; several with `;` between,
    /// or repeated [default: mcp]
    #[arg(long, global = true, env = "MCP_AUTH_SCOPES", value_name = "SCOPES", value_delimiter = ';')]
    pub(crate) scopes: Vec<String>,

    /// The scopes of a client that asks for none, between spaces [default: the first of --scopes]
    #[arg(long, global = true, env = "MCP_AUTH_DEFAULT_SCOPE", value_name = "SCOPES")]
    pub(crate) default_scope: Option<String>,

    /// Which scope contains others, as in `admin implies read write`: a client that may have the first may ask for any of
    /// them; several with `;` between, or repeated. MCP servers have to be told the same
    #[arg(
        long,
        global = true,
        env = "MCP_AUTH_SCOPE_HIERARCHY",
        value_name = "SCOPE implies SCOPES",
        value_delimiter = ';'
    )]
    pub(crate) scope_hierarchy: Vec<String>,

    /// Who may sign in, of those who can: user names, addresses or subjects between commas, `*` for everybody; an empty list
    /// admits nobody [default: everybody]
    #[arg(long, global = true, env = "MCP_AUTH_ALLOW_USERS", value_name = "LIST")]
    pub(crate) allow_users: Option<String>,

    /// Whether clients may register themselves
    #[arg(long, global = true, env = "MCP_AUTH_REGISTRATION", value_name = "WHICH", default_value = "open")]
    pub(crate) registration: RegistrationOption,

    /// Whether clients may be known by the document that their id, a URL, leads to
    #[arg(long, global = true, env = "MCP_AUTH_METADATA_DOCUMENTS", value_name = "WHICH", default_value = "open")]
    pub(crate) metadata_documents: DocumentsOption,

    /// How clients may authenticate
    #[arg(
        long,
        global = true,
        env = "MCP_AUTH_CLIENT_AUTH_METHODS",
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "none,client_secret_basic,client_secret_post,private_key_jwt"
    )]
    pub(crate) client_auth_methods: Vec<String>,

    /// A host whose client metadata documents are fetched though its address is private; repeatable
    #[arg(long, global = true, env = "MCP_AUTH_METADATA_HOST", value_name = "HOST[:PORT]", value_delimiter = ',')]
    pub(crate) metadata_host: Vec<String>,

    /// What particular clients need otherwise than others, as JSON: a list of rules, each with `name`, `quirks` (native,
    /// public, confidential, invalid-grant-unauthorized), `issue` (where the reason is), and the signs that it knows clients
    /// by, `redirect_uris`, `client_names` or `documents`. A rule takes the place of the built-in one of its name, which
    /// is switched off where `quirks` is empty; `mcp-auth check` lists those in force
    #[arg(long, global = true, env = "MCP_AUTH_QUIRKS_FILE", value_name = "FILE")]
    pub(crate) quirks_file: Option<PathBuf>,

    /// What access tokens are signed with: ES256, RS256 or EdDSA [default: that of the key in JWT_PRIVATE_KEY_B64, if there
    /// is one, else ES256]
    #[arg(long, global = true, env = "JWT_ALGORITHM", value_name = "ALG")]
    pub(crate) signing_alg: Option<String>,

    /// How long a signing key signs before the next takes its place; 0 until `mcp-auth keys rotate`
    #[arg(
        long,
        global = true,
        env = "MCP_AUTH_ROTATE_KEYS_AFTER",
        value_name = "SECONDS",
        default_value_t = 2_592_000
    )]
    pub(crate) rotate_keys_after: u32,

    /// How long an access token lives
    #[arg(long, global = true, env = "ACCESS_TOKEN_LIFETIME", value_name = "SECONDS", default_value_t = 1800)]
    pub(crate) access_token_lifetime: u32,

    /// How long a grant lives that nobody refreshes
    #[arg(long, global = true, env = "REFRESH_TOKEN_LIFETIME", value_name = "SECONDS", default_value_t = 2_592_000)]
    pub(crate) refresh_token_lifetime: u32,

    /// How long a replaced refresh token is answered with its successor, for clients that refresh in parallel; 0 for not at
    /// all [default: 120, or less than half of the lifetime of an access token]
    #[arg(long, global = true, env = "MCP_AUTH_REFRESH_GRACE", value_name = "SECONDS")]
    pub(crate) refresh_grace: Option<u32>,

    /// How long a client that registered itself may be unused before it is removed; 0 for ever
    #[arg(long, global = true, env = "CLIENT_LIFETIME", value_name = "SECONDS", default_value_t = 7_776_000)]
    pub(crate) client_lifetime: u32,

    /// How many requests one address may send in a minute; 0 for no limit of any kind on what comes in. What is fetched of
    /// clients (documents and keys) stays limited
    #[arg(long, global = true, env = "MCP_AUTH_RATE_LIMIT", value_name = "NUMBER", default_value_t = 300)]
    pub(crate) rate_limit: u32,

    /// The most connections that may be open
    #[arg(long, global = true, env = "MCP_AUTH_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "10000")]
    pub(crate) max_connections: NonZeroU32,

    /// How long running requests may go on once the program was told to stop
    #[arg(long, global = true, env = "MCP_AUTH_SHUTDOWN_TIMEOUT", value_name = "SECONDS", default_value_t = 10)]
    pub(crate) shutdown_timeout: u32,
}

/// Whether clients may register themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegistrationOption {
    /// They may
    Open,
    /// The operator adds them, or they have a metadata document
    Off,
}

/// Whether clients may be known by a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentsOption {
    /// They may
    Open,
    /// Nothing is fetched: they register, or the operator adds them
    Off,
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

    /// Names of the system that this program takes the place of.
    const INHERITED: [(&str, &str); 4] = [
        ("signing-alg", "JWT_ALGORITHM"),
        ("access-token-lifetime", "ACCESS_TOKEN_LIFETIME"),
        ("refresh-token-lifetime", "REFRESH_TOKEN_LIFETIME"),
        ("client-lifetime", "CLIENT_LIFETIME"),
    ];

    #[test]
    fn the_command_line_makes_sense() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for argument in Options::command().get_arguments() {
            let long = argument.get_long().unwrap();
            let env = argument.get_env().map(|env| env.to_str().unwrap().to_owned());
            let own = format!("MCP_AUTH_{}", long.to_uppercase().replace('-', "_"));
            let inherited = INHERITED.iter().find(|(flag, _)| *flag == long).map(|(_, name)| (*name).to_owned());
            assert_eq!(env.unwrap(), inherited.unwrap_or(own));
        }
    }

    // One id of 64 begins like a flag.
    #[test]
    fn what_is_revoked_may_begin_with_a_dash() {
        for id in ["-HneZ0hx6AR5", "-hV_x-", "--x", "-"] {
            let key = Options::parse_from(["mcp-auth", "keys", "revoke", id]).command;
            assert!(matches!(&key, Some(Command::Keys(Keys::Revoke { key_id })) if key_id == id), "{key:?}");
            let grant = Options::parse_from(["mcp-auth", "grants", "revoke", id, "--store", "memory:"]).command;
            let named =
                matches!(&grant, Some(Command::Grants(Grants::Revoke { grant: Some(grant), .. })) if grant == id);
            assert!(named, "{grant:?}");
        }
        let all = Options::parse_from(["mcp-auth", "grants", "revoke", "--client", "app"]).command;
        assert!(matches!(&all, Some(Command::Grants(Grants::Revoke { client: Some(_), grant: None, .. }))), "{all:?}");
    }

    #[test]
    fn flags_of_the_server_stand_before_or_behind_the_command() {
        for line in [
            &["mcp-auth", "--listen", "127.0.0.1:1", "serve"][..],
            &["mcp-auth", "serve", "--listen", "127.0.0.1:1"],
            &["mcp-auth", "--listen", "127.0.0.1:1"],
            &["mcp-auth", "clients", "list", "--listen", "127.0.0.1:1"],
        ] {
            assert_eq!(Options::parse_from(line).server.listen, "127.0.0.1:1", "{line:?}");
        }
    }
}
