//! The commands of administration, as they stand on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Users in a file.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Users {
    /// Add a user, with the password from standard input; makes the file if it is missing
    Add {
        /// What the user signs in with
        name: String,
    },
    /// Give a user another password, from standard input
    Passwd {
        /// The user
        name: String,
    },
    /// Keep a user from signing in; what they have allowed clients ends at the next refresh
    Disable {
        /// The user
        name: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// The user
        name: String,
    },
    /// Remove a user; nobody else gets the name
    Remove {
        /// The user
        name: String,
    },
    /// List the users, one JSON object per line
    List,
}

/// Registered clients.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Clients {
    /// Add a client, and print it as JSON: its secret is shown this once
    Add(Box<NewClient>),
    /// List the clients, one JSON object per line
    List,
    /// Print a client as JSON
    Show {
        /// The client
        client_id: String,
    },
    /// Delete a client, and end all that users have allowed it
    Delete {
        /// The client
        client_id: String,
    },
}

/// A client of the operator's.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewClient {
    /// Its id [default: one that is made]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// Where browsers are sent back to; repeatable
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Vec<String>,

    /// How it authenticates: none, client_secret_basic, client_secret_post or private_key_jwt
    #[arg(long, value_name = "METHOD", default_value = "none")]
    pub(crate) auth_method: String,

    /// A grant that it may use; repeatable [default: authorization_code and refresh_token]
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant_type: Vec<String>,

    /// Its name, as the consent page shows it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The scopes that it may ask for, between spaces [default: any]
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,

    /// Where its public keys are, for private_key_jwt
    #[arg(long, value_name = "URL", conflicts_with = "jwks_file")]
    pub(crate) jwks_uri: Option<String>,

    /// A file with its public keys, for private_key_jwt
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks_file: Option<PathBuf>,

    /// A resource whose server it is: it may ask what the tokens for it are (introspection); repeatable
    #[arg(long, value_name = "URL")]
    pub(crate) serves: Vec<String>,
}

/// What users have allowed clients.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Grants {
    /// List the live ones, one JSON object per line
    List {
        /// Those of this client only
        #[arg(long, value_name = "ID", conflicts_with = "subject")]
        client: Option<String>,
        /// Those of this user only
        #[arg(long, value_name = "SUBJECT")]
        subject: Option<String>,
    },
    /// End one, or all of a client or of a user: their tokens are good no more, and who signs in again is asked again
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Revoke {
        /// The grant, as `grants list` names it
        #[arg(group = "which", allow_hyphen_values = true)]
        grant: Option<String>,
        /// All of this client
        #[arg(long, value_name = "ID", group = "which")]
        client: Option<String>,
        /// All of this user
        #[arg(long, value_name = "SUBJECT", group = "which")]
        subject: Option<String>,
    },
}

/// What clients are allowed without their users being asked again.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Consents {
    /// List those of a user, one JSON object per line
    List {
        /// The user
        #[arg(long, value_name = "SUBJECT")]
        subject: String,
    },
    /// Forget those of a user, those to a client, or those of one to the other: the next sign-in asks again, and what was
    /// allowed before goes on (see `grants revoke`)
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Revoke {
        /// Those of this user
        #[arg(long, value_name = "SUBJECT", group = "which")]
        subject: Option<String>,
        /// Those to this client
        #[arg(long, value_name = "ID", group = "which")]
        client: Option<String>,
    },
}

/// The keys that sign access tokens.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Keys {
    /// List them, one JSON object per line
    List,
    /// Begin a change of the signing key: the next one is published now, and signs once every verifier can know it
    Rotate,
    /// Drop a key at once: what it has signed is refused
    Revoke {
        /// The key, as `keys list` names it
        #[arg(allow_hyphen_values = true)]
        key_id: String,
    },
}
