//! What needs more than one part, or a real server beside it.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
#[cfg(feature = "redis")]
mod redis;
