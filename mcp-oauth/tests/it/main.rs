//! The authorization server as its clients and users meet it: HTTP in, HTTP out, on every store; and the stores that need
//! a real server beside them.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
mod administration;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod embedder;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod limited;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod real_clients;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod upkeep;
