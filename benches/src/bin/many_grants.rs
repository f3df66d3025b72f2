//! Fills an authorization server with live grants, in steps, and refreshes any of them at each step.
//!
//! Everything goes over HTTP, as clients do it: users sign in, consent, and get a code for each grant. Prints one line of JSON,
//! with a row for each step.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use benches::auth::Holder;
use benches::histogram::Histogram;
use clap::Parser;
use serde_json::{Value, json};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Fills an authorization server with live grants, and refreshes any of them.
#[derive(Parser)]
struct Arguments {
    /// The address of the server.
    #[arg(long)]
    target: SocketAddr,
    /// The process of the server, to see its memory.
    #[arg(long)]
    pid: u32,
    /// How many grants there are at each step, fewest first.
    #[arg(long, num_args = 1.., default_values_t = [1_000, 100_000, 1_000_000])]
    grants: Vec<usize>,
    /// How many users there are, each on a connection of its own: so many get grants at a time.
    #[arg(long, default_value = "64")]
    users: NonZeroUsize,
    /// How many of them refresh at a time.
    #[arg(long, default_value = "8")]
    refreshing: NonZeroUsize,
    /// How long they refresh at each step, in seconds.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let steps = runtime.block_on(steps(&arguments))?;
    writeln!(io::stdout(), "{}", json!({ "steps": steps }))?;
    Ok(())
}

async fn steps(arguments: &Arguments) -> Result<Vec<Value>, Failure> {
    let time = Duration::try_from_secs_f64(arguments.seconds)?;
    let users = arguments.users.get();
    let mut holders = Vec::with_capacity(users);
    for number in 0..users {
        holders.push(Holder::open(arguments.target, number).await?);
    }
    let (mut steps, mut before) = (Vec::new(), 0);
    for &grants in &arguments.grants {
        let began = Instant::now();
        let each = grants.div_ceil(users);
        holders = all(holders, move |mut holder| async move {
            holder.fill(each).await?;
            Ok(holder)
        })
        .await?;
        let filled = began.elapsed();
        let latency = Arc::new(Mutex::new(Histogram::new()));
        let rest = holders.split_off(arguments.refreshing.get().min(users));
        let noted = Arc::clone(&latency);
        holders = all(holders, move |mut holder| {
            let noted = Arc::clone(&noted);
            async move {
                holder.refresh(time, &noted).await?;
                Ok(holder)
            }
        })
        .await?;
        // Others refresh at the next step, so that no share of the grants is always the one in use.
        holders.splice(0..0, rest);
        let latency = latency.lock().unwrap_or_else(PoisonError::into_inner);
        let micros = |share| latency.quantile(share).as_nanos() as f64 / 1e3;
        steps.push(json!({
            "grants": each * users,
            "filled_per_second": (each * users - before) as f64 / filled.as_secs_f64(),
            "refreshes": latency.total(),
            "p50_us": micros(0.50),
            "p99_us": micros(0.99),
            "resident_kib": resident(arguments.pid)?,
        }));
        before = each * users;
    }
    Ok(steps)
}

/// What all of them do at the same time.
async fn all<F, Fut>(holders: Vec<Holder>, what: F) -> Result<Vec<Holder>, Failure>
where
    F: Fn(Holder) -> Fut,
    Fut: Future<Output = io::Result<Holder>> + Send + 'static,
{
    let mut tasks: JoinSet<_> = holders.into_iter().map(what).collect();
    let mut done = Vec::with_capacity(tasks.len());
    while let Some(holder) = tasks.join_next().await {
        done.push(holder??);
    }
    Ok(done)
}

/// The memory of a process that is in use, in KiB.
fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the memory of the server is not told"))
}
