//! The program itself: started, spoken to in raw bytes over its own sockets and streams, and stopped.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too, and may unwrap.
#[cfg(test)]
mod bugs;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod http;
#[cfg(test)]
mod program;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod wire;
