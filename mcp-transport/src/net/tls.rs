//! Whom we trust: the platform's certificates, and those of a file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;

use super::error::{Error, Kind};
use super::target::Host;

/// TLS 1.2 and 1.3 (rustls with ring) with the trust of the platform, and with more certificate authorities if named.
///
/// Making one reads the certificates of the system from disk, so make one and clone it: clones share them.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    extra: Arc<[CertificateDer<'static>]>,
}

impl Tls {
    /// Trusts whom the platform trusts.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] if the platform has no certificates that could be read.
    pub fn platform() -> Result<Self, Error> {
        Self::with_authorities(Vec::new())
    }

    /// Trusts whom the platform trusts, and the certificates of a PEM file.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] if the file cannot be read, or holds no certificate or a broken one.
    pub fn with_ca_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read(path)
            .map_err(|cause| Error::config(format!("the CA file {} cannot be read: {cause}", path.display())))?;
        Self::with_ca_pem(&text)
            .map_err(|cause| Error::config(format!("the CA file {} is no good: {}", path.display(), Cause(&cause))))
    }

    /// Trusts whom the platform trusts, and certificates in PEM.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] if there is no certificate in it, or a broken one.
    pub fn with_ca_pem(pem: &[u8]) -> Result<Self, Error> {
        let authorities: Vec<_> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(Error::config)?;
        if authorities.is_empty() {
            return Err(Error::config("there is no certificate in it"));
        }
        Self::with_authorities(authorities)
    }

    fn with_authorities(authorities: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let extra: Arc<[_]> = authorities.into();
        let verifier =
            Verifier::new_with_extra_roots(extra.iter().cloned(), Arc::clone(&provider)).map_err(Error::config)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::config)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        // RFC 7301: HTTP/2 where the server has it.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), extra })
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The same trust without a protocol to agree on, for what is not the server of the request.
    pub(super) fn config_without_alpn(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols.clear();
        Arc::new(config)
    }

    /// The certificates that were added to the platform's.
    #[cfg(feature = "redis")]
    pub(super) fn extra(&self) -> &[CertificateDer<'static>] {
        &self.extra
    }
}

/// The name that the certificate has to be for, and that goes into SNI (RFC 6066 section 3).
pub(super) fn server_name(host: Host<'_>) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Name(name) => ServerName::try_from(name.to_owned()).map_err(|cause| Error::new(Kind::Tls, cause)),
        Host::Address(address) => Ok(ServerName::IpAddress(address.into())),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("extra", &self.extra.len()).finish_non_exhaustive()
    }
}

/// The cause of a setting's error, for the text of another one.
struct Cause<'a>(&'a Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(self.0) {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn ca_files_are_read_or_refused_with_a_reason() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = Tls::with_ca_pem(made.cert.pem().as_bytes()).unwrap();
        assert_eq!(tls.extra.len(), 1);
        assert!(tls.config_without_alpn().alpn_protocols.is_empty());
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Tls::with_ca_pem(pem.as_bytes()).unwrap_err().is_config(), "{pem:?}");
        }
        let missing = Tls::with_ca_file("/nowhere/ca.pem").unwrap_err();
        assert!(missing.is_config() && missing.source().unwrap().to_string().contains("/nowhere/ca.pem"));
    }
}
