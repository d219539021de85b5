//! Keys that the server itself fetches from an issuer, over TLS that it checks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    GRANT, OAuth, access_token,
    assertions::TYPE,
    issuer::{Issuer, claims},
    refused,
};
use crate::server::{Options, Response, TestServer};

/// An issuer that serves its keys, until it is down.
struct KeyServer {
    issuer: Issuer,
    address: String,
    /// Its certificate, as PEM.
    certificate: String,
    down: Arc<AtomicBool>,
}

impl KeyServer {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("its key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let (issuer, down) = (Issuer::new(), Arc::new(AtomicBool::new(false)));
        let (keys, is_down) = (issuer.set().to_string(), Arc::clone(&down));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if is_down.load(SeqCst) {
                    continue;
                }
                let (acceptor, keys) = (acceptor.clone(), keys.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate goes away.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = [0; 2048];
                    let _ = stream.read(&mut head).await;
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{keys}",
                        keys.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { issuer, address, certificate: cert.pem(), down }
    }

    /// A server with a client that trusts this issuer, and whose operator does, too, if its certificate is at hand.
    fn server(&self, is_trusted: bool) -> (TestServer, OAuth) {
        let directory = tempfile::tempdir().expect("a directory").keep();
        let file = directory.join("issuer.pem");
        std::fs::write(&file, &self.certificate).expect("the certificate");
        let mut options = Options::args(&["--jwks-hosts", &self.address, "--jwks-private", "true"]);
        if is_trusted {
            options.environment = vec![("SSL_CERT_FILE".to_owned(), file.to_string_lossy().into_owned())];
        }
        let server = TestServer::with(options);
        std::fs::remove_dir_all(directory).expect("it is read when the server starts");
        let client = OAuth::create(&server, "entra", &["--no-secret"]);
        let exact = ["--issuer", "https://idp.example/v2.0", "--subject", "object-id", "--audience", "api://scim"];
        let which = ["client", "trust", "add", "--tenant", "test", "entra"];
        let uri = format!("https://{}/keys", self.address);
        server.run_json(&[which.as_slice(), &exact, &["--jwks-uri", &uri, "--json"]].concat());
        (server, client)
    }

    async fn ask(&self, client: &OAuth) -> Response {
        let assertion = self.issuer.sign(&claims());
        client.post("/token", None, &[GRANT, TYPE, ("client_assertion", &assertion)]).await
    }
}

#[tokio::test]
async fn keys_are_fetched_over_tls_and_outlive_their_issuer() {
    let keys = KeyServer::start().await;
    let (server, client) = keys.server(true);
    let answer = keys.ask(&client).await.expect(200);
    server.client().with_token(&access_token(&answer)).get("/Users").await.expect(200);
    keys.down.store(true, SeqCst);
    keys.ask(&client).await.expect(200);
}

#[tokio::test]
async fn keys_from_a_stranger_are_not_taken() {
    let keys = KeyServer::start().await;
    let (server, client) = keys.server(false);
    refused(keys.ask(&client).await, 401, "invalid_client");
    let traced = server.run_json(&["client", "trace", "--tenant", "test", "entra", "--json"]).to_string();
    assert!(traced.contains("certificate"), "{traced}");
}
