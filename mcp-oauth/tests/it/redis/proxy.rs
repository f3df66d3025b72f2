//! A wire to Redis that can be cut.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
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
    /// A word that no answer has from then on: another one of its length stands there.
    pub(super) hidden: Arc<OnceLock<&'static str>>,
    /// As long as somebody holds it, new connections wait.
    pub(super) gate: Arc<Mutex<()>>,
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
            hidden: Arc::default(),
            gate: Arc::default(),
            listener: None,
        };
        let (answers, scripts) = (Arc::clone(&wire.answers), Arc::clone(&wire.scripts));
        let (hidden, gate) = (Arc::clone(&wire.hidden), Arc::clone(&wire.gate));
        wire.listener = Some(tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                drop(gate.lock().await);
                if scripts.load(Ordering::SeqCst) > 0 {
                    tokio::spawn(carry(client, port, Arc::clone(&answers), Arc::clone(&scripts), Arc::clone(&hidden)));
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
async fn carry(
    mut client: TcpStream,
    port: u16,
    answers: Arc<AtomicI64>,
    scripts: Arc<AtomicI64>,
    hidden: Arc<OnceLock<&'static str>>,
) {
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
                if let Some(word) = hidden.get() {
                    hide(&mut answer[..length], word.as_bytes());
                }
                if client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn hide(text: &mut [u8], word: &[u8]) {
    for at in 0..text.len().saturating_sub(word.len()) {
        if text[at..].starts_with(word) {
            text[at..at + word.len()].fill(b'x');
        }
    }
}
