//! Standard input, read by a thread.

use std::{
    io::{self, Read as _},
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::mpsc,
};

/// How much is read at once: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// How many pieces may wait to be taken.
const AHEAD: usize = 2;

/// Standard input, read by a thread that does not keep the process alive. (A blocking read within the runtime keeps
/// the runtime from stopping until the client writes or closes.)
#[derive(Debug)]
pub(super) struct Stdin {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Stdin {
    pub(super) fn open() -> io::Result<Self> {
        let (send, pieces) = mpsc::channel(AHEAD);
        thread::Builder::new().name("mcp-stdin".into()).spawn(move || read(&send))?;
        Ok(Self { pieces, piece: Bytes::new() })
    }
}

fn read(send: &mpsc::Sender<io::Result<Bytes>>) {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; CHUNK];
    loop {
        let piece = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => Ok(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = piece.is_err();
        if send.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.piece.is_empty() {
            match self.pieces.poll_recv(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok(piece))) => self.piece = piece,
            }
        }
        let length = self.piece.len().min(into.remaining());
        into.put_slice(self.piece.get(..length).unwrap_or_default());
        self.piece.advance(length);
        Poll::Ready(Ok(()))
    }
}
