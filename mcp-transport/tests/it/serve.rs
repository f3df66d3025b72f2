//! The accept loop on loopback.

mod drain;
mod http1;
mod http2;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use mcp_transport::http::serve::{Report, Server};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tower_service::Service;

/// Longer than anything here takes on a busy machine; reached only if a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

type TestBody = UnsyncBoxBody<Bytes, Infallible>;

/// What the tests talk to.
///
/// - `/` answers at once, and echoes the body;
/// - `/slow` answers after 600 ms;
/// - `/stuck` never answers;
/// - `/stream` sends one chunk and stays open until the server drains;
/// - `/flood` sends for ever.
#[derive(Clone)]
struct TestService {
    /// Requests that have begun and not been dropped.
    alive: Arc<AtomicUsize>,
    drained: watch::Receiver<bool>,
}

struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// More than a socket's buffers hold.
const LARGE: usize = 24 << 20;

impl Service<Request<Incoming>> for TestService {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<TestBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let (alive, drained) = (Arc::clone(&self.alive), self.drained.clone());
        Box::pin(async move {
            alive.fetch_add(1, Ordering::SeqCst);
            let alive = Alive(alive);
            let path = request.uri().path().to_owned();
            let body = match path.as_str() {
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(600)).await;
                    Full::new(Bytes::from_static(b"slow")).boxed_unsync()
                }
                "/stuck" => std::future::pending().await,
                "/stream" => UnsyncBoxBody::new(OpenStream::new(drained, alive)),
                "/large" => Full::new(Bytes::from(vec![b'x'; LARGE])).boxed_unsync(),
                "/flood" => UnsyncBoxBody::new(Flood { _alive: alive }),
                _ => match request.into_body().collect().await {
                    Ok(body) => Full::new(body.to_bytes()).boxed_unsync(),
                    Err(_) => Full::default().boxed_unsync(),
                },
            };
            Ok(Response::new(body))
        })
    }
}

/// One chunk, then silence until the server drains.
struct OpenStream {
    first: Option<Bytes>,
    drained: Pin<Box<dyn Future<Output = ()> + Send>>,
    _alive: Alive,
}

impl OpenStream {
    fn new(mut drained: watch::Receiver<bool>, alive: Alive) -> Self {
        let drained = Box::pin(async move {
            if drained.wait_for(|drained| *drained).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        Self { first: Some(Bytes::from_static(b"first")), drained, _alive: alive }
    }
}

impl Body for OpenStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.drained.as_mut().poll(cx).map(|()| None)
    }
}

/// More and more.
struct Flood {
    _alive: Alive,
}

impl Body for Flood {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8 << 10])))))
    }
}

/// A running server.
struct Running {
    address: SocketAddr,
    alive: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Report>,
}

impl Running {
    /// A server whose streams end when it drains.
    async fn start(configure: impl FnOnce(Server) -> Server) -> Self {
        let (drain, drained) = watch::channel(false);
        let hook = move || {
            drain.send_replace(true);
        };
        Self::start_with(drained, |server| configure(server.on_drain(hook))).await
    }

    async fn start_with(drained: watch::Receiver<bool>, configure: impl FnOnce(Server) -> Server) -> Self {
        let server = configure(Server::bind("127.0.0.1:0").await.unwrap());
        let address = server.local_addr().unwrap();
        let alive = Arc::new(AtomicUsize::new(0));
        let service = TestService { alive: Arc::clone(&alive), drained };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(service, async move { stopped.await.unwrap_or_default() }));
        Self { address, alive, stop: Some(stop), serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn report(self) -> Report {
        within(self.serving).await.unwrap()
    }

    /// Waits until so many requests are being served.
    async fn until_alive(&self, count: usize) {
        within(async {
            while self.alive.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes far too long")
}

/// Reads until the text has come, and returns all that came.
async fn read_until(stream: &mut (impl tokio::io::AsyncRead + Unpin), text: &str) -> String {
    let mut all = Vec::new();
    within(async {
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&all).contains(text) {
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&buffer[..count]);
        }
    })
    .await;
    String::from_utf8(all).unwrap()
}

/// Reads until the peer closes. A reset counts as closed.
async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    within(stream.read_to_end(&mut all)).await.unwrap_or_default();
    String::from_utf8(all).unwrap()
}
