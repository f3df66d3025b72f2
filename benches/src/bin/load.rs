//! The load generator: drives one kind of request at one concurrency and prints what came of it as one line of JSON.
//!
//! It runs on one thread and pins nothing: `benches/compare` puts it on a core of its own.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{self, ExitCode};
use std::time::Duration;

use benches::auth;
use benches::counts::Counts;
use benches::cpu::Times;
use benches::load::{self, Client, Limit, Report, Traffic};
use benches::requests::Kind;
use clap::{Parser, ValueEnum};
use serde_json::{Map, Value, json};

/// Drives a server over keep-alive connections.
#[derive(Parser)]
struct Arguments {
    /// The address of the server; calls go to the path /mcp.
    #[arg(long)]
    target: SocketAddr,
    /// What to send: calls of an era (modern, legacy), or what an authorization server is asked for (token, token-post,
    /// refresh, introspect, register).
    #[arg(long, value_parser = traffic, default_value = "modern")]
    kind: Traffic,
    /// How many connections, each with one request under way.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 1.0, conflicts_with = "requests")]
    seconds: f64,
    /// How many requests to measure, instead of a time.
    #[arg(long)]
    requests: Option<u64>,
    /// How long to run before measuring, in seconds.
    #[arg(long, default_value_t = 0.3)]
    warmup: f64,
    /// The process of the server, to give its processor time.
    #[arg(long)]
    pid: Option<u32>,
    /// The control port of a server that counts its heap allocations.
    #[arg(long)]
    control: Option<SocketAddr>,
    /// Send one request, print its answer, and measure nothing.
    #[arg(long)]
    once: bool,
}

/// The meters that are read before and after a run.
struct Meters {
    load: Times,
    server: Option<Times>,
    counts: Option<Counts>,
}

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if arguments.once {
        let answer = runtime.block_on(once(&arguments))?;
        writeln!(io::stdout(), "{answer}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let (outcome, errors) = runtime.block_on(measure(&arguments))?;
    writeln!(io::stdout(), "{}", Value::Object(outcome))?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn once(arguments: &Arguments) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut client = Client::open(arguments.target, arguments.kind).await?;
    let answer = client.call().await?;
    let outcome = json!({
        "status": answer.status,
        "headers": answer.headers().collect::<Vec<_>>(),
        "body": std::str::from_utf8(answer.body)?,
    });
    client.close().await?;
    Ok(outcome)
}

async fn measure(arguments: &Arguments) -> Result<(Map<String, Value>, u64), Box<dyn Error + Send + Sync>> {
    let mut clients = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        clients.push(Client::open(arguments.target, arguments.kind).await?);
    }
    let warmup = Limit::Time(Duration::try_from_secs_f64(arguments.warmup)?);
    let limit = match arguments.requests {
        Some(requests) => Limit::Requests(requests),
        None => Limit::Time(Duration::try_from_secs_f64(arguments.seconds)?),
    };
    let (clients, warmed) = load::run(clients, warmup).await;
    let before = Meters::read(arguments)?;
    let (clients, report) = load::run(clients, limit).await;
    let after = Meters::read(arguments)?;
    for client in clients {
        client.close().await?;
    }
    let errors = warmed.errors + report.errors;
    Ok((outcome(arguments, errors, &report, &before, &after), errors))
}

fn outcome(arguments: &Arguments, errors: u64, report: &Report, before: &Meters, after: &Meters) -> Map<String, Value> {
    let requests = report.latency.total();
    let each = |total: f64| total / requests.max(1) as f64;
    let micros = |share| report.latency.quantile(share).as_nanos() as f64 / 1e3;
    let mut outcome = Map::new();
    let mut put = |name: &str, value: Value| outcome.insert(name.to_owned(), value);
    put("kind", json!(name(arguments.kind)));
    put("connections", json!(arguments.connections));
    put("requests", json!(requests));
    put("errors", json!(errors));
    put("seconds", json!(report.elapsed.as_secs_f64()));
    put("rps", json!(requests as f64 / report.elapsed.as_secs_f64()));
    put("p50_us", json!(micros(0.50)));
    put("p90_us", json!(micros(0.90)));
    put("p99_us", json!(micros(0.99)));
    let spent = after.load.since(&before.load);
    put("load_cpu_us", json!(each(spent.running.as_secs_f64() * 1e6)));
    if let (Some(before), Some(after)) = (before.server, after.server) {
        let spent = after.since(&before);
        put("server_cpu_us", json!(each(spent.running.as_secs_f64() * 1e6)));
        put("server_waiting_share", json!(spent.waiting.as_secs_f64() / report.elapsed.as_secs_f64()));
    }
    if let (Some(before), Some(after)) = (before.counts, after.counts) {
        let counted = after.since(&before);
        put("allocations", json!(each(counted.allocations as f64)));
        put("reallocations", json!(each(counted.reallocations as f64)));
        put("bytes_allocated", json!(each(counted.bytes_allocated as f64)));
        put("live_growth_bytes", json!(after.live() as i64 - before.live() as i64));
    }
    outcome
}

fn traffic(name: &str) -> Result<Traffic, String> {
    let auth = auth::Kind::from_str(name, false).map(Traffic::Auth);
    Kind::from_str(name, false).map(Traffic::Mcp).or(auth)
}

/// The name by which it is asked for.
fn name(traffic: Traffic) -> Option<String> {
    let value = match traffic {
        Traffic::Mcp(kind) => kind.to_possible_value(),
        Traffic::Auth(kind) => kind.to_possible_value(),
        _ => None,
    };
    Some(value?.get_name().to_owned())
}

impl Meters {
    fn read(arguments: &Arguments) -> io::Result<Self> {
        Ok(Self {
            load: Times::of(process::id())?,
            server: arguments.pid.map(Times::of).transpose()?,
            counts: arguments.control.map(Counts::read).transpose()?,
        })
    }
}
