//! A client's end of one keep-alive HTTP/1.1 connection: bytes out, one framed answer in.
//!
//! It is raw on purpose. The load generator shares the machine with the server, and what it does not do for an answer, it
//! cannot add to the time of one. It never has two requests under way and reads no chunked answer.

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use memchr::{memchr, memmem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::requests::Target;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection that is kept alive, and the buffer that its answers are read into.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    buffer: BytesMut,
}

/// An answer: its status, and the bytes of its two parts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The status line and the headers, without the empty line.
    pub head: &'a [u8],
    /// The body, or nothing yet if only the head was read.
    pub body: &'a [u8],
}

/// What the head of an answer says about its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes of the head, without the empty line.
    length: usize,
    content_length: Option<usize>,
}

impl Connection<TcpStream> {
    /// Connects, with TCP_NODELAY.
    ///
    /// # Errors
    /// Those of the socket.
    ///
    /// # Cancel safety
    /// A drop gives the connection up.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection over any stream of bytes.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(4096) }
    }

    /// Sends the bytes of one request and reads its answer to the end.
    ///
    /// # Errors
    /// Those of the stream, and `InvalidData` if the answer is not HTTP/1.1, has no `content-length`, or is followed by bytes
    /// that nobody asked for.
    ///
    /// # Cancel safety
    /// None: after a drop the connection is in the middle of an answer and of no more use.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        let head = self.send(request).await?;
        // RFC 9110 8.6: 204 has neither a body nor a content-length.
        let body = match (head.content_length, head.status) {
            (Some(length), _) => length,
            (None, 204) => 0,
            (None, _) => return Err(broken("an answer without content-length")),
        };
        let end = head.length + END_OF_HEAD.len() + body;
        while self.buffer.len() < end {
            self.fill().await?;
        }
        if self.buffer.len() > end {
            return Err(broken("bytes after the end of the answer"));
        }
        Ok(self.answer(head))
    }

    /// Sends the bytes of one request and reads the head of its answer, which is a stream.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange), but for the rules about the body.
    ///
    /// # Cancel safety
    /// None: after a drop the connection is in the middle of an answer and of no more use.
    pub async fn start(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        let head = self.send(request).await?;
        Ok(self.answer(head))
    }

    /// Opens a legacy session: `initialize`, then `notifications/initialized`. Returns the session's id, if it was given one.
    ///
    /// # Errors
    /// Those of [`exchange`](Self::exchange), and `InvalidData` if the statuses are not 200 and 202.
    ///
    /// # Cancel safety
    /// None: the server may hold a session that nobody knows the id of.
    pub async fn open_session(&mut self, target: &Target) -> io::Result<Option<String>> {
        let answer = self.exchange(&target.initialize()).await?;
        if answer.status != 200 {
            return Err(broken("initialize was not answered with 200"));
        }
        let session = answer.header("mcp-session-id").map(str::to_owned);
        let answer = self.exchange(&target.initialized(session.as_deref())).await?;
        if answer.status != 202 {
            return Err(broken("notifications/initialized was not answered with 202"));
        }
        Ok(session)
    }

    /// Writes the request and reads until the head of the answer is whole.
    async fn send(&mut self, request: &[u8]) -> io::Result<Head> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            self.fill().await?;
            if let Some(end) = memmem::find(&self.buffer, END_OF_HEAD) {
                let (head, _) = self.buffer.split_at(end);
                return Head::parse(head).ok_or_else(|| broken("not an HTTP/1.1 answer"));
            }
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn answer(&self, head: Head) -> Answer<'_> {
        let (bytes, rest) = self.buffer.split_at(head.length);
        Answer { status: head.status, head: bytes, body: rest.strip_prefix(END_OF_HEAD).unwrap_or_default() }
    }
}

impl Answer<'_> {
    /// The first header of this name, in any case, if its value is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = lines(self.head).find_map(|line| value_of(line, name.as_bytes()))?;
        std::str::from_utf8(value).ok()
    }

    /// The headers in the order in which they came, those that are text.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        lines(self.head).filter_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            Some((name, value.trim()))
        })
    }
}

impl Head {
    fn parse(head: &[u8]) -> Option<Self> {
        let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        let content_length = match lines(head).find_map(|line| value_of(line, b"content-length")) {
            Some(digits) => Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
            None => None,
        };
        Some(Self { status: std::str::from_utf8(status).ok()?.parse().ok()?, length: head.len(), content_length })
    }
}

/// The lines after the first.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').skip(1)
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(memchr(b':', line)?)?;
    let value = value.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    }

    /// A connection whose peer sends these pieces, one read each, and then hangs up.
    fn scripted(pieces: &'static [&'static str]) -> Connection<tokio::io::DuplexStream> {
        let (near, mut far) = tokio::io::duplex(16);
        tokio::spawn(async move {
            let mut request = [0; 4];
            far.read_exact(&mut request).await.unwrap();
            for piece in pieces {
                far.write_all(piece.as_bytes()).await.unwrap();
            }
        });
        Connection::new(near)
    }

    #[test]
    fn an_answer_is_framed_by_its_content_length_however_it_is_cut() {
        run(async {
            let mut connection = scripted(&["HTTP/1.1 20", "0 OK\r\nCONTENT-length:  5\r\nX: y\r", "\n\r\nhe", "llo"]);
            let answer = connection.exchange(b"ping").await.unwrap();
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, b"hello");
            assert_eq!(answer.header("x"), Some("y"));
            assert_eq!(answer.headers().count(), 2);
        });
    }

    #[test]
    fn a_broken_frame_is_an_error() {
        run(async {
            for pieces in [
                &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello"][..],
                &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
                &["HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"],
                &["HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"],
                &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"],
            ] {
                assert!(scripted(pieces).exchange(b"ping").await.is_err(), "{pieces:?}");
            }
        });
    }

    #[test]
    fn no_content_needs_no_length() {
        run(async {
            let mut connection = scripted(&["HTTP/1.1 204 No Content\r\n\r\n"]);
            let answer = connection.exchange(b"ping").await.unwrap();
            assert_eq!((answer.status, answer.body), (204, &b""[..]));
        });
    }

    #[test]
    fn a_stream_starts_with_its_head() {
        run(async {
            let mut connection = scripted(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]);
            assert_eq!(connection.start(b"ping").await.unwrap().status, 200);
        });
    }
}
