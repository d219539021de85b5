//! The events of all tenants in a topic of Kafka, with a broker and a reader that were not written here.

mod broker;
mod gate;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    broker::{Broker, Message},
    gate::Gate,
};
use crate::server::{Client, Options, PATIENCE, TestServer};

/// Users that are made while the server sends.
const WRITES: usize = 900;

/// A server that sends its events there.
fn server(args: Vec<String>) -> TestServer {
    TestServer::with(Options { args, ..Options::default() })
}

/// What the feed of a tenant shows, by number.
async fn feed(server: &TestServer, id: &str, tenant: &str) -> BTreeMap<u64, Value> {
    let made = server.run_json(&["token", "create", "--tenant", tenant, "--scope", "events", "--json"]);
    let client = Client::new(&format!("{}/{id}/events/v1", server.origin()), made["token"].as_str().expect("a token"));
    let page = client.get("?after=0&limit=1000").await.expect(200).json;
    let events = page["events"].as_array().expect("events");
    events.iter().map(|event| (event["sequence"].as_u64().expect("a number"), event.clone())).collect()
}

/// The messages of a tenant, as soon as they hold all events behind a number.
async fn all(
    broker: &Broker,
    server: &TestServer,
    id: &str,
    events: &BTreeMap<u64, Value>,
    after: u64,
) -> Vec<Message> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut messages = broker.messages();
        messages.retain(|message| message.key == id);
        let numbers: BTreeSet<u64> = messages.iter().map(Message::number).collect();
        if events.range(after + 1..).all(|(number, _)| numbers.contains(number)) {
            return messages;
        }
        assert!(Instant::now() < end, "{numbers:?} of {} events\n{}", events.len(), server.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Checks that messages are events of a tenant, that those are in one partition, and in their order where each comes first.
#[track_caller]
fn check(messages: &[Message], events: &BTreeMap<u64, Value>) {
    let mut last = None;
    for message in messages {
        let number = message.number();
        if let Some(last) = last {
            assert!(number <= last + 1, "the order: {number} behind {last}");
        }
        last = last.max(Some(number));
        assert_eq!(message.partition, messages[0].partition);
        assert_eq!(message.headers["id"], message.body["id"]);
        assert_eq!(message.headers["content-type"], "application/cloudevents+json; charset=UTF-8");
        if let Some(event) = events.get(&number) {
            assert_eq!(message.body["data"], *event);
        }
    }
}

#[tokio::test]
async fn each_event_is_one_message_in_the_order_of_its_log() {
    let broker = Broker::start();
    broker.topic();
    let server = server(broker.args());
    let other = server.run_json(&["init", "--tenant", "other", "--json"]);
    let other = other["tenant_id"].as_str().expect("an id").to_owned();
    let client = server.client();
    let ada = client.user("ada").await;
    client.group("readers", std::slice::from_ref(&ada)).await;
    for title in 0..300 {
        let replace = json!([{"op": "replace", "path": "title", "value": title.to_string()}]);
        client.patch(&format!("/Users/{ada}"), &replace).await.expect(200);
    }
    client.delete(&format!("/Users/{ada}")).await.expect(204);
    for (id, name) in [(server.tenant(), "test"), (other.as_str(), "other")] {
        let events = feed(&server, id, name).await;
        let messages = all(&broker, &server, id, &events, 0).await;
        check(&messages, &events);
        // Nothing has failed, so nothing came twice.
        let numbers: Vec<_> = messages.iter().map(Message::number).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
    let end = Instant::now() + PATIENCE;
    let http = Client::new(&server.admin(), "");
    while !http.get("/metrics").await.text.contains("scim_sink_lag{tenant=\"test\",sink=\"kafka\"} 0") {
        assert!(Instant::now() < end, "{}", http.get("/metrics").await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_does_not_take_is_kept_and_the_log_says_why() {
    let mut broker = Broker::new();
    let mut server = server(broker.args());
    server.client().user("ada").await;
    server.wait_for_log("Kafka cannot be reached");
    broker.launch();
    server.wait_for_log("kafka-topics.sh --create --topic scim.events");
    broker.topic();
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events, 0).await, &events);
    // A broker that dies, and a server that dies while it is away.
    broker.kill();
    server.client().user("grace").await;
    server.kill();
    broker.launch();
    broker.topic();
    server.launch();
    let known = *events.keys().next_back().expect("events");
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events, known).await, &events);
    // A server that dies while it sends: what is told twice is told so in its number.
    let client = server.client();
    let busy = tokio::spawn(async move {
        // As many as a page of the feed has. Who reads a topic to its end must see one.
        for number in 0..WRITES {
            let body = json!({"schemas": [crate::server::USER], "userName": format!("user{number}")}).to_string();
            let (authorization, kind) = (client.authorization(), "application/scim+json");
            let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
            if client.try_send("POST", "/Users", &headers, Some(body)).await.is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    while broker.messages().len() < 50 {
        assert!(Instant::now() < end, "{}", server.log());
    }
    server.kill();
    busy.await.expect("the writes");
    server.launch();
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events, known).await, &events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_is_reached_by_tls_and_knows_the_server_by_its_certificate() {
    let gate = Gate::open().await;
    let broker = Broker::behind(&gate);
    broker.topic();
    let server = server(gate.args());
    server.client().user("ada").await;
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events, 0).await, &events);
    assert!(gate.has_let_in(), "the messages went another way");
}

#[test]
fn a_certificate_that_cannot_be_read_is_told_at_the_start() {
    let place = tempfile::tempdir().expect("a directory");
    let missing = place.path().join("none.pem").display().to_string();
    let args = ["--event-kafka", "tls://localhost:9093", "--event-kafka-cert", &missing, "--event-kafka-key", &missing];
    let serve = ["serve", "--data", ".", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = crate::server::program(place.path()).args(serve).args(args).output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("event_kafka_cert") && said.contains("none.pem"), "{said}");
}
