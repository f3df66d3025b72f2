//! 106 on a socket: the server behind the accept loop that programs serve it with, and peers who keep to no protocol.
//! Nothing here touches a store.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::Full;
use mcp_oauth::server::AuthService;
use mcp_transport::http::serve::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower_service::Service;

use crate::support::{Bed, FORM, Keeper, Reply};

/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(20);
const HUNDRED_MEGABYTES: usize = 100 << 20;
/// What may lie in the buffers of two sockets that nobody reads. Far less than what is sent.
const BUFFERS: usize = 16 << 20;

/// The service, and how many of its calls are under way.
#[derive(Clone)]
struct Counted {
    service: AuthService,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// A call is over when this is dropped, however it ends.
struct Call(Arc<AtomicUsize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<B> Service<Request<B>> for Counted
where
    AuthService: Service<Request<B>, Response = Response<Full<Bytes>>, Error = std::convert::Infallible>,
    <AuthService as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let (call, answer) = (Call(Arc::clone(&self.now)), self.service.call(request));
        Box::pin(async move {
            let _call = call;
            answer.await
        })
    }
}

/// A server on a socket, until it is dropped.
struct Running {
    address: SocketAddr,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Running {
    async fn start() -> Self {
        let bed = Bed::new(Keeper::memory()).await;
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let counted = Counted { service: bed.service(), now: Arc::default(), most: Arc::default() };
        let (now, most) = (Arc::clone(&counted.now), Arc::clone(&counted.most));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            server.serve(counted, async { stopped.await.unwrap_or_default() }).await;
            drop(bed);
        });
        Self { address, now, most, _stop: stop }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends all of it and gives what comes back until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that has answered already may have closed.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ =
            timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server neither answers nor closes");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whether somebody else is served as ever.
    async fn serves(&self) {
        let head = "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nhost: as.example\r\nconnection: close";
        let answer = self.exchange(format!("{head}\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// Sends a head and then a body that is much too large; gives how much of it was taken, and the answer.
async fn flood(server: &Running, head: String, piece: Vec<u8>) -> (usize, String) {
    let (mut reader, mut writer) = server.connect().await.into_split();
    let writing = tokio::spawn(async move {
        let mut written = 0;
        if writer.write_all(head.as_bytes()).await.is_ok() {
            while written < HUNDRED_MEGABYTES && writer.write_all(&piece).await.is_ok() {
                written += piece.len();
            }
        }
        written
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, reader.read_to_end(&mut answer)).await.expect("the server neither answers nor closes");
    let written = timeout(PATIENCE, writing).await.expect("the server reads on").unwrap();
    (written, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_106_a_hundred_megabytes() {
    let server = Running::start().await;
    let piece = vec![b'a'; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    for (path, media_type) in [("/token", FORM.1), ("/authorize", FORM.1), ("/register", "application/json")] {
        for (length, piece) in [
            (format!("content-length: {HUNDRED_MEGABYTES}"), &piece),
            ("transfer-encoding: chunked".to_owned(), &chunk),
        ] {
            let head =
                format!("POST {path} HTTP/1.1\r\nhost: as.example\r\ncontent-type: {media_type}\r\n{length}\r\n\r\n");
            let (taken, answer) = flood(&server, head, piece.clone()).await;
            // RFC 9110 section 15.5.14.
            assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
            assert!(taken < BUFFERS, "{path}: {taken} bytes were taken");
            server.serves().await;
        }
    }
    assert_eq!(server.now.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_106_heads_that_are_no_heads() {
    let server = Running::start().await;
    let long = format!("GET /authorize?{} HTTP/1.1\r\nhost: as.example\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET /authorize HTTP/1.1\r\nhost: as.example\r\n{}\r\n", "a: b\r\n".repeat(20_000));
    for head in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"GET /authorize\r\n\r\n",
        b"GET  /authorize HTTP/1.1\r\n\r\n",
        b"GET /authorize HTTP/9.9\r\nhost: as.example\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /authorize HTTP/1.1\r\nhost: as.example\r\nx\0y: z\r\n\r\n",
        b"GET /authorize HTTP/1.1\r\nhost: as.example\r\n folded: x\r\n\r\n",
        // RFC 9112 section 6.1: two lengths are one request to us and another one to whoever stands in front.
        b"POST /token HTTP/1.1\r\nhost: as.example\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /token HTTP/1.1\r\nhost: as.example\r\ncontent-length: -1\r\n\r\n",
        b"POST /token HTTP/1.1\r\nhost: as.example\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /token HTTP/1.1\r\nhost: as.example\r\ntransfer-encoding: x\r\n\r\n",
        b"POST /token HTTP/1.1\r\nhost: as.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let answer = server.exchange(head).await;
        let status = answer.split(' ').nth(1).unwrap_or("none").to_owned();
        assert!(
            ["none", "400", "414", "431"].contains(&&*status),
            "{:?}: {answer}",
            String::from_utf8_lossy(&head[..30.min(head.len())])
        );
        assert!(!answer.contains("location:"), "{answer}");
    }
    server.serves().await;
}

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// RFC 7541: a request without a body, every name from the static table.
fn head(method: u8, path: &str) -> Vec<u8> {
    let literal = |name: u8, value: &str| [&[name, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    [&[method, 0x87][..], &literal(0x04, path), &literal(0x01, "as.example")].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: u8 = 0x82;
const POST: u8 = 0x83;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

// CVE-2023-44487: streams that are opened and reset at once, so that they never count as open.
#[tokio::test(flavor = "multi_thread")]
async fn attack_106_streams_that_are_reset_at_once() {
    let server = Running::start().await;
    for (method, path, flags) in [(GET, "/authorize?client_id=x", 5), (POST, "/token", 4)] {
        let (mut reader, mut writer) = server.connect().await.into_split();
        let writing = tokio::spawn(async move {
            writer.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await?;
            for number in 0..20_000_u32 {
                let stream = 2 * number + 1;
                let open = frame(HEADERS, flags, stream, &head(method, path));
                // CANCEL.
                writer.write_all(&[open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()).await?;
            }
            // Until the server is done with it all.
            std::future::pending::<()>().await;
            Ok::<_, std::io::Error>(())
        });
        let mut answer = Vec::new();
        let closed = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
        writing.abort();
        assert!(closed.is_ok(), "the server goes along with it");
        let goaway = goaway(&answer).expect("it says why");
        // ENHANCE_YOUR_CALM (RFC 9113 section 7).
        assert_eq!(goaway, 11);
        server.serves().await;
    }
    // Never more at a time than a connection may have open; and none is left over.
    assert!(server.most.load(Ordering::SeqCst) <= 256, "{:?}", server.most);
    for _ in 0..200 {
        if server.now.load(Ordering::SeqCst) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} calls go on without anybody who waits for them", server.now);
}

/// The error code of the GOAWAY among these frames.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        let payload = rest.get(..length)?;
        if *kind == GOAWAY {
            return Some(u32::from_be_bytes(payload.get(4..8)?.try_into().unwrap()));
        }
        frames = &rest[length..];
    }
    None
}

/// A body of which nothing comes.
struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

// RFC 9110 section 15.5.9: whoever does not send what they announced is not waited for.
#[tokio::test(start_paused = true)]
async fn attack_106_a_body_that_does_not_come() {
    let bed = Bed::new(Keeper::memory()).await;
    for path in ["/token", "/register", "/authorize", "/introspect"] {
        let request = Request::post(path).header("host", "as.example").header(FORM.0, FORM.1).body(Silent).unwrap();
        let answer = timeout(Duration::from_secs(11), bed.service().call(request)).await.expect("it is waited for");
        assert_eq!(Reply::read(answer.unwrap()).await.status, 408, "{path}");
    }
}
