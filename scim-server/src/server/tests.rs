//! A whole server whose clock stands where the calendar of four digits ends.

use scim_protocol::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

use super::*;
use crate::{
    clock::ManualClock,
    config::{Given, Origin, setting},
    store::sled::SledStore,
    tenant::Settings,
    token::Scopes,
};

/// 9999-12-31T23:59:59.999Z, the last instant that a clock of this program shows.
const END: i64 = 253_402_300_799_999;

fn config(settings: &[(&str, &str)]) -> Config {
    let mut given = Given::default();
    for (key, value) in settings {
        let setting = setting::find(key).unwrap();
        given.set(setting, (*value).to_owned(), Origin::Flag(setting.flag()));
    }
    Config::read(&given).unwrap()
}

#[test]
fn a_program_without_nats_says_so() {
    let with = config(&[("event_nats", "nats://127.0.0.1:4222")]);
    let refused = require_nats(&with, false).unwrap_err().to_string();
    assert!(refused.contains("--features nats") && refused.contains("event_nats"), "{refused}");
    assert!(require_nats(&with, true).is_ok());
    assert!(require_nats(&config(&[]), false).is_ok());
}

#[test]
fn a_program_without_kafka_says_so() {
    let with = config(&[("event_kafka", "kafka://127.0.0.1:9092")]);
    let refused = require_kafka(&with, false).unwrap_err().to_string();
    assert!(refused.contains("--features kafka") && refused.contains("event_kafka"), "{refused}");
    assert!(require_kafka(&with, true).is_ok());
    assert!(require_kafka(&config(&[]), false).is_ok());
}

/// Without the setting there is nobody who could make a span, and so none is made.
#[tokio::test]
async fn without_a_collector_nothing_is_traced() {
    let place = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&place.path().join("store"), Arc::clone(&clock)).unwrap());
    let data = place.path().to_string_lossy().into_owned();
    let plain = [("data", data.as_str()), ("listen", "127.0.0.1:0")];
    let collector = [&plain[..], &[("otlp_endpoint", "http://127.0.0.1:9"), ("otlp_sample", "1")]].concat();
    for (settings, expect) in [(&plain[..], false), (&collector, true)] {
        let server = Server::bind(&config(settings), Arc::clone(&store), Arc::clone(&clock)).await.unwrap();
        let service = &server.service;
        assert_eq!(service.traces.is_some(), expect);
        assert_eq!(service.sender.span("webhook.deliver").is_some(), expect);
        // The engine itself, or what stands before it.
        assert_eq!(Arc::ptr_eq(&service.operations.store, &store), !expect);
    }
}

/// One request on a connection of its own, and the whole answer.
async fn ask(address: SocketAddr, token: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Tokens that end after the end, ids, cursors, versions, the audit log with its rotation, and the periodic
/// work: none of them panics, wraps around, or writes a year of five digits.
async fn serves_at(now: i64) {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(now)));
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&place.path().join("store"), Arc::clone(&clock)).unwrap());
    let config = config(&[
        ("data", &path("")),
        ("listen", "127.0.0.1:0"),
        ("audit_log", &path("audit")),
        ("audit_log_size", "1KiB"),
    ]);
    let server = Server::bind(&config, Arc::clone(&store), clock).await.unwrap();
    let (address, service) = (server.address().unwrap(), Arc::clone(&server.service));
    let directory = service.access.directory();
    let (tenant, issued) = directory.create("acme", Settings::default(), Some(Duration::MAX)).await.unwrap();
    let second = directory.ledger().issue(&tenant, None, Scopes::ALL, Duration::ZERO).await.unwrap();
    service.access.reload().await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }, watch::channel(false).1));

    let (tenant, token) = (tenant.id, issued.unwrap().secret.reveal().to_owned());
    let ask = async |request: &str, body: &str, expect: &str| {
        let (method, path) = request.split_once(' ').unwrap();
        let answer = ask(address, &token, &format!("{method} /{tenant}/scim/v2{path}"), body).await;
        assert!(answer.contains(expect), "{request}: {answer}");
        answer
    };
    for number in 0..20 {
        ask("POST /Users", &format!(r#"{{"userName":"{number}"}}"#), "HTTP/1.1 201").await;
    }
    let page = ask("GET /Users?count=3&cursor=", "", "nextCursor").await;
    assert!(!page.contains("10000-"), "{page}");
    let cursor = page.split("\"nextCursor\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    ask(&format!("GET /Users?count=3&cursor={cursor}"), "", "\"userName\":\"3\"").await;
    ask("GET /Users?filter=meta.lastModified%20ge%20%229999-01-01T00:00:00Z%22", "", "\"totalResults\":20").await;
    ask("GET /Users?filter=x", "", "HTTP/1.1 400").await;
    // A token that has ended, a call that is counted, and a reminder that is due.
    let ended = self::ask(address, second.secret.reveal(), &format!("GET /{tenant}/scim/v2/Users"), "").await;
    assert!(ended.contains("HTTP/1.1 401"), "{ended}");
    service.access.reminders(service.clock.now()).await.unwrap();
    store.forget_events(service.clock.now()).await.unwrap();

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let log = std::fs::read_to_string(path("audit")).unwrap();
    let before = std::fs::read_to_string(path("audit.1")).unwrap();
    for line in before.lines().chain(log.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["eventTime"].as_str().unwrap().starts_with("9999-12-31T"), "{line}");
    }
}

#[tokio::test]
async fn nothing_breaks_where_the_calendar_ends() {
    // A clock goes on while the end is near; SystemClock stands still there.
    for now in [END, END - 1000, END - 60_000] {
        serves_at(now).await;
    }
}
