//! A wire to Redis that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Never.
pub(super) const NEVER: i64 = i64::MAX;

/// What is cut. Scripts are counted: each `EVALSHA` or `EVAL`.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) port: u16,
    /// So many scripts from now on, one that has run is not answered: the connection ends instead.
    pub(super) answers: Arc<AtomicI64>,
    /// After so many scripts nothing passes any more.
    pub(super) scripts: Arc<AtomicI64>,
    listener: Option<JoinHandle<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Wire {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut wire = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::new(AtomicI64::new(NEVER)),
            scripts: Arc::new(AtomicI64::new(NEVER)),
            listener: None,
        };
        let (answers, scripts) = (Arc::clone(&wire.answers), Arc::clone(&wire.scripts));
        wire.listener = Some(tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if scripts.load(Ordering::SeqCst) > 0 {
                    tokio::spawn(carry(client, port, Arc::clone(&answers), Arc::clone(&scripts)));
                }
            }
        }));
        wire
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Carries bytes both ways. Each request and each answer of these tests fits into one read.
async fn carry(mut client: TcpStream, port: u16, answers: Arc<AtomicI64>, scripts: Arc<AtomicI64>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut request, mut answer) = (vec![0; 1 << 18], vec![0; 1 << 18]);
    let mut asked = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                asked = request[..length].windows(6).any(|bytes| bytes == b"\r\nEVAL");
                if asked && scripts.fetch_sub(1, Ordering::SeqCst) <= 0 {
                    return;
                }
                if server.write_all(&request[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                // A script that the server does not know has not run.
                let ran = asked && !answer[..length].starts_with(b"-NOSCRIPT");
                if ran && answers.fetch_sub(1, Ordering::SeqCst) == 1 {
                    return;
                }
                if client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
