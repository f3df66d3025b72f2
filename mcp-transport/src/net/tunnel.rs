//! A way through a proxy: `CONNECT` (RFC 9110 section 9.3.6).

use bytes::BytesMut;
use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connector::Io;
use super::error::{Error, Kind};
use super::target::Target;

/// The longest head that a proxy may answer with.
const LONGEST_HEAD: usize = 16 * 1024;

/// Asks for a tunnel to `target`. When it is done, the stream leads there.
pub(super) async fn open(
    stream: &mut Box<dyn Io>,
    target: &Target,
    authorization: Option<&HeaderValue>,
) -> Result<(), Error> {
    let authority = format!("{}:{}", target.host(), target.port());
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(Error::unavailable)?;
    stream.flush().await.map_err(Error::unavailable)?;

    let mut head = BytesMut::with_capacity(1024);
    let end = loop {
        if let Some(start) = memchr::memmem::find(&head, b"\r\n\r\n") {
            break start + 4;
        }
        if head.len() > LONGEST_HEAD {
            return Err(Error::new(Kind::TooLarge, "the proxy's answer has no end"));
        }
        if stream.read_buf(&mut head).await.map_err(Error::unavailable)? == 0 {
            return Err(Error::unavailable("the proxy has closed the connection"));
        }
    };
    judge(&head)?;
    if head.len() > end {
        // In TLS the client speaks first, so these bytes are not the server's.
        return Err(Error::new(Kind::Protocol, "the proxy says more than its answer"));
    }
    Ok(())
}

/// Any 2xx opens the tunnel.
fn judge(head: &[u8]) -> Result<(), Error> {
    match head {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', status @ ..] => match status {
            [b'2', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r', ..] => Ok(()),
            [b'4', b'0', b'7', ..] => Err(Error::unavailable("the proxy asks for credentials, or for others")),
            _ => Err(Error::unavailable("the proxy refuses the tunnel")),
        },
        _ => Err(Error::new(Kind::Protocol, "the proxy does not speak HTTP/1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(bytes: &'static [u8]) -> (Result<(), Error>, String) {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let proxy = tokio::spawn(async move {
            let mut asked = BytesMut::new();
            while memchr::memmem::find(&asked, b"\r\n\r\n").is_none() {
                theirs.read_buf(&mut asked).await.unwrap();
            }
            // In two pieces, as a network may deliver them.
            let (first, second) = bytes.split_at(bytes.len() / 2);
            theirs.write_all(first).await.unwrap();
            theirs.flush().await.unwrap();
            tokio::task::yield_now().await;
            theirs.write_all(second).await.unwrap();
            String::from_utf8(asked.to_vec()).unwrap()
        });
        let mut stream: Box<dyn Io> = Box::new(ours);
        let target = Target::parse("https://[2001:db8::1]:8443/x").unwrap();
        let opened = open(&mut stream, &target, Some(&HeaderValue::from_static("Basic eA=="))).await;
        (opened, proxy.await.unwrap())
    }

    #[tokio::test]
    async fn asks_for_host_and_port() {
        let (opened, asked) = answer(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n").await;
        opened.unwrap();
        assert_eq!(
            asked,
            "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nhost: [2001:db8::1]:8443\r\nproxy-authorization: Basic eA==\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn other_answers_open_nothing() {
        for (bytes, kind) in [
            (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], Kind::Unavailable),
            (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n", Kind::Unavailable),
            (b"HTTP/1.1 200 OK\r\n\r\nmore", Kind::Protocol),
            (b"SSH-2.0-x\r\n\r\n", Kind::Protocol),
            (b"HTTP/1.1 20", Kind::Unavailable),
        ] {
            assert_eq!(answer(bytes).await.0.unwrap_err().kind(), kind, "{}", String::from_utf8_lossy(bytes));
        }
        let endless: &'static [u8] = Box::leak(vec![b'x'; LONGEST_HEAD * 2].into_boxed_slice());
        assert_eq!(answer(endless).await.0.unwrap_err().kind(), Kind::TooLarge);
    }
}
