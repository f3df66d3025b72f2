//! Check 89: slow, endless, compressed and broken answers end in time, and all of them look alike.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use mcp_transport::net::{Client, ClientBuilder, Error, Policy, Response, Timeouts};

use super::support::{Authority, Server, client, get, nobody, raw, target, within};

const SOON: Duration = Duration::from_millis(300);

fn operator() -> ClientBuilder {
    client(Policy::operator(), &Authority::new())
}

async fn fetch(client: &Client, address: SocketAddr) -> Result<Response<Bytes>, Error> {
    let started = Instant::now();
    let result = within(client.get(&target(&format!("http://{address}/")), 5 * 1024)).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{result:?} after {:?}", started.elapsed());
    result
}

fn bytes(parts: &[&str]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// One byte at a time.
fn drip(text: &str) -> Vec<Vec<u8>> {
    text.bytes().map(|byte| vec![byte]).collect()
}

#[tokio::test]
async fn attack_089_slow_heads_and_bodies_are_cut_off() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n";
    let slow_body = [bytes(&[head]), drip(&"x".repeat(4000))].concat();
    let timeouts = Timeouts::new().connect(SOON).head(SOON).total(Some(SOON * 2));
    let client = operator().timeouts(timeouts).build().unwrap();
    for (what, pieces) in [
        ("silent", Vec::new()),
        ("slow head", drip(&head.repeat(20))),
        ("slow body", slow_body.clone()),
        (
            "slow chunks",
            [bytes(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]), drip(&"1\r\nx\r\n".repeat(900))]
                .concat(),
        ),
        ("endless interim responses", vec![b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(); 1000]),
    ] {
        let address = raw(pieces, Duration::from_millis(20)).await;
        let error = fetch(&client, address).await.unwrap_err();
        assert!(error.is_timeout(), "{what}: {error:?}");
    }
    // The limit on silence alone, for streams that stay open.
    let timeouts = Timeouts::new().head(SOON).idle(Some(SOON)).total(None);
    let client = operator().timeouts(timeouts).build().unwrap();
    let address = raw(bytes(&[head, "some"]), Duration::from_millis(20)).await;
    assert!(fetch(&client, address).await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn attack_089_a_peer_that_accepts_and_says_nothing_is_given_up() {
    // A listener whose queue nobody empties: TCP connects, TLS hears nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = operator().timeouts(Timeouts::new().connect(SOON)).build().unwrap();
    let url = target(&format!("https://{}/", listener.local_addr().unwrap()));
    assert!(within(client.get(&url, 100)).await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn attack_089_large_bodies_are_cut_off() {
    let client = operator().build().unwrap();
    let large = "x".repeat(5 * 1024 + 1);
    for (what, answer) in [
        ("announced", format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{large}", large.len())),
        ("announced far too large", "HTTP/1.1 200 OK\r\ncontent-length: 999999999999999\r\n\r\n".to_owned()),
        (
            "chunked",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
        ),
        ("until the end", format!("HTTP/1.1 200 OK\r\n\r\n{large}")),
    ] {
        let address = raw(bytes(&[&answer]), SOON).await;
        let error = fetch(&client, address).await.unwrap_err();
        assert!(error.is_too_large(), "{what}: {error:?}");
    }
    // The limit of the client holds also for those who read in pieces.
    let client = operator().body_limit(10).build().unwrap();
    let address = raw(bytes(&["HTTP/1.1 200 OK\r\n\r\n", "12345", "67890", "1"]), Duration::from_millis(50)).await;
    let mut response = within(client.send(get(&format!("http://{address}/")))).await.unwrap();
    let mut read = 0;
    let error = loop {
        match within(response.chunk()).await {
            Ok(piece) => read += piece.expect("the limit comes before the end").len(),
            Err(error) => break error,
        }
    };
    assert!(error.is_too_large() && read == 10, "{read}");
    assert_eq!(within(response.chunk()).await.unwrap(), None, "after an error it is over");
}

#[tokio::test]
async fn body_of_just_the_limit_is_read() {
    let client = operator().body_limit(5 * 1024).build().unwrap();
    let body = "x".repeat(5 * 1024);
    let address =
        raw(bytes(&[&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())]), SOON).await;
    assert_eq!(fetch(&client, address).await.unwrap().into_body(), body);
}

// RFC 9110 12.5.3: a server that cannot send `identity` is to say so.
#[tokio::test]
async fn attack_089_compressed_bodies_are_refused_before_they_are_read() {
    let client = operator().build().unwrap();
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "GZIP", "x-unknown"] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 4\r\n\r\nbomb");
        let address = raw(bytes(&[&answer]), SOON).await;
        let error = fetch(&client, address).await.unwrap_err();
        assert!(error.is_encoding(), "{encoding}: {error:?}");
    }
    let address =
        raw(bytes(&["HTTP/1.1 200 OK\r\ncontent-encoding: Identity\r\ncontent-length: 4\r\n\r\nfine"]), SOON).await;
    assert_eq!(fetch(&client, address).await.unwrap().into_body(), "fine");
}

#[tokio::test]
async fn attack_089_what_is_no_http_is_refused_and_everything_reads_alike() {
    let client = operator().build().unwrap();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(500));
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(300 * 1024));
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "+PONG\r\n\r\n",
        "<html>\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        &many,
        &long,
    ] {
        let address = raw(bytes(&[answer]), SOON).await;
        let error = fetch(&client, address).await.unwrap_err();
        assert!(error.is_protocol(), "{answer:.40}: {error:?}");
        assert_eq!(error.to_string(), "the request to the other server failed");
    }
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = fetch(&client, address).await.unwrap_err();
        assert!(error.is_unavailable(), "{answer:?}: {error:?}");
        assert_eq!(error.to_string(), "the request to the other server failed");
    }
    // Nobody there.
    let (_held, gone) = nobody();
    let error = fetch(&client, gone).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(error.to_string(), "the request to the other server failed");
}

#[tokio::test]
async fn any_status_is_a_response_and_fields_of_the_connection_are_ours() {
    let server = Server::plain(|seen| {
        let status: u16 = seen.uri.path().trim_start_matches('/').parse().unwrap();
        http::Response::builder().status(status).body(seen.body.clone().into()).unwrap()
    })
    .await;
    let client = operator().user_agent(http::HeaderValue::from_static("test/1")).build().unwrap();
    for status in [200, 201, 204, 301, 404, 500, 599] {
        let request = Request::post(format!("http://{}/{status}", server.address))
            .header("host", "evil.example")
            .header("connection", "upgrade")
            .header("upgrade", "h2c")
            .header("transfer-encoding", "chunked")
            .header("content-length", "999")
            .header("accept-encoding", "gzip")
            .header("proxy-authorization", "Basic x")
            .header("expect", "100-continue")
            .header("x-own", "kept")
            .body(Bytes::from_static(b"body"))
            .unwrap();
        let response = within(client.fetch(request, 100)).await.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        let seen = server.last();
        assert_eq!((seen.body.as_ref(), seen.method.as_str()), (&b"body"[..], "POST"));
        assert_eq!(seen.host(), server.address.to_string());
        for (name, value) in [
            ("accept-encoding", "identity"),
            ("content-length", "4"),
            ("user-agent", "test/1"),
            ("x-own", "kept"),
            ("connection", ""),
            ("upgrade", ""),
            ("transfer-encoding", ""),
            ("proxy-authorization", ""),
            ("expect", ""),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
    }
    let connect = Request::connect(format!("http://{}/", server.address)).body(Bytes::new()).unwrap();
    assert!(within(client.send(connect)).await.unwrap_err().is_invalid());
    let relative = Request::get("/200").body(Bytes::new()).unwrap();
    assert!(within(client.send(relative)).await.unwrap_err().is_invalid());
}
