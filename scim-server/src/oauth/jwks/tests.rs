//! A small issuer over TLS that does what issuers do, and what they should not.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use scim_protocol::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    FRESH, Jwks, MINUTE, USABLE,
    fetch::{Fetcher, Rules},
};
use crate::oauth::jwt::Algorithm;

/// An issuer, whose key has that id as long as it lives.
struct Issuer {
    address: String,
    roots: RootCertStore,
    asked: Arc<AtomicUsize>,
    kid: Arc<std::sync::Mutex<Option<&'static str>>>,
}

impl Issuer {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let (asked, kid) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(Some("one"))));
        let (count, current) = (Arc::clone(&asked), Arc::clone(&kid));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, count, current) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&current));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    count.fetch_add(1, SeqCst);
                    let mut head = [0; 2048];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let path = String::from_utf8_lossy(&head[..read]).split(' ').nth(1).unwrap_or("").to_owned();
                    let kid = *current.lock().unwrap();
                    let _ = stream.write_all(answer(&path, kid).as_bytes()).await;
                    if path == "/slow" {
                        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, roots, asked, kid }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    fn jwks(&self, private: bool) -> Jwks {
        let rules = Rules { hosts: vec![self.address.clone()], private, ca: None };
        Jwks::new(Fetcher::trusting(rules, self.roots.clone()), Arc::default())
    }
}

/// What the issuer sends; nothing while it is down.
fn answer(path: &str, kid: Option<&str>) -> String {
    let Some(kid) = kid else { return String::new() };
    let x = "A".repeat(43);
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}]}}"#);
    let whole = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    match path {
        "/redirect" => "HTTP/1.1 302 Found\r\nlocation: /good\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "/large" => whole(&format!("{set}{}", " ".repeat(10 << 20))),
        "/cut" => whole(&set).replace("}]}", ""),
        "/slow" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
        "/html" => whole("<html>"),
        _ => whole(&set),
    }
}

async fn ask(jwks: &Jwks, url: &str, kid: &str, at: i64) -> Result<bool, String> {
    let found = jwks.keys(url, Some(kid), Algorithm::EdDsa, Timestamp::from_millis(at)).await;
    found.map(|keys| keys.has(Some(kid), Algorithm::EdDsa)).map_err(|check| check.came)
}

#[tokio::test]
async fn keys_are_kept_a_day_and_used_no_longer_than_two() {
    let issuer = Issuer::start().await;
    let (jwks, url) = (issuer.jwks(true), issuer.url("/good"));
    let asked = || issuer.asked.load(SeqCst);
    for at in [0, 1, FRESH - 1] {
        assert_eq!(ask(&jwks, &url, "one", at).await, Ok(true));
    }
    assert_eq!(asked(), 1);
    // A key that is not known makes for a fetch, and for no other within a minute.
    *issuer.kid.lock().unwrap() = Some("two");
    let rotated = 2 * MINUTE;
    assert_eq!(ask(&jwks, &url, "two", rotated).await, Ok(true));
    for nonsense in ["three", "four", "five"] {
        assert_eq!(ask(&jwks, &url, nonsense, rotated + MINUTE - 1).await, Ok(false));
    }
    assert_eq!(asked(), 2);
    assert_eq!(ask(&jwks, &url, "three", rotated + MINUTE).await, Ok(false));
    assert_eq!(asked(), 3);
    // The issuer is gone: what is known is good for two days from the last good fetch.
    *issuer.kid.lock().unwrap() = None;
    let last = rotated + MINUTE;
    assert_eq!(ask(&jwks, &url, "two", last + FRESH).await, Ok(true));
    assert_eq!(asked(), 4);
    assert_eq!(ask(&jwks, &url, "two", last + USABLE - 1).await, Ok(true));
    assert!(ask(&jwks, &url, "two", last + USABLE).await.is_err());
    assert_eq!(jwks.metrics.jwks_failures.get(), 2);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_fetches() {
    let issuer = Issuer::start().await;
    let (jwks, url) = (issuer.jwks(true), issuer.url("/good"));
    let all = futures_util::future::join_all((0..50).map(|_| ask(&jwks, &url, "one", 0))).await;
    assert!(all.iter().all(|found| *found == Ok(true)), "{all:?}");
    assert_eq!(issuer.asked.load(SeqCst), 1);
}

#[tokio::test]
async fn what_an_issuer_should_not_do_is_refused() {
    let issuer = Issuer::start().await;
    let jwks = issuer.jwks(true);
    for (path, expect) in [
        ("/redirect", "the status is 302"),
        ("/large", "longer than"),
        ("/cut", "broke off"),
        ("/slow", "longer than 5 s"),
        ("/html", "not a JWK Set"),
    ] {
        let why = ask(&jwks, &issuer.url(path), "one", 0).await.unwrap_err();
        assert!(why.contains(expect), "{path}: {why}");
    }
    let why = ask(&jwks, "https://127.0.0.1/good", "one", 0).await.unwrap_err();
    assert!(why.contains("jwks_hosts"), "{why}");
    let why = ask(&issuer.jwks(false), &issuer.url("/good"), "one", 0).await.unwrap_err();
    assert!(why.contains("no public address"), "{why}");
    // A certificate of nobody known.
    let rules = Rules { hosts: vec![issuer.address.clone()], private: true, ca: None };
    let strict = Jwks::new(Fetcher::trusting(rules, RootCertStore::empty()), Arc::default());
    let why = ask(&strict, &issuer.url("/good"), "one", 0).await.unwrap_err();
    assert!(why.contains("cannot connect"), "{why}");
}
