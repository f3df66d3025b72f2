//! The resource-server side of OAuth for MCP: who is calling, what they may do, and how to say no.
//!
//! Nothing in here verifies a signature. A [`Verifier`] does that (`mcp-oauth` brings several), and
//! this module turns its verdict into HTTP.
//!
//! | file | what it holds |
//! |---|---|
//! | `identifier` | [`Issuer`], [`Subject`], [`ClientId`], [`ResourceId`], parsed once |
//! | `scope`, `hierarchy` | [`ScopeToken`], [`ScopeSet`], [`ScopeHierarchy`] (RFC 6749 section 3.3) |
//! | `principal` | [`Principal`], its [`Owner`], [`Liveness`] and [`Confirmation`] |
//! | `verify` | the seam: [`Verifier`], [`Presented`], [`Rejection`] |
//! | `resource`, `metadata` | [`ProtectedResource`] and its public document (RFC 9728) |
//! | `challenge` | `WWW-Authenticate`, built and parsed (RFC 9110 section 11.6.1) |
//! | `credentials` | the `Authorization` header, and credentials in places where they must not be |
//! | `refusal` | [`Refusal`]: status, challenge and body of every "no" |
//! | `static_token` | `StaticTokens`: a verifier over a fixed table (feature `seal`) |
//! | `guard` | `GuardLayer`, a tower layer (feature `http`) |
//! | `danger` | what opens the guard up (feature `http`) |
//! | `well_known` | `WellKnown`, the service of the public documents (feature `http`) |
//!
//! Everything but the last four rows is free of tokio, hyper and cryptography.
//!
//! Authorisation takes two steps. The guard runs before the body is read: it answers 401 (or 400,
//! or 503), or 403 when a scope that the whole resource requires is missing. What a single
//! operation needs is known only after the envelope has been parsed; whoever parsed it compares
//! [`Principal::scopes`] and answers [`Refusal::insufficient_scope`].

mod challenge;
mod credentials;
mod hierarchy;
mod identifier;
mod metadata;
mod principal;
mod refusal;
mod resource;
mod scope;
mod text;
mod url;
mod verify;

#[cfg(feature = "http")]
mod body;
#[cfg(feature = "http")]
pub mod danger;
#[cfg(feature = "http")]
mod guard;
#[cfg(feature = "seal")]
mod static_token;
#[cfg(feature = "http")]
mod well_known;

pub use challenge::{Challenge, ChallengeError, ChallengeParameterError, ErrorCode};
pub use credentials::{authenticate, presented, refuse_misplaced};
pub use hierarchy::{HierarchyError, ScopeHierarchy};
pub use identifier::{ClientId, IdentifierError, Issuer, ResourceId, Subject};
pub use metadata::ResourceMetadata;
pub use principal::{
    Claims, Confirmation, Ended, JwkThumbprint, Liveness, Owner, Principal, PrincipalBuilder, ThumbprintError,
};
pub use refusal::Refusal;
pub use resource::{DpopPolicy, ProtectedResource, ProtectedResourceBuilder, ResourceError};
pub use scope::{ScopeError, ScopeSet, ScopeToken};
pub use url::UrlError;
pub use verify::{DpopNonce, DpopNonceError, Presented, Rejection, Scheme, Verifier};

#[cfg(feature = "http")]
pub use body::{GuardBody, OnceBody};
#[cfg(feature = "http")]
pub use guard::{Guard, GuardFuture, GuardLayer};
#[cfg(feature = "seal")]
pub use static_token::{LineFault, StaticTokenError, StaticTokens};
#[cfg(feature = "http")]
pub use well_known::{WellKnown, WellKnownError};
