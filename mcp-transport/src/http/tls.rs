//! TLS for the accept loop: rustls with ring, and certificates that may change while the server runs.
//!
//! Whoever renews the certificate only has to replace the two files. They are read again every half minute; new
//! handshakes then use the new certificate, and running connections go on. Files that are no good (half
//! written, of different age, unreadable) leave the old certificate in place and are said so in the log, once.

mod load;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::load::TlsError;
use self::load::{Digest, Loaded};

/// What [`TlsConfig::reload`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the files differ from what is in use, or they do not")]
pub enum Reloaded {
    /// The files have changed, and new handshakes use what they hold.
    Changed,
    /// The files are as they were.
    Unchanged,
}

/// A certificate, its key, and how they are served: TLS 1.2 and 1.3, `h2` and `http/1.1` by ALPN.
///
/// Clones share the certificate: reloading one reloads all.
///
/// ```
/// use mcp_transport::http::tls::{Reloaded, TlsConfig};
///
/// # let folder = std::env::temp_dir().join(format!("tls-config-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
/// let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
/// # std::fs::write(&certificate, made.cert.pem())?;
/// # std::fs::write(&key, made.signing_key.serialize_pem())?;
/// let tls = TlsConfig::from_pem_files(&certificate, &key)?;
/// assert_eq!(tls.reload()?, Reloaded::Unchanged);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlsConfig {
    files: Arc<Files>,
    server: Arc<ServerConfig>,
    handshake_timeout: Duration,
    reload_every: Duration,
}

impl TlsConfig {
    /// Reads a certificate chain and its private key, both PEM: the server's own certificate first; the key
    /// PKCS #8, PKCS #1 or SEC 1, not encrypted.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn from_pem_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let Loaded { certified, digest } = load::load(&certificate, &key)?;
        let files = Arc::new(Files { certificate, key, current: RwLock::new(certified), read: Mutex::new(digest) });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&files) as _;
        let mut server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Library)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            files,
            server: Arc::new(server),
            handshake_timeout: Duration::from_secs(10),
            reload_every: Duration::from_secs(30),
        })
    }

    /// How long a handshake may take. 10 s by default.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How often a running server looks at the files. 30 s by default.
    #[must_use]
    pub const fn reload_every(mut self, interval: Duration) -> Self {
        self.reload_every = interval;
        self
    }

    /// Reads the files again now. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// [`TlsError`] as from [`from_pem_files`](Self::from_pem_files); the old certificate stays in use.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        self.files.reload()
    }

    /// Does the server's side of a handshake.
    ///
    /// # Errors
    ///
    /// What broke the handshake off; `TimedOut` if it took too long.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(crate) async fn accept<T>(&self, stream: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = TlsAcceptor::from(Arc::clone(&self.server)).accept(stream);
        tokio::time::timeout(self.handshake_timeout, handshake).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Looks at the files over and over, and never ends.
    pub(crate) async fn keep_current(&self) {
        // A file that stays bad is one sentence in the log, not two a minute.
        let mut complaint = None;
        loop {
            // An interval of nought would be a busy loop.
            tokio::time::sleep(self.reload_every.max(Duration::from_millis(10))).await;
            let files = Arc::clone(&self.files);
            // Reading may block for long, on a network file system say.
            let Ok(outcome) = tokio::task::spawn_blocking(move || files.reload()).await else {
                continue;
            };
            match outcome {
                Ok(Reloaded::Changed) => {
                    complaint = None;
                    tracing::info!(file = %self.files.certificate.display(), "the TLS certificate was read again and is in use");
                }
                Ok(Reloaded::Unchanged) => complaint = None,
                Err(error) => {
                    let text = error.to_string();
                    if complaint.as_ref() != Some(&text) {
                        tracing::warn!("the changed TLS certificate cannot be used, the old one stays: {text}");
                        complaint = Some(text);
                    }
                }
            }
        }
    }
}

/// The two files and what they held when they were last good.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// What the current certificate and key were read from. Also keeps two reloads apart.
    read: Mutex<Digest>,
}

impl Files {
    fn reload(&self) -> Result<Reloaded, TlsError> {
        // Nothing under these locks panics half way through a change, so a poisoned one is as good as new.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if load::digest(&self.certificate, &self.key)? == *read {
            return Ok(Reloaded::Unchanged);
        }
        let Loaded { certified, digest } = load::load(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certified;
        *read = digest;
        Ok(Reloaded::Changed)
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
