//! What is no SCIM server, or no longer one: a clear sentence, the right exit code, and no panic.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use tokio_rustls::rustls::{self, pki_types::PrivatePkcs8KeyDer};

use crate::scim_server::ScimServer;

/// A listener that does this with each connection, for as long as the tests run.
pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads a request's head.
pub fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server that says the same to everything.
fn always(status: &'static str, media_type: &'static str, body: &'static str) -> SocketAddr {
    listen(move |mut stream| {
        head(&mut stream);
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    })
}

fn run(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
    command.args(["run", "--url", url, "--timeout", "1"]).args(more).output().expect("scim-conformance runs")
}

/// Exit code 2, and these words on standard error.
#[track_caller]
fn check(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for words in words {
        assert!(said.contains(words), "\"{words}\" is not in: {said}");
    }
}

#[test]
fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    check(&run(&format!("http://{free}"), &[]), &["onnection refused", "Does the server run"]);
    check(&run("http://nowhere.invalid/scim", &[]), &["http://nowhere.invalid/scim", "host name"]);
    check(&run("ftp://example.com", &[]), &["must begin with https:// or http://"]);
    check(&run("http://", &[]), &["http://"]);
    // What no server is behind would be a server on which no case applies.
    check(&run("http://127.0.0.1:1/v2?x=1", &[]), &["has a ?, a # or a space"]);
    check(&run("http://127.0.0.1:1/v2#x", &[]), &["has a ?, a # or a space"]);
    let with_password = run("http://anna:s3cret@127.0.0.1:1/v2", &[]);
    check(&with_password, &["--basic-file"]);
    assert!(!String::from_utf8_lossy(&with_password.stderr).contains("s3cret"));
}

#[test]
fn the_server_is_slow() {
    let slow = listen(|mut stream| {
        head(&mut stream);
        std::thread::sleep(Duration::from_secs(5));
    });
    check(&run(&format!("http://{slow}"), &[]), &["No answer to GET", "within 1 s (--timeout)"]);
}

#[test]
fn a_page_answers() {
    let login = "<!doctype html><html><head><title>Sign in</title></head><body>…</body></html>";
    let address = always("200 OK", "text/html", login);
    check(
        &run(&format!("http://{address}"), &[]),
        &["There is no SCIM server at", "an HTML page (\"Sign in\")", "base URL"],
    );
    let proxy = always("502 Bad Gateway", "text/html", "<html><head><title>502 Bad Gateway</title></head></html>");
    check(&run(&format!("http://{proxy}"), &[]), &["There is no SCIM server at", "502 Bad Gateway"]);
    let api = always("404 Not Found", "application/json", "{\"message\": \"no such route\"}");
    check(&run(&format!("http://{api}"), &[]), &["There is no SCIM server at", "no such route"]);
    let moved = always("302 Found", "text/plain", "");
    check(&run(&format!("http://{moved}"), &[]), &["There is no SCIM server at", "an empty body with status 302"]);
}

#[test]
fn the_body_never_ends() {
    let endless = listen(|mut stream| {
        head(&mut stream);
        let chunk = vec![b'['; 1 << 16];
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
        while stream.write_all(&chunk).is_ok() {}
    });
    check(&run(&format!("http://{endless}"), &[]), &[&endless.to_string()]);
    // What is nested without end is no reason to fall over either.
    let deep: &'static str = Box::leak("[".repeat(200_000).into_boxed_str());
    let nested = always("200 OK", "application/json", deep);
    check(&run(&format!("http://{nested}"), &[]), &["There is no SCIM server at"]);
}

/// A TLS listener with a certificate for this name, and its authority's certificate in a file.
fn tls(name: &str, directory: &Path) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    std::fs::write(directory.join("ca.pem"), made.cert.pem()).expect("a file");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("a key");
    let config = Arc::new(config);
    listen(move |mut stream| {
        let Ok(mut session) = rustls::ServerConnection::new(Arc::clone(&config)) else { return };
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        let mut head = [0; 4096];
        if tls.read(&mut head).is_ok() {
            let _ = tls.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    })
}

#[test]
fn tls_goes_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    let ca = ca.to_str().expect("a path");
    let here = tls("localhost", directory.path());
    let url = format!("https://localhost:{}", here.port());
    check(&run(&url, &[]), &["UnknownIssuer", "--ca"]);
    // With the authority the connection stands, and it is the token that is missing.
    check(&run(&url, &["--ca", ca]), &["The server refuses the token: 401", "--token-file"]);
    check(&run(&format!("http://{here}"), &[]), &["https://"]);
    let elsewhere = tls("scim.example.com", directory.path());
    check(&run(&format!("https://localhost:{}", elsewhere.port()), &["--ca", ca]), &["another host name"]);
    let plain = listen(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    check(&run(&format!("https://localhost:{}", plain.port()), &[]), &["does not speak TLS"]);
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    check(&run(&url, &["--ca", empty.to_str().expect("a path")]), &["holds no certificate"]);
    check(&run(&url, &["--ca", "/nowhere/ca.pem"]), &["/nowhere/ca.pem cannot be read"]);
}

#[test]
fn the_token_is_wrong() {
    let server = ScimServer::start("rfc");
    let directory = TempDir::new().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let with = |token: &str| run(&server.url, &["--token-file", token]);
    check(&with(&file("wrong", "scim_wrong")), &["The server refuses the token: 401", "Is the token right"]);
    check(&run(&server.url, &[]), &["The server refuses the token: 401", "Give one with --token-file"]);
    check(&with(&file("two", "one two")), &["must hold the token and nothing else"]);
    check(&with(&file("empty", "\n")), &["must hold the token and nothing else"]);
    check(&with("/nowhere/token"), &["/nowhere/token cannot be read"]);
}

/// Where the server listens.
pub fn origin(server: &ScimServer) -> SocketAddr {
    let host = server.url.trim_start_matches("http://").split('/').next().expect("a host");
    host.parse().expect("an address")
}

/// Reads a request, head and body.
pub fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let asked = head(stream);
    let lower = asked.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if asked.is_empty() || stream.read_exact(&mut body).is_err() {
        return None;
    }
    Some([asked.replacen("\r\n", "\r\nconnection: close\r\n", 1).into_bytes(), body].concat())
}

/// What the server answers.
pub fn forwarded(origin: SocketAddr, asked: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut server) = TcpStream::connect(origin) {
        let _ = server.write_all(asked).and_then(|()| server.read_to_end(&mut answer).map(drop));
    }
    answer
}

/// A server that keeps connections by its words, and resets them when the next request comes: the
/// verdicts are about its answers.
#[test]
fn the_server_resets_kept_connections() {
    let server = ScimServer::start("rfc");
    let origin = origin(&server);
    let proxy = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        let answer = forwarded(origin, &asked);
        // One header in the place of the other, of the same length.
        let said = String::from_utf8_lossy(&answer).replacen("connection: close", "x-connection: yes", 1);
        let _ = stream.write_all(said.as_bytes());
        // What is not read when the socket is closed makes it a reset.
        let _ = stream.peek(&mut [0]);
    });
    let url = server.url.replace(&origin.to_string(), &proxy.to_string());
    let token = server.token_file();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
    command.args(["run", "--url", &url, "--only", "create-*", "--only", "modify-*", "--token-file"]).arg(token);
    // What scim-server does otherwise, and says so in its deviations.
    command.args(["--skip", "modify-replace-no-match-eq"]);
    let output = command.output().expect("scim-conformance runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 error"), "{said}");
}

/// A server that stops answering in mid-run: the rest is `error`, and it does not take hours. It
/// dies once it has created five resources, whatever the order of the cases: the last one at least
/// is left behind.
#[test]
fn the_server_dies_in_mid_run() {
    let dying = ScimServer::start("rfc");
    let origin = origin(&dying);
    let created = std::sync::atomic::AtomicUsize::new(0);
    let proxy = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        if created.load(std::sync::atomic::Ordering::SeqCst) >= 5 {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        let answer = forwarded(origin, &asked);
        if answer.starts_with(b"HTTP/1.1 201 ") {
            created.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        let _ = stream.write_all(&answer);
    });
    let url = dying.url.replace(&origin.to_string(), &proxy.to_string());
    let token = dying.token_file();
    let output = run(&url, &["--token-file", token.to_str().expect("a path"), "--level", "must"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("The server has stopped answering"), "{said}");
    assert!(said.contains("left behind: "), "{said}");
    assert_eq!(output.status.code(), Some(2), "{said}");
    let cleaned = dying.conformance(&["clean"]);
    let said = String::from_utf8_lossy(&cleaned.stdout);
    assert!(said.contains("removed /") && said.ends_with(" 0 left.\n"), "{said}");
}
