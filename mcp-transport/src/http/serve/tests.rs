use std::collections::VecDeque;
use std::io;

use http_body_util::Empty;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn accepted_connections_do_not_delay_small_writes_and_look_for_their_peer() {
    let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, ends) = Accept::accept(&mut listener).await.unwrap();
    assert!(stream.nodelay().unwrap() && socket2::SockRef::from(&stream).keepalive().unwrap());
    assert_eq!((ends.remote, ends.local), (client.local_addr().unwrap(), client.peer_addr().unwrap()));
}

/// A listener that fails a few times before each connection.
struct Failing {
    errors: VecDeque<io::Error>,
    listener: TcpListener,
}

impl Accept for Failing {
    async fn accept(&mut self) -> io::Result<(TcpStream, ConnectInfo)> {
        match self.errors.pop_front() {
            Some(error) => Err(error),
            None => Accept::accept(&mut self.listener).await,
        }
    }
}

#[tokio::test]
async fn errors_of_accepting_are_waited_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let errors = [
        io::Error::other("too many open files"),
        io::ErrorKind::ConnectionAborted.into(),
        io::ErrorKind::OutOfMemory.into(),
    ];
    let listener = Failing { errors: errors.into(), listener };
    #[cfg(feature = "tls")]
    let connections = Connections::new(Limits::default(), None);
    #[cfg(not(feature = "tls"))]
    let connections = Connections::new(Limits::default());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(run(listener, Limits::default(), connections, Vec::new(), |_| Nothing, async {
        stopped.await.unwrap_or_default();
    }));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stop.send(()).unwrap();
    assert_eq!(serving.await.unwrap(), Report { connections: 1, aborted: 0 });
}

#[derive(Clone)]
struct Nothing;

impl Service<Request<Incoming>> for Nothing {
    type Response = Response<Empty<bytes::Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        std::future::ready(Ok(Response::new(Empty::new())))
    }
}
