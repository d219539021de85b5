//! The keys of issuers, fetched over TLS by the started program (RFC 7517).

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    GRANT, OAuth, access_token,
    assertions::TYPE,
    issuer::{Issuer, claims},
    refused,
};
use crate::{
    secured::{authority, localhost},
    server::{Options, Response, TestServer, program},
};

/// Where an issuer publishes its keys: HTTPS on loopback, with a certificate of an authority of its own.
struct KeyHost {
    /// `localhost:PORT`.
    address: String,
    /// The certificate of the authority, as PEM.
    authority: String,
    fetches: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl KeyHost {
    async fn start(set: &Value) -> Self {
        let (authority, tls) = localhost();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let body = set.to_string();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let fetches = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(serve(listener, tls, answer, Arc::clone(&fetches)));
        Self { address, authority, fetches, serving }
    }

    /// The arguments with which a server may fetch from here, without those that it trusts for it.
    fn allowed(&self) -> Vec<&str> {
        vec!["--jwks-hosts", &self.address, "--jwks-private", "true"]
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, answer: String, fetches: Arc<AtomicUsize>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        // A client that does not trust the certificate hangs up.
        let Ok(mut stream) = tls.accept(stream).await else { continue };
        let _ = stream.read(&mut [0; 2048]).await;
        fetches.fetch_add(1, SeqCst);
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// A client that trusts the issuer, whose keys are at that host.
fn client(server: &TestServer, host: &KeyHost) -> OAuth {
    let client = OAuth::create(server, "entra", &["--no-secret"]);
    let uri = format!("https://{}/keys", host.address);
    let exact = ["--issuer", "https://idp.example/v2.0", "--subject", "object-id", "--audience", "api://scim"];
    let which = ["client", "trust", "add", "--tenant", "test", "entra"];
    server.run_json(&[which.as_slice(), &exact, &["--jwks-uri", &uri, "--json"]].concat());
    client
}

async fn ask(client: &OAuth, issuer: &Issuer) -> Response {
    let assertion = issuer.sign(&claims());
    client.post("/token", None, &[GRANT, TYPE, ("client_assertion", &assertion)]).await
}

fn pem(folder: &Path, text: &str) -> String {
    let file = folder.join("ca.pem");
    std::fs::write(&file, text).expect("a file");
    file.to_string_lossy().into_owned()
}

#[tokio::test]
async fn keys_come_from_a_host_whose_authority_is_trusted() {
    let issuer = Issuer::new();
    let host = KeyHost::start(&issuer.set()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = pem(folder.path(), &host.authority);
    let mut server = TestServer::with(Options::args(&[host.allowed(), vec!["--jwks-ca", &ca]].concat()));
    let mut client = client(&server, &host);
    let scim = server.client().with_token(&access_token(&ask(&client, &issuer).await.expect(200)));
    scim.get("/Users").await.expect(200);
    ask(&client, &issuer).await.expect(200);
    assert_eq!(host.fetches.load(SeqCst), 1, "the keys are kept");
    // Another process has to fetch them again.
    server.kill();
    server.launch();
    client = client.at(&server);
    ask(&client, &issuer).await.expect(200);
    assert_eq!(host.fetches.load(SeqCst), 2);
    // The keys that were fetched are good without their host.
    host.serving.abort();
    ask(&client, &issuer).await.expect(200);
}

#[tokio::test]
async fn no_key_comes_from_a_host_that_is_not_trusted() {
    let issuer = Issuer::new();
    let host = KeyHost::start(&issuer.set()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let other = pem(folder.path(), &authority().0);
    for (further, why) in [
        (vec!["--jwks-hosts", host.address.as_str()], "no public address"),
        (host.allowed(), "cannot connect"),
        ([host.allowed(), vec!["--jwks-ca", &other]].concat(), "cannot connect"),
    ] {
        let server = TestServer::with(Options::args(&further));
        let client = client(&server, &host);
        refused(ask(&client, &issuer).await, 401, "invalid_client");
        let trace = server.run_json(&["client", "trace", "--tenant", "test", "entra", "--json"]);
        let said = trace[0]["why"][0].as_str().unwrap_or_default();
        assert!(said.starts_with("keys: ") && said.contains(why), "{further:?}: {trace}");
    }
    assert_eq!(host.fetches.load(SeqCst), 0);
}

#[test]
fn a_file_without_an_authority_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pem(folder.path(), "nothing of the kind\n");
    let mut serve = program(folder.path());
    serve.args(["serve", "--data", "data", "--jwks-hosts", "localhost:1", "--jwks-ca", &file]);
    let ran = serve.args(["--listen", "127.0.0.1:0"]).output().expect("the program");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && said.contains("jwks_ca") && said.contains(&file), "{said}");
}
