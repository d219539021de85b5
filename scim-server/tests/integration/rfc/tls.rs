//! HTTPS (RFC 7644 §7.2): the certificate, its renewal while the server runs, and HTTP/2 by ALPN.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Version, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::server::{Options, TestServer};

/// Writes a new pair where the server looks for it.
fn certify(directory: &Path) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(directory.join("cert.pem"), pair.cert.pem()).expect("the certificate's file");
    std::fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).expect("the key's file");
    pair.cert.der().clone()
}

fn start(directory: &TempDir) -> TestServer {
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    TestServer::with(Options::args(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]))
}

/// A connection that trusts this certificate and speaks these protocols.
async fn connect(
    server: &TestServer,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let tcp = TcpStream::connect(server.origin().trim_start_matches("https://")).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").expect("a name"), tcp).await
}

/// HTTP/2 has the host in its `:authority`, and no header for it (RFC 9113 §8.3.1).
fn request(server: &TestServer, version: Version) -> Request<Empty<Bytes>> {
    let url = server.base().replace("127.0.0.1", "localhost");
    let mut request = Request::get(format!("{url}/ServiceProviderConfig"));
    if version == Version::HTTP_11 {
        request = request.header("host", url.trim_start_matches("https://").split('/').next().expect("a host"));
    }
    request.body(Empty::new()).expect("a request")
}

#[tokio::test]
async fn http1_and_http2_over_tls() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificate = certify(directory.path());
    let server = start(&directory);
    assert!(server.origin().starts_with("https://"), "{}", server.origin());
    for (protocols, chosen, version) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Some(b"h2".as_slice()), Version::HTTP_2),
        (&[b"http/1.1"], Some(b"http/1.1"), Version::HTTP_11),
        (&[], None, Version::HTTP_11),
    ] {
        let stream = connect(&server, &certificate, protocols).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
        let io = TokioIo::new(stream);
        let response = if version == Version::HTTP_2 {
            let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request(&server, version)).await.expect("an answer")
        } else {
            let (mut sender, connection) = conn::http1::handshake(io).await.expect("HTTP/1.1");
            tokio::spawn(connection);
            sender.send_request(request(&server, version)).await.expect("an answer")
        };
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let config: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let location = config["meta"]["location"].as_str().expect("a location");
        assert!(location.starts_with("https://localhost:"), "{location}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_after_a_signal() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = certify(directory.path());
    let server = start(&directory);
    let mut standing = {
        let stream = connect(&server, &old, &[]).await.expect("a handshake");
        let (sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        sender
    };
    assert_eq!(standing.send_request(request(&server, Version::HTTP_11)).await.expect("an answer").status(), 200);

    // A pair that does not fit together changes nothing.
    std::fs::write(directory.path().join("cert.pem"), "not a certificate").expect("the file");
    server.signal("HUP");
    wait_for(|| server.log().contains("the certificate stays as it was")).await;
    connect(&server, &old, &[]).await.expect("the old pair is still served");

    let new = certify(directory.path());
    connect(&server, &new, &[]).await.expect_err("nothing is read before the signal");
    server.signal("HUP");
    for _ in 0..100 {
        if connect(&server, &new, &[]).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    connect(&server, &new, &[]).await.expect("the new certificate");
    connect(&server, &old, &[]).await.expect_err("the old one is served no more");
    assert_eq!(
        standing.send_request(request(&server, Version::HTTP_11)).await.expect("an answer").status(),
        200,
        "connections stay"
    );
}

/// Writes a pair whose certificate ends so many days from now; ended, when they are negative.
fn certify_until(directory: &Path, days: i64) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let end = u64::try_from(now() + days * DAY).expect("a time after 1970");
    wanted.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    let certificate = wanted.self_signed(&key).expect("a certificate");
    std::fs::write(directory.join("cert.pem"), certificate.pem()).expect("the certificate's file");
    std::fs::write(directory.join("key.pem"), key.serialize_pem()).expect("the key's file");
}

const DAY: i64 = 24 * 60 * 60;

/// Seconds since 1970.
fn now() -> i64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(passed.as_secs()).expect("a time before the end of all times")
}

#[tokio::test]
async fn a_certificate_that_ends_is_warned_of_and_its_end_is_a_metric() {
    let directory = tempfile::tempdir().expect("a directory");
    let expiry = async |server: &TestServer| {
        let metrics = server.client().send("GET", &format!("{}/metrics", server.admin()), &[], None).await.expect(200);
        let line = metrics.text.lines().find_map(|l| l.strip_prefix("scim_tls_certificate_expiry_timestamp_seconds "));
        line.and_then(|seconds| seconds.parse::<i64>().ok()).unwrap_or_else(|| panic!("no end in {}", metrics.text))
    };

    certify_until(directory.path(), 400);
    let server = start(&directory);
    let left = expiry(&server).await - now();
    assert!((399 * DAY..=400 * DAY).contains(&left), "{left}");
    assert!(!server.log().contains("certificate"), "{}", server.log());
    // What is served after a signal is what is told.
    certify_until(directory.path(), 300);
    server.signal("HUP");
    wait_for(|| server.log().contains("read the files again")).await;
    let left = expiry(&server).await - now();
    assert!((299 * DAY..=300 * DAY).contains(&left), "{left}");
    drop(server);

    certify_until(directory.path(), 10);
    let server = start(&directory);
    wait_for(|| server.log().contains("the certificate expires soon")).await;
    assert!(server.log().contains("days_left=10"), "{}", server.log());
    drop(server);

    // It is served all the same: what a client makes of it is the client's to say.
    certify_until(directory.path(), -3);
    let server = start(&directory);
    wait_for(|| server.log().contains("the certificate has expired")).await;
    assert!(expiry(&server).await < now());
}

async fn wait_for(condition: impl Fn() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come");
}

#[tokio::test]
async fn plain_http_is_not_spoken_and_a_wrong_pair_does_not_start() {
    let directory = tempfile::tempdir().expect("a directory");
    certify(directory.path());
    let server = start(&directory);
    let plain = server.base().replace("https://", "http://");
    let answer = server.client().try_send("GET", &format!("{plain}/Users"), &[], None).await;
    assert!(answer.is_err(), "{answer:?}");
    drop(server);
    std::fs::write(directory.path().join("key.pem"), "nothing").expect("the file");
    let data = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    for (arguments, status, words) in [
        (
            vec!["serve", "--listen", "127.0.0.1:0", "--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")],
            1,
            "key.pem",
        ),
        (
            vec!["serve", "--listen", "127.0.0.1:0", "--tls-cert", &path("none.pem"), "--tls-key", &path("key.pem")],
            1,
            "none.pem",
        ),
        (vec!["serve", "--listen", "127.0.0.1:0", "--tls-cert", &path("cert.pem")], 2, "tls_key"),
    ] {
        let output = crate::server::run(data.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
