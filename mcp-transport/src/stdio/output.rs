//! The one writer: whole frames, one per line.

use std::{future::Future, io, pin::pin, thread};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
};

/// Small frames that wait together are written together, up to about this many bytes.
const CHUNK: usize = 32 << 10;

/// How many frames are taken from the queue at once.
const AT_ONCE: usize = 64;

/// Writes `frames` until nobody sends any more; flushes whenever the queue is empty.
pub(super) async fn write(mut frames: mpsc::Receiver<Bytes>, writer: impl AsyncWrite) -> io::Result<()> {
    let mut writer = pin!(writer);
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut chunk = BytesMut::new();
    while frames.recv_many(&mut taken, AT_ONCE).await > 0 {
        for frame in taken.drain(..) {
            put_line(&mut chunk, &frame);
            if chunk.len() >= CHUNK {
                writer.write_all(&chunk).await?;
                clear(&mut chunk);
            }
        }
        writer.write_all(&chunk).await?;
        clear(&mut chunk);
        if frames.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await
}

/// Writes `frames` to standard output, from a thread of its own: a client that does not read must not keep the runtime
/// from stopping, as a blocking write within the runtime would.
pub(super) fn write_on_thread(
    frames: mpsc::Receiver<Bytes>,
) -> io::Result<impl Future<Output = io::Result<()>> + Send> {
    let (done, written) = oneshot::channel();
    thread::Builder::new().name("mcp-stdout".into()).spawn(move || {
        let outcome = write_blocking(frames, &mut io::stdout().lock());
        // The receiver is gone if nobody waits for the last words any more.
        let _ = done.send(outcome);
    })?;
    Ok(async { written.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())) })
}

fn write_blocking(mut frames: mpsc::Receiver<Bytes>, writer: &mut dyn io::Write) -> io::Result<()> {
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut chunk = BytesMut::new();
    while frames.blocking_recv_many(&mut taken, AT_ONCE) > 0 {
        for frame in taken.drain(..) {
            put_line(&mut chunk, &frame);
            if chunk.len() >= CHUNK {
                writer.write_all(&chunk)?;
                clear(&mut chunk);
            }
        }
        writer.write_all(&chunk)?;
        clear(&mut chunk);
        if frames.is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()
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

/// Empties the buffer, and gives a large one back.
fn clear(chunk: &mut BytesMut) {
    if chunk.capacity() > 4 * CHUNK {
        *chunk = BytesMut::new();
    }
    chunk.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    // MCP 2026-07-28, stdio: messages "MUST NOT contain embedded newlines".
    #[test]
    fn a_frame_of_several_lines_becomes_one() {
        let mut out = Vec::new();
        let (send, frames) = mpsc::channel(4);
        send.try_send(Bytes::from_static(b"{\n \"a\":\r\n1}\n")).unwrap();
        send.try_send(Bytes::from(vec![b'x'; 3 * CHUNK])).unwrap();
        drop(send);
        write_blocking(frames, &mut out).unwrap();
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
        let (send, frames) = mpsc::channel(4);
        send.try_send(Bytes::from_static(b"{}")).unwrap();
        assert_eq!(write_blocking(frames, &mut Broken).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(send.is_closed());
    }
}
