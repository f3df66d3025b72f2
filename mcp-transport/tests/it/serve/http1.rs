use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Running, read_to_end, read_until, within};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const SHORT: Duration = Duration::from_millis(50);
/// Long enough that a busy machine does not make a client late, short enough to be outlived by `/slow`.
const MEDIUM: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn connection_is_kept_for_further_requests() {
    let mut server = Running::start(|server| server).await;
    let mut client = server.connect().await;
    for text in ["one", "two"] {
        let request = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\n{text}");
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut client, text).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut client).await.contains("connection: close"));
    server.stop();
    assert_eq!(server.report().await.connections, 1);
}

#[tokio::test]
async fn requests_sent_in_a_row_are_answered_in_order() {
    let server = Running::start(|server| server).await;
    let mut client = server.connect().await;
    let requests = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nPOST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfast";
    client.write_all(requests).await.unwrap();
    let answers = read_to_end(&mut client).await;
    assert!(answers.find("slow").unwrap() < answers.find("fast").unwrap(), "{answers}");
}

#[tokio::test]
async fn slow_head_is_cut_off() {
    let server = Running::start(|server| server.header_read_timeout(SHORT).idle_timeout(LONG)).await;
    for start in [&b""[..], b"P", b"PRI * HTTP", b"GET / HTTP/1.1\r\nhost: loc"] {
        let mut client = server.connect().await;
        client.write_all(start).await.unwrap();
        assert_eq!(read_to_end(&mut client).await, "", "{start:?}");
    }
}

#[tokio::test]
async fn head_in_drops_is_cut_off_too() {
    let server = Running::start(|server| server.header_read_timeout(MEDIUM).idle_timeout(LONG)).await;
    let mut client = server.connect().await;
    // The first request is in order, the second one drips.
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    within(async {
        for byte in b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".iter().chain(std::iter::repeat(&b'x')) {
            let closed = client.write_all(&[*byte]).await.is_err();
            let mut buffer = [0; 1];
            let read = tokio::time::timeout(Duration::from_millis(10), client.read(&mut buffer)).await;
            if closed || matches!(read, Ok(Ok(0) | Err(_))) {
                return;
            }
        }
    })
    .await;
    assert_eq!(server.alive.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn idle_connection_outlives_the_head_timeout() {
    let server = Running::start(|server| server.header_read_timeout(MEDIUM).idle_timeout(LONG)).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
        tokio::time::sleep(MEDIUM + SHORT * 2).await;
    }
}

#[tokio::test]
async fn idle_connection_is_closed_after_its_timeout() {
    let server = Running::start(|server| server.header_read_timeout(LONG).idle_timeout(SHORT)).await;
    let mut client = server.connect().await;
    client.write_all(GET).await.unwrap();
    assert!(read_to_end(&mut client).await.starts_with("HTTP/1.1 200"));
}

// The system would take megabytes at a time, and not tell that some of them are gone.
#[tokio::test]
async fn client_that_reads_slowly_is_not_one_that_reads_nothing() {
    let limit = Duration::from_millis(700);
    let server = Running::start(|server| server.write_timeout(limit)).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (begin, mut read, mut piece) = (std::time::Instant::now(), 0, vec![0; 32 << 10]);
    while begin.elapsed() < 4 * limit {
        read += within(client.read_exact(&mut piece)).await.expect("cut off while it reads");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let mut rest = Vec::new();
    read += within(client.read_to_end(&mut rest)).await.unwrap();
    assert!(read >= super::LARGE, "{read}");
}

// More than hyper takes in one turn, all in one piece: what is left in its buffer when it rests must not be forgotten. The
// bodies are read by the service, in one part and in two.
#[tokio::test]
async fn pipelined_requests_are_all_answered() {
    let server = Running::start(|server| server.idle_timeout(LONG)).await;
    let mut client = server.connect().await;
    for round in 0..3 {
        let mut sent = String::new();
        for number in 0..50 {
            let body = format!("round {round} number {number:02}");
            sent += &format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
        let (first, rest) = sent.split_at(sent.len() - 5);
        client.write_all(first.as_bytes()).await.unwrap();
        let answered = read_until(&mut client, &format!("round {round} number 48")).await;
        assert_eq!(answered.matches("HTTP/1.1 200 OK").count(), 49);
        client.write_all(rest.as_bytes()).await.unwrap();
        read_until(&mut client, &format!("round {round} number 49")).await;
    }
}

#[tokio::test]
async fn busy_connection_is_not_idle() {
    let server = Running::start(|server| server.header_read_timeout(MEDIUM).idle_timeout(MEDIUM)).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut client).await.ends_with("slow"));
    let mut client = server.connect().await;
    client.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut client, "first").await;
    let more = tokio::time::timeout(MEDIUM + SHORT * 2, client.read(&mut [0; 8])).await;
    assert!(more.is_err(), "an open stream was closed: {more:?}");
}

#[tokio::test]
async fn head_over_the_limit_is_431() {
    let server = Running::start(|server| server.max_header_bytes(4096)).await;
    let mut client = server.connect().await;
    let long = "x".repeat(3000);
    client.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n").as_bytes()).await.unwrap();
    read_until(&mut client, "200 OK").await;
    client.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\ny: {long}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut client).await.contains("HTTP/1.1 431 "));
    // Also without an end in sight.
    let mut client = server.connect().await;
    client.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}{long}").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut client).await.contains("HTTP/1.1 431 "));
}

#[tokio::test]
async fn connection_over_the_cap_waits_for_a_free_place() {
    let mut server = Running::start(|server| server.max_connections(NonZeroUsize::MIN)).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    read_until(&mut first, "\r\n\r\n").await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    let early = tokio::time::timeout(SHORT * 2, second.read(&mut [0; 8])).await;
    assert!(early.is_err(), "the second connection was not held back: {early:?}");
    drop(first);
    read_until(&mut second, "200 OK").await;
    server.stop();
    assert_eq!(server.report().await.connections, 2);
}

// Its connection, its slot and what it asked for go with it.
#[tokio::test]
async fn client_that_stops_reading_loses_its_connection() {
    let server =
        Running::start(|server| server.write_timeout(SHORT).max_connections(NonZeroUsize::new(1).unwrap())).await;
    let mut unread = server.connect().await;
    unread.write_all(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.until_alive(1).await;
    let mut next = server.connect().await;
    next.write_all(GET).await.unwrap();
    read_until(&mut next, "200 OK").await;
    server.until_alive(0).await;
}

#[tokio::test]
async fn request_is_dropped_when_its_client_goes_away() {
    let server = Running::start(|server| server).await;
    for path in ["/stuck", "/stream"] {
        let mut client = server.connect().await;
        client.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        server.until_alive(1).await;
        drop(client);
        server.until_alive(0).await;
    }
}

#[tokio::test]
async fn service_is_made_for_each_connection_with_its_ends() {
    use mcp_transport::http::serve::{ConnectInfo, Server};
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let (seen, mut all) = tokio::sync::mpsc::unbounded_channel::<ConnectInfo>();
    let (_drain, drained) = tokio::sync::watch::channel(false);
    let service = super::TestService { alive: std::sync::Arc::default(), drained };
    let make = move |ends| {
        seen.send(ends).unwrap();
        service.clone()
    };
    let serving = tokio::spawn(server.serve_with(make, std::future::pending()));
    let client = tokio::net::TcpStream::connect(address).await.unwrap();
    let ends = within(all.recv()).await.unwrap();
    assert_eq!((ends.remote, ends.local, ends.tls), (client.local_addr().unwrap(), address, false));
    serving.abort();
}

#[tokio::test]
async fn crowd_that_comes_at_once_is_queued() {
    // The server cannot accept while this thread connects; a short queue would make the later ones wait a second.
    let server = Running::start(|server| server).await;
    let started = std::time::Instant::now();
    let crowd: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(server.address).unwrap()).collect();
    assert!(started.elapsed() < Duration::from_secs(1), "some had to try again");
    drop(crowd);
}

#[tokio::test]
async fn address_in_use_is_an_error() {
    let server = Running::start(|server| server).await;
    let error = mcp_transport::http::serve::Server::bind(server.address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
