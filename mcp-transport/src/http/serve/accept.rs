//! Accepting, and what to do when it fails.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::TcpKeepalive;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use super::ConnectInfo;

/// How many connections wait to be accepted, at most; the system may allow fewer. The usual 128 overflow when
/// a few hundred clients come back at once, and each one over waits a second before it tries again.
const BACKLOG: u32 = 4096;

/// Binds and listens.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait until the old connections are forgotten. On Windows the same switch would let two
    // servers share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where connections come from; a listener, or in tests one that fails. What is spoken on them, it does not know: `tls` is
/// set by whoever does.
pub(super) trait Accept {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, ConnectInfo)>>;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, ConnectInfo)> {
        loop {
            let (stream, remote) = Self::accept(self).await?;
            match prepare(&stream) {
                Ok(local) => return Ok((stream, ConnectInfo { remote, local, tls: false })),
                // The listener is as good as before.
                Err(error) if is_gone(&error) => tracing::debug!(%error, "a connection was gone when it was accepted"),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a connection could not be prepared because its peer has closed it: some systems say so, as of a wrong argument.
fn is_gone(error: &io::Error) -> bool {
    concerns_one_connection(error) || matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}

/// Sets what we need of a connection.
fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer in two writes would else wait for the peer's delayed acknowledgement, 40 ms each time.
    stream.set_nodelay(true)?;
    limit_unsent(stream);
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_keepalive(&PROBES) {
        tracing::debug!(%error, "peers that are gone without a word are not looked for");
    }
    stream.local_addr()
}

/// A peer that is gone without a word is noticed after two minutes, where nothing is on its way to it: HTTP/1 has no ping,
/// and an answer may take long to be made.
const PROBES: TcpKeepalive = {
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(60));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let probes = probes.with_interval(Duration::from_secs(15)).with_retries(4);
    probes
};

/// How many bytes of an answer the system takes beyond those that are on their way.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Left alone, the system takes megabytes and asks for more only when a third of them is gone. A client that reads slowly
/// would seem to read nothing for minutes, and a ping would stand behind all of it.
fn limit_unsent(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT) {
        // It serves all the same, as on systems where no such limit can be set.
        tracing::debug!(%error, "what the system takes of answers is not limited");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses between attempts to accept while accepting fails.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Option<(Duration, Instant)>,
}

impl Backoff {
    /// Takes note of an error: one of the listener or the system makes for a pause that doubles up to a second.
    pub(super) fn failed(&mut self, error: &io::Error) {
        if concerns_one_connection(error) {
            return;
        }
        let length = match self.pause {
            None => {
                // Said once for a row of failures, not once for each.
                tracing::error!(%error, "connections cannot be accepted at the moment; trying on");
                FIRST_PAUSE
            }
            Some((length, _)) => (length * 2).min(LONGEST_PAUSE),
        };
        self.pause = Some((length, Instant::now() + length));
    }

    pub(super) fn succeeded(&mut self) {
        if self.pause.take().is_some() {
            tracing::info!("connections are accepted again");
        }
    }

    /// Waits out the pause, if there is one.
    pub(super) async fn wait(&self) {
        if let Some((_, until)) = self.pause {
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Errors of a connection that was gone before it was accepted. The next one may be fine, so what lasts must not be here.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_second_and_end_with_success() {
        let mut backoff = Backoff::default();
        let out_of_descriptors = io::Error::other("too many open files");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            backoff.failed(&out_of_descriptors);
            let before = Instant::now();
            backoff.wait().await;
            pauses.push(u64::try_from(before.elapsed().as_millis()).unwrap());
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        backoff.succeeded();
        let before = Instant::now();
        backoff.wait().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn error_of_one_connection_makes_no_pause() {
        let mut backoff = Backoff::default();
        backoff.failed(&io::ErrorKind::ConnectionAborted.into());
        assert!(backoff.pause.is_none());
    }

    // It would be said at once, without an end, and keep a processor busy.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn listener_that_another_holder_has_shut_down_is_waited_with() {
        let mut listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        socket2::SockRef::from(&listener).shutdown(std::net::Shutdown::Both).unwrap();
        let mut backoff = Backoff::default();
        for _ in 0..2 {
            let Err(error) = Accept::accept(&mut listener).await else { panic!("it is shut down") };
            backoff.failed(&error);
            assert!(backoff.pause.take().is_some(), "{error}");
        }
    }
}
