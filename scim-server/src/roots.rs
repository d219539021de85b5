//! The certificate authorities by which the server knows other servers.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificates in {}: {source}", path.display())]
pub struct RootsError {
    /// The file.
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The authorities of a PEM file, or those of the system without one.
pub fn load(file: Option<&Path>) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        // One certificate of the system that cannot be read must not take the others with it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let bad = |source| RootsError { path: path.to_owned(), source };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.into()))? {
        roots.add(certificate.map_err(|error| bad(error.into()))?).map_err(|error| bad(error.into()))?;
    }
    if roots.is_empty() {
        return Err(bad("there is none in it; it must have the form of PEM (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(roots)
}
