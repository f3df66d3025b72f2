//! A connection's bytes: plain or TLS, with the first ones read twice to see which HTTP they speak.

use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::activity::{Activity, Framing};
use super::stall::Impatient;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4), and no HTTP/1 request can.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The socket, a `T`.
#[derive(Debug)]
pub(super) enum Stream<T> {
    Plain(Impatient<T>),
    #[cfg(feature = "tls")]
    // Boxed: its state is a kilobyte, which plain connections should not carry.
    Tls(Box<tokio_rustls::server::TlsStream<Impatient<T>>>),
}

/// Calls a method on whichever socket it is.
macro_rules! each {
    ($stream:expr, $pinned:ident => $call:expr) => {
        match $stream {
            Stream::Plain($pinned) => $call,
            #[cfg(feature = "tls")]
            Stream::Tls($pinned) => $call,
        }
    };
}

/// The bytes that were read to tell the framing, to be read again.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    bytes: [u8; PREFACE.len()],
    start: u8,
    end: u8,
}

impl Prefix {
    fn unread(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    /// Reads until the bytes differ from the preface of HTTP/2, or are it.
    ///
    /// HTTP/2 without TLS is spoken by prior knowledge only (RFC 9113 section 3.3); there is no upgrade.
    pub(super) async fn framing(&mut self) -> io::Result<(Framing, Prefix)> {
        let mut prefix = Prefix::default();
        loop {
            let seen = usize::from(prefix.end);
            let Some(room) = prefix.bytes.get_mut(seen..).filter(|room| !room.is_empty()) else {
                return Ok((Framing::Http2, prefix));
            };
            let count = each!(self, stream => stream.read(room).await)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            prefix.end += u8::try_from(count).map_err(io::Error::other)?;
            if !PREFACE.starts_with(prefix.unread()) {
                return Ok((Framing::Http1, prefix));
            }
        }
    }
}

/// The socket as hyper gets it.
#[derive(Debug)]
pub(super) struct Io<T> {
    pub(super) stream: Stream<T>,
    pub(super) prefix: Prefix,
    pub(super) activity: Arc<Activity>,
    /// The peer did not take the last write whole.
    pub(super) stalled: bool,
}

impl<T> Io<T> {
    /// The bytes that told the framing.
    #[cold]
    fn read_again(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let unread = self.prefix.unread();
        let count = unread.len().min(buffer.remaining());
        buffer.put_slice(unread.get(..count).unwrap_or_default());
        self.prefix.start += u8::try_from(count).map_err(io::Error::other)?;
        self.activity.received();
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.stalled = true,
            Poll::Ready(Ok(bytes)) => self.activity.sent(*bytes, mem::take(&mut self.stalled)),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Io<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.prefix.start < this.prefix.end {
            return this.read_again(buffer);
        }
        let before = buffer.filled().len();
        let read = each!(&mut this.stream, stream => Pin::new(stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            this.activity.received();
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = each!(&mut self.stream, stream => Pin::new(stream).poll_write(cx, bytes));
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = each!(&mut self.stream, stream => Pin::new(stream).poll_write_vectored(cx, slices));
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        each!(&self.stream, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.stream, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.stream, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
