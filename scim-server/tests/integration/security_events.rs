//! Security event tokens over streams; a library that others wrote verifies each.

mod administration;
mod forms;
mod later;
mod push;
mod signing;
mod subjects;

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    scim2_tester::python,
    server::{Client, Options, Response, TestServer},
};

const CREATED: &str = "urn:ietf:params:scim:event:prov:create:full";
const PATCHED: &str = "urn:ietf:params:scim:event:prov:patch:full";

/// A receiver with a token of its own, and the transmitter's metadata.
struct Receiver {
    client: Client,
    metadata: Value,
    keys: Value,
}

impl Receiver {
    async fn of(server: &TestServer) -> Self {
        let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
        let client = server.client().with_token(made["token"].as_str().expect("a token"));
        let mut receiver = Self { client, metadata: Value::Null, keys: Value::Null };
        receiver.discover(server).await;
        receiver
    }

    async fn discover(&mut self, server: &TestServer) {
        // Nobody needs a token for what verifies tokens.
        let get = async |url: &str| self.client.send("GET", url, &[], None).await.expect(200).json;
        self.metadata = get(&format!("{}/.well-known/ssf-configuration/{}", server.origin(), server.tenant())).await;
        self.keys = get(self.at("jwks_uri")).await;
    }

    fn at(&self, name: &str) -> &str {
        self.metadata[name].as_str().expect(name)
    }

    async fn stream(&self, body: Value) -> Value {
        self.client.post(self.at("configuration_endpoint"), &body).await.expect(201).json
    }

    async fn ask(&self, stream: &Value, body: &Value) -> Response {
        self.client.post(stream["delivery"]["endpoint_url"].as_str().expect("a URL"), body).await
    }

    /// Polls at once, and gives the verified claims in the order of their numbers.
    async fn poll(&self, stream: &Value, body: Value) -> Vec<Value> {
        let mut body = body;
        body["returnImmediately"] = json!(true);
        self.verified(&self.ask(stream, &body).await.expect(200).json)
    }

    /// The claims of tokens, as joserfc verifies them.
    fn verified(&self, polled: &Value) -> Vec<Value> {
        verified(&self.metadata, &self.keys, polled)
    }
}

/// The claims of tokens, as joserfc verifies them with these keys. The metadata says who may have issued them.
pub fn verified(metadata: &Value, keys: &Value, polled: &Value) -> Vec<Value> {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/security_events");
    let mut child = Command::new(python(&sources, "security-events"))
        .arg(sources.join("verify.py"))
        .args([metadata.to_string(), keys.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    child.stdin.take().expect("its input").write_all(polled.to_string().as_bytes()).expect("the tokens");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "joserfc refuses a token");
    serde_json::from_slice(&output.stdout).expect("claims")
}

fn jtis(claims: &[Value]) -> Vec<Value> {
    claims.iter().map(|one| one["jti"].clone()).collect()
}

fn events(claims: &Value) -> Vec<&str> {
    claims["events"].as_object().expect("events").keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_polled_verified_and_acknowledged() {
    let mut server = TestServer::start();
    let mut receiver = Receiver::of(&server).await;
    assert_eq!(
        (&receiver.metadata["spec_version"], &receiver.metadata["default_subjects"]),
        (&json!("1_0"), &json!("ALL"))
    );
    server.client().user("before").await;
    let stream = receiver.stream(json!({"description": "crm"})).await;
    let client = server.client();
    let anna = client.user("anna").await;
    let path = format!("/Users/{anna}");
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    client.delete(&path).await.expect(204);

    let told = receiver.poll(&stream, json!({})).await;
    let [created, deactivated, made, left, deleted] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(events(created), [CREATED]);
    assert_eq!(created["sub_id"], json!({"format": "scim", "uri": path, "id": anna}));
    assert_eq!((&created["aud"], &created["events"][CREATED]["data"]["userName"]), (&stream["aud"], &json!("anna")));
    assert_eq!(events(deactivated), [PATCHED, "urn:ietf:params:scim:event:prov:deactivate"]);
    let operation = &deactivated["events"][PATCHED]["data"]["Operations"][0];
    assert_eq!(*operation, json!({"op": "replace", "path": "active", "value": false}));
    assert_eq!((events(made), &made["sub_id"]["id"]), (vec![CREATED], &json!(group)));
    // A deletion and what follows of it are one transaction.
    assert_eq!((events(deleted), &deleted["txn"]), (vec!["urn:ietf:params:scim:event:prov:delete"], &left["txn"]));

    // Some are acknowledged, in any order; the rest comes again, with the same ids, also after a kill.
    let some = json!([deactivated["jti"], created["jti"]]);
    assert_eq!(jtis(&receiver.poll(&stream, json!({"ack": some, "maxEvents": 2})).await), jtis(&told[2..4]));
    server.kill();
    server.launch();
    receiver.discover(&server).await;
    let stream = receiver.client.get(receiver.at("configuration_endpoint")).await.expect(200).json[0].clone();
    assert_eq!(stream["description"], "crm");
    assert_eq!(jtis(&receiver.poll(&stream, json!({})).await), jtis(&told[2..]));
    // Another stream has tokens of its own about the same.
    let other = receiver.stream(json!({})).await;
    server.client().user("carla").await;
    let (one, two) = (receiver.poll(&stream, json!({})).await, receiver.poll(&other, json!({})).await);
    let (one, two) = (one.last().expect("a token"), two.last().expect("a token"));
    assert!(one["txn"] == two["txn"] && one["jti"] != two["jti"], "{one} {two}");
    receiver.poll(&stream, json!({"ack": [one["jti"], two["jti"]]})).await;
    assert_eq!(receiver.poll(&other, json!({})).await.len(), 1);
    // What a receiver cannot use does not come again.
    let error = json!({"err": "invalid_request", "description": "what is a group?"});
    let errors = json!({made["jti"].as_str().expect("an id"): error});
    let rest = receiver.poll(&stream, json!({"setErrs": errors, "ack": [left["jti"], deleted["jti"]]})).await;
    assert_eq!(rest, Vec::<Value>::new());
    // Whoever waits is told at once.
    let wait = json!({});
    let (waiting, _) = tokio::join!(receiver.ask(&stream, &wait), async { server.client().user("bert").await });
    assert_eq!(events(&receiver.verified(&waiting.expect(200).json)[0]), [CREATED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_made_changed_verified_and_removed() {
    let server = TestServer::with(Options::settings(json!({"event_values": false})));
    let receiver = Receiver::of(&server).await;
    let streams = receiver.at("configuration_endpoint");
    let notice = "urn:ietf:params:scim:event:prov:create:notice";
    let stream = receiver.stream(json!({"events_requested": [notice, "https://example.com/unknown"]})).await;
    assert_eq!(stream["events_delivered"], json!([notice]));
    let id = stream["stream_id"].as_str().expect("an id").to_owned();
    let of = |endpoint: &str| format!("{endpoint}?stream_id={id}");
    // Nobody else's business.
    assert_eq!(server.client().get(streams).await.status, 403);
    for (body, words) in [
        (
            json!({"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "http://127.0.0.1/"}}),
            "no public address",
        ),
        (json!({"delivery": {"method": "urn:ietf:rfc:8935"}}), "endpoint_url is missing"),
        (json!({"delivery": {"method": "pigeon"}}), "delivery method is"),
        (json!({"description": "x".repeat(2000)}), "at most 1024 bytes"),
    ] {
        let refused = receiver.client.post(streams, &body).await;
        assert!(refused.status == 400 && refused.text.contains(words), "{}", refused.text);
    }
    // Values are not told: then no form tells them.
    server.client().user("anna").await;
    let told = receiver.poll(&stream, json!({})).await;
    assert_eq!(events(&told[0]), [notice]);
    assert_eq!(told[0]["events"][notice]["attributes"], json!(["schemas", "userName"]));
    receiver.poll(&stream, json!({"ack": jtis(&told)})).await;

    receiver
        .client
        .post(receiver.at("verification_endpoint"), &json!({"stream_id": id, "state": "s1"}))
        .await
        .expect(204);
    let verification = receiver.poll(&stream, json!({})).await;
    let kind = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    assert_eq!((&verification[0]["events"][kind]["state"], verification.len()), (&json!("s1"), 1));
    assert_eq!(receiver.poll(&stream, json!({"ack": jtis(&verification)})).await, Vec::<Value>::new());

    receiver.client.delete(&of(streams)).await.expect(204);
    assert_eq!(receiver.client.get(&of(streams)).await.status, 404);
    assert_eq!(receiver.ask(&stream, &json!({"returnImmediately": true})).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_paused_disabled_and_changed() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let (streams, status) = (receiver.at("configuration_endpoint"), receiver.at("status_endpoint"));
    let notice = "urn:ietf:params:scim:event:prov:create:notice";
    let stream = receiver.stream(json!({"events_requested": [notice]})).await;
    let id = stream["stream_id"].as_str().expect("an id").to_owned();
    // What happens while it is paused comes later, what happens while it is disabled never.
    let set = async |to: &str| {
        let body = json!({"stream_id": id, "status": to, "reason": "because"});
        receiver.client.post(status, &body).await.expect(200).json
    };
    assert_eq!(set("paused").await, json!({"stream_id": id, "status": "paused", "reason": "because"}));
    server.client().user("paused").await;
    assert_eq!(receiver.poll(&stream, json!({})).await.len(), 0);
    set("enabled").await;
    let late = receiver.poll(&stream, json!({})).await;
    assert_eq!(late.len(), 1);
    receiver.poll(&stream, json!({"ack": jtis(&late)})).await;
    set("disabled").await;
    server.client().user("disabled").await;
    set("enabled").await;
    assert_eq!(receiver.poll(&stream, json!({})).await.len(), 0);
    let shown = receiver.client.get(&format!("{status}?stream_id={id}")).await.expect(200).json;
    assert_eq!(shown["status"], "enabled");

    // A verification waits while the stream is paused.
    set("paused").await;
    let verify = json!({"stream_id": id});
    receiver.client.post(receiver.at("verification_endpoint"), &verify).await.expect(204);
    assert_eq!(receiver.poll(&stream, json!({})).await.len(), 0);
    set("enabled").await;
    let verification = receiver.poll(&stream, json!({})).await;
    assert_eq!(verification.len(), 1);
    assert_eq!(receiver.poll(&stream, json!({"ack": jtis(&verification)})).await.len(), 0);
    set("disabled").await;
    assert_eq!(receiver.client.post(receiver.at("verification_endpoint"), &verify).await.status, 400);
    for list in [json!([]), json!(["x"])] {
        assert_eq!(receiver.client.post(receiver.at("configuration_endpoint"), &list).await.status, 400, "{list}");
        assert_eq!(receiver.client.post(receiver.at("status_endpoint"), &list).await.status, 400, "{list}");
    }
    set("enabled").await;

    // What the transmitter says may be repeated, and not changed.
    let same = json!({"stream_id": id, "iss": stream["iss"], "aud": stream["aud"], "delivery": stream["delivery"],
        "events_delivered": [notice]});
    receiver.client.request("PATCH", streams, &[], Some(&same)).await.expect(200);
    for (name, other) in [("aud", json!("me")), ("events_delivered", json!([]))] {
        let refused =
            receiver.client.request("PATCH", streams, &[], Some(&json!({"stream_id": id, name: other}))).await;
        assert!(refused.status == 400 && refused.text.contains(name), "{}", refused.text);
    }
    let change = json!({"stream_id": id, "description": "crm"});
    let changed = receiver.client.request("PATCH", streams, &[], Some(&change)).await.expect(200).json;
    assert_eq!((&changed["description"], &changed["events_delivered"]), (&json!("crm"), &json!([notice])));
    let whole = receiver.client.put(streams, &json!({"stream_id": id})).await.expect(200).json;
    assert!(
        whole.get("description").is_none() && whole["events_delivered"].as_array().is_some_and(|all| all.len() == 12)
    );
}
