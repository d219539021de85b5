//! Deliveries in the console: webhooks with what was given up, consumers and streams.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Visitor, signed_in};
use crate::{
    database::shared,
    server::{Client, Options, TestServer},
    webhooks::{receiver::Receiver, taken},
};

const HERE: &str = "/console/t/test/deliveries";

/// A server with a console whose webhooks may reach this machine.
fn options() -> Options {
    Options::args(&["--console", "--webhook-networks", "127.0.0.0/8"])
}

/// What is shown of a webhook's way to the tenant, once that is true of it.
async fn delivery(server: &TestServer, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let shown = server.run_json(&["webhook", "show", id, "--json"]);
        if is(&shown["deliveries"][0]) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never so: {}", server.run_json(&["webhook", "show", id, "--json"]));
}

/// A message is given up after ten tries in three days. While no server runs, nine of them are written down by hand,
/// for which the store is a database; the server does the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_shown_sent_again_and_arrives() {
    let url = shared().schema();
    let schema = url.rsplit("%3D").next().expect("the schema").to_owned();
    let mut server = TestServer::with(Options { store: Some(url), ..options() });
    let receiver = Receiver::start().await;
    let long = "w".repeat(1000);
    let url = format!("{}/{long}", receiver.url);
    let create = ["webhook", "create", "--tenant", "test", "--url", &url, "--types", "user.*", "--json"];
    let made = server.run_json(&create);
    let id = made["webhook_id"].as_str().expect("an id");
    receiver.refuse("", 500);
    let anna = server.client().user("anna").await;
    let shown = delivery(&server, id, |one| one["failing_since"].is_string()).await;
    assert!(shown["deliveries"][0]["waiting"][0]["tries"].as_u64() >= Some(1), "{shown}");
    let visitor = Visitor::root(&server).await;
    // An address as long as somebody likes has the room of an address, wherever it is told.
    for path in [HERE, "/console/t/test", "/console"] {
        let page = visitor.get(path).await.expect(200).text;
        assert!(!page.contains(&long), "{path}: {page}");
    }
    let page = visitor.get(HERE).await.expect(200).text;
    assert!(page.contains("Tried again") && page.contains("Next try") && page.contains("the status 500"), "{page}");
    assert!(page.contains("1 waiting</span>") && !page.contains("up to date"), "{page}");
    server.stop();
    shared().sql(&format!(
        "SET search_path = {schema}; UPDATE resource SET visible = convert_to(jsonb_set(jsonb_set(convert_from(visible, \
         'UTF8')::jsonb, '{{pending,0,tries}}', '9'), '{{pending,0,at}}', '0')::text, 'UTF8') \
         WHERE resource_type = 'Delivery'"
    ));
    server.launch();
    delivery(&server, id, |one| one["dead_letters"] == 1).await;
    receiver.refuse("nobody", 500);

    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    let page = browser.sees("These messages were not taken for too long by http");
    assert!(page.contains("the status 500") && page.contains(&format!("dead-letters {id} --send-again")), "{page}");
    browser.click("button", "Send all of them again");
    browser.sees("What was given up is sent again.");
    assert!(taken(&receiver, 1).await[0].body.contains(&anna));
    delivery(&server, id, |one| one["dead_letters"] == 0 && one["failing_since"].is_null()).await;
    browser.open(&format!("{}{HERE}", server.admin()));
    let page = browser.sees("up to date");
    assert!(page.contains("sends") && !page.contains("These messages were not taken"), "{page}");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_made_tested_enabled_and_removed() {
    let server = TestServer::with(options());
    let visitor = Visitor::root(&server).await;
    let receiver = Receiver::start().await;
    let fields = [("url", receiver.url.as_str()), ("types", "user.created, group.*")];
    let made = visitor.post(&format!("{HERE}/create"), &fields).await.expect(200).text;
    assert!(made.contains("whsec_") && made.contains("It verifies the signature"), "{made}");
    let page = visitor.get(HERE).await.expect(200).text;
    assert!(!page.contains("whsec_") && page.contains("user.created, group.*") && page.contains("sends"), "{page}");
    let listed = server.run_json(&["webhook", "list", "--tenant", "test", "--json"]);
    let id = listed[0]["webhook_id"].as_str().expect("an id");
    let with_id = [("id", id)];

    let said = visitor.done(&format!("{HERE}/test"), &with_id).await.text;
    assert!(said.contains("The message was taken.") && receiver.taken().len() == 1, "{said}");
    receiver.refuse("", 410);
    let said = visitor.done(&format!("{HERE}/test"), &with_id).await.text;
    assert!(said.contains("notice bad") && said.contains("has not taken the message: the status 410"), "{said}");
    server.client().user("anna").await;
    for _ in 0..600 {
        if server.run_json(&["webhook", "show", id, "--json"])["disabled"] == "gone" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let page = visitor.get(HERE).await.expect(200).text;
    assert!(page.contains("badge bad\">disabled") && page.contains("deliveries/enable"), "{page}");
    assert!(page.contains("Its endpoint has answered 410.") && page.contains("1 waiting</span>"), "{page}");
    assert!(!page.contains("Next try"), "nothing is tried again: {page}");
    receiver.refuse("nobody", 410);
    let said = visitor.done(&format!("{HERE}/enable"), &with_id).await.text;
    assert!(said.contains("It gets messages again") && !said.contains("badge bad\">disabled"), "{said}");
    taken(&receiver, 2).await;

    let rotated = visitor.post(&format!("{HERE}/rotate"), &with_id).await.expect(200).text;
    assert!(rotated.contains("whsec_") && rotated.contains("The one before signs, too, until"), "{rotated}");
    let before = receiver.taken().len();
    let again = visitor.done(&format!("{HERE}/replay"), &[("id", id), ("from", "1")]).await.text;
    assert!(again.contains("The events are sent again."), "{again}");
    taken(&receiver, before + 1).await;
    for (from, why) in [("", "Say from which event"), ("x", "is not the number"), ("9999", "can be sent again")] {
        let refused = visitor.done(&format!("{HERE}/replay"), &[("id", id), ("from", from)]).await.text;
        assert!(refused.contains("notice bad") && refused.contains(why), "{refused}");
    }

    let wrong = visitor.done(&format!("{HERE}/create"), &[("url", "ftp://example.com")]).await.text;
    assert!(wrong.contains("notice bad") && wrong.contains("no URL"), "{wrong}");
    let asked = visitor.post(&format!("{HERE}/ask"), &with_id).await.expect(200).text;
    assert!(asked.contains(&format!("Remove the webhook “{}”?", receiver.url)), "{asked}");
    let gone = visitor.done(&format!("{HERE}/delete"), &with_id).await.text;
    assert!(gone.contains("The webhook is removed.") && gone.contains("No webhooks."), "{gone}");
    assert_eq!(server.run_json(&["webhook", "list", "--json"]), json!([]));
}

#[tokio::test]
async fn consumers_and_streams_are_shown_released_and_paused() {
    let server = TestServer::with(options());
    let visitor = Visitor::root(&server).await;
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let reader = Client::new(&format!("{}/{}", server.origin(), server.tenant()), made["token"].as_str().expect("one"));
    let consumer = reader.post("/events/v1/consumers", &json!({"name": "crm"})).await.expect(201).json;
    server.client().user("anna").await;
    let asked = json!({"lease_seconds": 3600});
    reader.post("/events/v1/consumers/crm/receive", &asked).await.expect(200);
    let metadata = format!("{}/.well-known/ssf-configuration/{}", server.origin(), server.tenant());
    let metadata = reader.send("GET", &metadata, &[], None).await.expect(200).json;
    let streams = metadata["configuration_endpoint"].as_str().expect("an endpoint");
    let stream = reader.post(streams, &json!({"description": "siem"})).await.expect(201).json;

    let page = visitor.get(HERE).await.expect(200).text;
    assert!(page.contains(">crm<") && page.contains("Take it from the worker") && page.contains("siem"), "{page}");
    let consumer = consumer["consumer_id"].as_str().expect("an id");
    let said = visitor.done(&format!("{HERE}/release"), &[("id", consumer)]).await.text;
    assert!(said.contains("The next worker that asks") && !said.contains("Take it from the worker"), "{said}");
    let id = [("id", stream["stream_id"].as_str().expect("an id"))];
    let said = visitor.done(&format!("{HERE}/pause"), &id).await.text;
    assert!(said.contains("The stream is paused.") && said.contains("badge warn\">paused"), "{said}");
    let said = visitor.done(&format!("{HERE}/resume"), &id).await.text;
    assert!(said.contains("The stream is enabled.") && said.contains("badge good\">enabled"), "{said}");

    let viewer = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, viewer["token"].as_str().expect("a token")).await;
    let page = viewer.get(HERE).await.expect(200).text;
    assert!(page.contains("siem") && !page.contains("deliveries/pause\""), "a viewer is offered nothing: {page}");
    let refused = viewer.done(&format!("{HERE}/pause"), &id).await.text;
    assert!(refused.contains("notice bad") && refused.contains("badge good\">enabled"), "{refused}");
}
