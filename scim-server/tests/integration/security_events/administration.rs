//! What an administrator sees and does of streams, on a running server and on a stopped one; and what the bodies of
//! receivers may have.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Receiver;
use crate::{
    server::{Client, Options, PATIENCE, TestServer},
    webhooks::receiver::Receiver as Endpoint,
};

fn run(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[&["stream"][..], args, &["--tenant", "test", "--json"]].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_looks_pauses_and_removes() {
    let mut server = TestServer::start();
    let mut receiver = Receiver::of(&server).await;
    let stream = receiver.stream(json!({"description": "crm"})).await;
    let id = stream["stream_id"].as_str().expect("an id").to_owned();
    server.client().user("anna").await;
    let shown = run(&server, &["show", &id]);
    assert_eq!(
        (&shown["status"], &shown["delivery"], &shown["description"]),
        (&json!("enabled"), &json!("poll"), &json!("crm"))
    );
    assert!(
        shown["lag"].as_u64() > Some(0) && shown["events"].as_array().is_some_and(|all| !all.is_empty()),
        "{shown}"
    );

    let paused = run(&server, &["pause", &id, "--reason", "The receiver is moved."]);
    assert_eq!((&paused["status"], &paused["reason"]), (&json!("paused"), &json!("The receiver is moved.")));
    assert_eq!(receiver.poll(&stream, json!({})).await, Vec::<Value>::new());
    let problems = |server: &TestServer| {
        let status = server.run(&["status", "--tenant", "test", "--json"]);
        let rows: Value = serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{status:?}"));
        let codes = rows[0]["problems"].as_array().expect("problems").iter().map(|one| one["code"].clone());
        (status.status.code(), codes.collect::<Vec<_>>())
    };
    assert_eq!(problems(&server), (Some(0), vec![json!("StreamPaused")]));
    // The same on a store whose server is stopped.
    server.stop();
    assert_eq!(run(&server, &["list"])[0]["status"], "paused");
    assert_eq!(problems(&server), (Some(1), vec![json!("NoServer"), json!("StreamPaused")]));
    run(&server, &["enable", &id]);
    server.launch();
    receiver.discover(&server).await;
    let stream = receiver.client.get(receiver.at("configuration_endpoint")).await.expect(200).json[0].clone();
    let told = receiver.poll(&stream, json!({})).await;
    let updated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    let statuses: Vec<_> = told.iter().filter_map(|one| one["events"][updated]["status"].as_str()).collect();
    assert_eq!((statuses, told.len()), (vec!["paused", "enabled"], 3), "{told:#?}");
    let error = json!({told[2]["jti"].as_str().expect("an id"): {"err": "invalid_request"}});
    receiver.poll(&stream, json!({"setErrs": error, "ack": [told[0]["jti"], told[1]["jti"]]})).await;
    assert_eq!(run(&server, &["show", &id])["refused"], 1);
    let metrics = Client::new(&server.admin(), "");
    let end = Instant::now() + PATIENCE;
    loop {
        let text = metrics.get("/metrics").await.text;
        let lag = format!("scim_stream_lag{{tenant=\"test\",stream=\"{id}\"}}");
        if text.contains(&lag) && text.contains("scim_stream_tokens_refused_total 1") {
            break;
        }
        assert!(Instant::now() < end, "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let refused = server.run(&["stream", "show", "--tenant", "test", "none"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no stream \"none\""), "{refused:?}");
    run(&server, &["delete", &id]);
    assert_eq!(run(&server, &["list"]), json!([]));
    let log = server.run(&["events", "--tenant", "test", "--types", "stream.*", "--json"]);
    let types: Vec<_> = String::from_utf8_lossy(&log.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["type"].clone())
        .collect();
    assert_eq!(types, ["stream.paused", "stream.enabled", "stream.deleted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_push_fails_is_shown() {
    let server = TestServer::with(Options::args(&["--webhook-networks", "127.0.0.0/8"]));
    let receiver = Receiver::of(&server).await;
    let endpoint = Endpoint::start().await;
    endpoint.refuse("", 503);
    let delivery = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint.url});
    let stream = receiver.stream(json!({"delivery": delivery})).await;
    server.client().user("anna").await;
    let id = stream["stream_id"].as_str().expect("an id");
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = run(&server, &["show", id]);
        if shown["last_error"] == "the status 503" && shown["failing_since"].is_string() {
            assert_eq!((&shown["delivery"], &shown["url"]), (&json!("push"), &json!(endpoint.url)));
            break;
        }
        assert!(Instant::now() < end, "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_body_is_said() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let stream = receiver.stream(json!({})).await;
    let id = &stream["stream_id"];
    let push = |url: &str| json!({"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": url}});
    for (endpoint, body, words) in [
        ("configuration_endpoint", json!({"event_requested": []}), "\"event_requested\" is no member of it"),
        ("configuration_endpoint", json!({"events_requested": "all"}), "events_requested is to be a list of strings"),
        ("configuration_endpoint", json!({"delivery": {}}), "delivery: method is missing"),
        ("configuration_endpoint", push("https://0x7f000001/"), "write it as 192.0.2.1"),
        ("configuration_endpoint", push("https://localhost./"), "127.0.0.1 is no public address"),
        ("configuration_endpoint", push("https://[::ffff:127.0.0.1]/"), "127.0.0.1 is no public address"),
        ("configuration_endpoint", push("https://ip6-localhost/"), "127.0.0.1 is no public address"),
        ("configuration_endpoint", push("https://[::1%25lo]/"), "is no address"),
        ("configuration_endpoint", push("https://example.com:99999/"), "a number from 1 to 65535"),
        (
            "status_endpoint",
            json!({"stream_id": id, "status": "off"}),
            "status is to be one of enabled, paused, disabled",
        ),
        ("status_endpoint", json!({"status": "paused"}), "stream_id is missing"),
        ("verification_endpoint", json!({"stream_id": id, "state": 1}), "state is to be a string"),
        ("remove_subject_endpoint", json!({"stream_id": id, "subject": "anna"}), "subject is to be an object"),
    ] {
        let refused = receiver.client.post(receiver.at(endpoint), &body).await;
        assert!(
            refused.status == 400 && refused.text.contains(&words.replace('"', "\\\"")),
            "{body}: {}",
            refused.text
        );
    }
    // Of two values nobody knows which is meant.
    let poll = stream["delivery"]["endpoint_url"].as_str().expect("a URL");
    for (url, body) in [
        (receiver.at("configuration_endpoint"), "{\"description\": \"a\", \"description\": \"b\"}"),
        (poll, "{\"ack\": [], \"setErrs\": {\"x\": {\"err\": \"a\", \"err\": \"b\"}}}"),
    ] {
        let authorization = receiver.client.authorization();
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let refused = receiver.client.send("POST", url, &headers, Some(body.to_owned())).await;
        assert!(refused.status == 400 && refused.text.contains("twice"), "{body}: {}", refused.text);
    }
    let refused = receiver.ask(&stream, &json!({"setErrs": {"x": 5}, "returnImmediately": true})).await;
    assert!(refused.status == 400 && refused.text.contains("is to be an object"), "{}", refused.text);
    // What is not understood is passed over, and the log tells when nothing is left.
    let silent = receiver.stream(json!({"events_requested": ["https://example.com/unknown"]})).await;
    assert_eq!(silent["events_delivered"], json!([]));
    server.wait_for_log("its stream stays silent");
}

#[tokio::test]
async fn a_key_is_withdrawn_before_its_time_and_none_is_shown_for_ever() {
    let server = TestServer::start();
    let run = |args: &[&str]| server.run_json(&[&["signing-key"][..], args, &["--json"]].concat());
    let ids = |keys: &Value| keys.as_array().expect("keys").iter().map(|key| key["key_id"].clone()).collect::<Vec<_>>();
    let before = ids(&run(&["list"]));
    let after = ids(&run(&["rotate", "--overlap", "90d"]));
    assert_eq!(after[1..], before);
    let refuse = |args: &[&str], words: &str| {
        let refused = server.run(&[&["signing-key"][..], args].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(words), "{said}");
    };
    refuse(&["rotate", "--overlap", "91d"], "at most 90 days");
    refuse(&["remove", after[0].as_str().expect("an id")], "This key signs");
    refuse(&["remove", "-none"], "no signing key \"-none\"");
    assert_eq!(ids(&run(&["remove", before[0].as_str().expect("an id")])), after[..1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_stream_of_a_replaced_tenant_says_so() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let stream = receiver.stream(json!({})).await;
    let list = || server.run_json(&["stream", "list", "--tenant", "test", "--json"])[0].clone();
    // What it never had is nothing that it can refuse.
    let unknown = json!({"setErrs": {"x": {"err": "invalid_request"}}, "returnImmediately": true});
    receiver.ask(&stream, &unknown).await.expect(200);
    assert_eq!((&list()["status"], &list()["refused"]), (&json!("enabled"), &json!(0)));

    let file = server.scratch("export.jsonl");
    let exported = server.run(&["export", "--tenant", "test"]);
    std::fs::write(&file, exported.stdout).expect("a file");
    server.run_json(&["import", "--replace", &file.to_string_lossy(), "--json"]);
    assert_eq!((&list()["status"], &list()["lag"]), (&json!("replaced"), &Value::Null), "{}", list());
}
