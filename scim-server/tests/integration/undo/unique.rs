//! Values of other unique attributes than the name, which were exchanged.

use serde_json::{Value, json};

use super::{newest, shown, undo};
use crate::server::{Client, Options, TestServer};

const BADGE: &str = "urn:example:scim:schemas:extension:badge:2.0:User";

/// A user whose name, external id, address and badge are these.
fn user(name: &str, external: &str, email: &str, badge: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", BADGE],
        "userName": name,
        "externalId": external,
        "displayName": "Somebody",
        "name": {"givenName": "Some", "familyName": "Body"},
        "emails": [{"value": format!("{email}@example.com"), "type": "work", "primary": true}],
        BADGE: {"badgeNumber": badge},
    })
}

/// A tenant in which addresses and badges are unique, too.
fn server(more: &Value) -> TestServer {
    let attributes = json!([{"name": "badgeNumber", "type": "string", "caseExact": true, "uniqueness": "server"}]);
    let schema = json!({"id": BADGE, "name": "Badge", "attributes": attributes});
    let mut settings = json!({"profile": "identity-center", "schemas": [{"schema": schema, "extends": "User"}]});
    let more = more.as_object().expect("settings").clone();
    settings.as_object_mut().expect("settings").extend(more);
    TestServer::with(Options::settings(settings))
}

async fn made(client: &Client, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let user = client.post("/Users", &user(name, name, name, name)).await.expect(201).json;
        ids.push(user["id"].as_str().expect("an id").to_owned());
    }
    ids
}

async fn put(client: &Client, id: &str, [name, external, email, badge]: [&str; 4]) {
    client.put(&format!("/Users/{id}"), &user(name, external, email, badge)).await.expect(200);
}

async fn unique(client: &Client, id: &str) -> [Value; 4] {
    let user = shown(client, "Users", id).await;
    ["/userName", "/externalId", "/emails/0/value", &format!("/{BADGE}/badgeNumber")]
        .map(|path| user.pointer(path).cloned().unwrap_or_default())
}

fn of(name: &str) -> [Value; 4] {
    [json!(name), json!(name), json!(format!("{name}@example.com")), json!(name)]
}

/// The dry run says the same as the run, which refuses nothing and leaves nothing to do.
fn all_undone(server: &TestServer, since: &str) {
    let [dry, done] = [&["--since", since, "--dry-run"][..], &["--since", since]].map(|args| undo(server, args));
    assert_eq!((&dry["undone"], &done["refused"]), (&done["undone"], &json!([])));
    assert_eq!(undo(server, &["--since", since]), json!({"undone": [], "refused": []}));
}

#[tokio::test]
async fn all_that_is_unique_may_have_been_exchanged() {
    let server = server(&json!({}));
    let client = server.client();
    let users = made(&client, &["anna", "bert"]).await;
    let since = newest(&server);
    put(&client, &users[0], ["x"; 4]).await;
    put(&client, &users[1], ["anna"; 4]).await;
    put(&client, &users[0], ["bert"; 4]).await;
    all_undone(&server, &since);
    for (id, name) in users.iter().zip(["anna", "bert"]) {
        assert_eq!(unique(&client, id).await, of(name));
    }
}

/// Each waits for another value of another one.
#[tokio::test]
async fn a_ring_may_go_through_several_attributes() {
    let server = server(&json!({}));
    let client = server.client();
    let users = made(&client, &["anna", "bert", "carl"]).await;
    let since = newest(&server);
    put(&client, &users[0], ["x"; 4]).await;
    put(&client, &users[1], ["y", "y", "anna", "y"]).await;
    put(&client, &users[2], ["z", "z", "z", "bert"]).await;
    put(&client, &users[0], ["carl", "x", "x", "x"]).await;
    all_undone(&server, &since);
    for (id, name) in users.iter().zip(["anna", "bert", "carl"]) {
        assert_eq!(unique(&client, id).await, of(name));
    }
}

/// A number cannot be `undo-` and an id: for a moment it is one that nobody has.
#[tokio::test]
async fn numbers_that_were_exchanged_go_back() {
    const DESK: &str = "urn:example:scim:schemas:extension:desk:2.0:User";
    let attributes = json!([
        {"name": "number", "type": "integer", "required": true, "uniqueness": "server"},
        {"name": "height", "type": "decimal", "uniqueness": "server"},
    ]);
    let schema = json!({"id": DESK, "name": "Desk", "attributes": attributes});
    let server = TestServer::with(Options::settings(json!({"schemas": [{"schema": schema, "extends": "User"}]})));
    let client = server.client();
    let user = |name: &str, number: i64, height: f64| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", DESK],
            "userName": name,
            DESK: {"number": number, "height": height},
        })
    };
    let mut users = Vec::new();
    for (name, number, height) in [("anna", 1, 0.5), ("bert", 2, 2.5)] {
        let made = client.post("/Users", &user(name, number, height)).await.expect(201).json;
        users.push(made["id"].as_str().expect("an id").to_owned());
    }
    let before = [shown(&client, "Users", &users[0]).await, shown(&client, "Users", &users[1]).await];
    let since = newest(&server);
    let put = async |id: &String, user: Value| client.put(&format!("/Users/{id}"), &user).await.expect(200);
    put(&users[0], user("x", 9, 9.5)).await;
    put(&users[1], user("anna", 1, 0.5)).await;
    put(&users[0], user("bert", 2, 2.5)).await;
    all_undone(&server, &since);
    for (id, before) in users.iter().zip(before) {
        let now = shown(&client, "Users", id).await;
        assert_eq!((&now["userName"], &now[DESK]), (&before["userName"], &before[DESK]));
    }
}

#[tokio::test]
async fn who_took_an_address_in_a_burst_gives_it_back() {
    let server = server(&json!({"brake": {"users": 1, "window": "1h"}, "restore_by": "none"}));
    let client = server.client();
    let users = made(&client, &["anna", "bert", "carl"]).await;
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    put(&client, &users[1], ["bert", "bert", "anna", "bert"]).await;
    client.delete(&format!("/Users/{}", users[2])).await.expect(204);
    let run = |last: &[&str]| -> Value {
        let outcome = server.run(&[&["brake", "undo", "--tenant", "test", "--json"], last].concat());
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let (dry, done) = (run(&["--dry-run"]), run(&[]));
    assert_eq!((&dry["undone"], &done["refused"]), (&done["undone"], &json!([])), "{done}");
    for (id, name) in users.iter().zip(["anna", "bert", "carl"]) {
        assert_eq!(unique(&client, id).await, of(name));
    }
}
