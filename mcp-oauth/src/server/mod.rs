//! The authorization server: OAuth 2.1 for MCP, as a tower service.
//!
//! | file | what it holds |
//! |---|---|
//! | `authorization_server`, `builder` | [`AuthorizationServer`], and what it is made of |
//! | `administration` | what an administrator lists and ends |
//! | `config`, `limits` | what the server is told; how often one address may ask |
//! | [`client`] | who the clients are: registrations, metadata documents, one resolver for all |
//! | `client_auth`, `client_keys` | how clients show who they are |
//! | `flights` | what is fetched once by however many want it |
//! | `authorize/` | from a client's link to its answer: request, sign-in, consent, code |
//! | [`grant`] | the grants of the token endpoint, each a plug-in that returns a plan |
//! | `mint`, `live` | the only place where tokens are made; whether one is still good |
//! | `local` | the verifier for resources in the same process (feature `resource`) |
//! | `keychain` | the server's keys, sealed in the store, changed by rule |
//! | `http/` | the endpoints |
//! | [`audit`], `refusals` | what happened; what limits have refused, told of once a minute |
//! | `upkeep`, `hints` | whether anybody looks after the server; what an embedder has left out |
//! | `error`, `form` | how requests are refused; parameters, read strictly |

mod administration;
pub mod audit;
mod authorization_server;
mod authorize;
mod builder;
pub mod client;
mod client_auth;
mod client_keys;
mod config;
mod engine;
mod error;
mod flights;
mod form;
pub mod grant;
mod hints;
mod http;
mod keychain;
mod limits;
mod live;
#[cfg(feature = "resource")]
mod local;
mod mint;
mod refusals;
mod upkeep;

pub use administration::Administration;
pub use authorization_server::AuthorizationServer;
pub use builder::AuthorizationServerBuilder;
pub use config::{ConfigError, Lifetimes, Registration, Scope};
pub use error::{ErrorCode, OAuthError};
pub use form::{Form, FormError, Repeated};
pub use http::{AuthService, InvalidNetwork, Peer, Transport, TrustedProxies};
pub use keychain::{KeychainError, stored_keys};
