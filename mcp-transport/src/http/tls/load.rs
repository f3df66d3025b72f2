//! Reading a certificate and its key, with an error that says how to mend it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with the certificate or the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file is missing, or may not be read.
    #[error("cannot read {path:?}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds no certificate, or one that is damaged.
    #[error("{path:?} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no private key, or one that is damaged.
    #[error("{path:?} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is encrypted, and there is nobody to ask for its passphrase.
    #[error("the private key in {path:?} is encrypted: store it decrypted, readable by this program only")]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that cannot be used: RSA, ECDSA on P-256 or P-384, and Ed25519 can.
    #[error("the private key in {path:?} is of an unknown kind: use RSA, ECDSA P-256 or P-384, or Ed25519")]
    UnsupportedKey {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key are not a pair. Seen for a moment while both files are being replaced.
    #[error("the private key in {key:?} does not belong to the certificate in {certificate:?}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The TLS library refuses the certificate or its own settings.
    #[error("the certificate cannot be used: {0}")]
    Library(#[source] rustls::Error),
}

/// SHA-256 of both files, so that the key's bytes need not be kept to see that they changed.
pub(super) type Digest = [u8; ring::digest::SHA256_OUTPUT_LEN];

pub(super) struct Loaded {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) digest: Digest,
}

/// Reads both files for their digest only.
pub(super) fn digest(certificate: &Path, key: &Path) -> Result<Digest, TlsError> {
    Ok(digest_of(&read(certificate)?, &read(key)?))
}

pub(super) fn load(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let (certificate_pem, key_pem) = (read(certificate)?, read(key)?);
    let digest = digest_of(&certificate_pem, &key_pem);
    let no_certificate = || TlsError::NoCertificate { path: certificate.to_owned() };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&certificate_pem).collect::<Result<_, _>>().map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let key_der = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| {
        // PKCS #8 names it in the label, the older form in a `Proc-Type` line.
        if memchr::memmem::find(&key_pem, b"ENCRYPTED").is_some() {
            TlsError::EncryptedKey { path: key.to_owned() }
        } else {
            TlsError::NoKey { path: key.to_owned() }
        }
    })?;
    let signer = rustls::crypto::ring::sign::any_supported_type(&key_der)
        .map_err(|_| TlsError::UnsupportedKey { path: key.to_owned() })?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(_) => no_certificate(),
        other => TlsError::Library(other),
    })?;
    Ok(Loaded { certified: Arc::new(certified), digest })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn digest_of(certificate: &[u8], key: &[u8]) -> Digest {
    let mut both = ring::digest::Context::new(&ring::digest::SHA256);
    // The length in between keeps a byte from moving from one file to the other unseen.
    both.update(&u64::try_from(certificate.len()).unwrap_or(u64::MAX).to_be_bytes());
    both.update(certificate);
    both.update(key);
    let mut digest = Digest::default();
    digest.copy_from_slice(both.finish().as_ref());
    digest
}
