//! Verifiers for resource servers: each is a [`Verifier`](mcp_transport::auth::Verifier) for the guard of `mcp-transport`.
//!
//! | verifier | for tokens of | revocation seen by |
//! |---|---|---|
//! | [`InProcessVerifier`] | the authorization server in this process ([`LocalTokens`]) | its store |
//! | [`JwtVerifier`] | an issuer elsewhere whose tokens are JWTs ([`RemoteIssuer`]) | introspection, if it is given an [`Introspector`]; else not before they expire |
//! | [`IntrospectionVerifier`] | an issuer elsewhere whose tokens only it can read | introspection |
//!
//! [`Protection`] puts one together from what a program is configured with, and guards a service with it.
//!
//! # What is remembered
//!
//! A verdict serves for three seconds; then the token is asked about again: its signature is not verified anew, but that its
//! key is still published, and that it was not revoked. A refusal is remembered for two seconds, so that a flood of one bad
//! token costs no more than a digest each. That nobody could be asked is never remembered. Requests with one token that come
//! at the same time wait for one verdict. Verdicts are found by the digest of the token, the resource and the scheme; the key
//! that a token is bound to is part of its verdict, and compared with the proof of every request.
//!
//! While a principal is held by somebody, a stream that is open most often, its token is asked about every one to two
//! seconds by a task of its own, and the principal's [`Liveness`](mcp_transport::auth::Liveness) is flipped when the token is
//! over. So a revocation is seen within five seconds, if the one who is asked answers within two; sooner, where more tokens
//! are in use than are asked about at a time ([`CacheLimits::at_once`]). While nobody can be asked, new requests are refused
//! with 503, and open streams end after a minute ([`CacheLimits::patience`]).
//!
//! # Contents
//!
//! | file | what it holds |
//! |---|---|
//! | `in_process` | [`InProcessVerifier`], [`LocalTokens`] |
//! | `jwks`, `jwt` | [`JwtVerifier`]; from a token and keys to a principal |
//! | `introspection`, `introspector` | [`IntrospectionVerifier`]; [`Introspector`], the client (RFC 7662) |
//! | `remote_issuer`, `discovery`, `refresh`, `outbound` | [`RemoteIssuer`]: metadata (RFC 8414) and keys, fetched within bounds |
//! | `cached`, `judge`, `verdicts`, `slots` | what is remembered, for how long, and how much |
//! | `protection`, `gate`, `settings` | [`Protection`] and [`Gate`]; [`ProtectionSettings`]: the same as flags of a program |
//! | `proofs`, `options` | [`Proofs`], the seam of DPoP; [`VerifierOptions`] |

mod cached;
mod discovery;
mod gate;
mod in_process;
mod introspection;
mod introspector;
mod judge;
mod jwks;
mod jwt;
mod options;
mod outbound;
mod proofs;
mod protection;
mod refresh;
mod remote_issuer;
mod settings;
mod slots;
mod verdicts;

#[cfg(test)]
mod tests;

pub use cached::LONGEST_TOKEN;
pub use gate::{Gate, GateBody, GateFuture};
pub use in_process::{InProcessVerifier, LocalTokens};
pub use introspection::IntrospectionVerifier;
pub use introspector::{IntrospectionAuth, Introspector};
pub use jwks::JwtVerifier;
pub use options::{CacheLimits, REVOCATION_BOUND, VerifierOptions};
pub use outbound::EndpointError;
pub use proofs::Proofs;
pub use protection::{IntrospectionClient, Protection, ProtectionBuilder, ProtectionError, TokenCheck};
pub use remote_issuer::{RemoteIssuer, RemoteIssuerError};
pub use settings::{IntrospectionMode, ProtectionSettings, SettingsError};
