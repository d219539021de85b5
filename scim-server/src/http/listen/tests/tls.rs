//! Certificates, and what a client sees of them.

use std::{fs, path::Path};

use rustls::{
    ClientConfig, RootCertStore,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::*;
use crate::http::tls::TlsError;

/// Writes a fresh pair and returns the certificate.
fn write_pair(directory: &Path) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(directory.join("cert.pem"), pair.cert.pem()).unwrap();
    fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().clone()
}

fn load(directory: &Path) -> Result<Tls, TlsError> {
    Tls::load(directory.join("cert.pem"), directory.join("key.pem"))
}

fn client(trusted: CertificateDer<'static>, protocol: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn handshake(
    server: &TestServer,
    connector: &TlsConnector,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    connector.connect(ServerName::try_from("localhost").unwrap(), server.connect().await).await
}

#[tokio::test]
async fn both_protocols_are_spoken_as_negotiated() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_pair(directory.path());
    let server = TestServer::start(limits(), Some(Arc::new(load(directory.path()).unwrap()))).await;

    let mut stream = handshake(&server, &client(certificate.clone(), b"http/1.1")).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].ends_with(b"HTTP/1.1 tls=true"));

    let stream = handshake(&server, &client(certificate, b"h2")).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "HTTP/2.0 tls=true");
}

#[tokio::test]
async fn a_handshake_that_fails_or_never_comes_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let server = TestServer::start(short(), Some(Arc::new(load(directory.path()).unwrap()))).await;
    let mut plain = server.connect().await;
    send(&mut plain, GET).await;
    receive(&mut plain).await;
    let mut silent = server.connect().await;
    lives_for(&mut silent).await;
    assert_eq!(server.metrics.tls_failures.inner().load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn reloading_shows_the_new_certificate_and_keeps_old_connections() {
    let directory = tempfile::tempdir().unwrap();
    let first = write_pair(directory.path());
    let tls = Arc::new(load(directory.path()).unwrap());
    let server = TestServer::start(limits(), Some(Arc::clone(&tls))).await;
    let mut old = handshake(&server, &client(first.clone(), b"http/1.1")).await.unwrap();

    let second = write_pair(directory.path());
    tls.reload().unwrap();
    assert!(handshake(&server, &client(first, b"http/1.1")).await.is_err());
    handshake(&server, &client(second.clone(), b"http/1.1")).await.unwrap();
    old.write_all(GET.as_bytes()).await.unwrap();
    assert!(old.read(&mut [0; 4096]).await.unwrap() > 0);

    fs::write(directory.path().join("key.pem"), "nothing").unwrap();
    assert!(tls.reload().is_err());
    handshake(&server, &client(second, b"http/1.1")).await.unwrap();
}

#[test]
fn each_mistake_names_the_file_and_what_to_do() {
    let (good, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_pair(good.path());
    write_pair(other.path());
    let path = |directory: &Path, name: &str| directory.join(name);
    let (certificate, key) = (path(good.path(), "cert.pem"), path(good.path(), "key.pem"));
    let broken = path(good.path(), "broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    for (certificate, key, expect) in [
        (path(good.path(), "none.pem"), key.clone(), "cannot read"),
        (key.clone(), key.clone(), "holds no certificate"),
        (certificate.clone(), certificate.clone(), "holds no private key"),
        (broken, key.clone(), "is not valid PEM"),
        (certificate, path(other.path(), "key.pem"), "is not the key of the first certificate"),
    ] {
        let error = Tls::load(certificate, key).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains(".pem"), "{error}");
    }
}

#[tokio::test]
async fn old_versions_of_tls_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_pair(directory.path());
    let server = TestServer::start(limits(), Some(Arc::new(load(directory.path()).unwrap()))).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(certificate.clone())))
            .with_no_client_auth();
        let stream = handshake(&server, &TlsConnector::from(Arc::new(config))).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    // A ClientHello of TLS 1.0, which rustls itself cannot send.
    let mut stream = server.connect().await;
    let mut hello = vec![22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0, 47, 0, 53, 1, 0]);
    stream.write_all(&hello).await.unwrap();
    let mut record = [0; 7];
    stream.read_exact(&mut record).await.unwrap();
    assert_eq!(record[0], 21, "an alert and no ServerHello");
}

/// Trusts one certificate, whatever the version of TLS.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert_eq!(*end_entity, self.0);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
