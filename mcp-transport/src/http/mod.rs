//! Streamable HTTP, the server's side.
//!
//! | module | what it holds |
//! |---|---|
//! | [`headers`] | header names and typed header values |
//! | [`origin`] | which hosts and origins may speak to us, and CORS |
//! | [`body`] | reading a request body within limits |
//! | [`serve`](mod@serve) | the accept loop: limits, HTTP/1.1 and HTTP/2, graceful drain |
//! | [`tls`] | certificates for the accept loop, read again when their files change |

pub mod body;
pub mod headers;
pub mod origin;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "tls")]
pub mod tls;
