//! The Streamable HTTP endpoint, both eras: a scripted handler behind it, hand-written HTTP before it.

mod access;
mod batch;
mod errors;
mod guarded;
mod handler;
mod legacy;
mod limits;
mod modern;
mod node;
mod nodes;
mod notes;
mod params;
#[cfg(feature = "tls")]
mod secure;
mod sessions;
mod streams;
mod support;
mod tokens;
mod writes;
