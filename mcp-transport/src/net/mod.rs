//! The way out: every outbound HTTP connection goes through here, under a policy that says where it may lead.
//!
//! A server that fetches what its clients name can be made to fetch from inside: its own services, its neighbours', the
//! secrets that a cloud gives to each machine. Checking the text of a URL does not help, since a name can have any address, a
//! different one at the next lookup, and a redirect leads on. So there is one guard, it sits on the address that is dialled,
//! and there is no client without it: [`Client::builder`] takes a [`Policy`].
//!
//! | policy | for | schemes | ports | addresses |
//! |---|---|---|---|---|
//! | [`Policy::public`], [`Public`] | any URL learned from a peer | https | 443 | public ones only, all that a name has |
//! | [`Public::operator_host`] | one host under it that the configuration names | any | any | any |
//! | [`Policy::operator`] | hosts that the configuration names | any | any | any |
//! | [`Policy::same_reach`] | what a server that the user named refers to | https; http where the server itself is http or near | any | public, and the class of that server: loopback, private or shared |
//!
//! ```
//! # use http::Request;
//! use bytes::Bytes;
//! use mcp_transport::net::{Client, Policy, Target};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let client = Client::builder(Policy::public()).build()?;
//! let target = Target::parse("https://169.254.169.254/latest/meta-data/")?;
//! let error = client.get(&target, 5 * 1024).await.unwrap_err();
//! assert!(error.is_forbidden());
//! // Nothing here tells a peer what is behind it.
//! assert_eq!(error.to_string(), "the request to the other server failed");
//! # Ok::<(), mcp_transport::net::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One request
//!
//! 1. [`Target::parse`] reads the URL once. What two programs could read in two ways is refused.
//! 2. The policy admits it, or nothing is looked up.
//! 3. A resolver ([`Resolve`]) finds the addresses of a name. All are judged; one forbidden address refuses the answer.
//! 4. One of the judged addresses is dialled: there is no second lookup.
//! 5. TLS with the name of the URL, and the trust of [`Tls`]; HTTP/2 or HTTP/1.1, as ALPN says.
//! 6. The head and the body come within [`Timeouts`] and limits. Nothing is decompressed.
//! 7. A redirect, if [`Redirects`] are followed, begins at 2.
//!
//! # What it cannot see
//!
//! A public address of this very network that a router leads back inside, an IPv4 address inside a NAT64 prefix of the
//! network's own, and what a proxy makes of a name. Where these exist, a rule of the network has to help.
//!
//! How often a peer may make us fetch is not limited here: whoever takes URLs from peers does that, for each host.
//!
//! # Contents
//!
//! | file | what it holds |
//! |---|---|
//! | `client`, `builder` | [`Client`]: send, fetch, get |
//! | `policy`, `public`, `names` | [`Policy`], [`Public`], [`OperatorHost`] |
//! | `address` | [`Class`]: what kind of place an address leads to |
//! | `target` | [`Target`]: a URL that can be dialled |
//! | `resolve`, `dial` | [`Resolve`], and dialling what was judged |
//! | `connector`, `tls`, `tunnel`, `proxy` | connections: [`Tls`], [`Proxies`] |
//! | `redirect`, `response`, `body`, `timeouts` | [`Redirects`], [`Response`], [`Body`], [`Timeouts`] |
//! | `error` | [`Error`]: one text for peers, the cause for the log |
//! | `redis` | a pool of connections to Redis (feature `redis`) |
//! | `danger` | what loosens the rules, and says so in the log |
//!
//! # Cancel safety
//!
//! Dropping a future of the client gives the request up: the connection is closed or goes back to the pool, and what the peer
//! has received it may act on. Reading a body in pieces loses nothing. A lookup by the system goes on in its thread until it
//! is over; there are at most 32 of them.

mod address;
mod body;
mod builder;
mod client;
mod connector;
pub mod danger;
mod dial;
mod error;
mod names;
mod policy;
mod proxy;
mod public;
mod redirect;
#[cfg(feature = "redis")]
pub mod redis;
mod resolve;
mod response;
mod target;
mod timeouts;
mod tls;
mod tunnel;

pub use address::Class;
pub use body::Body;
pub use builder::ClientBuilder;
pub use client::Client;
pub use error::Error;
pub use policy::{Policy, Refusal};
pub use proxy::Proxies;
pub use public::{OperatorHost, Public};
pub use redirect::Redirects;
pub use resolve::{Resolve, SystemResolver};
pub use response::Response;
pub use target::{Host, Scheme, Target, UrlFault};
pub use timeouts::Timeouts;
pub use tls::Tls;
