//! The socket of administration: a Unix socket in the data folder, for the server's own user and root alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::request::{Answer, Request};
use crate::error::Failure;

/// The longest line, in bytes. A client with the largest key set that is taken fits into it, and so does a page of them.
pub(super) const LONGEST: u64 = 8 << 20;
/// How many connections are served at once.
const MOST: usize = 8;
/// How long a connection may say nothing, or not take an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket. It is taken away at the end.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Whether another server answers at this path.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    pub(crate) async fn is_answered(path: &Path) -> bool {
        UnixStream::connect(path).await.is_ok()
    }

    /// Makes the socket, and takes the place of one that a server has left behind.
    pub(crate) fn bind(path: &Path) -> Result<Self, Failure> {
        Self::make(path).map_err(Failure::Socket)
    }

    fn make(path: &Path) -> io::Result<Self> {
        // It gets its name once it has its mode: at no time may others connect.
        let beside = path.with_extension(std::process::id().to_string());
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&beside)?;
        let named =
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).and_then(|()| fs::rename(&beside, path));
        if let Err(error) = named {
            // What matters has failed already.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers, until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropped, commands that are being carried out are dropped too.
    pub(crate) async fn serve(self, desk: Arc<Desk>) {
        let own = rustix::process::geteuid().as_raw();
        let slots = Arc::new(Semaphore::new(MOST));
        let mut connections = JoinSet::new();
        loop {
            // It is never closed.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(%error, "the socket of administration cannot be listened to at the moment");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            match stream.peer_cred() {
                Ok(peer) if may_administer(peer.uid(), own) => {}
                Ok(peer) => {
                    tracing::warn!(
                        uid = peer.uid(),
                        "another user tried to administer the server, and was turned away"
                    );
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "it cannot be told who wants to administer the server");
                    continue;
                }
            }
            let desk = Arc::clone(&desk);
            connections.spawn(async move {
                let _slot = slot;
                if let Err(error) = converse(stream, &desk).await {
                    tracing::debug!(%error, "a connection of administration ended early");
                }
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // If it is gone already, so much the better.
        let _ = fs::remove_file(&self.path);
    }
}

/// The mode of the socket says the same; it can be changed, and this cannot.
const fn may_administer(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

async fn converse(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(line) = tokio::time::timeout(PATIENCE, read_line(&mut stream)).await?? else { return Ok(()) };
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => Answer::from(desk.answer(request).await),
            // Not what it says: it may have been a secret.
            Err(_) => Answer::Usage("the server knows no such command; it may be of another version".to_owned()),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        tokio::time::timeout(PATIENCE, stream.get_mut().write_all(&line)).await??;
    }
}

/// The next line, without its end; `None` at the end of the stream.
pub(super) async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = (&mut *stream).take(LONGEST).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn attack_109_only_the_own_user_and_root_administer() {
        assert!(may_administer(1000, 1000) && may_administer(0, 1000) && may_administer(0, 0));
        assert!(!may_administer(1001, 1000) && !may_administer(1000, 0));
    }

    #[tokio::test]
    async fn attack_109_the_socket_is_private_and_goes_with_the_server() {
        let scratch = Scratch::new();
        let path = scratch.path("admin.sock");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(Socket::is_answered(&path).await);
        drop(socket);
        assert!(!path.exists() && !Socket::is_answered(&path).await);
    }

    #[tokio::test]
    async fn one_that_was_left_behind_is_replaced() {
        let scratch = Scratch::new();
        let path = scratch.path("admin.sock");
        // A process that was killed leaves its socket.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists() && !Socket::is_answered(&path).await);
        let _socket = Socket::bind(&path).unwrap();
        assert!(Socket::is_answered(&path).await);
    }

    #[tokio::test]
    async fn lines_have_an_end_and_a_bound() {
        let read = async |bytes: &[u8]| read_line(&mut BufReader::new(bytes)).await;
        assert_eq!(read(b"one\ntwo\n").await.unwrap(), Some(b"one".to_vec()));
        assert_eq!(read(b"").await.unwrap(), None);
        assert_eq!(read(b"cut").await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let long = vec![b'x'; usize::try_from(LONGEST).unwrap() + 10];
        assert_eq!(read(&long).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
