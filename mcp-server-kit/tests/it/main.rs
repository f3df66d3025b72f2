//! The kit as its users see it, driven in memory.

#[cfg(test)]
mod abilities;
#[cfg(test)]
mod asking;
#[cfg(test)]
mod drivers;
#[cfg(test)]
mod extensions;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod nesting;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod state;
#[cfg(test)]
mod time;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod wire;

use mcp_server_kit::{Server, ServerBuilder};

/// A server without anything.
fn server() -> ServerBuilder {
    Server::builder("it", "1.2.3")
}

/// Runs a future to its end on this thread, without a runtime.
fn run<F: Future>(future: F) -> F::Output {
    futures_executor::block_on(future)
}
