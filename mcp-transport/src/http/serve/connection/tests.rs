//! Whole connections, in memory, on a clock that goes on only when nothing else does.

use std::pin::Pin;
use std::task::Context;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2 as client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What the pipe to a client holds.
const PIPE: usize = 16 << 10;

/// What an HTTP/2 client that knows its server sends first: the preface and its SETTINGS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn connections(limits: Limits) -> Connections {
    #[cfg(feature = "tls")]
    let connections = Connections::new(limits, None);
    #[cfg(not(feature = "tls"))]
    let connections = Connections::new(limits);
    connections
}

/// Serves a connection whose answers have the body that is made, and returns its client's end.
fn serve<B>(limits: Limits, body: impl Fn() -> B + Clone + Send + 'static) -> (DuplexStream, JoinHandle<()>)
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let service = tower::service_fn(move |_: Request<Incoming>| std::future::ready(Ok(Response::new(body()))));
    let serving = tokio::spawn(async move {
        let (_drain, drained) = watch::channel(());
        connections(limits).run(ours, service, drained).await;
    });
    (theirs, serving)
}

fn large(bytes: usize) -> impl Fn() -> Full<Bytes> + Clone {
    let body = Bytes::from(vec![b'x'; bytes]);
    move || Full::new(body.clone())
}

/// A body whose pieces come from elsewhere.
struct Pieces(mpsc::UnboundedReceiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

// What hyper has buffered of an answer is over for the service; for a client that is still reading it it is not.
#[tokio::test(start_paused = true)]
async fn connection_whose_client_reads_slowly_is_not_idle() {
    let limits = Limits {
        header_read_timeout: 10 * SECOND,
        idle_timeout: 10 * SECOND,
        write_timeout: 10 * SECOND,
        ..Limits::default()
    };
    let (mut client, _) = serve(limits, large(20 * PIPE));
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut read, mut piece) = (0, vec![0; PIPE]);
    loop {
        tokio::time::sleep(5 * SECOND).await;
        match client.read(&mut piece).await.unwrap() {
            0 => break,
            count => read += count,
        }
    }
    assert!(read > 20 * PIPE, "{read}");
}

// h2 has room for the next piece only when all but a window of the one before is gone.
#[tokio::test(start_paused = true)]
async fn piece_behind_a_large_one_that_is_read_slowly_is_waited_with() {
    const WINDOW: u32 = 8 << 10;
    const SIZES: [usize; 3] = [256 << 10, 1, 1];
    let (client, _) = serve(Limits::default(), || {
        let (pieces, body) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // One at a time, as events come.
            for size in SIZES {
                tokio::time::sleep(SECOND).await;
                pieces.send(Bytes::from(vec![b'x'; size])).unwrap_or_default();
            }
        });
        Pieces(body)
    });
    let (mut client, connection) = client::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .handshake::<_, Full<Bytes>>(TokioIo::new(client))
        .await
        .unwrap();
    tokio::spawn(connection);
    let begin = Instant::now();
    let request = Request::get("http://localhost/").body(Full::default()).unwrap();
    let mut body = client.send_request(request).await.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.expect("it is reset while it is read").into_data().unwrap().len();
        tokio::time::sleep(3 * SECOND).await;
    }
    assert_eq!(read, SIZES.iter().sum::<usize>());
    assert!(begin.elapsed() > 2 * Limits::default().write_timeout, "it was fast, and proves nothing");
}

#[tokio::test(start_paused = true)]
async fn silent_peer_that_was_told_to_go_has_the_longer_of_two_times() {
    for (header, write) in [(2, 10), (10, 2)] {
        let limits = Limits {
            header_read_timeout: header * SECOND,
            idle_timeout: 4 * SECOND,
            write_timeout: write * SECOND,
            ..Limits::default()
        };
        let (mut client, serving) = serve(limits, large(0));
        let begin = Instant::now();
        client.write_all(PREFACE).await.unwrap();
        serving.await.unwrap();
        assert_eq!(begin.elapsed(), 14 * SECOND, "{header} {write}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_without_end_is_no_limit() {
    let endless = Limits {
        header_read_timeout: Duration::MAX,
        idle_timeout: Duration::MAX,
        write_timeout: Duration::MAX,
        ..Limits::default()
    };
    let (mut client, _) = serve(endless, large(2 * PIPE));
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    tokio::time::sleep(3600 * SECOND).await;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() > 2 * PIPE, "{}", answer.len());
    // One that was told to go; a ping ends it after 20 s.
    let (mut client, serving) = serve(Limits { idle_timeout: SECOND, ..endless }, large(0));
    client.write_all(PREFACE).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert!(!serving.is_finished());
}

// Whatever is left of what the task may do in the turn in which the connection begins.
#[tokio::test(start_paused = true)]
async fn times_and_signal_are_noted_in_a_turn_that_is_used_up() {
    for used in 0..200 {
        let begin = || {
            let (ours, theirs) = tokio::io::duplex(PIPE);
            let (drain, drained) = watch::channel(());
            let answer = large(0);
            let service =
                tower::service_fn(move |_: Request<Incoming>| std::future::ready(Ok(Response::new(answer()))));
            let serving = tokio::spawn(async move {
                let connections = connections(Limits::default());
                let mut serving = pin!(connections.run(ours, service, drained));
                let mut used = 0..used;
                poll_fn(move |cx| {
                    for _ in used.by_ref() {
                        let _: Poll<()> = pin!(tokio::task::coop::consume_budget()).poll(cx);
                    }
                    serving.as_mut().poll(cx)
                })
                .await;
            });
            (theirs, drain, serving)
        };
        let (mut idle, _drain, serving) = begin();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::timeout(100 * SECOND, serving).await.expect("it was idle").unwrap();
        let (mut told, drain, serving) = begin();
        told.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(SECOND).await;
        drop(drain);
        tokio::time::timeout(SECOND, serving).await.expect("the server ended").unwrap();
    }
}
