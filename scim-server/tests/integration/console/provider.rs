//! A small identity provider: OpenID Connect over TLS on loopback. What its ID tokens say is what a test wants.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::encode;
use crate::{
    oauth::issuer::{Issuer, now},
    secured::localhost,
    server::{Options, TestServer},
};

/// What was said, and what is to be said.
#[derive(Default)]
struct Talk {
    /// The requests of the token endpoint, heads and forms.
    exchanges: Vec<String>,
    /// What ID tokens say.
    claims: Value,
    /// The `nonce` of the last who came.
    nonce: String,
    /// The type that the header of ID tokens says.
    typ: String,
}

/// A provider.
pub struct Provider {
    /// `https://localhost:PORT`
    pub issuer: String,
    folder: tempfile::TempDir,
    talk: Arc<Mutex<Talk>>,
}

impl Provider {
    /// One whose clients show their secret in these ways.
    pub async fn start(methods: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (authority, tls) = localhost();
        std::fs::write(folder.path().join("ca.pem"), authority).expect("a file");
        std::fs::write(folder.path().join("secret"), "s3cret/+\n").expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let talk = Arc::new(Mutex::new(Talk { typ: "JWT".to_owned(), ..Talk::default() }));
        let description = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "token_endpoint_auth_methods_supported": methods,
        });
        tokio::spawn(serve(listener, tls, description, Arc::clone(&talk)));
        Self { issuer, folder, talk }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// A server whose administrators sign in here.
    pub fn server(&self, more: &[&str]) -> TestServer {
        let (ca, secret) = (self.file("ca.pem"), self.file("secret"));
        let mut arguments = vec!["--console", "--console-issuer", &self.issuer, "--console-client-id", "console"];
        arguments.extend(["--console-client-secret-file", &secret, "--jwks-private", "true", "--jwks-ca", &ca]);
        TestServer::with(Options::args(&[arguments.as_slice(), more].concat()))
    }

    /// What the next ID tokens say, beside the `nonce` of whoever comes.
    pub fn say(&self, change: impl FnOnce(&mut Value)) {
        let mut claims = json!({
            "iss": self.issuer, "sub": "1", "aud": "console", "exp": now() + 300, "iat": now(),
            "email": "anna@example.com", "email_verified": true, "roles": ["other", "operator", "viewer"],
        });
        change(&mut claims);
        self.talk().claims = claims;
    }

    /// The type that the headers of the next ID tokens say.
    pub fn call_tokens(&self, typ: &str) {
        typ.clone_into(&mut self.talk().typ);
    }

    /// What the `nonce` of the last who came was.
    pub fn came_with(&self, nonce: &str) {
        nonce.clone_into(&mut self.talk().nonce);
    }

    /// What the token endpoint was asked.
    pub fn exchanges(&self) -> Vec<String> {
        self.talk().exchanges.clone()
    }
}

/// A parameter of a URL, decoded.
pub fn parameter(url: &str, name: &str) -> String {
    let pairs = url.split(['?', '&', ' ']).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}: {url}"));
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// Answers each path that a provider has.
async fn serve(listener: TcpListener, tls: TlsAcceptor, description: Value, talk: Arc<Mutex<Talk>>) {
    let signer = Issuer::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        // A browser opens connections on which nothing comes: each has a task of its own.
        let (tls, description, talk) = (tls.clone(), description.clone(), Arc::clone(&talk));
        let answers = signer.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(stream).await else { return };
            let request = read(&mut stream).await;
            let (kind, body) = answer(&request, &description, &answers, &talk);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}", body.len());
            let _ = stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        });
    }
}

fn answer(request: &str, description: &Value, signer: &Issuer, talk: &Mutex<Talk>) -> (&'static str, String) {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let mut talk = talk.lock().unwrap_or_else(PoisonError::into_inner);
    match path.split('?').next().unwrap_or_default() {
        "/.well-known/openid-configuration" => ("application/json", description.to_string()),
        "/keys" => ("application/json", signer.set().to_string()),
        "/token" => {
            talk.exchanges.push(request.to_owned());
            let mut claims = talk.claims.clone();
            if claims.get("nonce").is_none() {
                claims["nonce"] = talk.nonce.as_str().into();
            }
            let header = json!({"alg": "ES256", "typ": talk.typ, "kid": "ec"});
            let token = signer.sign_with(&header, &claims);
            ("application/json", json!({"id_token": token, "token_type": "Bearer"}).to_string())
        }
        "/authorize" => {
            talk.nonce = parameter(path, "nonce");
            let (back, state) = (parameter(path, "redirect_uri"), encode(&parameter(path, "state")));
            let page = format!(
                "<!doctype html><html lang=en><title>Provider</title><a href=\"{back}?code=c0de&amp;state={state}\">I am Anna</a>"
            );
            ("text/html", page)
        }
        _ => ("text/plain", String::new()),
    }
}

/// A request with its body, which may come after its head.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).await.unwrap_or_default();
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
        let length = head.lines().find_map(length).unwrap_or(0_usize);
        let is_whole = text.contains("\r\n\r\n") && body.len() >= length;
        if read == 0 || is_whole {
            return text.into_owned();
        }
    }
}
