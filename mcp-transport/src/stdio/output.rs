//! The one writer: whole frames, one per line.

use std::{future::Future, io, pin::pin, thread};

use bytes::{BufMut, BytesMut};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
};

use super::queue::{Frame, Receipt};

/// Small frames that wait together are written together, up to about this many bytes.
const CHUNK: usize = 32 << 10;

/// How many frames are taken from the queue at once.
const AT_ONCE: usize = 64;

/// Writes `frames` until nobody sends any more; flushes whenever the queue is empty.
pub(super) async fn write(mut frames: mpsc::Receiver<Frame>, writer: impl AsyncWrite) -> io::Result<()> {
    let mut writer = pin!(writer);
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut chunk = Chunk::default();
    while frames.recv_many(&mut taken, AT_ONCE).await > 0 {
        for frame in taken.drain(..) {
            chunk.put(frame);
            if chunk.text.len() >= CHUNK {
                writer.write_all(&chunk.text).await?;
                chunk.is_written();
            }
        }
        writer.write_all(&chunk.text).await?;
        chunk.is_written();
        if frames.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await
}

/// Writes `frames` to standard output, from a thread of its own: a client that does not read must not keep the runtime
/// from stopping, as a blocking write within the runtime would.
pub(super) fn write_on_thread(
    frames: mpsc::Receiver<Frame>,
) -> io::Result<impl Future<Output = io::Result<()>> + Send> {
    let (done, written) = oneshot::channel();
    thread::Builder::new().name("mcp-stdout".into()).spawn(move || {
        let outcome = write_blocking(frames, &mut io::stdout().lock());
        // The receiver is gone if nobody waits for the last words any more.
        let _ = done.send(outcome);
    })?;
    Ok(async { written.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())) })
}

fn write_blocking(mut frames: mpsc::Receiver<Frame>, writer: &mut dyn io::Write) -> io::Result<()> {
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut chunk = Chunk::default();
    while frames.blocking_recv_many(&mut taken, AT_ONCE) > 0 {
        for frame in taken.drain(..) {
            chunk.put(frame);
            if chunk.text.len() >= CHUNK {
                writer.write_all(&chunk.text)?;
                chunk.is_written();
            }
        }
        writer.write_all(&chunk.text)?;
        chunk.is_written();
        if frames.is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()
}

/// What is written at once.
#[derive(Default)]
struct Chunk {
    text: BytesMut,
    receipts: Vec<Receipt>,
}

impl Chunk {
    fn put(&mut self, frame: Frame) {
        put_line(&mut self.text, &frame.bytes);
        self.receipts.push(frame.receipt);
    }

    /// Empties the buffer, and gives a large one back.
    fn is_written(&mut self) {
        if self.text.capacity() > 4 * CHUNK {
            self.text = BytesMut::new();
        }
        self.text.clear();
        self.receipts.drain(..).for_each(Receipt::settle);
    }
}

/// Adds a frame and its end. A line feed within a frame can only stand between tokens, where a blank means the same,
/// since JSON strings hold none; it may come from a result that somebody else wrote in several lines.
fn put_line(chunk: &mut BytesMut, frame: &[u8]) {
    let mut rest = frame;
    chunk.reserve(frame.len() + 1);
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        let (line, after) = rest.split_at(at);
        chunk.put_slice(line);
        chunk.put_u8(b' ');
        rest = after.get(1..).unwrap_or_default();
    }
    chunk.put_slice(rest);
    chunk.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stdio::queue::queue;

    // MCP 2026-07-28, stdio: messages "MUST NOT contain embedded newlines".
    #[test]
    fn a_frame_of_several_lines_becomes_one() {
        let mut out = Vec::new();
        let (send, frames) = queue(usize::MAX);
        send.try_put(send.frame(Bytes::from_static(b"{\n \"a\":\r\n1}\n"))).unwrap();
        send.try_put(send.frame(Bytes::from(vec![b'x'; 3 * CHUNK]))).unwrap();
        let owed = send.owed();
        assert_eq!(owed.messages(), 2);
        drop(send);
        write_blocking(frames, &mut out).unwrap();
        assert_eq!(owed.messages(), 0);
        let lines: Vec<_> = out.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines[0], b"{  \"a\":  1} ");
        assert_eq!((lines[1].len(), lines[2].len(), lines.len()), (3 * CHUNK, 0, 3));
    }

    #[test]
    fn a_broken_output_is_noticed() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (send, frames) = queue(usize::MAX);
        send.try_put(send.frame(Bytes::from_static(b"{}"))).unwrap();
        assert_eq!(write_blocking(frames, &mut Broken).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        send.try_put(send.frame(Bytes::from_static(b"{}"))).unwrap();
        assert_eq!(send.owed().messages(), 2);
    }
}
