//! The two forms in which something is told: with its values, and without.

use serde_json::{Value, json};

use super::{Receiver, events};
use crate::server::{Options, TestServer, USER};

/// The claims of a PUT, a deactivation by PATCH, an activation by PUT, and a PATCH; each with the version behind it.
async fn told(server: &TestServer) -> Vec<(Value, Value)> {
    let (receiver, client) = (Receiver::of(server).await, server.client());
    let anna = client.user("anna").await;
    let path = format!("/Users/{anna}");
    let stream = receiver.stream(json!({})).await;
    let whole =
        |active: bool, title: &str| json!({"schemas": [USER], "userName": "anna", "active": active, "title": title});
    let replace = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let mut versions = Vec::new();
    for answer in [
        client.put(&path, &whole(true, "Engineer")).await,
        client.patch(&path, &replace("active", false.into())).await,
        client.put(&path, &whole(true, "Director")).await,
        client.patch(&path, &replace("title", "Chair".into())).await,
    ] {
        versions.push(answer.expect(200).json["meta"]["version"].clone());
    }
    let claims = receiver.poll(&stream, json!({})).await;
    assert_eq!(claims.len(), versions.len(), "{claims:#?}");
    claims.into_iter().zip(versions).collect()
}

fn uri(name: &str) -> String {
    format!("urn:ietf:params:scim:event:prov:{name}")
}

/// What the event of that name says, which must say this version.
#[track_caller]
fn said(claims: &Value, version: &Value, name: &str) -> Value {
    let payload = &claims["events"][uri(name)];
    assert_eq!(&payload["version"], version, "{name}: {claims}");
    payload.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_and_an_activation_are_told_with_their_values() {
    let server = TestServer::start();
    let told = told(&server).await;
    let [(first, v1), (off, v2), (on, v3), (last, v4)] = &told[..] else { panic!("{told:#?}") };
    // The first says that she is active, which nobody had said before.
    let put = said(first, v1, "put:full");
    assert_eq!((&put["data"]["title"], &put["data"]["userName"]), (&json!("Engineer"), &json!("anna")));
    assert_eq!(events(off), [uri("patch:full"), uri("deactivate")]);
    said(off, v2, "deactivate");
    assert_eq!(events(on), [uri("put:full"), uri("activate")]);
    said(on, v3, "activate");
    assert_eq!(said(on, v3, "put:full")["data"]["title"], "Director");
    let patch = said(last, v4, "patch:full");
    assert_eq!(patch["data"]["Operations"], json!([{"op": "replace", "path": "title", "value": "Chair"}]));
    assert_eq!(events(last), [uri("patch:full")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_values_they_are_noticed() {
    let server = TestServer::with(Options::settings(json!({"event_values": false})));
    let told = told(&server).await;
    let [(first, v1), (off, v2), (on, v3), (last, v4)] = &told[..] else { panic!("{told:#?}") };
    let attributes = |claims: &Value, version: &Value, name: &str| {
        let notice = said(claims, version, name);
        assert!(notice.get("data").is_none(), "{notice}");
        notice["attributes"].clone()
    };
    assert_eq!(attributes(first, v1, "put:notice"), json!(["title", "active"]));
    assert_eq!(events(off), [uri("patch:notice"), uri("deactivate")]);
    assert_eq!(attributes(off, v2, "patch:notice"), json!(["active"]));
    assert_eq!(events(on), [uri("put:notice"), uri("activate")]);
    assert_eq!(attributes(on, v3, "put:notice"), json!(["title", "active"]));
    assert_eq!(attributes(last, v4, "patch:notice"), json!(["title"]));
    assert!(!json!(told.iter().map(|(claims, _)| claims).collect::<Vec<_>>()).to_string().contains("Director"));
}
