//! A dry run says exactly what the command then does.

use serde_json::{Value, json};

use super::{attempt, deactivate, ids, newest, people, second, shown, undo};
use crate::server::{Client, Options, TestServer, USER};

/// What the command does, which its dry run has said before, in the same order.
#[track_caller]
pub(super) fn as_rehearsed(server: &TestServer, args: &[&str]) -> Value {
    let dry = attempt(server, &[args, &["--dry-run"]].concat());
    let done = attempt(server, args);
    assert_eq!(dry, done);
    done
}

/// The changes of the only piece about a resource.
#[track_caller]
pub(super) fn changes(done: &Value, id: &str) -> Value {
    let pieces: Vec<_> = done["undone"].as_array().expect("a list").iter().filter(|one| one["id"] == id).collect();
    assert_eq!(pieces.len(), 1, "{done}");
    pieces[0]["changes"].clone()
}

async fn patch(client: &Client, path: &str, operations: &Value) {
    client.patch(path, operations).await.expect(200);
}

#[tokio::test]
async fn who_is_deleted_is_told_once_with_all_that_comes_back() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let staff = client.group("Staff", &[anna.clone(), bert.clone()]).await;
    let other = client.group("Other", std::slice::from_ref(&anna)).await;
    let since = newest(&server);
    patch(&client, &format!("/Users/{anna}"), &json!([{"op": "add", "path": "title", "value": "Lead"}])).await;
    patch(&client, &format!("/Groups/{other}"), &json!([{"op": "remove", "path": "members"}])).await;
    patch(&client, &format!("/Groups/{other}"), &json!([{"op": "add", "path": "members", "value": [{"value": bert}]}]))
        .await;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    client.delete(&format!("/Groups/{other}")).await.expect(204);
    // She is made and goes with the undo, and leaves a group that stays.
    let dora = client.user("dora").await;
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(done["refused"], json!([]));
    assert_eq!(changes(&done, &anna), json!(["restored", "title"]));
    assert_eq!(changes(&done, &staff), json!(["restored", "members"]));
    assert_eq!(changes(&done, &other), json!(["restored", "members"]));
    assert_eq!(changes(&done, &dora), json!(["deleted"]));
    assert_eq!(shown(&client, "Users", &anna).await.get("title"), None);
    let mut members = client.members(&staff).await;
    members.sort();
    let mut both = vec![anna.clone(), bert];
    both.sort();
    assert_eq!(members, both);
    assert_eq!(client.members(&other).await, [anna]);
}

#[tokio::test]
async fn a_group_that_somebody_new_leaves_is_told_once() {
    let server = TestServer::start();
    let client = server.client();
    let staff = client.group("Staff", &[]).await;
    let since = newest(&server);
    let dora = client.user("dora").await;
    patch(&client, &format!("/Groups/{staff}"), &json!([{"op": "add", "path": "members", "value": [{"value": dora}]}]))
        .await;
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!((changes(&done, &dora), changes(&done, &staff)), (json!(["deleted"]), json!(["members"])));
    assert!(client.members(&staff).await.is_empty());
}

#[tokio::test]
async fn a_lock_by_hand_is_refused_and_what_the_provider_said_is_put_back() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server);
    deactivate(&client, &anna).await;
    patch(&client, &format!("/Users/{anna}"), &json!([{"op": "add", "path": "title", "value": "Lead"}])).await;
    // As before, and so there is nothing to refuse.
    deactivate(&client, &bert).await;
    patch(&client, &format!("/Users/{bert}"), &json!([{"op": "replace", "path": "active", "value": true}])).await;
    server.run_json(&["user", "disable", "--tenant", "test", "anna", "--json"]);
    let actor = ["--since", &since, "--actor", "admin"];
    assert_eq!(as_rehearsed(&server, &actor)["undone"], json!([]));
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(changes(&done, &anna), json!(["active", "title"]));
    let refused = done["refused"].as_array().expect("a list");
    assert_eq!((refused.len(), &refused[0]["id"], &refused[0]["change"]), (1, &json!(anna), &json!("active")));
    assert!(refused[0]["reason"].as_str().is_some_and(|reason| reason.contains("user enable")), "{done}");
    // What the provider says is kept aside, and put back there.
    server.run(&["user", "enable", "--tenant", "test", "anna"]);
    assert_ne!(shown(&client, "Users", &anna).await["active"], false);
}

/// Nobody reads what the provider says of somebody whom an administrator has disabled, until that ends.
#[tokio::test]
async fn what_is_kept_aside_under_a_lock_is_put_back() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 3).await;
    let enable = || server.run_json(&["user", "enable", "--tenant", "test", "user0", "--json"]);
    for command in ["undo", "brake"] {
        server.run_json(&["user", "disable", "--tenant", "test", "user0", "--json"]);
        let since = newest(&server);
        deactivate(&client, &users[0]).await;
        // Also where that one is deleted afterwards.
        if command == "undo" {
            client.delete(&format!("/Users/{}", users[0])).await.expect(204);
            let done = as_rehearsed(&server, &["--since", &since]);
            assert_eq!((changes(&done, &users[0]), &done["refused"]), (json!(["restored", "active"]), &json!([])));
            assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
        } else {
            for id in &users[1..] {
                deactivate(&client, id).await;
            }
            let done = server.run_json(&["brake", "undo", "--tenant", "test", "--json"]);
            assert_eq!((ids(&done["undone"]).len(), &done["refused"]), (3, &json!([])), "{done}");
        }
        assert_eq!(shown(&client, "Users", &users[0]).await["active"], false);
        enable();
        assert_ne!(shown(&client, "Users", &users[0]).await["active"], false, "{command}");
    }
}

/// So is what a POST says that brings somebody back under the lock.
#[tokio::test]
async fn what_a_post_says_under_a_lock_is_put_back() {
    for tells in [true, false] {
        let server = TestServer::with(Options::settings(json!({"event_values": tells})));
        let client = server.client();
        let body = |active: bool| json!({"schemas": [USER], "userName": "anna", "externalId": "e", "active": active});
        let anna = client.post("/Users", &body(true)).await.expect(201).id();
        server.run_json(&["user", "disable", "--tenant", "test", "anna", "--json"]);
        let since = newest(&server);
        client.delete(&format!("/Users/{anna}")).await.expect(204);
        assert_eq!(client.post("/Users", &body(false)).await.expect(201).id(), anna);
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!(changes(&done, &anna), json!(["active"]), "{done}");
        assert_eq!(shown(&client, "Users", &anna).await["active"], false);
        server.run_json(&["user", "enable", "--tenant", "test", "anna", "--json"]);
        assert_eq!(shown(&client, "Users", &anna).await["active"], true);
    }
}

#[tokio::test]
async fn who_is_active_again_is_as_before() {
    let server = TestServer::start();
    let client = server.client();
    let (other, _) = second(&server);
    // Without `active`, which means the same.
    let anna = client.user("anna").await;
    let since = newest(&server);
    deactivate(&other, &anna).await;
    patch(&client, &format!("/Users/{anna}"), &json!([{"op": "replace", "path": "active", "value": true}])).await;
    let done = as_rehearsed(&server, &["--since", &since, "--actor", "second"]);
    assert_eq!(done, json!({"undone": [], "refused": []}));
    // Also where it is all by one, and nobody else has said what it is now.
    assert_eq!(as_rehearsed(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
}

#[tokio::test]
async fn a_quota_refuses_in_a_dry_run_too() {
    let server = TestServer::with(Options::settings(json!({"quotas": {"User": 2}})));
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    let until = newest(&server);
    client.user("carl").await;
    // Which of the two is first is not said.
    for more in [&["--dry-run"][..], &[]] {
        let done = attempt(&server, &[&["--since", &since, "--until", &until], more].concat());
        assert_eq!((ids(&done["undone"]).len(), ids(&done["refused"]).len()), (1, 1), "{done}");
        assert!(done["refused"][0]["reason"].as_str().is_some_and(|reason| reason.contains("quotas.User")), "{done}");
    }
}

/// The rest is put back, and who has the name is told.
#[tokio::test]
async fn a_name_that_another_has_is_refused_alone() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let since = newest(&server);
    deactivate(&client, &anna).await;
    patch(&client, &format!("/Users/{anna}"), &json!([{"op": "replace", "path": "userName", "value": "old"}])).await;
    let until = newest(&server);
    let taken = client.user("anna").await;
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!(changes(&done, &anna), json!(["active"]));
    let refused = &done["refused"][0];
    assert_eq!((&refused["change"], done["refused"].as_array().map(Vec::len)), (&json!("userName"), Some(1)));
    let reason = refused["reason"].as_str().expect("a text");
    assert!(reason.contains(&taken) && reason.contains("give that one another"), "{reason}");
    let now = shown(&client, "Users", &anna).await;
    assert_eq!((&now["userName"], now["active"] != false), (&json!("old"), true));
}

/// What others have done with whom the actor has made is not lost.
#[tokio::test]
async fn whom_another_has_put_into_a_group_is_not_deleted() {
    let server = TestServer::start();
    let client = server.client();
    let (other, _) = second(&server);
    let since = newest(&server);
    let [anna, bert] = [other.user("anna").await, other.user("bert").await];
    let staff = client.group("Staff", &[anna.clone(), bert.clone()]).await;
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{bert}\"]")}]);
    patch(&client, &format!("/Groups/{staff}"), &leave).await;
    let range = ["--since", &since, "--actor", "second"];
    let done = as_rehearsed(&server, &range);
    assert_eq!((ids(&done["undone"]), ids(&done["refused"])), (vec![bert], vec![anna.clone()]));
    // The other one is told by its name.
    let reason = done["refused"][0]["reason"].as_str().expect("a text");
    let token = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
    let first = token.as_array().expect("a list").iter().find(|one| one["name"] != "second").expect("a token");
    let called = first["name"].as_str().or(first["token_id"].as_str()).expect("a text");
    assert!(reason.contains(&format!("by {called} has put it into the group {staff}")), "{reason}");
    assert_eq!(client.members(&staff).await, std::slice::from_ref(&anna));
    patch(&client, &format!("/Groups/{staff}"), &json!([{"op": "remove", "path": "members"}])).await;
    assert_eq!(ids(&undo(&server, &range)["undone"]), [anna]);
}

/// Names go back in the order in which they are free: one try for each, and one name in between for each ring.
#[tokio::test]
async fn many_names_that_were_exchanged_go_back() {
    const PAIRS: usize = 40;
    let server = TestServer::start();
    let client = server.client();
    let mut users = Vec::new();
    for number in 0..2 * PAIRS {
        users.push((client.user(&format!("pair{number}")).await, format!("pair{number}")));
    }
    let mut row = Vec::new();
    for number in 0..PAIRS {
        row.push((client.user(&format!("row{number}")).await, format!("row{number}")));
    }
    let since = newest(&server);
    let rename = async |id: &str, name: &str| {
        let operations = json!([{"op": "replace", "path": "userName", "value": name}]);
        patch(&client, &format!("/Users/{id}"), &operations).await;
    };
    for pair in users.chunks(2) {
        rename(&pair[0].0, "meanwhile").await;
        rename(&pair[1].0, &pair[0].1).await;
        rename(&pair[0].0, &pair[1].1).await;
    }
    // Each takes the name of the next.
    rename(&row[PAIRS - 1].0, "free").await;
    for number in (0..PAIRS - 1).rev() {
        rename(&row[number].0, &row[number + 1].1).await;
    }
    let undone = newest(&server);
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!((done["undone"].as_array().map(Vec::len), &done["refused"]), (Some(3 * PAIRS), &json!([])));
    for (id, name) in users.iter().chain(&row) {
        assert_eq!(shown(&client, "Users", id).await["userName"], *name);
    }
    // One write for each, and one more for each ring.
    let newest: usize = newest(&server).parse().expect("a number");
    assert_eq!(newest - undone.parse::<usize>().expect("a number"), 4 * PAIRS);
}

/// Users alone are not called groups.
#[tokio::test]
async fn the_last_line_says_of_what_kind_they_are() {
    let server = TestServer::with(Options::settings(json!({"role_resources": "scim"})));
    let client = server.client();
    let since = newest(&server);
    client.user("anna").await;
    let dry = server.run(&["undo", "--tenant", "test", "--since", &since, "--dry-run"]);
    assert!(String::from_utf8_lossy(&dry.stdout).contains("1 user(s) would"), "{dry:?}");
    let role = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Role"], "value": "admin", "supported": true});
    client.post("/Roles", &role).await.expect(201);
    let dry = server.run(&["undo", "--tenant", "test", "--since", &since, "--dry-run"]);
    assert!(String::from_utf8_lossy(&dry.stdout).contains("2 resource(s) would"), "{dry:?}");
}

/// Who was put into a group and deleted by another would be in it again when restored.
#[tokio::test]
async fn whom_a_restore_would_bring_back_into_a_group_is_told() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let admins = client.group("Admins", &[]).await;
    let since = newest(&server);
    let join = json!([{"op": "add", "path": "members", "value": [{"value": anna}]}]);
    patch(&client, &format!("/Groups/{admins}"), &join).await;
    let until = newest(&server);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let range = ["--since", &since, "--until", &until];
    let done = as_rehearsed(&server, &range);
    assert_eq!((&done["undone"], &done["refused"][0]["id"]), (&json!([]), &json!(admins)), "{done}");
    server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
    assert_eq!(client.members(&admins).await, [anna]);
}
