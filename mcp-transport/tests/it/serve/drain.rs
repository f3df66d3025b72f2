use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_transport::http::serve::Server;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::http2::{client, request};
use super::{Running, read_to_end, read_until, within};

const STREAM: &[u8] = b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn open_streams_are_told_to_end_and_end_whole() {
    let mut server = Running::start(|server| server.shutdown_timeout(Duration::from_secs(30))).await;
    let mut stream = server.connect().await;
    stream.write_all(STREAM).await.unwrap();
    read_until(&mut stream, "first").await;
    let (mut second, connection) = client(&server).await;
    let second = within(second.send_request(request("/stream", ""))).await.unwrap();
    server.stop();
    // The last chunk of a chunked body: the stream was not cut off.
    assert!(read_to_end(&mut stream).await.ends_with("0\r\n\r\n"));
    assert_eq!(second.into_body().collect().await.unwrap().to_bytes(), "first");
    within(connection).await.unwrap().unwrap();
    let report = server.report().await;
    assert_eq!((report.connections, report.aborted), (2, 0));
}

#[tokio::test]
async fn requests_in_flight_finish_idle_connections_close_and_new_ones_are_refused() {
    let mut server = Running::start(|server| server.shutdown_timeout(Duration::from_secs(30))).await;
    let address = server.address;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut idle, "\r\n\r\n").await;
    let mut fresh = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.until_alive(1).await;
    server.stop();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(read_to_end(&mut fresh).await, "");
    let answer = read_to_end(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("slow"), "{answer}");
    assert_eq!(server.report().await.aborted, 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off_and_counted() {
    // Nobody tells these streams to end.
    let (_drain, drained) = watch::channel(false);
    let mut server = Running::start_with(drained, |server| server.shutdown_timeout(Duration::from_millis(100))).await;
    let mut stream = server.connect().await;
    stream.write_all(STREAM).await.unwrap();
    read_until(&mut stream, "first").await;
    let (mut second, _connection) = client(&server).await;
    let second = within(second.send_request(request("/stream", ""))).await.unwrap();
    server.until_alive(2).await;
    server.stop();
    assert!(!read_to_end(&mut stream).await.ends_with("0\r\n\r\n"));
    assert!(within(second.into_body().collect()).await.is_err());
    server.until_alive(0).await;
    let report = server.report().await;
    assert_eq!((report.connections, report.aborted), (2, 2));
}

/// A body that takes a while to be put away.
struct Slow(Arc<AtomicBool>);

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

impl Drop for Slow {
    #[expect(clippy::disallowed_methods, reason = "work that takes long: it is the thread that is kept busy")]
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(20));
        self.0.store(true, Ordering::Release);
    }
}

// Under HTTP/2 requests have tasks of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_have_ended_when_the_server_returns() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let service = tower::service_fn(move |_: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Slow(Arc::clone(&seen)))))
    });
    let server = Server::bind("127.0.0.1:0").await.unwrap().shutdown_timeout(Duration::ZERO);
    let address = server.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(service, async move { stopped.await.unwrap_or_default() }));
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(TcpStream::connect(address).await.unwrap())).await.unwrap();
    tokio::spawn(connection);
    let _answer = within(client.send_request(request("/", ""))).await.unwrap();
    stop.send(()).unwrap();
    within(serving).await.unwrap();
    assert!(ended.load(Ordering::Acquire));
}

// Under HTTP/1 they run in the task of their connection, which cannot be ended while its thread is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_blocks_its_thread_does_not_keep_the_server_from_returning() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let service = tower::service_fn(move |_: Request<Incoming>| {
        entered.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    let server = Server::bind("127.0.0.1:0").await.unwrap().shutdown_timeout(Duration::ZERO);
    let address = server.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(service, async move { stopped.await.unwrap_or_default() }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    within(entries.recv()).await.unwrap();
    stop.send(()).unwrap();
    let report = within(serving).await.unwrap();
    assert_eq!(report.aborted, 1);
    release.send(()).unwrap();
}

#[tokio::test]
async fn dropping_the_server_closes_everything() {
    let server = Running::start(|server| server).await;
    let mut stream = server.connect().await;
    stream.write_all(STREAM).await.unwrap();
    read_until(&mut stream, "first").await;
    server.serving.abort();
    read_to_end(&mut stream).await;
    server.until_alive(0).await;
    assert!(TcpStream::connect(server.address).await.is_err());
}
