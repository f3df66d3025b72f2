//! The baseline as a program: bare hyper and serde_json, on one thread.
//!
//! This file, `src/bare.rs` and `src/answer.rs` are what the crates are held against. They change only with a line in
//! `benches/README.md` that says what changed and why, because every ratio that was ever written down stands on them.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use benches::answer::Template;
use benches::bare;
use benches::requests::Kind;
use clap::Parser;
use tokio::net::TcpListener;

/// The bare server that everything is held against.
#[derive(Parser)]
struct Arguments {
    /// The address of the endpoint, whose path is /mcp.
    #[arg(long, default_value = "127.0.0.1:3100")]
    listen: SocketAddr,
    /// Which of the two built-in answers to give.
    #[arg(long, value_enum, default_value = "modern", conflicts_with = "answer_file")]
    answer: Kind,
    /// A file with the answer to give instead: JSON in which {id} and {message} stand once each.
    #[arg(long)]
    answer_file: Option<PathBuf>,
    /// The address that answers each connection with the counts of heap allocations.
    #[cfg(feature = "count-allocations")]
    #[arg(long)]
    control: Option<SocketAddr>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let template = match (&arguments.answer_file, arguments.answer) {
        (Some(file), _) => Template::parse(fs::read_to_string(file)?.trim_end())?,
        (None, Kind::Legacy) => Template::parse(Template::LEGACY)?,
        (None, _) => Template::parse(Template::MODERN)?,
    };
    #[cfg(feature = "count-allocations")]
    arguments.control.map_or(Ok(()), benches::counts::answer)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen).await?;
        match bare::serve(listener, bare::service(template)).await? {}
    })
}
