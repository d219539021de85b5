//! The events of all tenants in a stream of NATS JetStream, with a real nats-server.

pub mod broker;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::broker::{Broker, Guard, Message};
use crate::server::{Client, Options, PATIENCE, TestServer};

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

/// The messages of the stream, as soon as they hold all of these events of a tenant.
async fn all(broker: &Broker, server: &TestServer, tenant: &str, events: &BTreeMap<u64, Value>) -> Vec<Message> {
    let end = Instant::now() + PATIENCE;
    loop {
        let messages: Vec<Message> = broker.messages(0).await.into_values().collect();
        let of_tenant = messages.iter().filter(|message| message.body["data"]["tenant"] == tenant);
        if of_tenant.filter(|message| events.contains_key(&number(message))).count() >= events.len() {
            return messages;
        }
        assert!(Instant::now() < end, "{} messages of {} events\n{}", messages.len(), events.len(), server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn number(message: &Message) -> u64 {
    message.body["sequence"].as_str().and_then(|text| text.parse().ok()).expect("a number")
}

/// Checks that the messages of a tenant are its events, each once, in their order.
#[track_caller]
fn check(messages: &[Message], tenant: &str, events: &BTreeMap<u64, Value>) {
    let mut last = 0;
    for message in messages.iter().filter(|message| message.body["data"]["tenant"] == tenant) {
        let number = number(message);
        assert_eq!(number, last + 1, "the order");
        last = number;
        let kind = message.body["type"].as_str().expect("a type");
        assert_eq!(message.subject, format!("scim.events.{tenant}.{kind}"));
        assert_eq!(
            (&message.id, message.content_type.as_str()),
            (&text(&message.body["id"]), "application/cloudevents+json")
        );
        if let Some(event) = events.get(&number) {
            assert_eq!(message.body["data"], *event);
        }
    }
    assert!(last >= *events.keys().next_back().expect("events"));
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn each_event_is_one_message_in_the_order_of_its_log() {
    let broker = Broker::start(Guard { secret: "scim:a password", ..Guard::default() });
    broker.stream().await;
    let server = server(broker.args("nats"));
    let other = server.run_json(&["init", "--tenant", "other", "--json"]);
    let other = text(&other["path"]).split('/').nth(1).expect("an id").to_owned();
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
        let messages = all(&broker, &server, id, &events).await;
        check(&messages, id, &events);
    }
    let end = Instant::now() + PATIENCE;
    let http = Client::new(&server.admin(), "");
    while !http.get("/metrics").await.text.contains("scim_sink_lag{tenant=\"test\",sink=\"nats\"} 0") {
        assert!(Instant::now() < end, "{}", http.get("/metrics").await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn what_nats_does_not_take_is_kept_and_the_log_says_why() {
    let mut broker = Broker::new(Guard::default());
    let mut server = server(broker.args("nats"));
    server.client().user("ada").await;
    server.wait_for_log("NATS cannot be reached");
    broker.launch();
    server.wait_for_log("nats stream add SCIM --subjects 'scim.events.>'");
    broker.stream().await;
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events).await, server.tenant(), &events);
    // Others may write to the stream, too: the server then finds its end anew.
    let jetstream = broker.jetstream().await;
    jetstream.publish("scim.events.other", "{}".into()).await.expect("sent").await.expect("stored");
    broker.kill();
    server.client().user("grace").await;
    server.kill();
    broker.launch();
    server.launch();
    let events = feed(&server, server.tenant(), "test").await;
    let end = Instant::now() + PATIENCE;
    let last = events.keys().next_back().expect("events").to_string();
    loop {
        // Not as above: one message is not ours.
        let stream = broker.jetstream().await.get_stream("SCIM").await.expect("the stream");
        let found =
            stream.get_last_raw_message_by_subject(&format!("scim.events.{}.token.created", server.tenant())).await;
        let body = found.map(|message| serde_json::from_slice::<Value>(&message.payload).expect("JSON"));
        if body.is_ok_and(|body| body["sequence"] == last) {
            break;
        }
        assert!(Instant::now() < end, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn nats_is_reached_by_tls_and_a_token_and_whom_to_believe_is_set() {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let tls = Some((pair.cert.pem(), pair.signing_key.serialize_pem()));
    let broker = Broker::start(Guard { secret: "a-token", tls });
    broker.stream().await;
    let server = server(broker.args("tls"));
    server.client().user("ada").await;
    let events = feed(&server, server.tenant(), "test").await;
    check(&all(&broker, &server, server.tenant(), &events).await, server.tenant(), &events);
    assert!(!server.log().contains("a-token"), "{}", server.log());
}
