//! The authorization server, the bare server that it is held against, and the clients of both.
//!
//! | file | what it holds |
//! |---|---|
//! | `server` | the authorization server, as an embedder puts it together |
//! | `bare` | hyper, a form, a digest and a signature, and nothing between them |
//! | `requests` | the bytes that clients send |
//! | `grants` | users with many grants, and how long a refresh takes among them |
//! | `sign_in` | a user signs in and consents, so that there is a grant to refresh |
//! | `key` | the signing key that both servers have |
//!
//! What stands in this file is what all of them agree on.

pub mod bare;
mod grants;
mod key;
pub mod requests;
pub mod server;
mod sign_in;

pub use grants::Holder;
pub use key::signing_key;
pub use sign_in::{Tokens, User};

/// The issuer, whatever address it listens on.
pub const ISSUER: &str = "https://auth.example.com";
/// The one resource that tokens are for.
pub const RESOURCE: &str = "https://mcp.example.com/mcp";
/// The scope of every token.
pub const SCOPE: &str = "mcp";
/// Where the client's users are sent back to.
pub const REDIRECT: &str = "https://app.example.com/callback";

/// Who authenticates, and with which secret. Clients are registered for one method, so there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The client id.
    pub id: &'static str,
    /// The secret, in the form in which the server makes them.
    pub secret: &'static str,
}

/// The client with `client_secret_basic`, which has users too.
pub const BASIC: Credentials =
    Credentials { id: "bench-basic", secret: "mcpo_cs_c2VjcmV0IG9mIHRoZSBjbGllbnQgdGhhdCBpcyBiYXNpYw" };
/// The client with `client_secret_post`.
pub const POST: Credentials =
    Credentials { id: "bench-post", secret: "mcpo_cs_c2VjcmV0IG9mIHRoZSBjbGllbnQgdGhhdCBzZW5kcyBpdC4" };
/// The server of the resource, which introspects.
pub const RESOURCE_SERVER: Credentials =
    Credentials { id: "bench-resource", secret: "mcpo_cs_c2VjcmV0IG9mIHRoZSBzZXJ2ZXIgb2YgdGhlIHJlc291cmM" };

/// What the client asks the authorization server for, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Kind {
    /// A token by client credentials (RFC 6749 section 4.4), authenticated in the header.
    Token,
    /// The same, authenticated in the form.
    TokenPost,
    /// A token by a refresh token, each time the newest of one of several grants (RFC 6749 section 6).
    Refresh,
    /// What a token of a user's is (RFC 7662), asked by the server of the resource.
    Introspect,
    /// To be registered, each time as another public client (RFC 7591).
    Register,
}
