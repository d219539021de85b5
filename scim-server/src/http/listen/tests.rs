//! Connections over real sockets: limits, deadlines, protocols and the end.

use std::{net::Ipv4Addr, sync::atomic::Ordering, time::Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::StatusCode;
use hyper_util::rt::TokioIo;
use scim_protocol::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

/// A server that answers `/slow` after 300 ms, `/stuck` never, `/large` with four megabytes, and
/// everything else at once with the peer that it sees.
struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Fake;

impl Answers for Fake {
    fn answer(self, request: Request<Incoming>, peer: Peer) -> impl Future<Output = Response<Body>> + Send + 'static {
        answer(request, peer)
    }

    fn refuse(&self, error: Error, _: &Peer) -> Response<Body> {
        let mut response = crate::http::response::error(&error, "application/scim+json", false);
        response.headers_mut().insert("x-request-id", hyper::header::HeaderValue::from_static("0190"));
        response
    }

    fn is_proxy(&self, _: IpAddr) -> bool {
        false
    }
}

async fn answer(request: Request<Incoming>, peer: Peer) -> Response<Body> {
    match request.uri().path() {
        "/slow" => sleep(Duration::from_millis(300)).await,
        "/stuck" => std::future::pending().await,
        "/token" => peer.introduce(),
        "/refuse" => {
            let mut response = Response::new(Body::from(b"too large".to_vec()));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
        "/large" => return Response::new(Body::Full(Bytes::from(vec![b'x'; 4 << 20]))),
        _ => {}
    }
    Response::new(Body::from(format!("{:?} tls={}", request.version(), peer.tls).into_bytes()))
}

fn limits() -> ConnectionLimits {
    ConnectionLimits {
        header_timeout: Duration::from_millis(200),
        handshake_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(600),
        drain_timeout: Duration::from_secs(2),
        ..ConnectionLimits::default()
    }
}

impl Server {
    async fn start(limits: ConnectionLimits, tls: Option<Arc<Tls>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(Timestamp::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, tls, limits, Arc::clone(&metrics), Fake, async {
            let _ = stopped.await;
        }));
        Self { address, metrics, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks to stop and returns how long that took.
    async fn stop(self) -> Duration {
        let start = Instant::now();
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        start.elapsed()
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The next answer of a connection, up to where it pauses.
async fn receive(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let length = timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// How long the server lets the connection be.
async fn lives_for(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    assert_eq!(receive(stream).await, "");
    start.elapsed()
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_many_requests_also_at_once() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        send(&mut stream, GET).await;
        assert!(receive(&mut stream).await.ends_with("HTTP/1.1 tls=false"));
    }
    send(&mut stream, &GET.repeat(3)).await;
    let mut all = String::new();
    while all.matches("tls=false").count() < 3 {
        all += &receive(&mut stream).await;
    }
    assert_eq!(server.metrics.connections.now(), 1);
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let server = Server::start(limits(), None).await;
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://a/").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0 tls=false");
}

#[tokio::test]
async fn a_client_that_says_nothing_or_half_a_header_is_cut_off() {
    let server = Server::start(ConnectionLimits { idle_timeout: Duration::from_secs(60), ..limits() }, None).await;
    let mut silent = server.connect().await;
    assert!(lives_for(&mut silent).await < Duration::from_secs(2));

    let mut slow = server.connect().await;
    let start = Instant::now();
    for byte in GET.as_bytes().iter().take(24).cycle() {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(30)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

    let mut between = server.connect().await;
    send(&mut between, GET).await;
    receive(&mut between).await;
    send(&mut between, "GET / HT").await;
    assert!(lives_for(&mut between).await < Duration::from_secs(2));
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_slow_header_and_then_ends() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    receive(&mut stream).await;
    let lived = lives_for(&mut stream).await;
    assert!(lived > Duration::from_millis(500) && lived < Duration::from_secs(3), "{lived:?}");
}

#[tokio::test]
async fn a_request_that_takes_longer_than_every_timeout_is_answered() {
    let server = Server::start(ConnectionLimits { idle_timeout: Duration::from_millis(100), ..limits() }, None).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(receive(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_cut_off() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(4)).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(server.metrics.connections.now(), 1);
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(server.metrics.connections.now(), 0);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_their_turn() {
    let server = Server::start(ConnectionLimits { max_connections: 2, ..limits() }, None).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for stream in [&mut one, &mut two] {
        send(stream, "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    sleep(Duration::from_millis(50)).await;
    let mut three = server.connect().await;
    send(&mut three, GET).await;
    assert!(timeout(Duration::from_millis(300), three.readable()).await.is_err());
    assert_eq!(server.metrics.connections.now(), 2);
    drop(one);
    assert!(receive(&mut three).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_header_beyond_the_limit_is_refused() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000))).await;
    assert!(receive(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn shutdown_finishes_what_runs_and_closes_what_is_idle() {
    let patient = Duration::from_secs(60);
    let server = Server::start(
        ConnectionLimits { header_timeout: patient, idle_timeout: patient, drain_timeout: patient, ..limits() },
        None,
    )
    .await;
    let (mut silent, mut idle, mut busy) = (server.connect().await, server.connect().await, server.connect().await);
    send(&mut idle, GET).await;
    receive(&mut idle).await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    let address = server.address;
    let (took, answer, ()) = tokio::join!(server.stop(), receive(&mut busy), async {
        lives_for(&mut idle).await;
        lives_for(&mut silent).await;
    });
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_beyond_its_deadline() {
    let server = Server::start(ConnectionLimits { drain_timeout: Duration::from_millis(300), ..limits() }, None).await;
    let mut stuck = server.connect().await;
    send(&mut stuck, "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    let took = server.stop().await;
    assert!(took > Duration::from_millis(250) && took < Duration::from_secs(4), "{took:?}");
}

/// Everything up to the end of the connection.
async fn receive_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await.unwrap().unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn what_is_no_request_is_answered_whole() {
    let server = Server::start(limits(), None).await;
    let long = "x".repeat(20_000);
    for (request, status, detail) in [
        ("GET /?filter=userName eq \"x\" HTTP/1.1\r\nhost: a\r\n\r\n", 400, "%20"),
        ("GET /?filter=userName+eq+\"x\" HTTP/1.1\r\nhost: a\r\n\r\n", 400, "%22"),
        ("GET /<x> HTTP/1.1\r\nhost: a\r\n\r\n", 400, "%3C"),
        ("GET /\u{1} HTTP/1.1\r\nhost: a\r\n\r\n", 400, "%5C"),
        ("GET / HTTP/3.7\r\nhost: a\r\n\r\n", 400, "HTTP/1.1"),
        ("GET /\r\nhost: a\r\n\r\n", 400, "HTTP/1.1"),
        ("G(T / HTTP/1.1\r\nhost: a\r\n\r\n", 400, "method"),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400, "header"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: \u{0}\r\n\r\n", 400, "header"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", 400, "Content-Length"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "Content-Length"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 400, "Transfer-Encoding"),
        (&format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), 414, "/.search"),
        (&format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"), 431, "16384"),
        (&format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(101)), 431, "100 headers"),
    ] {
        let mut stream = server.connect().await;
        // Behind a good request, and with more behind it that is never read.
        send(&mut stream, GET).await;
        assert!(receive(&mut stream).await.starts_with("HTTP/1.1 200"));
        send(&mut stream, &format!("{request}{}", "y".repeat(100))).await;
        let answer = receive_all(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count() - answer.matches("in HTTP/1.1 ").count(), 1, "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/scim+json") && head.contains("x-request-id: 0190"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], status.to_string());
        assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
    }
}

#[tokio::test]
async fn what_was_asked_before_a_refusal_is_answered_before_it() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &format!("{GET}{GET}GET /\" \" HTTP/1.1\r\n\r\n")).await;
    let answer = receive_all(&mut stream).await;
    assert_eq!(answer.matches("tls=false").count(), 2, "{answer}");
    assert_eq!(answer.matches("x-request-id").count(), 1, "{answer}");
    assert!(answer.rfind("tls=false") < answer.find("x-request-id"), "{answer}");
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_goes_on_sending_its_body() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, "POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 8000000\r\n\r\n").await;
    stream.write_all(&vec![b'x'; 8_000_000]).await.unwrap();
    let answer = receive_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.ends_with("too large"), "{answer}");

    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let body = Full::new(Bytes::from(vec![b'x'; 8_000_000]));
    let response = sender.send_request(Request::post("http://a/refuse").body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "too large");
}

#[tokio::test]
async fn head_is_answered_without_a_body_in_both_protocols() {
    let server = Server::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, "HEAD /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let answer = receive_all(&mut stream).await;
    assert!(answer.contains("content-length: 4194304") && answer.ends_with("\r\n\r\n"), "{answer}");

    // hyper's client hides what comes behind such a head, so the frames are looked at.
    let frames = exchange_frames(&server, &[head_frame(1, "HEAD", "/large")], &[]).await;
    let head = frames.iter().find(|(kind, _, stream, _)| (*kind, *stream) == (1, 1)).unwrap();
    assert_eq!(head.1 & 1, 1, "{frames:?}");
    assert!(frames.iter().all(|(kind, ..)| *kind != 0), "{frames:?}");
}

#[tokio::test]
async fn one_address_leaves_room_for_others_until_it_shows_a_token() {
    let server = Server::start(
        ConnectionLimits { address_connections: 2, idle_timeout: Duration::from_secs(60), ..limits() },
        None,
    )
    .await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for stream in [&mut one, &mut two] {
        send(stream, GET).await;
        receive(stream).await;
    }
    let mut three = server.connect().await;
    assert_eq!(receive(&mut three).await, "");
    assert_eq!(server.metrics.connections_refused.get(), 1);
    send(&mut one, "GET /token HTTP/1.1\r\nhost: a\r\n\r\n").await;
    receive(&mut one).await;
    let mut four = server.connect().await;
    send(&mut four, GET).await;
    assert!(receive(&mut four).await.starts_with("HTTP/1.1 200"));
    drop((two, four));
}

/// A frame: type, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

fn encoded(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS of a whole request, every field a literal that no table remembers.
fn head_frame(stream: u32, method: &str, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)] {
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.as_bytes());
        let length = value.len();
        if length < 127 {
            block.push(u8::try_from(length).unwrap());
        } else {
            let rest = length - 127;
            block.extend([127, u8::try_from(rest % 128).unwrap() | 128, u8::try_from(rest / 128 % 128).unwrap() | 128]);
            block.push(u8::try_from(rest / 16_384).unwrap());
        }
        block.extend(value.as_bytes());
    }
    let Some((first, more)) = block.split_at_checked(16_000) else { return encoded(1, 5, stream, &block) };
    [encoded(1, 1, stream, first), encoded(9, 4, stream, more)].concat()
}

/// Sends frames behind the preface and these first ones, and gives all that comes within a moment of
/// silence.
async fn exchange_frames(server: &Server, requests: &[Vec<u8>], first: &[Vec<u8>]) -> Vec<Frame> {
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&encoded(4, 0, 0, &[])).await.unwrap();
    for frame in first.iter().chain(requests) {
        stream.write_all(frame).await.unwrap();
    }
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(Ok(length @ 1..)) = timeout(Duration::from_millis(150), stream.read(&mut buffer)).await {
        bytes.extend_from_slice(&buffer[..length]);
    }
    let mut frames = Vec::new();
    let mut rest = bytes.as_slice();
    while let [a, b, c, kind, flags, d, e, f, g, behind @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push((*kind, *flags, u32::from_be_bytes([*d, *e, *f, *g]), behind[..length].to_vec()));
        rest = &behind[length..];
    }
    frames
}

#[tokio::test]
async fn what_is_no_request_is_answered_in_http2_too() {
    let server = Server::start(limits(), None).await;
    let window = encoded(8, 0, 0, &[0, 1, 0, 0]);
    let (bad, large) = (head_frame(1, "GET", "/?filter=a eq \"b\""), head_frame(3, "GET", &"/x".repeat(10_000)));
    let good = head_frame(5, "GET", "/");
    let requests = [bad.clone(), large, good];
    let frames = exchange_frames(&server, &requests, &[window]).await;
    for (stream, status) in [(1, "400"), (3, "431")] {
        let of: Vec<_> = frames.iter().filter(|(_, _, id, _)| *id == stream).collect();
        let text = |kind| {
            let found = of.iter().filter(|(of_kind, ..)| *of_kind == kind);
            String::from_utf8_lossy(&found.flat_map(|(.., payload)| payload.clone()).collect::<Vec<_>>()).into_owned()
        };
        let heads = text(1) + &text(9);
        assert!(heads.contains("x-request-id") && heads.contains("application/scim+json"), "{of:?}");
        let body: serde_json::Value = serde_json::from_str(&text(0)).unwrap();
        assert_eq!(body["status"], status);
    }
    let good: Vec<_> = frames.iter().filter(|(kind, _, id, _)| (*kind, *id) == (0, 5)).collect();
    assert!(String::from_utf8_lossy(&good[0].3).ends_with("tls=false"), "{frames:?}");

    // Without a window to spare for it, the body is left out and the rest is there.
    let frames = exchange_frames(&server, &[bad], &[]).await;
    let head = frames.iter().find(|(kind, _, stream, _)| (*kind, *stream) == (1, 1)).unwrap();
    assert_eq!(head.1 & 1, 1, "{frames:?}");
    assert!(String::from_utf8_lossy(&head.3).contains("x-request-id"));
}

#[tokio::test]
async fn a_connection_of_http2_that_asks_for_nothing_ends_like_an_idle_one() {
    let server = Server::start(limits(), None).await;
    let (ping, settings, window) = (encoded(6, 0, 0, &[7; 8]), encoded(4, 0, 0, &[]), encoded(8, 0, 0, &[0, 0, 0, 1]));
    for noise in [ping, settings, window] {
        for first in [vec![], head_frame(1, "GET", "/")] {
            let mut stream = server.connect().await;
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            stream.write_all(&encoded(4, 0, 0, &[])).await.unwrap();
            stream.write_all(&first).await.unwrap();
            let (mut read, mut write) = stream.into_split();
            let ends = tokio::spawn(async move { read.read_to_end(&mut Vec::new()).await });
            let noise = noise.clone();
            let noisy = tokio::spawn(async move {
                while write.write_all(&noise).await.is_ok() {
                    sleep(Duration::from_millis(40)).await;
                }
            });
            let ended = timeout(Duration::from_secs(20), ends).await;
            assert!(ended.is_ok(), "{first:?}");
            noisy.abort();
        }
    }
}

mod tls {
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
        server: &Server,
        connector: &TlsConnector,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        connector.connect(ServerName::try_from("localhost").unwrap(), server.connect().await).await
    }

    #[tokio::test]
    async fn both_protocols_are_spoken_as_negotiated() {
        let directory = tempfile::tempdir().unwrap();
        let certificate = write_pair(directory.path());
        let server = Server::start(limits(), Some(Arc::new(load(directory.path()).unwrap()))).await;

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
        let server = Server::start(limits(), Some(Arc::new(load(directory.path()).unwrap()))).await;
        let mut plain = server.connect().await;
        send(&mut plain, GET).await;
        receive(&mut plain).await;
        let mut silent = server.connect().await;
        assert!(lives_for(&mut silent).await < Duration::from_secs(2));
        assert_eq!(server.metrics.tls_failures.inner().load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn reloading_shows_the_new_certificate_and_keeps_old_connections() {
        let directory = tempfile::tempdir().unwrap();
        let first = write_pair(directory.path());
        let tls = Arc::new(load(directory.path()).unwrap());
        let server = Server::start(limits(), Some(Arc::clone(&tls))).await;
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
        let server = Server::start(limits(), Some(Arc::new(load(directory.path()).unwrap()))).await;
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
}
