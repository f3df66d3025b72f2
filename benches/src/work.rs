//! Named pieces of work that run a fixed number of times.
//!
//! One table serves two tools: `fixed_work` runs a piece under callgrind, where the count of instructions is the same from
//! run to run, and `benches/micro.rs` times it with divan. The pieces named `serde-*` and `bare-*` are the baseline.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp_transport::http::McpService;
use mcp_transport::jsonrpc::{Limits, Message};
use serde_json::value::RawValue;

use crate::answer::Template;
use crate::bare;
use crate::client::Connection;
use crate::driver::Echo;
use crate::echo;
use crate::requests::{self, Target};

/// A piece of work.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Piece {
    /// How it is asked for.
    pub name: &'static str,
    /// Runs it this many times. What it needs is set up first, once.
    pub run: fn(u64) -> Result<(), Failed>,
}

/// A piece that did not do its work, so that its figures mean nothing.
#[derive(Debug)]
pub struct Failed(Box<dyn std::error::Error + Send + Sync>);

/// Every piece.
pub const PIECES: &[Piece] = &[
    Piece { name: "serde-scan", run: serde_scan },
    Piece { name: "serde-decode", run: serde_decode },
    Piece { name: "serde-reply", run: serde_reply },
    Piece { name: "bare-http", run: bare_http },
    Piece { name: "parse", run: parse },
    Piece { name: "driver-http", run: driver_http },
    Piece { name: "echo-http", run: echo_http },
];

/// The piece of this name.
#[must_use]
pub fn piece(name: &str) -> Option<&'static Piece> {
    PIECES.iter().find(|piece| piece.name == name)
}

/// One walk over a modern call that proves it to be JSON and keeps nothing.
fn serde_scan(times: u64) -> Result<(), Failed> {
    let body = requests::modern_body();
    for _ in 0..times {
        let value: &RawValue = serde_json::from_slice(black_box(body.as_bytes()))?;
        black_box(value);
    }
    Ok(())
}

/// A modern call decoded into types that borrow from it.
fn serde_decode(times: u64) -> Result<(), Failed> {
    let body = requests::modern_body();
    for _ in 0..times {
        black_box(bare::decode(black_box(body.as_bytes()))?);
    }
    Ok(())
}

/// The answer to a modern call written into one buffer.
fn serde_reply(times: u64) -> Result<(), Failed> {
    let template = Template::parse(Template::MODERN)?;
    let id = RawValue::from_string(requests::ID.to_owned())?;
    for _ in 0..times {
        black_box(template.render(black_box(&id), black_box(requests::MESSAGE))?);
    }
    Ok(())
}

/// The bare server's whole round trip over a connection in memory.
fn bare_http(times: u64) -> Result<(), Failed> {
    let service = bare::service(Template::parse(Template::MODERN)?);
    http_in_memory(service, &Target::new("localhost").modern_call(), times)
}

/// A modern call read as a message: scanned, judged and indexed.
fn parse(times: u64) -> Result<(), Failed> {
    let body = Bytes::from(requests::modern_body());
    let limits = Limits::default();
    for _ in 0..times {
        black_box(Message::parse(black_box(&body).clone(), &limits).map_err(|defect| defect.kind)?);
    }
    Ok(())
}

/// The driver's whole round trip over a connection in memory, with the smallest handler there can be.
fn driver_http(times: u64) -> Result<(), Failed> {
    let service = TowerToHyperService::new(McpService::new(Arc::new(Echo::default())));
    http_in_memory(service, &Target::new("localhost").modern_call(), times)
}

/// The whole round trip of the echo tool on the kit, over a connection in memory.
fn echo_http(times: u64) -> Result<(), Failed> {
    let service = TowerToHyperService::new(echo::service(16)?);
    http_in_memory(service, &Target::new("localhost").modern_call(), times)
}

/// Sends one request this many times to a service, over one keep-alive HTTP/1.1 connection in memory on a current-thread
/// runtime. No system call is made for an answer, so what is counted is the code of hyper, of the service and of the client.
///
/// # Errors
/// If an answer has another status than 200 or the connection breaks.
pub fn http_in_memory<S, B>(service: S, request: &[u8], times: u64) -> Result<(), Failed>
where
    S: HttpService<hyper::body::Incoming, ResBody = B, Future: Send> + Send + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        // Ends when the client's end is dropped below.
        tokio::spawn(async move { server.await.is_ok() });
        let mut connection = Connection::new(near);
        for _ in 0..times {
            let answer = connection.exchange(request).await?;
            if answer.status != 200 {
                return Err(format!("answered with {}", answer.status).into());
            }
        }
        Ok(())
    })
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failed {
    fn from(cause: E) -> Self {
        Self(cause.into())
    }
}

impl Failed {
    /// The cause.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_does_its_work() {
        for piece in PIECES {
            (piece.run)(3).map_err(Failed::into_inner).unwrap();
        }
    }

    #[test]
    fn names_are_unique() {
        for wanted in PIECES {
            let same = PIECES.iter().filter(|found| found.name == wanted.name);
            assert_eq!(same.count(), 1, "{}", wanted.name);
        }
        assert!(piece("no such piece").is_none());
    }

    #[test]
    fn a_refusal_fails_the_round_trip() {
        let service = bare::service(Template::parse(Template::MODERN).unwrap());
        let request = b"GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n";
        assert!(http_in_memory(service, request, 1).is_err());
    }
}
