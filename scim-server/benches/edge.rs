//! What the edge of the server costs a request: the connection, against hyper by itself; the audit
//! line; the limits; the counters.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run may stop")]

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use divan::Bencher;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use scim_protocol::{Error, Timestamp};
use scim_server::internals::{
    audit::{AuditLog, AuditRecord, Destination, Document, EventName, Form, Verb, Vocabulary},
    http::{
        body::ResponseBody,
        limit::{AddressLimit, TokenLimit},
        listen::{Answers, ConnectionLimits, serve},
        peer::Peer,
    },
    metrics::{Metrics, Operation},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use uuid::Uuid;

fn main() {
    divan::main();
}

const RESPONSE: &[u8] = &[b'x'; 1024];

async fn client(address: SocketAddr) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn round_trip(sender: &mut SendRequest<Empty<Bytes>>) -> Bytes {
    let request = Request::get("/").header("host", "localhost").body(Empty::new()).unwrap();
    sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
}

fn bench_round_trips(bencher: Bencher<'_, '_>, start: impl FnOnce(&Runtime, TcpListener)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    start(&runtime, listener);
    let mut sender = runtime.block_on(client(address));
    bencher.bench_local(|| runtime.block_on(round_trip(&mut sender)));
}

/// One answer to everything.
#[derive(Clone)]
struct Same;

impl Answers for Same {
    fn answer(self, _: Request<Incoming>, _: Peer) -> impl Future<Output = Response<ResponseBody>> + Send + 'static {
        std::future::ready(Response::new(ResponseBody::Full(Bytes::from_static(RESPONSE))))
    }

    fn refuse(&self, _: Error, _: &Peer) -> Response<ResponseBody> {
        Response::default()
    }

    fn is_proxy(&self, _: IpAddr) -> bool {
        false
    }
}

#[divan::bench(sample_count = 200, sample_size = 100)]
fn get_through_listen(bencher: Bencher<'_, '_>) {
    bench_round_trips(bencher, |runtime, listener| {
        let metrics = Arc::new(Metrics::new(Timestamp::default()));
        runtime.spawn(serve(listener, None, ConnectionLimits::default(), metrics, Same, std::future::pending()));
    });
}

#[divan::bench(sample_count = 200, sample_size = 100)]
fn get_through_bare_hyper(bencher: Bencher<'_, '_>) {
    bench_round_trips(bencher, |runtime, listener| {
        runtime.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::new(Bytes::from_static(
                    RESPONSE,
                ))))
            });
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .unwrap();
        });
    });
}

fn user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "bjensen@example.com",
        "name": {"givenName": "Barbara", "familyName": "Jensen", "formatted": "Ms. Barbara J Jensen, III"},
        "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "+1-555-555-8377", "type": "work"}],
        "active": true,
        "title": "Tour Guide",
        "externalId": "701984",
    })
}

fn record(body: Document<'_>) -> AuditRecord<'_> {
    AuditRecord {
        at: Timestamp::from_millis(1_700_000_000_000),
        event: EventName::Resource(Verb::Get, "User"),
        tenant: Some("2819c223-7f76-453a-919d-413861904646"),
        token: Some("902c246b-6245-4190-8e05-00816be7344a"),
        source_address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("identity-provider/1.0 (scim)"),
        host: Some("scim.example.com"),
        id: Some("c75ad752-64ae-4823-840d-ffa80929976c"),
        query: None,
        body,
        response: Document::None,
        error: None,
        mapping: &[],
        headers: &[],
        explanation: None,
        request: Uuid::from_u128(1 << 100),
        event_id: Uuid::from_u128(2 << 100),
        form: Form::Own,
        words: Vocabulary::core(),
    }
}

fn bench_record(bencher: Bencher<'_, '_>, body: Document<'_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let target = Destination::File { path: "/dev/null".into(), rotation: None };
    let log = AuditLog::open(target, Arc::default()).unwrap();
    let record = record(body);
    bencher.bench_local(|| runtime.block_on(log.record(AuditLog::line(&record))));
}

#[divan::bench]
fn audit_a_read(bencher: Bencher<'_, '_>) {
    bench_record(bencher, Document::None);
}

#[divan::bench]
fn audit_a_write(bencher: Bencher<'_, '_>) {
    bench_record(bencher, Document::Bytes(user().to_string().as_bytes()));
}

#[divan::bench]
fn check_the_token_limit(bencher: Bencher<'_, '_>) {
    let limit = TokenLimit::new();
    let key = Arc::from("902c246b-6245-4190-8e05-00816be7344a");
    bencher.bench(|| limit.check(&key, 1_000_000));
}

#[divan::bench(args = [false, true])]
fn check_the_address_limit(bencher: Bencher<'_, '_>, somebody_fails: bool) {
    let limit = AddressLimit::new(NonZeroU32::MIN, Duration::from_secs(3600));
    if somebody_fails {
        limit.count(IpAddr::from([192, 0, 2, 2]));
        limit.count(IpAddr::from([192, 0, 2, 2]));
    }
    bencher.bench(|| limit.check(IpAddr::from([192, 0, 2, 1])));
}

#[divan::bench]
fn count_a_request(bencher: Bencher<'_, '_>) {
    let metrics = Metrics::new(Timestamp::default());
    bencher.bench(|| {
        let _running = metrics.in_flight.enter();
        metrics.requests.observe(Operation::Retrieve, 200, Duration::from_micros(80));
    });
}

#[divan::bench]
fn scrape(bencher: Bencher<'_, '_>) {
    let metrics = Metrics::new(Timestamp::default());
    metrics.requests.observe(Operation::Retrieve, 200, Duration::from_micros(80));
    bencher.bench(|| metrics.encode());
}
