//! The words of the other rooms: parsed once, and then true.
//!
//! | file | what it holds |
//! |---|---|
//! | `time` | [`Timestamp`], [`Clock`] |
//! | `digest`, `secret` | what a store keeps, and what it must not |
//! | `redirect_uri` | [`RedirectUri`] and what it admits |
//! | `token` | authorization codes and refresh tokens, written and read |
//! | `network` | whose an address is, for limits |
//! | `client` | [`Client`] and its metadata (RFC 7591) |
//! | `grant_id`, `grant` | [`Grant`]: what one user allowed one client |
//!
//! Issuers, subjects, client ids, resources and scopes are those of [`mcp_transport::auth`].

mod client;
mod digest;
mod grant;
mod grant_id;
mod network;
mod redirect_uri;
mod secret;
mod time;
pub mod token;

pub use client::{
    ApplicationType, Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, UnknownAuthMethod,
};
pub use digest::{Digest, DigestError};
pub use grant::{CodeRecord, EndReason, Grant, GrantView, Identity};
pub use grant_id::{GrantId, GrantIdError};
pub(crate) use network::customer;
#[cfg(feature = "server")]
pub(crate) use network::{network, site};
pub use redirect_uri::{RedirectKind, RedirectUri, RedirectUriError};
pub use secret::{RandomError, Secret, random};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
