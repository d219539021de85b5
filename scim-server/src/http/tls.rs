//! TLS: one certificate and key from PEM files, replaced while the server runs.
//!
//! rustls with the ring provider, named here and not installed process-wide, so that nothing else
//! in the process can change what the server speaks: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
//! Clients authenticate with bearer tokens, never with certificates.

pub mod validity;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use scim_protocol::Timestamp;
use tokio_rustls::TlsAcceptor;

/// Why a certificate and key cannot be served. Each message names the file and says what to change.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or may not be read.
    #[error(
        "cannot read {}: {source}; it must be there, and the user that the server runs as must be allowed to read it",
        path.display()
    )]
    Unreadable {
        /// which file
        path: PathBuf,
        /// what the operating system says
        source: io::Error,
    },
    /// A file is not PEM, or a section of it is damaged.
    #[error("{} is not valid PEM: {source}", path.display())]
    Malformed {
        /// which file
        path: PathBuf,
        /// where it breaks
        source: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error(
        "{} holds no certificate: it must have a -----BEGIN CERTIFICATE----- section, the server's own certificate first, then its issuers",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// The key file holds no private key.
    #[error(
        "{} holds no private key: it must have an unencrypted -----BEGIN PRIVATE KEY----- section (PKCS #8; PKCS #1 and SEC 1 are read too)",
        .0.display()
    )]
    NoKey(PathBuf),
    /// Each file is fine by itself; they are not a pair.
    #[error("the key in {} is not the key of the first certificate in {}", key.display(), certificate.display())]
    NotAPair {
        /// the certificate file
        certificate: PathBuf,
        /// the key file
        key: PathBuf,
    },
    /// rustls does not support the algorithm of the certificate or of the key.
    #[error("cannot use the certificate in {} with the key in {}: {source}", certificate.display(), key.display())]
    Unusable {
        /// the certificate file
        certificate: PathBuf,
        /// the key file
        key: PathBuf,
        /// what rustls says
        source: rustls::Error,
    },
}

/// The certificate of the server. New handshakes use the latest pair; existing connections keep theirs.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    pair: ArcSwap<Pair>,
}

/// The pair in use, and when its certificate expires.
struct Pair {
    config: Arc<ServerConfig>,
    end: Option<Timestamp>,
}

impl Tls {
    /// Reads the chain and the key, both PEM, and checks that they belong together.
    pub fn load(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let pair = ArcSwap::from_pointee(read(&certificate, &key)?);
        Ok(Self { certificate, key, pair })
    }

    /// Reads both files again, as on SIGHUP after a renewal. If they are not valid, the pair in use stays, and the
    /// error says why.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.pair.store(Arc::new(read(&self.certificate, &self.key)?));
        Ok(())
    }

    /// The certificate's file.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// When the certificate in use expires; `None` if it cannot be parsed for that.
    pub fn end(&self) -> Option<Timestamp> {
        self.pair.load().end
    }

    /// What performs the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.pair.load().config))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Pair, TlsError> {
    let chain = read_chain(certificate)?;
    let end = chain.first().and_then(validity::end);
    let secret = read_key(key)?;
    let unusable = |source| match source {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::NotAPair { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        source => TlsError::Unusable { certificate: certificate.to_owned(), key: key.to_owned(), source },
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new().map_err(unusable)?;
    Ok(Pair { config: Arc::new(config), end })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_file(path)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Malformed { path: path.to_owned(), source })?;
    if chain.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read_file(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        source => TlsError::Malformed { path: path.to_owned(), source },
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
