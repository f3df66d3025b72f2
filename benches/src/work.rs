//! Named pieces of work that run a fixed number of times.
//!
//! One table serves two tools: `fixed_work` runs a piece under callgrind, where the count of instructions is the same from
//! run to run, and `benches/micro.rs` times it with divan. The pieces named `serde-*` and `bare-*` are the baseline.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_transport::exchange::{Exchange, Transport, meta};
use mcp_transport::handler::{Handler, Outcome};
use mcp_transport::http::McpService;
use mcp_transport::jsonrpc::{Limits, Message};
use mcp_transport::protocol::Revision;
use serde_json::value::RawValue;
use tokio::io::DuplexStream;
use tower_service::Service as _;

use crate::answer::Template;
use crate::auth::{self, bare::Issuing};
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
    Piece { name: "dispatch", run: dispatch },
    Piece { name: "echo-http", run: echo_http },
    Piece { name: "sse", run: sse },
    Piece { name: "sign-es256", run: sign_es256 },
    Piece { name: "bare-token", run: bare_token },
    Piece { name: "token", run: token },
    Piece { name: "introspect", run: introspect },
    Piece { name: "register", run: register },
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

/// The kit alone: a message that has been read becomes a call of the echo tool and its result.
fn dispatch(times: u64) -> Result<(), Failed> {
    let (server, body) = (echo::server()?, Bytes::from(requests::modern_body()));
    in_runtime(async {
        for _ in 0..times {
            let Message::Request(request) =
                Message::parse(body.clone(), &Limits::default()).map_err(|defect| defect.kind)?
            else {
                return Err("not a request".into());
            };
            let mut exchange = Exchange::builder(request.id.clone(), Revision::LATEST, Transport::Memory);
            exchange.params(&request.params);
            match Arc::clone(&server).call(exchange.build(), request).await {
                Outcome::Reply(reply) => drop(black_box(reply)),
                other => return Err(format!("answered with {other:?}").into()),
            }
        }
        Ok(())
    })
}

/// A stream: ten messages and an answer, written as events into a body that is read to its end. No connection is there.
fn sse(times: u64) -> Result<(), Failed> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"count","arguments":{{}},"_meta":{{"progressToken":1,"{}":"{}","{}":{{}}}}}}}}"#,
        meta::PROTOCOL_VERSION,
        Revision::LATEST,
        meta::CLIENT_CAPABILITIES,
    );
    let mut service = echo::service(16)?;
    in_runtime(async {
        for _ in 0..times {
            let request = http::Request::post("http://localhost/mcp")
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", Revision::LATEST.as_str())
                .header("mcp-method", "tools/call")
                .header("mcp-name", "count")
                .body(Full::new(Bytes::from(body.clone())))?;
            let answer = service.call(request).await?.into_body().collect().await?.to_bytes();
            let events = memchr::memmem::find_iter(&answer, b"\ndata: ").count();
            if events != echo::COUNTED as usize + 1 {
                return Err(format!("{events} events came").into());
            }
        }
        Ok(())
    })
}

/// One ES256 signature over as many bytes as a token has in front of its signature.
fn sign_es256(times: u64) -> Result<(), Failed> {
    let (key, input) = (SigningKey::generate(Algorithm::Es256)?, [b'x'; 420]);
    for _ in 0..times {
        black_box(key.sign(black_box(&input))?);
    }
    Ok(())
}

/// A token by client credentials from the bare server, over a connection in memory.
fn bare_token(times: u64) -> Result<(), Failed> {
    let service = auth::bare::service(Issuing::new(SigningKey::generate(Algorithm::Es256)?)?);
    http_in_memory(service, &auth::requests::Target::new("localhost").token(), times)
}

/// The same from the authorization server.
fn token(times: u64) -> Result<(), Failed> {
    http_in_memory(authorization_server()?, &auth::requests::Target::new("localhost").token(), times)
}

/// What the authorization server says of a token that it has issued to the client itself.
fn introspect(times: u64) -> Result<(), Failed> {
    let service = authorization_server()?;
    let target = auth::requests::Target::new("localhost");
    let mut issued = String::new();
    over_memory(service.clone(), async |connection| {
        let answer = connection.exchange(&target.token()).await?;
        let token = auth::requests::member(answer.body, "access_token").ok_or("no token was issued")?;
        issued.push_str(token);
        Ok(())
    })?;
    http_in_memory(service, &target.introspect(&issued), times)
}

/// A client registers itself with the authorization server, no two the same.
fn register(times: u64) -> Result<(), Failed> {
    let mut requests = auth::requests::Registrations::new(auth::requests::Target::new("localhost"));
    over_memory(authorization_server()?, async |connection| {
        for _ in 0..times {
            let answer = connection.exchange(requests.next_request()).await?;
            if answer.status != 201 {
                return Err(format!("answered with {}", answer.status).into());
            }
        }
        Ok(())
    })
}

fn authorization_server() -> Result<TowerToHyperService<mcp_oauth::server::AuthService>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let server = runtime.block_on(auth::server::authorization_server(key, None))?;
    Ok(TowerToHyperService::new(server.service()))
}

fn in_runtime(work: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work)
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
    over_memory(service, async |connection| {
        for _ in 0..times {
            let answer = connection.exchange(request).await?;
            if answer.status != 200 {
                return Err(format!("answered with {}", answer.status).into());
            }
        }
        Ok(())
    })
}

/// Does something over one keep-alive HTTP/1.1 connection in memory.
fn over_memory<S, B>(
    service: S,
    work: impl AsyncFnOnce(&mut Connection<DuplexStream>) -> Result<(), Failed>,
) -> Result<(), Failed>
where
    S: HttpService<hyper::body::Incoming, ResBody = B, Future: Send> + Send + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    in_runtime(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        // Ends when the client's end is dropped below.
        tokio::spawn(async move { server.await.is_ok() });
        work(&mut Connection::new(near)).await
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
