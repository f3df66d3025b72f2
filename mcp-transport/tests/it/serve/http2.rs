use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_transport::http::serve::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tower::limit::ConcurrencyLimit;

use super::{Running, read_to_end, within};

pub(super) type Client = SendRequest<Full<Bytes>>;

/// A client by prior knowledge, and the task that runs its connection.
pub(super) async fn client(server: &Running) -> (Client, JoinHandle<hyper::Result<()>>) {
    let io = TokioIo::new(server.connect().await);
    let (client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    (client, tokio::spawn(connection))
}

pub(super) fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://localhost{path}")).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[tokio::test]
async fn prior_knowledge_with_many_requests_on_one_connection() {
    let mut server = Running::start(|server| server).await;
    let (mut client, _connection) = client(&server).await;
    let slow = client.send_request(request("/slow", ""));
    let fast = client.send_request(request("/", "fast"));
    let answer = within(fast).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fast");
    // The slow one was asked first and is not there yet.
    assert_eq!(server.alive.load(Ordering::SeqCst), 1);
    assert_eq!(within(slow).await.unwrap().into_body().collect().await.unwrap().to_bytes(), "slow");
    drop(client);
    server.stop();
    assert_eq!(server.report().await.connections, 1);
}

// A service of tower may be called only when it was ready, and what it holds then must go to that call: a limit of one
// would else be used up by nobody.
#[tokio::test]
async fn service_with_a_limit_of_one_serves_one_request_after_the_other() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&seen));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Response::new(Full::new(request.into_body().collect().await.unwrap().to_bytes())))
        }
    });
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(server.serve(ConcurrencyLimit::new(service, 1), std::future::pending()));
    let io = TokioIo::new(tokio::net::TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..3 {
        let answers = ["a", "b", "c", "d"].map(|body| client.send_request(request("/", body)));
        for (body, answer) in ["a", "b", "c", "d"].into_iter().zip(answers) {
            let answer = within(answer).await.unwrap();
            assert_eq!(within(answer.into_body().collect()).await.unwrap().to_bytes(), body);
        }
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    serving.abort();
    connection.abort();
}

#[tokio::test]
async fn preface_in_pieces_is_http2_still() {
    let server = Running::start(|server| server).await;
    let mut client = server.connect().await;
    client.set_nodelay(true).unwrap();
    for piece in [&b"PRI * HTTP"[..], b"/2.0\r\n\r\n", b"SM\r\n\r\n", b"\0\0\0\x04\0\0\0\0\0"] {
        client.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The server's SETTINGS frame: type 4 on stream 0.
    let mut head = [0; 9];
    within(client.read_exact(&mut head)).await.unwrap();
    assert_eq!((head[3], &head[5..]), (4, &[0, 0, 0, 0][..]));
}

#[tokio::test]
async fn almost_the_preface_is_a_bad_http1_request() {
    let server = Running::start(|server| server).await;
    let mut client = server.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nXX").await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

// Who is told that the connection closes, and never answers, is not waited for.
#[tokio::test]
async fn silent_peer_is_cut_off_when_it_was_told_to_go() {
    let short = Duration::from_millis(200);
    let server =
        Running::start(|server| server.idle_timeout(short).header_read_timeout(short).write_timeout(short)).await;
    let begin = std::time::Instant::now();
    let mut client = server.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut sent = Vec::new();
    within(client.read_to_end(&mut sent)).await.unwrap();
    // GOAWAY, type 7 on stream 0, was among what came (RFC 9113 section 6.8).
    assert!(sent.windows(6).any(|frame| frame == [7, 0, 0, 0, 0, 0]), "{sent:?}");
    assert!(begin.elapsed() >= 2 * short, "it had its time to be idle, and to go");
}

// RFC 9113 section 6.8: a stream that the peer has opened before it heard of the end is served.
#[tokio::test]
async fn request_that_crosses_the_word_to_go_is_answered() {
    let short = Duration::from_millis(200);
    let server =
        Running::start(|server| server.idle_timeout(short).header_read_timeout(short).write_timeout(short)).await;
    let mut client = server.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut sent = Vec::new();
    while !sent.windows(6).any(|frame| frame == [7, 0, 0, 0, 0, 0]) {
        assert_ne!(within(client.read_buf(&mut sent)).await.unwrap(), 0, "closed without a word");
    }
    // HEADERS that end stream 1: GET, http, /slow and an authority (RFC 7541 appendix A). It takes longer than both times.
    client.write_all(b"\0\0\x0c\x01\x05\0\0\0\x01\x82\x86\x04\x05/slow\x41\x01x").await.unwrap();
    within(client.read_to_end(&mut sent)).await.unwrap();
    assert!(sent.windows(4).any(|text| text == b"slow"), "{sent:?}");
}

#[tokio::test]
async fn idle_connection_is_closed_and_a_busy_one_is_not() {
    let short = Duration::from_millis(250);
    let server =
        Running::start(|server| server.idle_timeout(short).header_read_timeout(short).write_timeout(short)).await;
    let (mut idle, connection) = client(&server).await;
    within(idle.send_request(request("/", ""))).await.unwrap();
    // The server ends it; the client's handle is still there.
    within(connection).await.unwrap().unwrap();
    let (mut busy, _connection) = client(&server).await;
    let slow = within(busy.send_request(request("/slow", ""))).await.unwrap();
    assert_eq!(slow.into_body().collect().await.unwrap().to_bytes(), "slow");
}

// What it asks for always fits the socket's buffer, so that no write ever waits for it.
#[tokio::test]
async fn answer_in_one_piece_that_is_read_little_by_little_is_not_idle() {
    const WINDOW: u32 = 8 << 10;
    let short = Duration::from_millis(200);
    let server =
        Running::start(|server| server.idle_timeout(short).header_read_timeout(short).write_timeout(short)).await;
    let io = TokioIo::new(server.connect().await);
    let (mut client, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .handshake::<_, Full<Bytes>>(io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let sent = Bytes::from(vec![b'x'; 20 * WINDOW as usize]);
    let begin = std::time::Instant::now();
    let request = Request::post("http://localhost/").body(Full::new(sent.clone())).unwrap();
    let mut body = within(client.send_request(request)).await.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = within(body.frame()).await {
        read += frame.expect("cut off while it reads").into_data().unwrap().len();
        tokio::time::sleep(short / 4).await;
    }
    assert_eq!(read, sent.len());
    assert!(begin.elapsed() > 4 * short, "it was fast, and proves nothing");
    // Then it is idle like any other.
    within(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn header_list_over_the_limit_is_refused() {
    let server = Running::start(|server| server.max_header_bytes(4096)).await;
    let (mut client, _connection) = client(&server).await;
    let mut long = request("/", "");
    long.headers_mut().insert("x", "x".repeat(6000).parse().unwrap());
    let refused = match within(client.send_request(long)).await {
        Ok(answer) => answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Err(_) => true,
    };
    assert!(refused);
    assert_eq!(server.alive.load(Ordering::SeqCst), 0);
}

/// Runs a client's tasks so that all can be ended at once, as when its process dies.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let task = tokio::spawn(async move {
            future.await;
        });
        self.0.lock().unwrap().push(task);
    }
}

#[tokio::test]
async fn request_is_dropped_when_its_client_goes_away() {
    let server = Running::start(|server| server).await;
    let tasks = Tasks::default();
    let io = TokioIo::new(server.connect().await);
    let (mut client, connection) = http2::handshake(tasks.clone(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let stuck = tokio::spawn(client.send_request(request("/stuck", "")));
    let stream = client.send_request(request("/stream", "")).await.unwrap();
    server.until_alive(2).await;
    // A stream that is reset ends its request only.
    drop(stream);
    server.until_alive(1).await;
    connection.abort();
    for task in tasks.0.lock().unwrap().drain(..) {
        task.abort();
    }
    server.until_alive(0).await;
    assert!(within(stuck).await.unwrap().is_err());
}

// A peer that reads its connection and answers pings can give a stream no window (RFC 9113 section 5.2).
#[tokio::test]
async fn stream_that_gets_no_window_is_reset_and_the_others_go_on() {
    let server = Running::start(|server| server.write_timeout(Duration::from_millis(200))).await;
    let (mut client, _connection) = client(&server).await;
    let flood = within(client.send_request(request("/flood", ""))).await.unwrap();
    let open = within(client.send_request(request("/stream", ""))).await.unwrap();
    server.until_alive(2).await;
    // Its body is not read, so hyper does not open its window again.
    server.until_alive(1).await;
    assert!(within(flood.into_body().collect()).await.is_err());
    // A stream that is silent because we have nothing to say is another matter, and so is a slow answer.
    let slow = within(client.send_request(request("/slow", ""))).await.unwrap();
    assert_eq!(slow.into_body().collect().await.unwrap().to_bytes(), "slow");
    server.until_alive(1).await;
    drop(open);
    server.until_alive(0).await;
}
