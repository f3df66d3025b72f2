//! Starts each program, speaks to it as a client would, in raw bytes, and stops it.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
mod asks;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod hello;
#[cfg(test)]
mod mounted;
#[cfg(test)]
mod program;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod suite;
