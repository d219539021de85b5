//! Tokens that are sent (RFC 8935).

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Receiver;
use crate::{
    server::{Options, TestServer},
    webhooks::receiver::{Received, Receiver as Endpoint},
};

const PUSH: &str = "urn:ietf:rfc:8935";

/// The verified claims of what an endpoint has taken, each token once, in the order in which they first came.
async fn received(receiver: &Receiver, endpoint: &Endpoint, number: usize) -> Vec<Value> {
    let mut sets = Map::new();
    for _ in 0..600 {
        sets = endpoint.taken().iter().map(named).collect();
        if sets.len() >= number {
            return receiver.verified(&json!({"sets": sets}));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("only {} of {number} tokens came", sets.len());
}

/// A token by its id.
fn named(received: &Received) -> (String, Value) {
    let header = |name: &str| received.headers.get(name).map(String::as_str);
    assert_eq!(header("content-type"), Some("application/secevent+jwt"));
    assert_eq!(header("authorization"), Some("Bearer of the receiver"));
    // What is signed tells the id; the signature is verified by others.
    let payload = received.body.split('.').nth(1).expect("a payload");
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).expect("base64");
    let claims: Value = serde_json::from_slice(&bytes).expect("claims");
    (claims["jti"].as_str().expect("an id").to_owned(), received.body.clone().into())
}

fn names(claims: &[Value]) -> Vec<&str> {
    let created = "urn:ietf:params:scim:event:prov:create:full";
    claims.iter().filter_map(|one| one["events"][created]["data"]["userName"].as_str()).collect()
}

/// What is written down of a stream may be a minute old; what is shown is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_is_shown_at_once() {
    let server = TestServer::with(Options::args(&["--webhook-networks", "127.0.0.0/8"]));
    let receiver = Receiver::of(&server).await;
    let endpoint = Endpoint::start().await;
    let delivery =
        json!({"method": PUSH, "endpoint_url": endpoint.url, "authorization_header": "Bearer of the receiver"});
    let stream = receiver.stream(json!({"delivery": delivery})).await["stream_id"].clone();
    server.client().user("anna").await;
    received(&receiver, &endpoint, 1).await;
    // Nothing of this is told over the stream.
    server.run_json(&["token", "create", "--tenant", "test", "--name", "other", "--json"]);
    let mut shown = Value::Null;
    for _ in 0..400 {
        let id = stream.as_str().expect("an id");
        shown = server.run_json(&["stream", "show", "--tenant", "test", id, "--json"]);
        if shown["lag"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_sent_in_order_until_they_are_taken() {
    let mut server = TestServer::with(Options::args(&["--webhook-networks", "127.0.0.0/8"]));
    let mut receiver = Receiver::of(&server).await;
    let issuer = receiver.metadata.clone();
    let endpoint = Endpoint::start().await;
    let delivery =
        json!({"method": PUSH, "endpoint_url": endpoint.url, "authorization_header": "Bearer of the receiver"});
    let stream = receiver.stream(json!({"delivery": delivery})).await;
    assert_eq!(stream["delivery"], json!({"method": PUSH, "endpoint_url": endpoint.url}));
    let id = stream["stream_id"].clone();
    server.client().user("anna").await;
    server.client().user("bert").await;
    let told = received(&receiver, &endpoint, 2).await;
    assert_eq!((names(&told), &told[0]["aud"]), (vec!["anna", "bert"], &stream["aud"]));
    let polled = receiver
        .client
        .post(
            &format!("{}/ssf/v1/poll/{}", issuer["issuer"].as_str().expect("a URL"), id.as_str().expect("an id")),
            &json!({}),
        )
        .await;
    assert!(polled.status == 400 && polled.text.contains("not polled"), "{}", polled.text);

    // What is refused stays, in its order, also when the server is killed meanwhile.
    endpoint.refuse("", 503);
    server.client().user("carla").await;
    server.client().user("dora").await;
    while endpoint.refused().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let failing = || server.run_json(&["status", "--tenant", "test", "--json"])[0]["problems"][0]["code"].clone();
    while failing() != "StreamFailing" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.kill();
    server.launch();
    endpoint.refuse("nothing has this text", 503);
    receiver.discover(&server).await;
    // Whoever enables the stream again has it tried at once.
    let status = receiver.at("status_endpoint").to_owned();
    receiver.client.post(&status, &json!({"stream_id": id, "status": "enabled"})).await.expect(200);
    receiver.metadata["issuer"] = issuer["issuer"].clone();
    assert_eq!(names(&received(&receiver, &endpoint, 4).await), ["anna", "bert", "carla", "dora"]);

    // A verification comes the same way, and a paused stream sends nothing.
    let verify = receiver.at("verification_endpoint").to_owned();
    receiver.client.post(&verify, &json!({"stream_id": id, "state": "s"})).await.expect(204);
    let told = received(&receiver, &endpoint, 5).await;
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    assert_eq!(told[4]["events"][verification], json!({"state": "s"}));
    receiver.client.post(&status, &json!({"stream_id": id, "status": "paused"})).await.expect(200);
    server.client().user("emil").await;

    // The receiver may change its mind: the rest is polled.
    let streams = receiver.at("configuration_endpoint").to_owned();
    let change = json!({"stream_id": id, "delivery": {"method": "urn:ietf:rfc:8936"}});
    receiver.discover(&server).await;
    let stream = receiver.client.request("PATCH", &streams, &[], Some(&change)).await.expect(200).json;
    receiver.client.post(&status, &json!({"stream_id": id, "status": "enabled"})).await.expect(200);
    assert_eq!(names(&receiver.poll(&stream, json!({})).await), ["emil"]);
}
