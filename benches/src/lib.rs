//! The parts that the measuring programs of this package share.
//!
//! What is measured, and with which commands, is in `benches/README.md`.
//!
//! - [`bare`]: the server that everything is held against, and [`answer`], the bytes that it answers.
//! - [`requests`]: the bytes that the load generator sends; [`client`]: the connection that it sends them on.
//! - [`auth`]: the authorization server, its own bare server, and what clients send to both.
//! - [`script`]: what a connection sends, one request after the other.
//! - [`load`]: connections that send as fast as they are answered; [`histogram`]: how long each answer took.
//! - [`counts`]: heap allocations of a server, read from outside it; [`cpu`]: its processor time.
//! - [`work`]: named pieces of work that run a fixed number of times, for callgrind and for divan.
//!
//! Nothing here is imported by the crates that it measures.

pub mod answer;
pub mod auth;
pub mod bare;
pub mod client;
pub mod counts;
pub mod cpu;
pub mod driver;
pub mod echo;
pub mod histogram;
pub mod load;
pub mod requests;
pub mod script;
pub mod work;
