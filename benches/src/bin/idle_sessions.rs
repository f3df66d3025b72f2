//! What an idle legacy session costs: opens many, and asks the server how many bytes live on its heap.
//!
//! The server must count its allocations (`--control`). First every session is opened on a connection of its own, which is
//! then closed; with `--streams` the connection is kept and holds the session's GET stream open. `benches/idle-sessions`
//! raises the limit of open files and runs both.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use benches::client::Connection;
use benches::counts::Counts;
use benches::requests::Target;
use clap::Parser;
use serde_json::json;
use tokio::net::TcpStream;

/// Sessions opened before the first reading, so that what the server sets up once is not counted.
const BEFORE: usize = 64;

/// How often the counts are read while waiting for the server to come to rest.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the server has to come to rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens idle legacy sessions and prints what each costs.
#[derive(Parser)]
struct Arguments {
    /// The address of the server; the path is /mcp.
    #[arg(long)]
    target: SocketAddr,
    /// The control port of the server, which must count its heap allocations.
    #[arg(long)]
    control: SocketAddr,
    /// How many sessions.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Hold a GET stream open for each session.
    #[arg(long)]
    streams: bool,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(probe(&arguments))
}

async fn probe(arguments: &Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Held to the end: a stream lives as long as its connection.
    let mut held = open(arguments, BEFORE).await?;
    let before = rest(arguments.control).await?;
    held.extend(open(arguments, arguments.sessions).await?);
    let after = rest(arguments.control).await?;
    let growth = after.live() as i64 - before.live() as i64;
    let outcome = json!({
        "sessions": arguments.sessions,
        "streams": held.len().saturating_sub(BEFORE),
        "live_bytes": growth,
        "live_bytes_per_session": growth as f64 / arguments.sessions.max(1) as f64,
    });
    writeln!(io::stdout(), "{outcome}")?;
    Ok(())
}

/// Opens sessions, one connection each, and gives back the connections that hold a stream.
async fn open(arguments: &Arguments, sessions: usize) -> io::Result<Vec<Connection<TcpStream>>> {
    let target = Target::new(arguments.target);
    let mut held = Vec::new();
    for _ in 0..sessions {
        let mut connection = Connection::open(arguments.target).await?;
        let session = connection.open_session(&target).await?;
        if session.is_none() {
            return Err(io::Error::other("the server keeps no sessions"));
        }
        if arguments.streams {
            let stream = connection.start(&target.get(session.as_deref())).await?;
            if stream.status != 200 {
                return Err(io::Error::other(format!("GET was answered with {}", stream.status)));
            }
            held.push(connection);
        }
    }
    Ok(held)
}

/// Reads the counts until two readings have the same bytes alive: until the server is done with what was closed.
async fn rest(control: SocketAddr) -> io::Result<Counts> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = Counts::read(control)?;
    while Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        let next = Counts::read(control)?;
        if next.live() == last.live() {
            return Ok(next);
        }
        last = next;
    }
    Err(io::Error::other("the server does not come to rest"))
}
