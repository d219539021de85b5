//! Each way to reach a server, against the real one: credentials, certificates, proxies, HTTP/2.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
};

use crate::{
    scim_server::ScimServer,
    trouble::{forwarded, head, listen, origin, request},
};

/// Runs some cases that read, write and delete.
fn run(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
    command.args(["run", "--url", url, "--only", "delete-*,create-status"]).args(more);
    command.output().expect("scim-conformance runs")
}

#[track_caller]
fn passes(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 error, 0 fail"), "{said}");
}

#[track_caller]
fn cannot_run(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(words), "\"{words}\" is not in: {said}");
}

/// Files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name).to_str().expect("a path").to_owned()
    }
}

fn token(server: &ScimServer) -> String {
    std::fs::read_to_string(server.token_file()).expect("the token").trim().to_owned()
}

/// A gateway in front of the server: what has this header gets the token in its place, everything else 401.
fn gateway(server: &ScimServer, wanted: &str) -> String {
    let (origin, token, wanted) = (origin(server), token(server), wanted.to_owned());
    let gateway = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        let asked = String::from_utf8_lossy(&asked).into_owned();
        let answer = match asked.split("\r\n").find(|line| line.eq_ignore_ascii_case(&wanted)) {
            Some(line) => {
                forwarded(origin, asked.replacen(line, &format!("authorization: Bearer {token}"), 1).as_bytes())
            }
            None => {
                b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Gate\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    .to_vec()
            }
        };
        let _ = stream.write_all(&answer);
    });
    server.url.replace(&origin.to_string(), &gateway.to_string())
}

/// What a server takes a client by is not a bearer token: the cases about those accuse it of nothing.
#[track_caller]
fn is_known_otherwise(url: &str, more: &[&str]) {
    let chosen = "auth-no-token,auth-wrong-token,auth-challenge*,auth-invalid-token,auth-any-token*,auth-write";
    passes(&run(url, &[&["--only", chosen], more].concat()));
}

#[test]
fn basic_and_headers() {
    let (server, files) = (ScimServer::start("rfc"), Files::new());
    let basic = gateway(&server, &format!("authorization: Basic {}", STANDARD.encode("anna:pass:word")));
    let file = files.write("basic", "anna:pass:word\n");
    passes(&run(&basic, &["--basic-file", &file]));
    is_known_otherwise(&basic, &["--basic-file", &file]);
    cannot_run(&run(&basic, &["--basic-file", &files.write("wrong", "anna:other")]), "Are the credentials right");
    cannot_run(&run(&basic, &["--basic-file", &files.write("none", "anna")]), "has no colon");

    let key = gateway(&server, "x-api-key: a-key-of-the-tests");
    passes(&run(&key, &["--header", "X-API-Key: a-key-of-the-tests"]));
    is_known_otherwise(&key, &["--header", "X-API-Key: a-key-of-the-tests"]);
    passes(&run(&key, &["--header", &format!("@{}", files.write("headers", "x-api-key: a-key-of-the-tests\n\n"))]));
    cannot_run(&run(&key, &["--header", "X-API-Key a-key-of-the-tests"]), "--header must be NAME: VALUE");
    // The key is in no report.
    let output = run(&key, &["--header", "X-API-Key: a-key-of-the-tests", "--report", "json"]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("\"x-api-key\": \"***\"") && !report.contains("a-key-of-the-tests"), "{report}");
}

/// Where the server gives access tokens.
fn token_url(server: &ScimServer) -> String {
    server.url.replace("/scim/v2", "/oauth2/token")
}

#[test]
fn client_credentials_with_a_secret() {
    let (server, files) = (ScimServer::start("rfc"), Files::new());
    let client = server.administer(&["client", "create", "--tenant", "test", "--name", "judge", "--json"]);
    let (id, secret) =
        (client["client_id"].as_str().expect("an id"), client["client_secret"].as_str().expect("a secret"));
    let url = token_url(&server);
    let secret_file = files.write("secret", secret);
    let with = ["--token-url", url.as_str(), "--client-id", id, "--client-secret-file", &secret_file];
    passes(&run(&server.url, &with));
    passes(&run(&server.url, &[&with[..], &["--scope", "scim"]].concat()));
    let output = run(&server.url, &[&with[..], &["--report", "json"]].concat());
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("Bearer ***") && !report.contains("scimat_") && !report.contains(secret), "{report}");
    let wrong = files.write("wrong", "scimcs_wrong");
    let output = run(&server.url, &["--token-url", &url, "--client-id", id, "--client-secret-file", &wrong]);
    cannot_run(&output, "gave no access token: 401 (invalid_client");
    cannot_run(&run(&server.url, &["--token-url", &url, "--client-id", id]), "--client-secret-file");
    let both = [&with[..], &["--token-file", &secret_file]].concat();
    assert_eq!(run(&server.url, &both).status.code(), Some(2), "two kinds of credentials are none");
}

/// Where a token is good for so many requests.
const USES: usize = 20;

/// A gate in front of the server, with a token endpoint whose tokens are soon over. Gives its address, and how many
/// tokens were given.
fn short_lived(server: &ScimServer) -> (SocketAddr, Arc<Mutex<[usize; 2]>>) {
    let (origin, token) = (origin(server), token(server));
    // How many tokens were given, and how often the last one was used.
    let counts = Arc::new(Mutex::new([0, 0]));
    let shared = Arc::clone(&counts);
    let gate = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        let asked = String::from_utf8_lossy(&asked).into_owned();
        let mut counts = shared.lock().expect("no panic");
        let known = format!("authorization: Bearer short-lived-{}", counts[0]);
        let answer = if asked.starts_with("POST /token ") {
            *counts = [counts[0] + 1, 0];
            let body =
                json!({"access_token": format!("short-lived-{}", counts[0]), "token_type": "Bearer"}).to_string();
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
        } else if asked.contains(&known) && counts[1] < USES {
            counts[1] += 1;
            drop(counts);
            forwarded(origin, asked.replacen(&known, &format!("authorization: Bearer {token}"), 1).as_bytes())
        } else {
            b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
        };
        let _ = stream.write_all(&answer);
    });
    (gate, counts)
}

/// An access token that is over in the middle of a run is got anew, and no report has one of them.
#[test]
fn an_access_token_is_renewed() {
    let (server, files) = (ScimServer::start("rfc"), Files::new());
    let (gate, counts) = short_lived(&server);
    let url = server.url.replace(&origin(&server).to_string(), &gate.to_string());
    let token_url = format!("http://{gate}/token");
    let secret = files.write("secret", "a-secret-of-the-tests");
    let with = ["--token-url", &token_url, "--client-id", "judge", "--client-secret-file", &secret];
    passes(&run(&url, &with));
    assert!(counts.lock().expect("no panic")[0] > 1, "one token was enough");
    let output = run(&url, &[&with[..], &["--report", "json"]].concat());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("short-lived-"), "a report has a token");
    assert!(!leftovers(&server, &files));
}

/// Whether a run left something.
fn leftovers(server: &ScimServer, files: &Files) -> bool {
    let file = files.write("token", &token(server));
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
    let output = command.args(["clean", "--url", &server.url, "--token-file", &file]).output();
    !String::from_utf8_lossy(&output.expect("scim-conformance runs").stdout).starts_with("0 removed, 0 left.")
}

/// A client that signs assertions, with its key in a file.
pub struct AssertionClient {
    pair: KeyPair,
    files: Files,
}

impl AssertionClient {
    pub fn new() -> Self {
        let (pair, files) = (KeyPair::generate().expect("a key"), Files::new());
        files.write("key.pem", &pair.serialize_pem());
        Self { pair, files }
    }

    /// Makes it a client of that tenant.
    fn register(&self, server: &ScimServer, tenant: &str) -> String {
        let args = ["client", "create", "--tenant", tenant, "--name", "judge", "--no-secret", "--json"];
        let id = server.administer(&args)["client_id"].as_str().expect("an id").to_owned();
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
            "x": encode(x), "y": encode(y)}]});
        let keys = self.files.write("jwks.json", &keys.to_string());
        let exact = ["--issuer", "https://idp.example", "--subject", "judge", "--audience", "api://scim"];
        let trust = ["client", "trust", "add", "--tenant", tenant, "judge", "--jwks-file", &keys, "--json"];
        server.administer(&[&trust[..], &exact].concat());
        id
    }

    /// The arguments by which it gets a token at that endpoint.
    fn grant(&self, token_url: &str, id: &str, audience: &str) -> Vec<String> {
        let key = self.files.path("key.pem").to_str().expect("a path").to_owned();
        let pairs = [
            ("--token-url", token_url),
            ("--client-id", id),
            ("--assertion-key", &key),
            ("--assertion-key-id", "one"),
            ("--assertion-issuer", "https://idp.example"),
            ("--assertion-subject", "judge"),
            ("--assertion-audience", audience),
        ];
        pairs.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect()
    }

    /// Makes a tenant under that profile, and gives the arguments that reach it.
    pub fn arguments(&self, server: &ScimServer, profile: &str) -> Vec<String> {
        let made = server.administer(&["tenant", "create", profile, "--profile", profile, "--json"]);
        let base = format!("http://{}/{}", origin(server), made["tenant_id"].as_str().expect("an id"));
        let id = self.register(server, profile);
        let mut arguments = self.grant(&format!("{base}/oauth2/token"), &id, "api://scim");
        arguments.extend(["--url".to_owned(), format!("{base}/scim/v2")]);
        arguments
    }
}

#[test]
fn client_credentials_with_an_assertion() {
    let (server, client) = (ScimServer::start("rfc"), AssertionClient::new());
    let id = client.register(&server, "test");
    let sign = |audience: &str| {
        let arguments = client.grant(&token_url(&server), &id, audience);
        run(&server.url, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    passes(&sign("api://scim"));
    cannot_run(&sign("api://other"), "gave no access token: 401 (invalid_client");
}

/// A certificate as `openssl req -x509` makes it: one that calls itself an authority.
fn self_signed(files: &Files, name: &str) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signing_key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&signing_key).expect("a certificate");
    files.write(&format!("{name}.pem"), &cert.pem());
    files.write(&format!("{name}.key"), &signing_key.serialize_pem());
    CertifiedKey { cert, signing_key }
}

#[test]
fn a_certificate_of_ones_own() {
    let files = Files::new();
    self_signed(&files, "server");
    self_signed(&files, "other");
    let path = |name: &str| files.path(name).to_str().expect("a path").to_owned();
    let server = ScimServer::start_with("rfc", &["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let token = server.token_file().to_str().expect("a path").to_owned();
    let with = |more: &[&str]| run(&server.url, &[&["--token-file", &token], more].concat());
    passes(&with(&["--ca", &path("server.pem")]));
    cannot_run(&with(&[]), "give it with --ca");
    cannot_run(&with(&["--ca", &path("other.pem")]), "give it with --ca");
    let insecure = with(&["--insecure"]);
    passes(&insecure);
    assert!(String::from_utf8_lossy(&insecure.stderr).starts_with("WARNING: --insecure takes any certificate."));
}

/// Ends TLS in front of the server, and forwards what is inside, byte for byte.
fn tls_gate(
    server: &ScimServer,
    own: &CertifiedKey<KeyPair>,
    of_clients: Option<&CertifiedKey<KeyPair>>,
) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let clients: Arc<dyn ClientCertVerifier> = match of_clients {
        Some(certified) => {
            let mut roots = RootCertStore::empty();
            roots.add(certified.cert.der().clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            verifier.build().expect("a verifier")
        }
        None => Arc::new(NoClientAuth),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let origin = origin(server);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            listener.set_nonblocking(true).expect("no blocking");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let Ok(mut inside) = tokio::net::TcpStream::connect(origin).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
    });
    address
}

/// The gate speaks HTTP/2 and nothing else, and asks for a certificate of the client.
#[test]
fn a_certificate_of_the_client_and_http_2() {
    let (server, files) = (ScimServer::start("rfc"), Files::new());
    let own = self_signed(&files, "server");
    let client = rcgen::generate_simple_self_signed(["judge".to_owned()]).expect("a certificate");
    let path = |name: &str| files.path(name).to_str().expect("a path").to_owned();
    let cert = files.write("client.pem", &client.cert.pem());
    let key = files.write("client.key", &client.signing_key.serialize_pem());
    let both = files.write("both.pem", &format!("{}{}", client.cert.pem(), client.signing_key.serialize_pem()));
    let token = server.token_file().to_str().expect("a path").to_owned();
    let gate = tls_gate(&server, &own, Some(&client));
    let url = server.url.replace(&format!("http://{}", origin(&server)), &format!("https://localhost:{}", gate.port()));
    let ca = path("server.pem");
    let with = |more: &[&str]| run(&url, &[&["--token-file", &token, "--ca", &ca], more].concat());
    passes(&with(&["--cert", &cert, "--key", &key]));
    passes(&with(&["--cert", &both]));
    cannot_run(&with(&[]), "give one with --cert and --key");
    cannot_run(&with(&["--cert", &cert]), "private key cannot be read");
}

/// A proxy that asks for a name and a password, forwards requests and opens tunnels; it counts both.
fn proxy(seen: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    listen(move |mut stream| {
        let asked = head(&mut stream);
        let wanted = format!("proxy-authorization: Basic {}", STANDARD.encode("anna:secret"));
        if !asked.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()) {
            let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
            return;
        }
        let line = asked.lines().next().unwrap_or_default().to_owned();
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().expect("no panic").push(line.split(' ').next().unwrap_or_default().to_owned());
        let host = target.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let Ok(mut server) = TcpStream::connect(host.as_str()) else { return };
        if line.starts_with("CONNECT ") {
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        } else {
            let inner = asked.replacen(&target, target.trim_start_matches(&format!("http://{host}")), 1);
            let inner = inner.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            let _ = server.write_all(inner.as_bytes());
        }
        splice(&stream, &server);
    })
}

/// Copies in both directions until one side ends.
fn splice(one: &TcpStream, other: &TcpStream) {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                if to.write_all(&bytes[..read]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Write);
        })
    };
    let both = |stream: &TcpStream| (stream.try_clone().expect("a socket"), stream.try_clone().expect("a socket"));
    let ((a, b), (c, d)) = (both(one), both(other));
    let there = copy(a, c);
    let _ = copy(d, b).join();
    drop(there);
}

#[test]
fn through_a_proxy() {
    let files = Files::new();
    self_signed(&files, "server");
    let path = |name: &str| files.path(name).to_str().expect("a path").to_owned();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let proxy = proxy(Arc::clone(&seen));
    let through = format!("http://anna:secret@{proxy}");
    let methods = || std::mem::take(&mut *seen.lock().expect("no panic"));
    let token = |server: &ScimServer| server.token_file().to_str().expect("a path").to_owned();

    let plain = ScimServer::start("rfc");
    passes(&run(&plain.url, &["--token-file", &token(&plain), "--proxy", &through]));
    assert!(methods().iter().any(|method| method == "DELETE"), "the proxy forwards each request");
    let refused = run(&plain.url, &["--token-file", &token(&plain), "--proxy", &format!("http://{proxy}")]);
    cannot_run(&refused, "407");

    let tls = ScimServer::start_with("rfc", &["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")]);
    let with =
        |proxy: &str| run(&tls.url, &["--token-file", &token(&tls), "--ca", &path("server.pem"), "--proxy", proxy]);
    passes(&with(&through));
    assert!(methods().iter().all(|method| method == "CONNECT"), "the proxy only opens tunnels");
    cannot_run(&with(&format!("http://{proxy}")), "The proxy wants a name and a password");
    cannot_run(&with("socks5://127.0.0.1:1"), "must be http://HOST:PORT");
}

/// The environment names a proxy that nobody serves: a server on this machine is reached all the same.
#[test]
fn what_is_here_is_reached_directly() {
    let server = ScimServer::start("rfc");
    let mut command = server.command(&["run", "--only", "delete-status"]);
    let output = command.env("HTTP_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1").output();
    passes(&output.expect("scim-conformance runs"));
}

/// All options in a file, and one of them again on the command line.
#[test]
fn options_come_from_a_file() {
    let (server, files) = (ScimServer::start("rfc"), Files::new());
    let text = format!(
        "url = \"{}\"\ntoken-file = \"{}\"\nonly = [\"delete-*\"]\nskip = [\"delete-query\"]\nreport = \"json\"\nconcurrency = 2\n",
        server.url,
        server.token_file().display()
    );
    let file = files.write("judge.toml", &text);
    let program = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_scim-conformance")).args(args).output().expect("scim-conformance runs")
    };
    let output = program(&["run", "--config", &file]);
    let report: conformance::Report = serde_json::from_slice(&output.stdout).expect("a report");
    assert!(report.findings.len() > 2 && report.findings.iter().all(|one| one.id.starts_with("delete-")));
    assert!(report.findings.iter().all(|one| one.id != "delete-query"));
    let typed = program(&["run", "--config", &file, "--report", "text"]);
    assert!(String::from_utf8_lossy(&typed.stdout).ends_with("is kept.\n"), "what is typed wins");
    let cleaned = program(&["clean", "--config", &file]);
    assert_eq!(String::from_utf8_lossy(&cleaned.stdout), "0 removed, 0 left.\n");
    let wrong = program(&["run", "--config", &files.write("wrong.toml", "tokenfile = \"x\"")]);
    cannot_run(&wrong, "Is `token-file` meant?");
    let absent = Path::new("/nowhere/judge.toml");
    cannot_run(&program(&["run", "--config", &absent.display().to_string()]), "cannot be read");
}
