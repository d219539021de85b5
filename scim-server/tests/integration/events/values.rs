//! What an event tells, so that a reader need not ask back.

use serde_json::{Value, json};

use super::Feed;
use crate::server::{ENTERPRISE, Options, TestServer, USER};

#[tokio::test]
async fn an_event_tells_what_changed_and_what_came_of_it() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    let person = json!({"schemas": [USER, ENTERPRISE], "userName": "anna", "externalId": "e-1", "password": "S3cret-Sesame",
        "name": {"givenName": "Anna", "familyName": "Berg"}, ENTERPRISE: {"department": "Sales"}});
    let anna = client.post("/Users", &person).await.expect(201).id();
    let path = format!("/Users/{anna}");
    let operations = json!([
        {"op": "replace", "path": "name.givenName", "value": "Änne"},
        {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Support"},
        {"op": "replace", "path": "password", "value": "An0ther-Sesame"},
        {"op": "add", "path": "title", "value": "Engineer"},
    ]);
    client.patch(&path, &operations).await.expect(200);
    let served = client.get(&path).await.expect(200).json;
    client.delete(&path).await.expect(204);

    let events = feed.all().await;
    let [created, updated, deleted] = &events[..] else { panic!("{events:?}") };
    assert_eq!(created["tenant"], server.tenant());
    assert_eq!(created["actor_type"], "token");
    assert_eq!(created["resource"]["externalId"], "e-1");
    assert_eq!(created["resource"].get("previous_version"), None);
    assert_eq!(created["document"]["name"]["givenName"], "Anna");

    let department = format!("{ENTERPRISE}:department");
    assert_eq!(updated["attributes"], json!(["name.givenName", "title", "password", department]));
    let changes = json!({
        "name.givenName": {"before": "Anna", "after": "Änne"},
        "title": {"after": "Engineer"},
        department: {"before": "Sales", "after": "Support"},
    });
    assert_eq!(updated["changes"], changes);
    assert_eq!(updated["resource"]["previous_version"], created["resource"]["version"]);
    assert_eq!(updated["document"], without_meta(served.clone()));

    assert_eq!(deleted["resource"]["previous_version"], updated["resource"]["version"]);
    assert_eq!(deleted["resource"]["externalId"], "e-1");
    assert_eq!(deleted["document"], without_meta(served));
    let all = json!(events).to_string();
    assert!(!all.contains("Sesame") && !all.contains("argon2"), "a password, or its hash: {all}");
}

/// A resource as events hold it.
pub(super) fn without_meta(mut resource: Value) -> Value {
    let object = resource.as_object_mut().expect("an object");
    for name in ["meta", "members", "groups"] {
        object.shift_remove(name);
    }
    resource
}

#[tokio::test]
async fn who_joins_and_who_leaves_is_told() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let all = client.group("All", &[anna.clone(), staff.clone()]).await;
    // Bert comes; Anna is there already.
    let add = json!([{"op": "add", "path": "members", "value": [{"value": anna}, {"value": bert}]}]);
    client.patch(&format!("/Groups/{staff}"), &add).await.expect(200);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    client.delete(&format!("/Groups/{staff}")).await.expect(204);

    let events = feed.all().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let members = event.get("members").cloned().unwrap_or_default();
            (event["type"].as_str().unwrap(), event["resource"]["id"].as_str().unwrap(), members)
        })
        .collect();
    let moved = |joined: &[&String], left: &[&String]| json!({"count": joined.len() + left.len(), "joined": joined, "left": left});
    let (staff, all, anna, bert) = (&staff, &all, &anna, &bert);
    let expect = [
        ("scim.user.created", anna, Value::Null),
        ("scim.user.created", bert, Value::Null),
        ("scim.group.created", staff, moved(&[anna], &[])),
        ("scim.group.created", all, moved(&[anna, staff], &[])),
        ("scim.group.membership.changed", staff, moved(&[bert], &[])),
        // Who is deleted leaves the groups first, and each of them tells it.
        ("scim.group.membership.changed", staff, moved(&[], &[anna])),
        ("scim.group.membership.changed", all, moved(&[], &[anna])),
        ("scim.user.deleted", anna, Value::Null),
        ("scim.group.membership.changed", all, moved(&[], &[staff])),
        // So has whoever is in a group that is deleted.
        ("scim.group.deleted", staff, moved(&[], &[bert])),
    ];
    assert_eq!(told, expect.map(|(kind, id, members)| (kind, id.as_str(), members)));
    // The change of a group is the deletion's: its actor, its request.
    assert_eq!((&events[5]["request"], &events[5]["actor"]), (&events[7]["request"], &events[7]["actor"]));
    let version = client.get(&format!("/Groups/{all}")).await.expect(200).json["meta"]["version"].clone();
    assert_eq!(events[8]["resource"]["version"], version);
    assert_eq!(events[8]["resource"]["previous_version"], events[6]["resource"]["version"]);
}

#[tokio::test]
async fn a_tenant_may_leave_values_out() {
    let server = TestServer::with(Options::settings(json!({"event_values": false})));
    let (client, feed) = (server.client(), Feed::of(&server));
    let anna = client.user("anna").await;
    client
        .patch(&format!("/Users/{anna}"), &json!([{"op": "add", "path": "title", "value": "Engineer"}]))
        .await
        .expect(200);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let events = feed.all().await;
    assert_eq!(events[1]["attributes"], json!(["title"]));
    let all = json!(events).to_string();
    assert!(events.len() == 3 && !all.contains("anna") && !all.contains("Engineer"), "{all}");
    // What was written while values were told is not shown once they are left out.
    let settings = server.scratch("settings.json");
    let set = |values: bool| {
        std::fs::write(&settings, json!({"event_values": values}).to_string()).expect("a file");
        server.run_json(&["tenant", "set", "test", "--settings", &settings.to_string_lossy(), "--json"]);
    };
    set(true);
    client.user("bert").await;
    assert!(json!(feed.all().await).to_string().contains("bert"));
    set(false);
    assert!(!json!(feed.all().await).to_string().contains("bert"));
}

/// Events with documents end a page by their bytes, and none is left out.
#[tokio::test]
async fn large_events_make_small_pages() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    for number in 0..30 {
        let person = json!({"schemas": [USER], "userName": format!("u{number}"), "title": "x".repeat(100_000)});
        client.post("/Users", &person).await.expect(201);
    }
    let page = feed.ask(&format!("after={}&limit=1000", feed.start)).await;
    let count = page["events"].as_array().expect("events").len();
    assert_eq!(count, 30, "a page is read in several steps");
    let events = feed.all().await;
    assert_eq!(events.len(), 30);
    assert!(events.iter().all(|event| event["document"]["title"].as_str().is_some_and(|title| title.len() == 100_000)));
}
