//! The fixture of the official conformance suite: names and texts are the suite's, to the letter.
//!
//! | file | what it holds |
//! |---|---|
//! | `content` | tools that answer with each kind of content |
//! | `during` | tools that say something before they answer: logs, progress, a stream that is picked up again |
//! | `asking` | tools that ask the user and the model while they run (legacy sessions) |
//! | `input_required` | tools and a prompt that ask by their result (modern era) |
//! | `stateless` | what the suite needs to see that the modern era holds no state |
//! | `schemas` | schemas written by hand: JSON Schema 2020-12, and arguments that headers mirror |
//! | `resources`, `prompts` | the rest |
//! | `samples` | the smallest picture and the shortest sound |

use std::sync::Arc;

use mcp_server_kit::{BuildError, Server, ServerBuilder};

mod asking;
mod content;
mod during;
mod input_required;
mod prompts;
mod resources;
mod samples;
mod schemas;
mod stateless;

/// The whole fixture.
///
/// # Errors
/// A part of it does not make sense, which the tests rule out.
pub fn server() -> Result<Arc<Server>, BuildError> {
    let parts: [fn(ServerBuilder) -> ServerBuilder; 8] = [
        content::add,
        during::add,
        asking::add,
        input_required::add,
        stateless::add,
        schemas::add,
        resources::add,
        prompts::add,
    ];
    let server = Server::builder("conformance-server", env!("CARGO_PKG_VERSION")).logging();
    parts.iter().fold(server, |server, add| add(server)).build()
}
