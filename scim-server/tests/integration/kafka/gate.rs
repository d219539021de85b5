//! What ends TLS in front of a broker, and lets in only whom it knows by a certificate.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::SeqCst},
    },
};

use rustls::{RootCertStore, ServerConfig, crypto::ring, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A listener in front of a broker.
pub struct Gate {
    pub port: u16,
    /// The port of the broker.
    to: Arc<AtomicU16>,
    /// How many were let in.
    let_in: Arc<AtomicUsize>,
    /// `server.pem`, `client.pem` and `client.key`.
    place: TempDir,
}

impl Gate {
    pub async fn open() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let [own, client] = ["localhost", "scim-server"]
            .map(|name| rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate"));
        let write = |name: &str, text: String| fs::write(place.path().join(name), text).expect("a file");
        write("server.pem", own.cert.pem());
        write("client.pem", client.cert.pem());
        write("client.key", client.signing_key.serialize_pem());

        let mut known = RootCertStore::empty();
        known.add(client.cert.der().clone()).expect("the client's certificate");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![CertificateDer::from(own.cert.der().to_vec())], key)
            .expect("a configuration");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (to, let_in) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&to), Arc::clone(&let_in)));
        Self { port, to, let_in, place }
    }

    /// Where whoever is let in gets to.
    pub fn lead_to(&self, port: u16) {
        self.to.store(port, SeqCst);
    }

    pub fn has_let_in(&self) -> bool {
        self.let_in.load(SeqCst) > 0
    }

    fn file(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    /// Arguments of `serve`.
    pub fn args(&self) -> Vec<String> {
        let to = format!("tls://localhost:{}", self.port);
        let args = [
            ("--event-kafka", to),
            ("--event-kafka-ca", self.file("server.pem")),
            ("--event-kafka-cert", self.file("client.pem")),
            ("--event-kafka-key", self.file("client.key")),
        ];
        args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// The same for librdkafka.
    pub fn settings(&self) -> Vec<String> {
        let settings = [
            ("security.protocol", "ssl".to_owned()),
            ("ssl.ca.location", self.file("server.pem")),
            ("ssl.certificate.location", self.file("client.pem")),
            ("ssl.key.location", self.file("client.key")),
        ];
        settings.map(|(name, value)| format!("{name}={value}")).to_vec()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, to: Arc<AtomicU16>, let_in: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, to, let_in) = (tls.clone(), Arc::clone(&to), Arc::clone(&let_in));
        tokio::spawn(async move {
            let mut inside = tls.accept(stream).await?;
            let mut broker = TcpStream::connect(("127.0.0.1", to.load(SeqCst))).await?;
            let_in.fetch_add(1, SeqCst);
            copy_bidirectional(&mut inside, &mut broker).await
        });
    }
}
