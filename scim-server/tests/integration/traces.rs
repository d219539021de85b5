//! Spans of requests, of the store and of messages, as a collector of OpenTelemetry gets them.

pub mod collector;

use std::{collections::BTreeSet, fs, net::TcpListener, time::Duration};

use serde_json::json;

use crate::{
    server::{Options, TestServer, USER, on_postgres},
    webhooks::receiver::{Received, Receiver},
};
use collector::{Collector, Told};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A server that sends spans there.
fn server(collector: &Collector, args: &[&str]) -> TestServer {
    TestServer::with(Options::args(&[&["--otlp-endpoint", collector.url.as_str()], args].concat()))
}

#[track_caller]
fn only<'a>(spans: &'a [Told], name: &str) -> &'a Told {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {spans:#?}");
    found[0]
}

#[tokio::test]
async fn a_request_is_a_span_below_its_callers_and_above_the_stores() {
    let collector = Collector::start();
    let mut server = server(&collector, &["--otlp-sample", "0"]);
    let client = server.client();
    // Nobody asks for a trace of this one.
    let unseen = client.user("unseen").await;
    client.get(&format!("/Users/{unseen}")).await.expect(200);
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let body = json!({"schemas": [USER], "userName": "seen"});
    let made = client.request("POST", "/Users", &[("traceparent", &traceparent)], Some(&body)).await.expect(201);
    let path = format!("/Users/{}", made.id());
    client.request("GET", &path, &[("traceparent", &traceparent)], None).await.expect(200);
    client.request("GET", "/Nothing/x", &[("traceparent", &traceparent)], None).await.expect(404);
    assert!(server.stop().success());

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace == TRACE && span.service == "scim-server"), "{spans:#?}");
    let post = only(&spans, "POST /{tenant_id}/scim/v2/Users");
    assert_eq!((post.kind, post.parent.as_str()), (2, CALLER));
    for (key, expect) in [
        ("http.request.method", "POST"),
        ("http.route", "/{tenant_id}/scim/v2/Users"),
        ("http.response.status_code", "201"),
        ("url.scheme", "http"),
        ("server.address", "localhost"),
        ("scim.tenant.id", server.tenant()),
        ("scim.request.id", made.header("x-request-id")),
    ] {
        assert_eq!(post.attribute(key), expect, "{key}");
    }
    let commit = only(&spans, "store.commit");
    assert_eq!(commit.parent, post.id);
    assert_eq!(commit.attribute("db.system.name"), if on_postgres() { "postgresql" } else { "sled" });
    let get = only(&spans, "GET /{tenant_id}/scim/v2/Users/{id}");
    assert!(spans.iter().any(|span| span.name == "store.read" && span.parent == get.id), "{spans:#?}");
    // What is in a path that leads nowhere is anything.
    let nothing = only(&spans, "GET");
    assert_eq!((nothing.attribute("http.response.status_code"), nothing.attribute("http.route")), ("404", ""));
}

#[tokio::test]
async fn a_part_of_the_traces_is_recorded() {
    let collector = Collector::start();
    let mut server = server(&collector, &["--otlp-sample", "0.5"]);
    let client = server.client();
    for _ in 0..200 {
        client.get("/Users?count=0").await.expect(200);
    }
    assert!(server.stop().success());
    let traces: BTreeSet<_> = collector.spans().into_iter().map(|span| span.trace).collect();
    // Of two hundred coins less than twenty or more than a hundred and eighty heads are not seen in a lifetime.
    assert!((20..180).contains(&traces.len()), "{}", traces.len());
}

/// The message is made once for both, and each has a span of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_each_webhook_carries_its_span() {
    let collector = Collector::start();
    let receivers = [Receiver::start().await, Receiver::start().await];
    let mut server = server(&collector, &["--otlp-sample", "1", "--webhook-networks", "127.0.0.0/8"]);
    for receiver in &receivers {
        server.run_json(&["webhook", "create", "--tenant", "test", "--url", &receiver.url, "--json"]);
    }
    let body = json!({"schemas": [USER], "userName": "told"});
    let made = server.client().post("/Users", &body).await.expect(201);
    // By which the request is found that has made the event. What the administrator did is told, too, and no request.
    let request = made.header("x-request-id");
    let delivered = |span: &&Told| span.name == "webhook.deliver" && span.attribute("scim.request.id") == request;
    let spans = collector.wait_until("two messages", |spans| spans.iter().filter(delivered).count() == 2);
    assert!(server.stop().success());

    let spans: Vec<_> = spans.iter().filter(delivered).collect();
    let sent = spans.iter().map(|span| format!("00-{}-{}-01", span.trace, span.id)).collect::<BTreeSet<_>>();
    let is_of_them = |message: &Received| sent.contains(&message.headers["traceparent"]);
    let messages = receivers.each_ref().map(|receiver| receiver.taken().into_iter().find(is_of_them).expect("one"));
    let came = messages.each_ref().map(|message| message.headers["traceparent"].clone());
    assert_eq!(BTreeSet::from(came), sent);
    assert_eq!(messages[0].body, messages[1].body);
    for span in spans {
        assert_eq!((span.kind, span.attribute("http.response.status_code")), (3, "204"));
        assert_eq!(span.attribute("server.address"), "127.0.0.1");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_hurts_nobody() {
    let server = TestServer::with(Options::args(&["--otlp-endpoint", "http://127.0.0.1:9", "--otlp-sample", "1"]));
    let client = server.client();
    client.user("one").await;
    server.wait_for_log("the collector takes no spans");
    for number in 0..50 {
        client.user(&format!("u{number}")).await;
    }
    let admin = server.client();
    let lost = || async {
        let metrics = admin.send("GET", &format!("{}/metrics", server.admin()), &[], None).await.expect(200).text;
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("scim_trace_spans_lost_total ").map(str::to_owned));
        line.expect("the metric").parse::<u64>().expect("a number")
    };
    while lost().await < 50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.log().matches("the collector takes no spans").count(), 1, "{}", server.log());
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_nobody_up() {
    // Connections come in, and nobody takes them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let mut server = TestServer::with(Options::args(&["--otlp-endpoint", &endpoint, "--otlp-sample", "1"]));
    let client = server.client();
    for number in 0..20 {
        client.user(&format!("u{number}")).await;
    }
    assert!(server.stop().success());
    server.wait_for_log("the last spans were not sent");
}

#[tokio::test]
async fn headers_for_the_collector_are_in_a_file() {
    let collector = Collector::start();
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("headers").to_string_lossy().into_owned();
    fs::write(&file, "authorization: Bearer s3cret\n").expect("the file");
    let mut server =
        server(&collector, &["--otlp-sample", "1", "--otlp-headers-file", &file, "--log", "trace,sled=info"]);
    server.client().user("one").await;
    assert!(server.stop().success());
    let requests = collector.requests();
    assert!(!requests.is_empty() && requests.iter().all(|(headers, _)| headers["authorization"] == "Bearer s3cret"));
    assert!(!server.log().contains("s3cret"));
}

/// Variables that others' programs go by do not switch it on.
#[tokio::test]
async fn without_the_setting_nobody_is_told() {
    let collector = Collector::start();
    let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    let environment = environment.map(|name| (name.to_owned(), collector.url.clone())).to_vec();
    let mut server = TestServer::with(Options { environment, ..Options::default() });
    let client = server.client();
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    client.request("GET", "/Users", &[("traceparent", &traceparent)], None).await.expect(200);
    assert!(server.stop().success());
    assert_eq!(collector.connections(), 0);
}
