//! Connections that each send a request as soon as the last one is answered.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::auth;
use crate::client::{Answer, Connection};
use crate::histogram::Histogram;
use crate::requests::{Kind, Target};
use crate::script::Script;

/// One answer in this many has its body looked into, and the first of each connection.
const LOOK_EVERY: u64 = 1000;

/// What a server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traffic {
    /// Calls of a tool.
    Mcp(Kind),
    /// What clients ask of an authorization server.
    Auth(auth::Kind),
}

impl From<Kind> for Traffic {
    fn from(kind: Kind) -> Self {
        Self::Mcp(kind)
    }
}

impl From<auth::Kind> for Traffic {
    fn from(kind: auth::Kind) -> Self {
        Self::Auth(kind)
    }
}

/// A connection that is ready to send, and what it sends.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    connection: Connection<S>,
    script: Script,
    /// What ends the session, if there is one.
    goodbye: Option<Box<[u8]>>,
}

/// When a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// No request is sent after this time; those under way are waited for.
    Time(Duration),
    /// Exactly this many requests, over all connections.
    Requests(u64),
}

/// What came of a run.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How long each good answer took.
    pub latency: Histogram,
    /// Answers with another status than is due, bodies without what is due, and connections that broke.
    pub errors: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// What the connections of one run share.
struct Run {
    limit: Limit,
    started: Instant,
    sent: AtomicU64,
    report: Mutex<Report>,
}

impl Client {
    /// Connects, and does what has to be done before the first request: opens a session, or gets the grants.
    ///
    /// # Errors
    /// Those of the connection and of the handshake.
    ///
    /// # Cancel safety
    /// None: the server may hold a session that nobody knows the id of.
    pub async fn open(address: SocketAddr, traffic: impl Into<Traffic>) -> io::Result<Self> {
        let mut connection = Connection::open(address).await?;
        match traffic.into() {
            Traffic::Mcp(kind) => Self::over(connection, &Target::new(address), kind).await,
            Traffic::Auth(kind) => {
                let target = auth::requests::Target::new(address);
                let script = Script::auth(&mut connection, &target, kind).await?;
                Ok(Self { connection, script, goodbye: None })
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The same for calls of a tool, over a connection that is there.
    ///
    /// # Errors
    /// Those of the handshake.
    ///
    /// # Cancel safety
    /// None: the server may hold a session that nobody knows the id of.
    pub async fn over(mut connection: Connection<S>, target: &Target, kind: Kind) -> io::Result<Self> {
        let (request, goodbye) = match kind {
            Kind::Modern => (target.modern_call(), None),
            Kind::Legacy => {
                let session = connection.open_session(target).await?;
                let goodbye = session.as_deref().map(|id| target.delete(Some(id)).into());
                (target.legacy_call(session.as_deref()), goodbye)
            }
        };
        Ok(Self { connection, script: Script::calls(request), goodbye })
    }

    /// Sends the next request.
    ///
    /// # Errors
    /// Those of the connection.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn call(&mut self) -> io::Result<Answer<'_>> {
        self.connection.exchange(self.script.next_request()).await
    }

    /// Sends the next request, and gives how long the answer took, if it is the one that is due.
    async fn timed(&mut self, look: bool) -> io::Result<Option<Duration>> {
        let request = self.script.next_request();
        let sent = Instant::now();
        let answer = self.connection.exchange(request).await?;
        let took = sent.elapsed();
        Ok(self.script.heed(&answer, look).then_some(took))
    }

    /// Ends the session, so that runs do not fill the server with sessions that nobody uses.
    ///
    /// # Errors
    /// Those of the connection.
    ///
    /// # Cancel safety
    /// The session may live on.
    pub async fn close(mut self) -> io::Result<()> {
        if let Some(goodbye) = &self.goodbye {
            self.connection.exchange(goodbye).await?;
        }
        Ok(())
    }
}

/// Sends from all connections until the limit, and gives back those that still stand.
///
/// # Cancel safety
/// A drop ends the run; the connections are lost.
pub async fn run(clients: Vec<Client>, limit: Limit) -> (Vec<Client>, Report) {
    let run = Arc::new(Run { limit, started: Instant::now(), sent: AtomicU64::new(0), report: Mutex::default() });
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(drive(client, Arc::clone(&run)));
    }
    let mut standing = Vec::new();
    while let Some(client) = tasks.join_next().await {
        // A task that panicked has lost its connection like one that was hung up on.
        match client.ok().flatten() {
            Some(client) => standing.push(client),
            None => run.note(|report| report.errors += 1),
        }
    }
    let mut report = Report::default();
    run.note(|noted| std::mem::swap(noted, &mut report));
    report.elapsed = run.started.elapsed();
    (standing, report)
}

async fn drive<S>(mut client: Client<S>, run: Arc<Run>) -> Option<Client<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answered = 0;
    while run.goes_on() {
        let took = client.timed(answered % LOOK_EVERY == 0).await.ok()?;
        answered += 1;
        run.note(|report| match took {
            Some(took) => report.latency.record(took),
            None => report.errors += 1,
        });
    }
    Some(client)
}

impl Run {
    /// Whether one more request may be sent; if so it is counted.
    fn goes_on(&self) -> bool {
        match self.limit {
            Limit::Time(limit) => self.started.elapsed() < limit,
            Limit::Requests(limit) => self.sent.fetch_add(1, Ordering::Relaxed) < limit,
        }
    }

    fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use clap::ValueEnum as _;

    use super::*;
    use crate::answer::Template;
    use crate::bare;

    fn on_runtime(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    }

    async fn bare_server(template: &str) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = bare::service(Template::parse(template).unwrap());
        tokio::spawn(bare::serve(listener, service));
        address
    }

    async fn report_of(template: &str, kind: Kind, limit: Limit) -> (usize, Report) {
        let address = bare_server(template).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(Client::open(address, kind).await.unwrap());
        }
        let (clients, report) = run(clients, limit).await;
        let standing = clients.len();
        for client in clients {
            client.close().await.unwrap();
        }
        (standing, report)
    }

    #[test]
    fn exactly_as_many_requests_as_asked_for_are_sent() {
        on_runtime(async {
            for (template, kind) in [(Template::MODERN, Kind::Modern), (Template::LEGACY, Kind::Legacy)] {
                let (standing, report) = report_of(template, kind, Limit::Requests(100)).await;
                assert_eq!((standing, report.errors), (3, 0));
                assert_eq!(report.latency.total(), 100);
            }
        });
    }

    #[test]
    fn a_run_of_no_time_sends_nothing() {
        on_runtime(async {
            let limit = Limit::Time(Duration::ZERO);
            let (_, report) = report_of(Template::MODERN, Kind::Modern, limit).await;
            assert_eq!(report.latency.total(), 0);
        });
    }

    #[test]
    fn an_answer_without_the_message_is_an_error() {
        on_runtime(async {
            let address = silent_server().await;
            let clients = vec![Client::open(address, Kind::Modern).await.unwrap()];
            let (_, report) = run(clients, Limit::Requests(1001)).await;
            assert_eq!(report.errors, 2, "the first and the thousandth and first");
        });
    }

    #[test]
    fn a_connection_that_breaks_is_an_error() {
        on_runtime(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { drop(listener.accept().await) });
            let clients = vec![Client::open(address, Kind::Modern).await.unwrap()];
            let (standing, report) = run(clients, Limit::Requests(10)).await;
            assert!(standing.is_empty());
            assert_eq!((report.errors, report.latency.total()), (1, 0));
        });
    }

    /// A server that answers 200 with an empty object.
    async fn silent_server() -> SocketAddr {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let length = Target::new(address).modern_call().len();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; length];
            while stream.read_exact(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            }
        });
        address
    }

    #[test]
    fn the_authorization_server_is_asked_for_everything() {
        use mcp_oauth::jose::Algorithm;
        use mcp_transport::http::serve::Server;
        on_runtime(async {
            let key = auth::signing_key(Algorithm::Es256, None).unwrap();
            let service = auth::server::authorization_server(key, None).await.unwrap().service();
            let server = Server::bind("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().unwrap();
            let serving =
                server.serve_with(move |ends| auth::server::service(&service, ends), std::future::pending::<()>());
            tokio::spawn(async move { serving.await.aborted });
            for kind in auth::Kind::value_variants() {
                let mut clients = Vec::new();
                for _ in 0..2 {
                    clients.push(Client::open(address, *kind).await.unwrap());
                }
                // More than once around the grants of each connection.
                let (standing, report) = run(clients, Limit::Requests(100)).await;
                assert_eq!((standing.len(), report.errors, report.latency.total()), (2, 0, 100), "{kind:?}");
            }
        });
    }

    #[test]
    fn the_bare_server_issues_tokens_to_those_who_show_their_secret() {
        on_runtime(async {
            let key = auth::signing_key(mcp_oauth::jose::Algorithm::Es256, None).unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let service = auth::bare::service(auth::bare::Issuing::new(key).unwrap());
            tokio::spawn(bare::serve(listener, service));
            for kind in [auth::Kind::Token, auth::Kind::TokenPost] {
                let clients = vec![Client::open(address, kind).await.unwrap()];
                let (_, report) = run(clients, Limit::Requests(3)).await;
                assert_eq!((report.errors, report.latency.total()), (0, 3), "{kind:?}");
            }
            let target = auth::requests::Target::new(address);
            let mut connection = Connection::open(address).await.unwrap();
            let forged = |request, from, to| String::from_utf8(request).unwrap().replacen(from, to, 1);
            let basic = |secret| STANDARD.encode(format!("{}:{secret}", auth::BASIC.id));
            for forged in [
                forged(target.token(), &*basic(auth::BASIC.secret), &*basic("mcpo_cs_of-somebody-else")),
                forged(target.token_post(), "mcpo_cs_", "mcpo_cx_"),
            ] {
                let answer = connection.exchange(forged.as_bytes()).await.unwrap();
                assert_eq!(answer.status, 401, "{forged}");
            }
        });
    }
}
