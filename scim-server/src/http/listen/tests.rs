//! Connections over real sockets: limits, deadlines, protocols and the end.

mod http2;
mod room;
mod tls;

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
use http2::{exchange_frames, head_frame};

/// A server that answers `/slow` after 300 ms, `/stuck` never, `/large` with four megabytes, and
/// everything else at once with the peer that it sees.
struct TestServer {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Fake {
    is_clock_set: bool,
}

impl Answers for Fake {
    fn answer(
        self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + 'static {
        answer(request, peer)
    }

    fn refuse(&self, error: Error, _: &Peer) -> Response<ResponseBody> {
        let mut response = crate::http::response::error(&error, "application/scim+json", false);
        response.headers_mut().insert("x-request-id", hyper::header::HeaderValue::from_static("0190"));
        response
    }

    fn is_proxy(&self, _: IpAddr) -> bool {
        false
    }

    fn is_clock_set(&self) -> bool {
        self.is_clock_set
    }
}

async fn answer(request: Request<Incoming>, peer: Peer) -> Response<ResponseBody> {
    match request.uri().path() {
        "/slow" => sleep(Duration::from_millis(300)).await,
        "/stuck" => std::future::pending().await,
        "/token" => peer.introduce(),
        "/refuse" => {
            let mut response = Response::new(ResponseBody::from(b"too large".to_vec()));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
        "/large" => return Response::new(ResponseBody::Full(Bytes::from(vec![b'x'; 4 << 20]))),
        _ => {}
    }
    Response::new(ResponseBody::from(format!("{:?} tls={}", request.version(), peer.tls).into_bytes()))
}

/// Longer than any test waits: for those that are about something else than time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Limits that a busy machine does not reach.
fn limits() -> ConnectionLimits {
    ConnectionLimits {
        header_timeout: PATIENCE,
        handshake_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        drain_timeout: PATIENCE,
        ..ConnectionLimits::default()
    }
}

/// Limits that a test reaches on purpose.
fn short() -> ConnectionLimits {
    ConnectionLimits {
        header_timeout: Duration::from_millis(200),
        handshake_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(600),
        drain_timeout: Duration::from_secs(2),
        ..ConnectionLimits::default()
    }
}

impl TestServer {
    async fn start(limits: ConnectionLimits, tls: Option<Arc<Tls>>) -> Self {
        Self::answering(Fake { is_clock_set: true }, limits, tls).await
    }

    async fn answering(fake: Fake, limits: ConnectionLimits, tls: Option<Arc<Tls>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(Timestamp::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, tls, limits, Arc::clone(&metrics), fake, async {
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
    let length = timeout(PATIENCE / 2, stream.read(&mut buffer)).await.unwrap().unwrap_or(0);
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
    let server = TestServer::start(limits(), None).await;
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
    let server = TestServer::start(limits(), None).await;
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
    let server = TestServer::start(ConnectionLimits { idle_timeout: PATIENCE, ..short() }, None).await;
    let mut silent = server.connect().await;
    lives_for(&mut silent).await;

    let mut slow = server.connect().await;
    for byte in GET.as_bytes().iter().take(24).cycle() {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(30)).await;
    }

    let mut between = server.connect().await;
    send(&mut between, GET).await;
    receive(&mut between).await;
    send(&mut between, "GET / HT").await;
    lives_for(&mut between).await;
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_slow_header_and_then_ends() {
    let server = TestServer::start(short(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    receive(&mut stream).await;
    let lived = lives_for(&mut stream).await;
    assert!(lived > Duration::from_millis(500), "{lived:?}");
}

#[tokio::test]
async fn a_request_that_takes_longer_than_every_timeout_is_answered() {
    let server =
        TestServer::start(ConnectionLimits { idle_timeout: Duration::from_millis(100), ..short() }, None).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(receive(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_cut_off() {
    let server = TestServer::start(short(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(4)).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(server.metrics.connections.now(), 1);
    let ended = async {
        while server.metrics.connections.now() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_their_turn() {
    let server = TestServer::start(ConnectionLimits { max_connections: 2, ..limits() }, None).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for stream in [&mut one, &mut two] {
        send(stream, GET).await;
        receive(stream).await;
        send(stream, "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    let mut three = server.connect().await;
    send(&mut three, GET).await;
    assert!(timeout(Duration::from_millis(300), three.readable()).await.is_err());
    assert_eq!(server.metrics.connections.now(), 2);
    drop(one);
    assert!(receive(&mut three).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_header_beyond_the_limit_is_refused() {
    let server = TestServer::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000))).await;
    assert!(receive(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn shutdown_finishes_what_runs_and_closes_what_is_idle() {
    let server = TestServer::start(limits(), None).await;
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
    assert!(took < PATIENCE, "{took:?}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_beyond_its_deadline() {
    let server =
        TestServer::start(ConnectionLimits { drain_timeout: Duration::from_millis(300), ..limits() }, None).await;
    let mut stuck = server.connect().await;
    send(&mut stuck, "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    let took = server.stop().await;
    assert!(took > Duration::from_millis(250), "{took:?}");
}

/// Everything up to the end of the connection.
async fn receive_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    timeout(PATIENCE / 2, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn what_is_no_request_is_answered_whole() {
    let server = TestServer::start(limits(), None).await;
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
    let server = TestServer::start(limits(), None).await;
    let mut stream = server.connect().await;
    send(&mut stream, &format!("{GET}{GET}GET /\" \" HTTP/1.1\r\n\r\n")).await;
    let answer = receive_all(&mut stream).await;
    assert_eq!(answer.matches("tls=false").count(), 2, "{answer}");
    assert_eq!(answer.matches("x-request-id").count(), 1, "{answer}");
    assert!(answer.rfind("tls=false") < answer.find("x-request-id"), "{answer}");
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_goes_on_sending_its_body() {
    let server = TestServer::start(limits(), None).await;
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
    let server = TestServer::start(limits(), None).await;
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

/// hyper panics where it has to write a Date of the year 10000: nobody gets so far.
#[tokio::test]
async fn a_clock_that_no_date_can_show_closes_connections() {
    let server = TestServer::answering(Fake { is_clock_set: false }, limits(), None).await;
    for hello in [GET, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = server.connect().await;
        let _ = stream.write_all(hello.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE / 2, stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer, b"", "{hello}");
    }
    server.stop().await;
}

#[tokio::test]
async fn one_address_leaves_room_for_others_until_it_shows_a_token() {
    let server = TestServer::start(
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
