//! Who was deleted and came back: events tell who was in a group, and what differs, and an undo puts it back.

use serde_json::{Value, json};

use super::{
    newest, people,
    preview::{as_rehearsed, changes},
    shown, undo,
};
use crate::server::{Client, GROUP, Options, TestServer, USER};

/// POSTs a group that is known by its `externalId`.
async fn post(client: &Client, members: &[&String]) -> String {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    let body = json!({"schemas": [GROUP], "displayName": "Staff", "externalId": "g-1", "members": members});
    client.post("/Groups", &body).await.expect(201).id()
}

async fn delete(client: &Client, endpoint: &str, id: &str) {
    client.delete(&format!("/{endpoint}/{id}")).await.expect(204);
}

async fn members(client: &Client, group: &str) -> Vec<String> {
    sorted(client.members(group).await)
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// The changes of the only resource that was put back.
#[track_caller]
fn only(done: &Value, id: &str) -> Value {
    assert_eq!((done["undone"].as_array().map(Vec::len), &done["refused"]), (Some(1), &json!([])), "{done}");
    assert_eq!(done["undone"][0]["id"], id, "{done}");
    done["undone"][0]["changes"].clone()
}

/// The last event of a type.
fn told(server: &TestServer, kind: &str) -> Value {
    let events = server.run(&["events", "--tenant", "test", "--types", kind, "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    serde_json::from_str(events.lines().last().expect("an event")).expect("JSON")
}

#[tokio::test]
async fn who_was_in_a_group_that_a_post_brought_back_is_in_it_again() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 5).await;
    let group = post(&client, &users[..4].iter().collect::<Vec<_>>()).await;
    let since = newest(&server);
    delete(&client, "Groups", &group).await;
    let left = told(&server, "group.deleted");
    assert_eq!((&left["members"]["count"], &left["members"]["joined"]), (&json!(4), &json!([])), "{left}");
    assert_eq!(left["members"]["left"], json!(sorted(users[..4].to_vec())));
    // Some are in it again, and one is new.
    assert_eq!(post(&client, &[&users[0], &users[1], &users[4]]).await, group);
    let came = told(&server, "group.created");
    assert_eq!((&came["restored"], &came["members"]["count"]), (&json!(true), &json!(3)), "{came}");
    // One of the old ones is put back by hand, and one goes.
    let add = json!([{"op": "add", "path": "members", "value": [{"value": users[2]}]}]);
    client.patch(&format!("/Groups/{group}"), &add).await.expect(200);
    delete(&client, "Users", &users[3]).await;
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(done["refused"], json!([]));
    assert_eq!(members(&client, &group).await, sorted(users[..4].to_vec()));
    assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
}

/// Nothing is to be put back where all are in it again; and what was brought back can go, and return with its members.
#[tokio::test]
async fn a_group_that_was_restored_by_hand_is_as_before() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 3).await;
    let group = post(&client, &users.iter().collect::<Vec<_>>()).await;
    let since = newest(&server);
    delete(&client, "Groups", &group).await;
    let between = newest(&server);
    let restore = || server.run_json(&["group", "restore", "--tenant", "test", &group, "--json"]);
    restore();
    assert_eq!(told(&server, "group.created")["members"]["joined"], json!(sorted(users.clone())));
    assert_eq!(as_rehearsed(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
    assert_eq!(only(&as_rehearsed(&server, &["--since", &between]), &group), json!(["deleted"]));
    restore();
    assert_eq!(members(&client, &group).await, sorted(users));
    // The deletion alone is undone already.
    let until = ["--since", &since, "--until", &between];
    assert_eq!(as_rehearsed(&server, &until), json!({"undone": [], "refused": []}));
}

/// What another puts into a group that it brings back stays.
#[tokio::test]
async fn whom_another_has_put_in_stays() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 3).await;
    let group = post(&client, &[&users[0], &users[1]]).await;
    let since = newest(&server);
    delete(&client, "Groups", &group).await;
    let until = newest(&server);
    post(&client, &[&users[1], &users[2]]).await;
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!(only(&done, &group), json!(["members"]));
    assert_eq!(members(&client, &group).await, sorted(users));
}

#[tokio::test]
async fn the_brake_puts_them_back_too() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2}})));
    let client = server.client();
    let users = people(&client, 3).await;
    let group = post(&client, &users.iter().collect::<Vec<_>>()).await;
    delete(&client, "Groups", &group).await;
    post(&client, &[]).await;
    let stands = server.run_json(&["brake", "show", "--tenant", "test", "--json"]);
    assert_eq!((&stands["state"], &stands["left"]), (&json!("tripped"), &json!(3)), "{stands}");
    let done = server.run_json(&["brake", "undo", "--tenant", "test", "--json"]);
    assert_eq!(only(&done, &group), json!(["members"]));
    assert_eq!(members(&client, &group).await, sorted(users));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Readers are told how many were in a large group, and not all of them; an undo knows all.
#[tokio::test]
async fn a_large_group_is_told_in_short_and_put_back_whole() {
    const MANY: usize = 1000;
    let server = TestServer::start();
    let client = server.client();
    let mut users = people(&client, MANY).await;
    users.push(client.user("one more").await);
    let group = post(&client, &users.iter().collect::<Vec<_>>()).await;
    let since = newest(&server);
    delete(&client, "Groups", &group).await;
    let left = told(&server, "group.deleted");
    assert_eq!(left["members"]["count"], MANY + 1);
    assert_eq!(left["members"]["left"].as_array().map(Vec::len), Some(MANY));
    post(&client, &[]).await;
    assert_eq!(only(&as_rehearsed(&server, &["--since", &since]), &group), json!(["members"]));
    assert_eq!(members(&client, &group).await, sorted(users));
}

/// What events do not hold is refused, and not passed over.
#[tokio::test]
async fn values_that_a_post_replaced_are_refused_where_they_are_not_told() {
    let server = TestServer::with(Options::settings(json!({"event_values": false})));
    let client = server.client();
    let users = people(&client, 2).await;
    let group = post(&client, &users.iter().collect::<Vec<_>>()).await;
    let anna =
        json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "title": "t", "password": "t1meMa$heen"});
    let anna = client.post("/Users", &anna).await.expect(201).id();
    let since = newest(&server);
    delete(&client, "Groups", &group).await;
    delete(&client, "Users", &anna).await;
    let body = json!({"schemas": [GROUP], "displayName": "Others", "externalId": "g-1"});
    assert_eq!(client.post("/Groups", &body).await.expect(201).id(), group);
    let body = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "nickName": "n"});
    assert_eq!(client.post("/Users", &body).await.expect(201).id(), anna);
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(done["undone"][0]["changes"], json!(["members"]));
    assert_eq!(refused(&done, &group), ["displayName"], "{done}");
    assert_eq!(refused(&done, &anna), ["nickName", "password", "title"], "{done}");
    assert_eq!(members(&client, &group).await, sorted(users));
}

/// What was refused of a resource.
fn refused(done: &Value, id: &str) -> Vec<String> {
    let all = done["refused"].as_array().expect("a list").iter().filter(|one| one["id"] == id);
    all.map(|one| one["change"].as_str().expect("a path").to_owned()).collect()
}

/// Who was deleted before, returned, and goes again with the undo, is kept with the values of before, and not with those of
/// the return. An undo of that undo knows both.
#[tokio::test]
async fn who_goes_again_is_kept_as_before() {
    let server = TestServer::start();
    let client = server.client();
    for (name, tells) in [("anna", true), ("bert", false)] {
        let file = server.scratch("set.json");
        std::fs::write(&file, json!({"event_values": tells}).to_string()).expect("the settings");
        server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
        let user =
            json!({"schemas": [USER], "userName": name, "externalId": name, "title": "Engineer", "active": false});
        let id = client.post("/Users", &user).await.expect(201).id();
        let before = shown(&client, "Users", &id).await;
        delete(&client, "Users", &id).await;
        let since = newest(&server);
        let later = json!({"schemas": [USER], "userName": format!("{name}.b"), "externalId": name, "nickName": "n", "active": true});
        assert_eq!(client.post("/Users", &later).await.expect(201).id(), id);
        client.patch(&format!("/Users/{id}"), &json!([{"op": "add", "path": "title", "value": "Lead"}])).await;
        let returned = shown(&client, "Users", &id).await;
        let begin = newest(&server);
        let done = as_rehearsed(&server, &["--since", &since]);
        if tells {
            assert_eq!(done["refused"], json!([]), "{done}");
            assert_eq!(changes(&done, &id), json!(["deleted", "active", "nickName", "title", "userName"]));
            // As it was between the two, and gone again.
            assert_eq!(as_rehearsed(&server, &["--since", &begin])["refused"], json!([]));
            assert_eq!(shown(&client, "Users", &id).await, returned);
            assert_eq!(as_rehearsed(&server, &["--since", &since])["refused"], json!([]));
        } else {
            assert_eq!(changes(&done, &id), json!(["deleted", "active"]));
            assert_eq!(refused(&done, &id), ["nickName", "title", "userName"], "{done}");
        }
        server.run_json(&["user", "restore", "--tenant", "test", &id, "--json"]);
        let now = shown(&client, "Users", &id).await;
        assert_eq!(now["active"], false);
        assert!(!tells || now == before, "{now}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Whoever returned is not deleted again where somebody else has changed it since: then it stays in its groups, too.
#[tokio::test]
async fn who_is_not_deleted_stays_in_its_groups() {
    let server = TestServer::start();
    let client = server.client();
    let user = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1"});
    let anna = client.post("/Users", &user).await.expect(201).id();
    let group = post(&client, &[&anna]).await;
    let gone = newest(&server);
    delete(&client, "Users", &anna).await;
    let since = newest(&server);
    assert_eq!(client.post("/Users", &user).await.expect(201).id(), anna);
    let new = client.user("bert").await;
    let joins = json!([{"op": "add", "path": "members", "value": [{"value": new}]}]);
    client.patch(&format!("/Groups/{group}"), &joins).await.expect(200);
    let until = newest(&server);
    for id in [&anna, &new] {
        server.run_json(&["user", "update", "--tenant", "test", id, "--set", "title=x", "--force", "--json"]);
    }
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!(done["undone"], json!([]), "{done}");
    for (id, change) in [(&anna, "deleted"), (&new, "deleted"), (&group, "members")] {
        assert!(refused(&done, id).contains(&change.to_owned()), "{done}");
    }
    assert_eq!(members(&client, &group).await, sorted(vec![anna.clone(), new.clone()]));
    // With the deletion before, nothing of it is to be taken away.
    let done = as_rehearsed(&server, &["--since", &gone, "--until", &until]);
    assert!(!refused(&done, &anna).contains(&"deleted".to_owned()), "{done}");
    assert_eq!(members(&client, &group).await, sorted(vec![anna, new]));
}
