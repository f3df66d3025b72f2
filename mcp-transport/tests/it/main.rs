//! Everything that needs real sockets or the official schemas: raw bytes in, raw bytes out.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
#[cfg(feature = "serve")]
mod http;
#[cfg(test)]
#[cfg(feature = "net")]
mod net;
#[cfg(test)]
mod schema;
#[cfg(test)]
#[cfg(feature = "serve")]
mod serve;
#[cfg(test)]
#[cfg(feature = "stdio")]
mod stdio;
