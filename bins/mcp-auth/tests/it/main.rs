//! The program itself: started, spoken to in raw bytes over its own sockets, administered, and stopped.

// Signals, modes of files, Unix sockets: there is nothing here for other systems.
#![cfg(unix)]

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
mod administration;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod client;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod forwarded;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod program;
#[cfg(test)]
mod races;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod users;
#[cfg(test)]
mod wire;
