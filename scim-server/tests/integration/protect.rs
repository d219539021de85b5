//! Users and groups that no token can deactivate, delete or empty.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer, USER, patch_body};

async fn people(client: &Client, number: usize) -> Vec<String> {
    let mut users = Vec::new();
    for n in 0..number {
        users.push(client.user(&format!("user{n}")).await);
    }
    users
}

/// Sets who is protected; gives what the command printed, or why it was refused.
fn protect(server: &TestServer, protected: &Value) -> Result<Value, String> {
    let file = server.scratch("set.json");
    std::fs::write(&file, json!({"protected": protected}).to_string()).expect("the settings file");
    let outcome = server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
    if outcome.status.success() {
        return Ok(serde_json::from_slice(&outcome.stdout).expect("JSON"));
    }
    Err(String::from_utf8_lossy(&outcome.stderr).into_owned())
}

fn leave(id: &str) -> Value {
    json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}])
}

#[tokio::test]
async fn the_last_member_of_a_protected_group_cannot_be_deleted() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 3).await;
    let group = client.group("Kept", &users).await;
    protect(&server, &json!({"ids": [group]})).expect("set");
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    client.delete(&format!("/Users/{}", users[1])).await.expect(204);
    let refused = client.delete(&format!("/Users/{}", users[2])).await.expect(403);
    assert!(refused.json["detail"].as_str().expect("a text").contains(&group), "{:?}", refused.json);
    assert_eq!(client.members(&group).await, [users[2].clone()]);
    server.run_json(&["user", "delete", "--tenant", "test", &users[2], "--force", "--json"]);
}

#[tokio::test]
async fn those_who_leave_at_once_do_not_empty_a_protected_group() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 16).await;
    for round in 0..6 {
        let group = client.group(&format!("Kept{round}"), &users).await;
        protect(&server, &json!({"ids": [group]})).expect("set");
        let path = format!("/Groups/{group}");
        let clients: Vec<_> = users.iter().map(|_| server.client()).collect();
        let gone = users.iter().zip(&clients).map(|(id, client)| {
            let operations = leave(id);
            let path = path.clone();
            async move { client.patch(&path, &operations).await.status }
        });
        let answers = join_all(gone).await;
        assert_eq!(answers.iter().filter(|status| **status == 403).count(), 1, "{answers:?}");
        assert_eq!(client.members(&group).await.len(), 1);
    }
    let group = client.group("Last", &users).await;
    protect(&server, &json!({"ids": [group]})).expect("set");
    let clients: Vec<_> = users.iter().map(|_| server.client()).collect();
    let gone = users.iter().zip(&clients).map(|(id, client)| {
        let path = format!("/Users/{id}");
        async move { client.delete(&path).await.status }
    });
    let answers = join_all(gone).await;
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 1, "{answers:?}");
    assert_eq!(client.members(&group).await.len(), 1);
}

#[tokio::test]
async fn the_setting_keeps_ids_and_refuses_who_is_not_there() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 2).await;
    let group = client.group("Break glass", &users[..1]).await;
    let unknown =
        json!({"ids": [users[0], "nobody", "019a0b70-11ab-7000-8000-9f2b6c3d4e5f"], "members_of": "Brake glass"});
    let refused = protect(&server, &unknown).expect_err("refused");
    for name in ["nobody", "019a0b70-11ab-7000-8000-9f2b6c3d4e5f", "Brake glass"] {
        assert!(refused.contains(name), "{refused}");
    }
    assert!(!refused.contains(&users[0]), "{refused}");
    client.delete(&format!("/Users/{}", client.user("other").await)).await.expect(204);

    let named = json!({"ids": ["USER1", users[1].to_uppercase(), group.to_uppercase()], "members_of": "break GLASS"});
    let set = protect(&server, &named).expect("set");
    assert_eq!(set["settings"]["protected"], json!({"ids": [users[1], group], "members_of": group}));
    // Another name changes nothing.
    let name = json!([{"op": "replace", "path": "displayName", "value": "Nothing to see"}]);
    client.patch(&format!("/Groups/{group}"), &name).await.expect(200);
    for id in &users {
        client.delete(&format!("/Users/{id}")).await.expect(403);
    }
    client.patch(&format!("/Groups/{group}"), &leave(&users[0])).await.expect(403);

    // A tenant that has nobody yet.
    let settings = server.scratch("new.json");
    std::fs::write(&settings, json!({"protected": {"ids": ["anna"]}}).to_string()).expect("the settings file");
    let made = server.run(&["tenant", "create", "new", "--settings", &settings.to_string_lossy()]);
    assert!(String::from_utf8_lossy(&made.stderr).contains("tenant set"), "{made:?}");
}

#[tokio::test]
async fn who_joins_a_protected_group_again_may_leave_it() {
    let server = TestServer::with(Options::settings(json!({"restore_window": "0"})));
    let client = server.client();
    let users = people(&client, 2).await;
    let group = client.group("Kept", &users[..1]).await;
    protect(&server, &json!({"ids": [group]})).expect("set");
    let path = format!("/Groups/{group}");
    client.patch(&path, &leave(&users[0])).await.expect(403);
    client.patch(&path, &json!([{"op": "add", "path": "members", "value": [{"value": users[1]}]}])).await.expect(200);
    client.patch(&path, &leave(&users[0])).await.expect(200);
    client.delete(&format!("/Users/{}", users[1])).await.expect(403);
}

/// What a provider says of a disabled user is kept aside, and counts again when the administrator enables the user.
#[tokio::test]
async fn nobody_deactivates_a_protected_user_behind_a_disable() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    protect(&server, &json!({"ids": [anna]})).expect("set");
    server.run_json(&["user", "disable", "anna", "--tenant", "test", "--json"]);
    let path = format!("/Users/{anna}");
    let inactive = json!([{"op": "replace", "path": "active", "value": false}]);
    let refused = client.patch(&path, &inactive).await.expect(403);
    assert!(refused.json["detail"].as_str().expect("a text").contains("protected"), "{refused:?}");
    let title = json!([{"op": "add", "path": "title", "value": "Engineer"}]);
    client.patch(&path, &title).await.expect(200);
    server.run_json(&["user", "enable", "anna", "--tenant", "test", "--json"]);
    assert_ne!(client.get(&path).await.expect(200).json["active"], false);
}

/// A POST gives back what was deleted with the values of its body: nothing that a change could not take away.
#[tokio::test]
async fn a_post_that_restores_takes_nothing_from_who_is_protected() {
    let server = TestServer::start();
    let client = server.client();
    let user = |active: bool| json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "active": active});
    let anna = client.post("/Users", &user(true)).await.expect(201).id();
    let bert = client.user("bert").await;
    let members = |ids: &[&String]| ids.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
    let team = |ids: &[&String]| json!({"schemas": [GROUP], "displayName": "Break glass", "externalId": "g-1", "members": members(ids)});
    let group = client.post("/Groups", &team(&[&anna, &bert])).await.expect(201).id();
    let delete = |kind: &str, id: &str| {
        server.run_json(&[kind, "delete", "--tenant", "test", id, "--force", "--json"]);
    };
    for protected in [json!({"ids": [anna]}), json!({"members_of": group})] {
        protect(&server, &protected).expect("set");
        delete("user", &anna);
        let refused = client.post("/Users", &user(false)).await.expect(403);
        assert!(refused.json["detail"].as_str().expect("a text").contains(&anna), "{refused:?}");
        assert_eq!(server.run_json(&["user", "deleted", "--tenant", "test", "--json"])[0]["id"], anna);
        assert_eq!(client.post("/Users", &user(true)).await.expect(201).id(), anna);
        assert_eq!(client.members(&group).await.len(), 2);
    }
    // Nor by a name that brings the lock of somebody else.
    client.post("/Users", &json!({"schemas": [USER], "userName": "locked"})).await.expect(201);
    server.run_json(&["user", "disable", "--tenant", "test", "locked", "--json"]);
    delete("user", "locked");
    delete("user", &anna);
    let renamed = json!({"schemas": [USER], "userName": "locked", "externalId": "e-1", "active": true});
    let refused = client.post("/Users", &renamed).await.expect(403);
    assert!(refused.json["detail"].as_str().expect("a text").contains(&anna), "{refused:?}");
    assert_eq!(client.post("/Users", &user(true)).await.expect(201).id(), anna);
    let carl = client.user("carl").await;
    // Of a group that is protected by its id, one member is left at least.
    protect(&server, &json!({"ids": [group]})).expect("set");
    delete("group", &group);
    client.post("/Groups", &team(&[])).await.expect(403);
    client.post("/Groups", &team(&[&carl])).await.expect(403);
    assert_eq!(client.post("/Groups", &team(&[&anna])).await.expect(201).id(), group);
}

/// One of those who are in a protected group stays in it, whoever else comes; and what is said of it is so.
#[tokio::test]
async fn all_of_a_protected_group_are_not_exchanged_at_once() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 4).await;
    let group = client.group("Kept", &users[..2]).await;
    protect(&server, &json!({"ids": [group]})).expect("set");
    let path = format!("/Groups/{group}");
    let put = |ids: &[String]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        json!({"schemas": [GROUP], "displayName": "Kept", "members": members})
    };
    let exchange = json!([{"op": "replace", "path": "members", "value": put(&users[2..])["members"]}]);
    for refused in [client.put(&path, &put(&users[2..])).await, client.patch(&path, &exchange).await] {
        let refused = refused.expect(403);
        let detail = refused.json["detail"].as_str().expect("a text");
        assert!(detail.contains("also when others take their place") && !detail.contains("deleted"), "{detail}");
    }
    client.put(&path, &put(&users[1..])).await.expect(200);
    assert_eq!(client.members(&group).await.len(), 3);
}

/// Without the group nobody would be protected: whoever deletes it says first who is.
#[tokio::test]
async fn the_group_of_the_protected_is_not_deleted_by_hand_either() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 2).await;
    let events = server.run(&["events", "--tenant", "test", "--json"]).stdout;
    let last: Value =
        serde_json::from_str(String::from_utf8_lossy(&events).lines().last().expect("an event")).expect("JSON");
    let group = client.group("Break glass", &users[..1]).await;
    let other = client.group("Others", &users[1..]).await;
    protect(&server, &json!({"members_of": group})).expect("set");
    let delete = |id: &str| server.run(&["group", "delete", "--tenant", "test", id, "--force"]);
    let refused = delete("Break glass");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("members_of") && said.contains("tenant set"), "{said}");
    // An undo does not do so behind the administrator's back.
    let since = last["sequence"].to_string();
    let undo = |how: &[&str]| {
        let undone = server.run(&[&["undo", "--tenant", "test", "--since", &since, "--json"], how].concat()).stdout;
        serde_json::from_slice::<Value>(&undone).expect("JSON")
    };
    let (dry, undone) = (undo(&["--dry-run"]), undo(&[]));
    assert!(undone["refused"].to_string().contains("members_of"), "{undone}");
    assert_eq!((&dry["undone"], &dry["refused"]), (&undone["undone"], &undone["refused"]));
    assert_eq!(client.members(&group).await, users[..1]);
    client.delete(&format!("/Users/{}", users[0])).await.expect(403);
    client.get(&format!("/Groups/{other}")).await.expect(404);
    // What the words say works.
    protect(&server, &json!({"ids": [users[0]]})).expect("set");
    assert!(delete(&group).status.success());
    client.delete(&format!("/Users/{}", users[0])).await.expect(403);
}

/// Else a token could make everybody one whom no token can deactivate.
#[tokio::test]
async fn no_token_says_who_is_protected() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 3).await;
    let group = client.group("Break glass", &users[..1]).await;
    protect(&server, &json!({"members_of": group})).expect("set");
    let path = format!("/Groups/{group}");
    let add = |id: &str| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    let refused = client.patch(&path, &add(&users[1])).await.expect(403);
    assert!(refused.json["detail"].as_str().expect("a text").contains("nobody can be put into it"), "{refused:?}");
    let put = |ids: &[String]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        json!({"schemas": [GROUP], "displayName": "Break glass", "members": members})
    };
    client.put(&path, &put(&users)).await.expect(403);
    client.patch(&path, &add(&group)).await.expect(403);
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PATCH", "path": path, "data": patch_body(&add(&users[1]))}]});
    let refused = client.post("/Bulk", &bulk).await.expect(200);
    assert_eq!(refused.json["Operations"][0]["status"], "403", "{refused:?}");
    assert_eq!(client.members(&group).await, users[..1]);
    // Whoever is in it is sent again and again.
    client.patch(&path, &add(&users[0])).await.expect(200);
    client.put(&path, &put(&users[..1])).await.expect(200);
    server.run_json(&["group", "join", "--tenant", "test", "Break glass", "user1", "--force", "--json"]);
    assert_eq!(client.members(&group).await.len(), 2);
    client.put(&path, &put(&users[..2])).await.expect(200);
    client.delete(&format!("/Users/{}", users[1])).await.expect(403);
}
