//! The endpoints: HTTP in, HTTP out. What they decide is decided one floor below.
//!
//! | file | what it serves |
//! |---|---|
//! | `service` | [`AuthService`], the tower service; the table of routes |
//! | `request` | a request, read within its limits |
//! | `proxies` | [`TrustedProxies`]: whose word counts about who asks |
//! | `respond` | answers and their headers; `cors`: which pages may read them |
//! | `metadata` | RFC 8414, the OpenID location, the JWKS |
//! | `token`, `revoke`, `introspect` | RFC 6749 section 3.2, RFC 7009, RFC 7662 |
//! | `register` | RFC 7591 and RFC 7592 |
//! | `page` | what the endpoints that people use have in common |
//! | `authorize` | RFC 6749 section 3.1, with sign-in and consent |
//! | `device` | RFC 8628 |

mod authorize;
mod cors;
mod device;
mod introspect;
mod metadata;
mod page;
mod proxies;
mod register;
mod request;
mod respond;
mod revoke;
mod service;
mod token;

pub(crate) use metadata::DocumentClients;
pub use proxies::{InvalidNetwork, TrustedProxies};
pub use request::{Peer, Transport};
pub(crate) use respond::{Answer, empty};
pub(crate) use revoke::revoked_token;
pub use service::AuthService;
