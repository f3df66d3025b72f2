//! Runs one piece of work a fixed number of times, to be counted under callgrind.
//!
//! `benches/count-instructions` runs every piece twice with different counts, so that the difference is the work alone.

use std::error::Error;
use std::io::{self, Write};

use benches::work::{self, Failed};
use clap::Parser;

/// Runs one piece of work a fixed number of times.
#[derive(Parser)]
struct Arguments {
    /// Name the pieces, and run none.
    #[arg(long, conflicts_with = "piece")]
    list: bool,
    /// The piece to run.
    #[arg(long, required_unless_present = "list", value_parser = known)]
    piece: Option<String>,
    /// How many times.
    #[arg(long, default_value_t = 1000)]
    iterations: u64,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let Some(piece) = arguments.piece.as_deref().and_then(work::piece) else {
        for piece in work::PIECES {
            writeln!(io::stdout(), "{}", piece.name)?;
        }
        return Ok(());
    };
    (piece.run)(arguments.iterations).map_err(Failed::into_inner)
}

fn known(name: &str) -> Result<String, String> {
    let names = || work::PIECES.iter().map(|piece| piece.name);
    names()
        .find(|known| *known == name)
        .map(str::to_owned)
        .ok_or_else(|| format!("one of {}", names().collect::<Vec<_>>().join(", ")))
}
