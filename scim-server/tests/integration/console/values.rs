//! The values of calls: kept where a tenant asks for it, shown to operators, and told.

use std::fs;

use serde_json::{Value, json};

use super::{Visitor, complains, screens::look_at, signed_in, with_console};
use crate::{
    server::{Options, Response, TestServer, USER},
    traces::collector::Collector,
};

const HERE: &str = "/console/t/test/requests";

/// What is in no file and on no page.
const SECRET: &str = "correct-horse-battery";

fn anna() -> Value {
    json!({"schemas": [USER], "userName": "anna", "title": "Engineer", "password": SECRET})
}

fn call(response: &Response) -> String {
    response.header("x-request-id").to_owned()
}

/// All that the files of the log of requests have.
fn bytes_of_the_log(server: &TestServer) -> String {
    let files = fs::read_dir(server.data().join("requests")).expect("the log of requests");
    let bytes: Vec<u8> = files.flat_map(|file| fs::read(file.expect("a file").path()).expect("its bytes")).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The visitor with a token of that role.
async fn by_role(server: &TestServer, role: &str) -> Visitor {
    let made = server.run_json(&["admin-token", "create", "--name", role, "--role", role, "--json"]);
    Visitor::by_token(server, made["token"].as_str().expect("a token")).await
}

/// The events that say that somebody has looked: who, and at what.
fn looks(server: &TestServer) -> Vec<Value> {
    let events = server.run(&["events", "--tenant", "test", "--json"]).stdout;
    let events = String::from_utf8(events).expect("UTF-8");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let of_type = events.filter(|event| event["type"] == "call-values.shown");
    of_type.map(|event| json!([event["actor"], event["attributes"]])).collect()
}

#[tokio::test]
async fn values_are_kept_while_a_tenant_asks_and_shown_to_operators() {
    let server = with_console();
    let (client, root) = (server.client(), Visitor::root(&server).await);
    let before = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));
    assert!(root.get(HERE).await.expect(200).text.contains("not kept"), "nothing is kept unless somebody asks for it");
    let page = root.done(&format!("{HERE}/keep"), &[]).await.text;
    assert!(page.contains("kept for 24 hours") && page.contains("kept until"), "{page}");
    client.post("/Users", &anna()).await.expect(201);
    let refused = call(&client.post("/Users", &anna()).await.expect(409));
    let found = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));

    let of = |id: &str| format!("{HERE}/{id}");
    let viewer = by_role(&server, "viewer").await;
    let page = viewer.get(&of(&refused)).await.expect(200).text;
    assert!(page.contains("an operator may see them") && !page.contains("Engineer"), "{page}");
    let page = viewer.done(&format!("{}/values", of(&refused)), &[]).await.text;
    assert!(page.contains("needs the role operator") && !page.contains("Engineer"), "{page}");
    assert_eq!(looks(&server), Vec::<Value>::new(), "who sees nothing has not looked");

    let operator = by_role(&server, "operator").await;
    let page = operator.get(&of(&refused)).await.expect(200).text;
    assert!(page.contains("Show the values") && !page.contains("Engineer"), "{page}");
    let shown = operator.post(&format!("{}/values", of(&refused)), &[]).await.expect(200).text;
    for told in ["Engineer", "anna", "uniqueness", "The same call with curl", "HIDDEN_DUE_TO_SECURITY_REASONS"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(looks(&server), [json!(["admin:operator", [refused]])]);
    let shown = server.run_json(&["requests", "values", &found, "--tenant", "test", "--json"]);
    assert_eq!(shown["query"]["filter"], "userName eq \"anna\"", "{shown}");
    assert!(shown["response"]["Resources"][0]["title"] == "Engineer" || shown["left_out"] == json!(["response"]));
    assert_eq!(looks(&server).last(), Some(&json!(["admin", [found]])));

    // What may not be seen may not be found out, and the details have none of it.
    assert_eq!(server.run_json(&["requests", "list", "--tenant", "test", "--text", "engineer", "--json"]), json!([]));
    let details = server.run_json(&["requests", "show", &refused, "--json"]);
    assert!(details["values"] == true && !details.to_string().contains("Engineer"), "{details}");
    let page = root.get(&of(&before)).await.expect(200).text;
    assert!(page.contains("Those of this call are not kept"), "{page}");
    assert!(complains(&server.run(&["requests", "values", &before]), "call_values_until"), "they are not there");

    let page = root.done(&format!("{HERE}/forget"), &[]).await.text;
    assert!(page.contains("not kept"), "{page}");
    let after = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));
    assert!(complains(&server.run(&["requests", "values", &after]), "call_values_until"), "it has ended");
    let text = bytes_of_the_log(&server);
    assert!(text.contains("Engineer") && !text.contains(SECRET), "values are in the files, and no secret is");
}

/// A secret by the word of a schema, whose name is a part of many words, is in nothing that is kept of a call: not in the
/// log of requests, the audit log, the events, the traces or the server's own log. The words that have it in them stay.
#[tokio::test]
async fn a_secret_of_a_schema_is_kept_nowhere() {
    const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
    let badge = json!({"extends": "User", "schema": {"id": BADGE, "name": "Badge", "attributes": [
        {"name": "pin", "mutability": "writeOnly", "returned": "never"}, {"name": "colour"}
    ]}});
    let until = json!({"schemas": [badge], "call_values_until": "2999-01-01T00:00:00Z"});
    let collector = Collector::start();
    let args = ["--console", "--audit-log", "audit.jsonl", "--otlp-endpoint", &collector.url, "--otlp-sample", "1"]
        .map(str::to_owned)
        .to_vec();
    let mut server = TestServer::with(Options { args, ..Options::settings(until) });
    let client = server.client();
    let mut calls = Vec::new();
    for path in [
        format!("/Users?pin={SECRET}"),
        format!("/Users?PIN={SECRET}&count=1"),
        format!("/Users?{BADGE}:pin={SECRET}"),
        format!("/Users?p%69n%3D{SECRET}"),
        format!("/Users?filter=pin%20eq%20%22{SECRET}%22"),
        format!("/Users?filter=title%20eq%20%22a%22%20and%20{BADGE}:pin%20eq%20'{SECRET}'"),
        format!("/Users?sortBy=pin%20{SECRET}"),
        format!("/Users/pin={SECRET}"),
        format!("/pin/{SECRET}"),
    ] {
        calls.push(call(&client.get(&path).await));
    }
    let spinner = json!({"schemas": [USER, BADGE], "userName": "spinner", "displayName": "Pin board of the spinning mill",
        BADGE: {"pin": SECRET, "colour": "pink"}});
    let made = client.post("/Users", &spinner).await.expect(201);
    let kept = call(&made);
    let path = format!("/Users/{}", made.id());
    for operation in [
        json!({"op": "replace", "path": "pin", "value": SECRET}),
        json!({"op": "replace", "path": format!("{BADGE}:pin"), "value": [SECRET]}),
        json!({"op": "replace", "value": {format!("{BADGE}:PIN"): SECRET}}),
        json!({"op": "replace", "path": ["pin"], "value": SECRET}),
        json!({"op": "replace", "attribute": "pin", "value": SECRET}),
    ] {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        calls.push(call(&client.request("PATCH", &path, &[], Some(&body)).await));
    }
    let shown = server.run_json(&["requests", "values", &kept, "--tenant", "test", "--json"]);
    assert_eq!(shown["request"]["displayName"], "Pin board of the spinning mill", "{shown}");
    assert_eq!(
        (&shown["request"][BADGE]["colour"], &shown["response"]["userName"]),
        (&json!("pink"), &json!("spinner"))
    );

    let root = Visitor::root(&server).await;
    let mut told = vec![root.get(HERE).await.expect(200).text];
    let mut add = |args: &[&str]| told.push(String::from_utf8_lossy(&server.run(args).stdout).into_owned());
    add(&["requests", "list", "--tenant", "test", "--json"]);
    add(&["events", "--tenant", "test", "--json"]);
    calls.push(kept);
    for id in &calls {
        add(&["requests", "show", id, "--tenant", "test", "--json"]);
        add(&["requests", "values", id, "--tenant", "test", "--json"]);
    }
    for id in &calls {
        told.push(root.get(&format!("{HERE}/{id}")).await.expect(200).text);
        told.push(root.post(&format!("{HERE}/{id}/values"), &[]).await.text);
    }
    assert_eq!(told.iter().filter(|text| text.contains(SECRET)).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(told.iter().any(|text| text.contains("HIDDEN_DUE_TO_SECURITY_REASONS")), "they are kept");
    let text = bytes_of_the_log(&server);
    assert!(text.contains("spinning mill") && !text.contains(SECRET), "values are in the files, and no secret is");
    drop(root);
    server.stop();
    let audit = fs::read_to_string(server.data().join("audit.jsonl")).expect("the audit log");
    assert!(audit.contains("ListUsers") && !audit.contains(SECRET), "{audit}");
    let spans = format!("{:?}", collector.spans());
    assert!(spans.contains("scim.request.id") && !spans.contains(SECRET), "{spans}");
}

#[tokio::test]
async fn values_are_looked_at_in_a_browser() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("button", "Keep those of the next 24 hours");
    browser.sees("The values of calls are kept for 24 hours.");
    look_at(&mut browser, "values-kept");
    server.client().post("/Users", &anna()).await.expect(201);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("main a", "POST /Users");
    browser.sees("That you look is told");
    look_at(&mut browser, "values-call");
    browser.click("button", "Show the values");
    let page = browser.sees("Values of a call");
    assert!(page.contains("Engineer") && !page.contains(SECRET), "{page}");
    look_at(&mut browser, "values-shown");
    browser.open(&format!("{}/console/t/test/history", server.admin()));
    browser.sees("call-values.shown");
    assert_eq!(browser.faults(), Vec::<String>::new());
}
