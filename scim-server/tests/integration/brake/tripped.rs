//! A brake that has tripped stops as it did then until somebody decides, whatever the settings say meanwhile.

use serde_json::{Value, json};

use super::{count, deactivate, feed, people, show};
use crate::server::{Client, Options, TestServer, USER};

/// Sets the brake, and gives what is said of it.
#[track_caller]
fn set(server: &TestServer, brake: &Value) -> String {
    let file = server.scratch("set.json");
    std::fs::write(&file, json!({"brake": brake}).to_string()).expect("the settings file");
    let outcome = server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy()]);
    assert!(outcome.status.success(), "{outcome:?}");
    String::from_utf8(outcome.stderr).expect("text")
}

fn decide(server: &TestServer, what: &str) -> Value {
    server.run_json(&["brake", what, "--tenant", "test", "--json"])
}

/// Another token of the tenant.
fn second(server: &TestServer) -> (Client, Value) {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "second", "--json"]);
    (server.client().with_token(made["token"].as_str().expect("a token")), made["token_id"].clone())
}

#[tokio::test]
async fn who_begins_only_when_the_brake_is_taken_out_is_put_back_too() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2}})));
    let client = server.client();
    let users = people(&client, 8).await;
    let group = client.group("Staff", &users).await;
    for id in &users[..3] {
        deactivate(&client, id).await.expect(200);
    }
    assert!(set(&server, &Value::Null).contains("goes on stopping"));
    let (other, its_id) = second(&server);
    for id in &users[3..5] {
        other.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[6])}]);
    other.patch(&format!("/Groups/{group}"), &leave).await.expect(200);
    let stands = show(&server);
    assert_eq!((&stands["state"], &stands["mode"], &stands["users"]), (&json!("tripped"), &json!("hold"), &json!(2)));
    assert_eq!(
        (stands.get("afterwards"), &stands["deleted"], &stands["left"]),
        (Some(&Value::Null), &json!(2), &json!(3))
    );
    assert!(stands["actors"].as_array().is_some_and(|all| all.len() == 2 && all.contains(&its_id)), "{stands}");
    assert_eq!(count(&feed(&server).await.1, "scim.user.deleted"), 0);

    let done = decide(&server, "undo");
    assert_eq!((&done["refused"], &done["brake"]), (&json!([]), &json!("off")), "{done}");
    for id in &users {
        assert_ne!(client.get(&format!("/Users/{id}")).await.expect(200).json["active"], false);
    }
    assert_eq!(client.members(&group).await.len(), users.len());
    // Nothing counts any more.
    for id in &users {
        other.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(show(&server)["state"], "off");
}

#[tokio::test]
async fn one_that_refuses_goes_on_refusing() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1, "mode": "refuse"}})));
    let client = server.client();
    let users = people(&client, 4).await;
    deactivate(&client, &users[0]).await.expect(200);
    deactivate(&client, &users[1]).await.expect(403);
    for brake in [json!({"users": 5, "mode": "hold"}), Value::Null] {
        set(&server, &brake);
        deactivate(&client, &users[1]).await.expect(403);
        client.delete(&format!("/Users/{}", users[0])).await.expect(403);
        let stands = show(&server);
        assert_eq!((&stands["mode"], &stands["users"]), (&json!("refuse"), &json!(1)), "{stands}");
        let afterwards = stands.get("afterwards").expect("what counts then");
        assert_eq!((&afterwards["users"], &afterwards["mode"]), (&brake["users"], &brake["mode"]), "{stands}");
    }
    let text = String::from_utf8(server.run(&["brake", "show", "--tenant", "test"]).stdout).expect("text");
    let afterwards = text.lines().find(|line| line.starts_with("Afterwards")).expect("what counts then");
    assert!(afterwards.ends_with("  off"), "{text}");
    assert_eq!(decide(&server, "approve")["state"], "off");
    for id in &users {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
}

#[tokio::test]
async fn one_that_holds_goes_on_holding() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 4).await;
    for id in &users[..2] {
        deactivate(&client, id).await.expect(200);
    }
    set(&server, &json!({"users": 1, "mode": "refuse"}));
    deactivate(&client, &users[2]).await.expect(200);
    let stands = show(&server);
    assert_eq!((&stands["mode"], &stands["afterwards"]["mode"]), (&json!("hold"), &json!("refuse")), "{stands}");
    let (_, told) = feed(&server).await;
    assert_eq!(count(&told, "scim.user.deactivated"), 1);
    assert_eq!(decide(&server, "undo")["brake"], "ready");
    // From now on it is the other one.
    deactivate(&client, &users[0]).await.expect(200);
    deactivate(&client, &users[1]).await.expect(403);
    let stands = show(&server);
    assert_eq!((&stands["mode"], stands.get("afterwards")), (&json!("refuse"), None), "{stands}");
}

/// What was refused has not gone.
#[tokio::test]
async fn the_reason_counts_who_has_gone() {
    for (mode, reason) in [
        ("hold", "3 user(s) deactivated or deleted within 1h: the limit is 2"),
        ("refuse", "2 user(s) deactivated or deleted within 1h, and 1 more refused: the limit is 2"),
    ] {
        let server = TestServer::with(Options::settings(json!({"brake": {"users": 2, "mode": mode}})));
        let client = server.client();
        for id in people(&client, 3).await {
            deactivate(&client, &id).await;
        }
        assert_eq!(show(&server)["reason"], reason);
    }
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2, "mode": "refuse"}})));
    let client = server.client();
    let group = client.group("Staff", &people(&client, 3).await).await;
    client.delete(&format!("/Groups/{group}")).await.expect(403);
    let reason = format!("0 member(s) taken out of the group {group} within 1h, and 3 more refused: the limit is 2");
    assert_eq!(show(&server)["reason"], reason);
}

/// Users and the members of each group are counted apart, and put back together.
#[tokio::test]
async fn a_burst_of_several_kinds_is_put_back_as_a_whole() {
    for mode in ["hold", "refuse"] {
        let server = TestServer::with(Options::settings(json!({"brake": {"users": 3, "mode": mode}})));
        let client = server.client();
        let users = people(&client, 8).await;
        let (small, large) = (client.group("Small", &users[..3]).await, client.group("Large", &users).await);
        let (other, its_id) = second(&server);
        let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]);
        other.patch(&format!("/Groups/{small}"), &leave).await.expect(200);
        client.delete(&format!("/Users/{}", users[7])).await.expect(204);
        deactivate(&client, &users[6]).await.expect(200);
        // Seven members at once are too many: what is counted of users is below the limit.
        let (deletes, expect) = (format!("/Groups/{large}"), if mode == "hold" { 204 } else { 403 });
        client.delete(&deletes).await.expect(expect);
        let stands = show(&server);
        assert_eq!(
            (&stands["state"], &stands["deactivated"], &stands["deleted"]),
            (&json!("tripped"), &json!(2), &json!(1))
        );
        assert!(stands["actors"].as_array().is_some_and(|all| all.len() == 2 && all.contains(&its_id)), "{stands}");

        let done = decide(&server, "undo");
        assert_eq!((&done["refused"], &done["brake"]), (&json!([]), &json!("ready")), "{done}");
        for id in &users {
            assert_ne!(client.get(&format!("/Users/{id}")).await.expect(200).json["active"], false, "{mode}");
        }
        assert_eq!((client.members(&small).await.len(), client.members(&large).await.len()), (3, 8), "{mode}");
    }
}

/// Whoever came within the window, and was taken away in the burst, is put back like everybody else.
#[tokio::test]
async fn who_came_within_the_window_is_put_back_too() {
    for mode in ["hold", "refuse"] {
        let server = TestServer::with(Options::settings(json!({"brake": {"users": 4, "mode": mode}})));
        let client = server.client();
        let users = people(&client, 6).await;
        deactivate(&client, &users[5]).await.expect(200);
        let staff = client.group("Staff", &users[..2]).await;
        client.delete(&format!("/Users/{}", users[0])).await.expect(204);
        // The first loss is counted. Now somebody is hired, somebody is rehired, and a group is made.
        let hired = client.user("hired").await;
        let join = json!([{"op": "add", "path": "members", "value": [{"value": hired}]}]);
        client.patch(&format!("/Groups/{staff}"), &join).await.expect(200);
        let back = json!([{"op": "replace", "path": "active", "value": true}]);
        client.patch(&format!("/Users/{}", users[5]), &back).await.expect(200);
        let team = client.group("Team", &[hired.clone(), users[1].clone()]).await;
        client.delete(&format!("/Groups/{team}")).await.expect(204);
        client.delete(&format!("/Users/{hired}")).await.expect(204);
        deactivate(&client, &users[5]).await.expect(200);
        client.delete(&format!("/Users/{}", users[1])).await.expect(204);
        client.delete(&format!("/Users/{}", users[2])).await;
        client.delete(&format!("/Users/{}", users[3])).await;
        assert_eq!(show(&server)["state"], "tripped", "{mode}");

        let done = decide(&server, "undo");
        assert_eq!((&done["refused"], &done["brake"]), (&json!([]), &json!("ready")), "{done}");
        for id in users.iter().chain([&hired]) {
            assert_ne!(client.get(&format!("/Users/{id}")).await.expect(200).json["active"], false, "{mode}");
        }
        let members = client.members(&staff).await;
        assert!(members.len() == 3 && members.contains(&hired), "{mode}: {members:?}");
        assert_eq!(client.members(&team).await.len(), 2, "{mode}");
    }
}

/// The other way round: users are too many, and members that left before come back too.
#[tokio::test]
async fn members_that_left_before_users_were_too_many_come_back() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2}})));
    let client = server.client();
    let users = people(&client, 6).await;
    let (one, two) = (client.group("One", &users[..2]).await, client.group("Two", &users[..1]).await);
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]);
    client.patch(&format!("/Groups/{one}"), &leave).await.expect(200);
    client.delete(&format!("/Groups/{two}")).await.expect(204);
    for id in &users[2..5] {
        deactivate(&client, id).await.expect(200);
    }
    assert_eq!((&show(&server)["state"], &show(&server)["left"]), (&json!("tripped"), &json!(2)));
    assert_eq!(decide(&server, "undo")["refused"], json!([]));
    assert_eq!((client.members(&one).await.len(), client.members(&two).await.len()), (2, 1));
    assert_ne!(client.get(&format!("/Users/{}", users[2])).await.expect(200).json["active"], false);
}

/// Who deletes somebody and who sends the same person again as inactive may be two tokens, of which the brake counts one.
#[tokio::test]
async fn who_is_sent_back_as_inactive_by_another_token_is_put_back() {
    for (mode, tells) in [("hold", true), ("refuse", true), ("hold", false)] {
        let settings = json!({"brake": {"users": 2, "mode": mode}, "event_values": tells});
        let server = TestServer::with(Options::settings(settings));
        let client = server.client();
        let (other, its_id) = second(&server);
        let body =
            |active: bool| json!({"schemas": [USER], "userName": "anna", "externalId": "e-anna", "active": active});
        let anna = client.post("/Users", &body(true)).await.expect(201).id();
        let users = people(&client, 3).await;
        other.delete(&format!("/Users/{anna}")).await.expect(204);
        assert_eq!(client.post("/Users", &body(false)).await.expect(201).id(), anna);
        for id in &users {
            other.delete(&format!("/Users/{id}")).await;
        }
        let stands = show(&server);
        assert_eq!((&stands["state"], &stands["actors"]), (&json!("tripped"), &json!([its_id])), "{stands}");
        let dry = server.run_json(&["brake", "undo", "--tenant", "test", "--json", "--dry-run"]);
        let done = decide(&server, "undo");
        assert_eq!((&dry["undone"], &dry["refused"]), (&done["undone"], &done["refused"]));
        assert_eq!((&done["refused"], &done["brake"]), (&json!([]), &json!("ready")), "{done}");
        for id in users.iter().chain([&anna]) {
            assert_ne!(client.get(&format!("/Users/{id}")).await.expect(200).json["active"], false, "{mode}");
        }
    }
}

/// A group that is a member of itself is told once, and is one afterwards, too.
#[tokio::test]
async fn a_group_in_itself_is_told_once() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 2).await;
    let staff = client.group("Staff", &users).await;
    let join = json!([{"op": "add", "path": "members", "value": [{"value": staff}]}]);
    client.patch(&format!("/Groups/{staff}"), &join).await.expect(200);
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    let dry = server.run_json(&["brake", "undo", "--tenant", "test", "--json", "--dry-run"]);
    let done = decide(&server, "undo");
    assert_eq!((&dry["undone"], &dry["refused"]), (&done["undone"], &done["refused"]));
    assert_eq!(done["undone"].as_array().map(Vec::len), Some(1), "{done}");
    assert_eq!(client.members(&staff).await.len(), 3);
    let kept = server.run_json(&["group", "deleted", "--tenant", "test", "--json"]);
    assert_eq!((kept, server.run_json(&["check", "--json"])), (json!([]), json!([])));
}

/// What a person reads says to which state people were put back.
#[tokio::test]
async fn what_was_given_and_taken_within_the_burst_is_said() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    for id in people(&client, 2).await {
        deactivate(&client, &id).await.expect(200);
    }
    let outcome = server.run(&["brake", "undo", "--tenant", "test"]);
    let text = String::from_utf8_lossy(&outcome.stdout);
    assert!(text.contains("2 user(s) are as they were before they were taken away"), "{text}");
}
