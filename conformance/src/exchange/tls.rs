//! Whom the client believes, and who it is to the server.
//!
//! Beside authorities, `--ca` takes the server's own certificate, as `openssl req -x509` makes it: such a certificate
//! calls itself an authority, and the usual verifier refuses it as a server's. Here a certificate that was given is
//! believed when it comes, byte for byte, and is for the host name in the URL.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use super::{NotSent, Settings};

/// The configuration for a server at that base URL. Errors: a file that is no PEM, or that lacks what it is for.
pub(super) fn config(base: &str, settings: &Settings) -> Result<ClientConfig, NotSent> {
    let provider = Arc::new(ring::default_provider());
    let given = certificates(settings)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| NotSent(format!("TLS cannot be set up: {error}.")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(base, settings, given, provider)?));
    let Some(pem) = &settings.identity else { return Ok(builder.with_no_client_auth()) };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| NotSent(format!("The client certificate is not PEM: {error}.")))?;
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| NotSent(format!("The client certificate's private key cannot be read: {error}.")))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| NotSent(format!("The client certificate cannot be used: {error}.")))
}

/// What `--ca` holds.
fn certificates(settings: &Settings) -> Result<Vec<CertificateDer<'static>>, NotSent> {
    let Some(pem) = &settings.ca else { return Ok(Vec::new()) };
    let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let given = given.map_err(|error| NotSent(format!("The CA file is not PEM: {error}.")))?;
    if given.is_empty() {
        return Err(NotSent("The CA file holds no certificate.".to_owned()));
    }
    Ok(given)
}

#[derive(Debug)]
struct Verifier {
    /// None takes any certificate.
    usual: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that are believed as they are.
    given: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(
        base: &str,
        settings: &Settings,
        given: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, NotSent> {
        // Reading the system's takes longer than a whole run against a server without TLS.
        if settings.insecure || !base.starts_with("https:") {
            return Ok(Self { usual: None, given, provider });
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(given.iter().cloned());
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let usual = usual.map_err(|_| {
            NotSent("This system has no certificates of authorities: give the server's with --ca.".to_owned())
        })?;
        Ok(Self { usual: Some(usual), given, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(usual) = &self.usual else { return Ok(ServerCertVerified::assertion()) };
        if self.given.contains(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
