//! Nobody is taken over: a POST brings back what its own source has made, and nothing of another's.

use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer, USER};

fn run(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[args, &["--tenant", "test", "--json"]].concat())
}

/// A client with the token that a command has made.
fn with(server: &TestServer, args: &[&str]) -> Client {
    let made = run(server, args);
    server.client().with_token(made["token"].as_str().expect("a token"))
}

fn named(server: &TestServer, name: &str) -> Client {
    with(server, &["token", "create", "--name", name])
}

fn user(name: &str, external_id: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "externalId": external_id})
}

async fn made(client: &Client, name: &str, external_id: &str) -> String {
    client.post("/Users", &user(name, external_id)).await.expect(201).id()
}

async fn delete(client: &Client, id: &str) {
    client.delete(&format!("/Users/{id}")).await.expect(204);
}

async fn groups(client: &Client, id: &str) -> usize {
    let user = client.get(&format!("/Users/{id}")).await.expect(200).json;
    user["groups"].as_array().map(Vec::len).unwrap_or_default()
}

#[tokio::test]
async fn a_post_brings_nobody_back_whom_another_token_has_made() {
    for settings in [json!({}), json!({"restore_by": "userName"})] {
        let server = TestServer::with(Options::settings(settings));
        let (client, other) = (server.client(), named(&server, "other"));
        let anna = made(&client, "anna", "e-1").await;
        client.group("Admins", std::slice::from_ref(&anna)).await;
        delete(&client, &anna).await;
        let stranger = made(&other, "anna", "e-1").await;
        assert_ne!(stranger, anna);
        assert_eq!(groups(&other, &stranger).await, 0);
        // Each gets its own back, and nobody by hand is in the way of the other's.
        delete(&other, &stranger).await;
        assert_eq!(made(&client, "anna", "e-1").await, anna);
        assert_eq!(groups(&client, &anna).await, 1);
        delete(&client, &anna).await;
        assert_eq!(made(&other, "anna", "e-1").await, stranger);
        delete(&other, &stranger).await;
        // An administrator brings back whom they want.
        run(&server, &["user", "restore", &anna]);
        assert_eq!(groups(&client, &anna).await, 1);
        assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    }
}

#[tokio::test]
async fn groups_and_bulk_requests_are_no_way_round() {
    let server = TestServer::start();
    let (client, other) = (server.client(), named(&server, "other"));
    let group = |name: &str| json!({"schemas": [GROUP], "displayName": name, "externalId": "g-1"});
    let anna = made(&client, "anna", "e-1").await;
    let staff = client.post("/Groups", &group("Staff")).await.expect(201).id();
    let join = json!([{"op": "add", "path": "members", "value": [{"value": anna}]}]);
    client.patch(&format!("/Groups/{staff}"), &join).await.expect(200);
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    let theirs = other.post("/Groups", &group("Staff")).await.expect(201);
    assert_ne!(theirs.id(), staff);
    assert!(theirs.json.get("members").is_none(), "{}", theirs.text);

    delete(&client, &anna).await;
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "g",
            "data": {"schemas": [GROUP], "displayName": "Others", "members": [{"value": "bulkId:u"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user("anna", "e-1")},
    ]});
    let done = other.post("/Bulk", &bulk).await.expect(200).json;
    let id =
        |at: usize| done["Operations"][at]["location"].as_str().and_then(|at| at.rsplit('/').next()).expect("an id");
    assert_ne!(id(1), anna);
    assert_eq!(other.members(id(0)).await, [id(1)]);
}

#[tokio::test]
async fn a_token_that_replaces_another_is_the_same_source() {
    let server = TestServer::start();
    let (client, okta) = (server.client(), named(&server, "okta"));
    for (first, rotate) in [(client, None), (okta, Some("okta"))] {
        let tokens = run(&server, &["token", "list"]);
        let is_it = |token: &&Value| token["name"].as_str() == rotate;
        let old = tokens.as_array().and_then(|all| all.iter().find(is_it)).expect("the token")["token_id"].clone();
        let old = old.as_str().expect("an id");
        let anna = made(&first, "anna", "e-1").await;
        first.group(&format!("Staff {rotate:?}"), std::slice::from_ref(&anna)).await;
        delete(&first, &anna).await;
        let next = with(&server, &["token", "rotate", old]);
        server.run(&["token", "delete", "--tenant", "test", old]);
        assert_eq!((made(&next, "anna", "e-1").await, groups(&next, &anna).await), (anna.clone(), 1));
        delete(&next, &anna).await;
        run(&server, &["user", "purge", &anna]);
    }
    // The name counts, and not the day on which the token was made.
    let before = named(&server, "agent");
    let bert = made(&before, "bert", "e-2").await;
    delete(&before, &bert).await;
    server.run(&["token", "delete", "--tenant", "test", "agent"]);
    assert_eq!(made(&named(&server, "Agent"), "bert", "e-2").await, bert);
}

#[tokio::test]
async fn whoever_made_somebody_gets_them_back_whoever_has_changed_them() {
    let server = TestServer::start();
    let (client, other) = (server.client(), named(&server, "other"));
    let anna = made(&client, "anna", "e-1").await;
    let title = json!([{"op": "add", "path": "title", "value": "x"}]);
    other.patch(&format!("/Users/{anna}"), &title).await.expect(200);
    delete(&client, &anna).await;
    assert_eq!(made(&client, "anna", "e-1").await, anna);
}

#[tokio::test]
async fn what_is_left_of_a_source_that_is_gone_is_for_whoever_deletes_it() {
    let server = TestServer::start();
    let (first, other) = (named(&server, "first"), named(&server, "other"));
    let (anna, bert) = (made(&first, "anna", "e-1").await, made(&first, "bert", "e-2").await);
    delete(&first, &anna).await;
    server.run(&["token", "delete", "--tenant", "test", "first"]);
    delete(&other, &bert).await;
    assert_ne!(made(&other, "anna", "e-1").await, anna);
    assert_eq!(made(&other, "bert", "e-2").await, bert);
}

#[tokio::test]
async fn by_the_rule_of_adoption_a_post_takes_over_the_deleted_too() {
    let server = TestServer::with(Options::settings(json!({"adopt": "externalId"})));
    let (client, other) = (server.client(), named(&server, "other"));
    let anna = made(&client, "anna", "e-1").await;
    client.group("Staff", std::slice::from_ref(&anna)).await;
    delete(&client, &anna).await;
    assert_eq!((made(&other, "anna", "e-1").await, groups(&other, &anna).await), (anna, 1));
    let events = server.run(&["events", "--tenant", "test", "--types", "user.created", "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    let last: Value = serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
    assert_eq!((&last["restored"], &last["adopted"]), (&json!(true), &json!(true)), "{last}");
    // By hand somebody was made whom nobody sends: the rule names the externalId alone.
    let bert = run(&server, &["user", "create", "--user-name", "bert", "--force"]);
    let bert = bert["id"].as_str().expect("an id");
    delete(&client, bert).await;
    assert_ne!(made(&client, "bert", "e-2").await, bert);
}
