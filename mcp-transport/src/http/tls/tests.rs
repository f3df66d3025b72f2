use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder of its own for each test, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mcp-transport-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn in_use(tls: &TlsConfig) -> Vec<u8> {
    tls.files.current.read().unwrap().cert[0].to_vec()
}

#[test]
fn good_pair_is_loaded_and_offers_both_protocols() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let tls = TlsConfig::from_pem_files(folder.write("cert", &certificate), folder.write("key", &key)).unwrap();
    assert_eq!(tls.server.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

fn error(certificate: &Path, key: &Path) -> TlsError {
    TlsConfig::from_pem_files(certificate, key).unwrap_err()
}

#[test]
fn errors_name_the_file_and_the_mistake() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let (good_certificate, good_key) = (folder.write("cert", &certificate), folder.write("key", &key));
    let other_key = folder.write("other", &pair().1);
    let missing = folder.0.join("missing");
    let garbage = folder.write("garbage", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
    let not_der = folder.write("not-der", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let pkcs8 =
        folder.write("pkcs8", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let pkcs1 = folder.write(
        "pkcs1",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let strange = folder.write("strange", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");

    let message = error(&missing, &good_key).to_string();
    assert!(message.starts_with("cannot read") && message.contains("missing"), "{message}");
    assert!(matches!(error(&good_certificate, &missing), TlsError::Unreadable { path, .. } if path == missing));
    for bad in [&garbage, &not_der, &good_key] {
        assert!(matches!(error(bad, &good_key), TlsError::NoCertificate { path } if path == *bad), "{bad:?}");
    }
    assert!(matches!(error(&good_certificate, &good_certificate), TlsError::NoKey { .. }));
    assert!(matches!(error(&good_certificate, &pkcs8), TlsError::EncryptedKey { .. }));
    assert!(matches!(error(&good_certificate, &pkcs1), TlsError::EncryptedKey { .. }));
    assert!(matches!(error(&good_certificate, &strange), TlsError::UnsupportedKey { .. }));
    assert!(matches!(error(&good_certificate, &other_key), TlsError::Mismatch { .. }));
}

#[test]
fn reload_takes_a_new_pair_and_keeps_the_old_one_over_a_bad_one() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let (certificate_path, key_path) = (folder.write("cert", &certificate), folder.write("key", &key));
    let tls = TlsConfig::from_pem_files(&certificate_path, &key_path).unwrap();
    let first = in_use(&tls);
    assert_eq!(tls.reload().unwrap(), Reloaded::Unchanged);

    // Half of a replacement: the certificate is new, the key is not yet.
    let (new_certificate, new_key) = pair();
    folder.write("cert", &new_certificate);
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
    assert_eq!(in_use(&tls), first);
    std::fs::remove_file(&key_path).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unreadable { .. })));
    assert_eq!(in_use(&tls), first);

    folder.write("key", &new_key);
    let clone = tls.clone();
    assert_eq!(clone.reload().unwrap(), Reloaded::Changed);
    assert_ne!(in_use(&tls), first);
    assert_eq!(tls.reload().unwrap(), Reloaded::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn handshake_that_does_not_end_times_out() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let tls = TlsConfig::from_pem_files(folder.write("cert", &certificate), folder.write("key", &key)).unwrap();
    let (_silent, stream) = tokio::io::duplex(64);
    let started = tokio::time::Instant::now();
    let error = tls.handshake_timeout(Duration::from_secs(3)).accept(stream).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed().as_secs()), (io::ErrorKind::TimedOut, 3));
}
