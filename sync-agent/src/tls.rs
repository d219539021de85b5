//! TLS to other servers: whom to believe, and who the agent is to them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct TlsError {
    /// What was tried, with the file.
    what: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl TlsError {
    fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

/// How connections to the directory are protected.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// StartTLS on `ldap://`.
    pub start_tls: bool,
    /// Authorities to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key of the agent, PEM: for a bind by certificate.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// TLS with the authorities of the file, or else those of the system, and the agent's own certificate.
pub fn client_config(tls: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let roots = roots(tls.ca_file.as_deref())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new("TLS cannot be set up", error))?
        .with_root_certificates(roots);
    let Some((cert, key)) = &tls.client else { return Ok(builder.with_no_client_auth()) };
    let unreadable = |path: &Path, error| TlsError::new(format!("cannot read {}", path.display()), error);
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(cert, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| TlsError::new("the client certificate cannot be used", error))
}

/// The authorities to trust: those of a PEM file, or the system's.
fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = file {
        let what = || format!("cannot read certificates from {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| TlsError::new(what(), error))? {
            let certificate = certificate.map_err(|error| TlsError::new(what(), error))?;
            roots.add(certificate).map_err(|error| TlsError::new(what(), error))?;
        }
        if roots.is_empty() {
            return Err(TlsError::new(what(), "there is no certificate in it"));
        }
    } else {
        // One unreadable certificate of the system must not take all others with it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}
