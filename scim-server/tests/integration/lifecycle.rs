//! Deleted is not lost: what was deleted is kept aside, and returns under its old id.

mod purged;

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, GROUP, Options, TestServer, USER};

/// The `value`s of an attribute of many values.
fn values(resource: &Value, attribute: &str) -> Vec<String> {
    let elements = resource[attribute].as_array().cloned().unwrap_or_default();
    elements.iter().map(|element| element["value"].as_str().expect("a value").to_owned()).collect()
}

/// What a command says that fails.
#[track_caller]
fn fail(server: &TestServer, args: &[&str]) -> String {
    let outcome = server.run(args);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    String::from_utf8(outcome.stderr).expect("text")
}

async fn person(client: &Client, name: &str, external_id: &str) -> String {
    let user = json!({"schemas": [USER], "userName": name, "externalId": external_id, "title": "Engineer"});
    client.post("/Users", &user).await.expect(201).json["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_can_be_restored() {
    let server = TestServer::start();
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    let gone = client.group("Gone", std::slice::from_ref(&anna)).await;
    let before = client.get(&format!("/Users/{anna}")).await.expect(200).json;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    client.delete(&format!("/Groups/{gone}")).await.expect(204);

    // For clients it is not there.
    client.get(&format!("/Users/{anna}")).await.expect(404);
    assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], 0);
    assert_eq!(client.get("/Users?filter=userName%20eq%20%22anna%22").await.expect(200).json["totalResults"], 0);
    assert!(values(&client.get(&format!("/Groups/{group}")).await.expect(200).json, "members").is_empty());

    let kept = server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
    let row = &kept[0];
    assert_eq!((&row["id"], &row["userName"], &row["externalId"]), (&json!(anna), &json!("anna"), &json!("e-1")));
    assert!(row["until"].as_str() > row["deleted"].as_str() && row["request"].is_string(), "{row}");
    let table = server.run(&["user", "deleted", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains(row["request"].as_str().expect("an id")), "{table:?}");
    for command in ["restore", "purge"] {
        let by_name = fail(&server, &["user", command, "--tenant", "test", "anna"]);
        assert!(by_name.contains("user deleted --tenant test"), "{by_name}");
    }

    let restored = server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
    assert_eq!((&restored["id"], &restored["title"]), (&json!(anna), &json!("Engineer")));
    let after = client.get(&format!("/Users/{anna}")).await.expect(200).json;
    assert_eq!(after["meta"]["created"], before["meta"]["created"]);
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);
    // The group that is gone meanwhile is no obstacle.
    assert_eq!(values(&after, "groups"), std::slice::from_ref(&group));
    assert_eq!(
        values(&client.get(&format!("/Groups/{group}")).await.expect(200).json, "members"),
        std::slice::from_ref(&anna)
    );
    assert_eq!(client.get("/Users?filter=userName%20eq%20%22anna%22").await.expect(200).json["totalResults"], 1);
    assert_eq!(server.run_json(&["user", "deleted", "--tenant", "test", "--json"]), json!([]));
    server.run_json(&["check", "--json"]);

    let events = server.run(&["events", "--tenant", "test", "--types", "user.*", "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    let last: Value = serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
    assert_eq!((&last["type"], &last["restored"]), (&json!("scim.user.created"), &json!(true)));
}

#[tokio::test]
async fn a_group_returns_with_its_members_and_in_its_groups() {
    let server = TestServer::start();
    let client = server.client();
    let mut members = Vec::new();
    for number in 0..5 {
        members.push(client.user(&format!("user{number}")).await);
    }
    let inner = client.group("Inner", &members).await;
    let outer = client.group("Outer", std::slice::from_ref(&inner)).await;
    client.delete(&format!("/Groups/{inner}")).await.expect(204);
    client.delete(&format!("/Users/{}", members[0])).await.expect(204);
    let restored = server.run_json(&["group", "restore", "--tenant", "test", &inner, "--json"]);
    assert_eq!(values(&restored, "members"), members[1..]);
    assert_eq!(values(&client.get(&format!("/Groups/{outer}")).await.expect(200).json, "members"), [inner]);
    server.run_json(&["check", "--json"]);
}

/// Whoever is deleted first, and whoever returns first.
#[tokio::test]
async fn a_membership_returns_when_both_its_ends_have() {
    let server = TestServer::start();
    let client = server.client();
    for group_goes_first in [true, false] {
        for group_returns_first in [true, false] {
            let anna = client.user("anna").await;
            let group = client.group("Staff", std::slice::from_ref(&anna)).await;
            let (user_at, group_at) = (format!("/Users/{anna}"), format!("/Groups/{group}"));
            let ends = [&group_at, &user_at];
            let order = if group_goes_first { ends } else { [ends[1], ends[0]] };
            for end in order {
                client.delete(end).await.expect(204);
            }
            let restore = |kind, id: &str| server.run_json(&[kind, "restore", "--tenant", "test", id, "--json"]);
            if group_returns_first {
                restore("group", &group);
                restore("user", &anna);
            } else {
                restore("user", &anna);
                restore("group", &group);
            }
            let orders = (group_goes_first, group_returns_first);
            let members = values(&client.get(&group_at).await.expect(200).json, "members");
            assert_eq!(members, std::slice::from_ref(&anna), "{orders:?}");
            assert_eq!(values(&client.get(&user_at).await.expect(200).json, "groups"), [group], "{orders:?}");
            assert_eq!(server.run_json(&["check", "--json"]), json!([]));
            client.delete(&group_at).await.expect(204);
            client.delete(&user_at).await.expect(204);
        }
    }
}

#[tokio::test]
async fn a_group_of_many_returns_before_its_members() {
    let server = TestServer::start();
    let client = server.client();
    let mut users = Vec::new();
    for number in 0..600 {
        users.push(client.user(&format!("user{number}")).await);
    }
    let group = client.group("Staff", &users).await;
    client.delete(&format!("/Groups/{group}")).await.expect(204);
    for id in &users {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    server.run_json(&["group", "restore", "--tenant", "test", &group, "--json"]);
    for id in [&users[0], &users[599]] {
        server.run_json(&["user", "restore", "--tenant", "test", id, "--json"]);
    }
    let members = values(&client.get(&format!("/Groups/{group}")).await.expect(200).json, "members");
    assert_eq!(members, [users[0].clone(), users[599].clone()]);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// The POST comes before the DELETE, and meets the user; or after it, and gets the old id.
#[tokio::test]
async fn a_post_beside_the_delete_makes_nobody_new() {
    let server = TestServer::start();
    let client = server.client();
    let user = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1"});
    let anna = client.post("/Users", &user).await.expect(201).id();
    for _ in 0..60 {
        let path = format!("/Users/{anna}");
        let (gone, made) = tokio::join!(client.delete(&path), client.post("/Users", &user));
        gone.expect(204);
        if made.status == 201 {
            assert_eq!(made.id(), anna);
        } else {
            made.expect(409);
            assert_eq!(client.post("/Users", &user).await.expect(201).id(), anna);
        }
    }
}

#[tokio::test]
async fn a_bulk_request_refers_to_whom_it_brings_back() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (person(&client, "anna", "e-1").await, person(&client, "bert", "e-2").await);
    let bulk = |operations: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let user = |name: &str, external_id: &str| json!({"schemas": [USER], "userName": name, "externalId": external_id});
    for id in [&anna, &bert] {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let post = |bulk_id: &str, path: &str, data: Value| json!({"method": "POST", "bulkId": bulk_id, "path": path, "data": data});
    let group = json!({"schemas": [GROUP], "displayName": "Staff", "members": [{"value": "bulkId:a"}]});
    let request = bulk(json!([post("g", "/Groups", group), post("a", "/Users", user("anna", "e-1"))]));
    let answer = client.post("/Bulk", &request).await.expect(200).json;
    assert_eq!(answer["Operations"].as_array().map(Vec::len), Some(2), "{answer}");
    assert_eq!(
        (&answer["Operations"][0]["status"], &answer["Operations"][1]["status"]),
        (&json!("201"), &json!("201"))
    );
    let staff = client.find("/Groups", "displayName eq \"Staff\"").await.expect(200).json;
    assert_eq!(values(&staff["Resources"][0], "members"), std::slice::from_ref(&anna));

    // A circle: each is the other's manager.
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let with_manager = |mut user: Value, manager: &str| {
        user[ENTERPRISE] = json!({"manager": {"value": manager}});
        user["schemas"] = json!([USER, ENTERPRISE]);
        user
    };
    let request = bulk(json!([
        post("a", "/Users", with_manager(user("anna", "e-1"), "bulkId:b")),
        post("b", "/Users", with_manager(user("bert", "e-2"), "bulkId:a")),
    ]));
    client.post("/Bulk", &request).await.expect(200);
    for (one, other) in [(&anna, &bert), (&bert, &anna)] {
        let user = client.get(&format!("/Users/{one}")).await.expect(200).json;
        assert_eq!(&user[ENTERPRISE]["manager"]["value"], other, "{user}");
    }
}

#[tokio::test]
async fn a_taken_name_refuses_the_return() {
    let server = TestServer::start();
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    // The name is free at once, and somebody else's externalId makes somebody else.
    let other = person(&client, "anna", "e-2").await;
    assert_ne!(other, anna);
    let refused = fail(&server, &["user", "restore", "--tenant", "test", &anna]);
    assert!(refused.contains(&anna) && refused.contains(&other) && refused.contains("userName"), "{refused}");
    client.delete(&format!("/Users/{other}")).await.expect(204);
    server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
}

#[tokio::test]
async fn a_post_with_the_same_external_id_gives_the_old_id_back() {
    let server = TestServer::start();
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let user = json!({"schemas": [USER], "userName": "anna.b", "externalId": "e-1"});
    let back = client.post("/Users", &user).await.expect(201).json;
    assert_eq!((&back["id"], &back["userName"]), (&json!(anna), &json!("anna.b")));
    // What the provider says of her now, and nothing from before.
    assert!(back.get("title").is_none());
    assert_eq!(values(&back, "groups"), [group]);
    fail(&server, &["user", "restore", "--tenant", "test", &anna]);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn of_two_with_one_external_id_the_one_of_the_name_returns() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (person(&client, "anna", "e-1").await, person(&client, "bert", "e-1").await);
    for id in [&anna, &bert] {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(person(&client, "ANNA", "e-1").await, anna);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    assert_eq!(person(&client, "bert", "e-1").await, bert);
    // Nobody was called so: the one who was deleted last.
    assert_eq!(person(&client, "carl", "e-1").await, anna);
}

#[tokio::test]
async fn who_joins_a_group_at_the_moment_of_the_deletion_is_in_it_afterwards() {
    let server = TestServer::start();
    let (client, other) = (server.client(), server.client());
    let anna = client.user("anna").await;
    for round in 0..40 {
        let group = client.group(&format!("Staff{round}"), &[]).await;
        let (group_path, path) = (format!("/Groups/{group}"), format!("/Users/{anna}"));
        let join = json!([{"op": "add", "path": "members", "value": [{"value": anna}]}]);
        let (joined, gone) = tokio::join!(other.patch(&group_path, &join), client.delete(&path));
        gone.expect(204);
        server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
        let is_in = client.members(&group).await == std::slice::from_ref(&anna);
        assert_eq!(is_in, joined.status == 200, "{}", joined.text);
    }
}

#[tokio::test]
async fn user_names_bring_back_where_the_tenant_says_so() {
    let server = TestServer::with(Options::settings(json!({"restore_by": "userName"})));
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, person(&client, "bert", "e-1").await);
    for id in [&anna, &bert] {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(person(&client, "Anna", "e-9").await, anna);
    // Who has another externalId is somebody else.
    assert_ne!(person(&client, "bert", "e-2").await, bert);
}

#[tokio::test]
async fn a_window_of_zero_keeps_nothing() {
    let server = TestServer::with(Options::settings(json!({"restore_window": "0"})));
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    assert_eq!(server.run_json(&["user", "deleted", "--tenant", "test", "--json"]), json!([]));
    assert_ne!(person(&client, "anna", "e-1").await, anna);
    let refused = fail(&server, &["user", "restore", "--tenant", "test", &anna]);
    assert!(refused.contains("No deleted User") && refused.contains("restore_window is 0"), "{refused}");
}

#[tokio::test]
async fn what_one_request_deleted_returns_together() {
    let server = TestServer::start();
    let client = server.client();
    let mut users = Vec::new();
    for number in 0..4 {
        users.push(client.user(&format!("user{number}")).await);
    }
    let operations: Vec<_> =
        users.iter().map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")})).collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    client.post("/Bulk", &bulk).await.expect(200);
    let kept = server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
    let request = kept[0]["request"].as_str().expect("a request").to_owned();
    client.user("user1").await;
    let outcome = server.run(&["user", "restore", "--tenant", "test", "--request", &request, "--json"]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    let rows: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let of = |restored: bool| rows.as_array().expect("rows").iter().filter(|row| row["restored"] == restored).count();
    assert_eq!((of(true), of(false)), (3, 1), "{rows}");
    fail(&server, &["user", "restore", "--tenant", "test", "--request", "nothing"]);
}

/// Ids are for programs: people are told names.
#[tokio::test]
async fn who_did_something_is_told_by_name() {
    let server = TestServer::with(Options::settings(json!({"stale_after": "28d", "event_values": true})));
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "crm", "--json"]);
    let client = server.client().with_token(made["token"].as_str().expect("a token"));
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let deleted = server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
    assert_eq!((&deleted[0]["actor"], &deleted[0]["actor_name"]), (&made["token_id"], &json!("crm")));
    let stale = server.run_json(&["user", "stale", "--tenant", "test", "--for", "0", "--json"]);
    assert_eq!((&stale[0]["id"], &stale[0]["source_name"]), (&json!(bert), &json!("crm")));
    for (args, names) in [(&["user", "stale", "--for", "0"][..], 1), (&["user", "deleted"], 1), (&["events"], 3)] {
        let shown = server.run(&[args, &["--tenant", "test"]].concat());
        assert_eq!(String::from_utf8_lossy(&shown.stdout).matches("crm").count(), names, "{shown:?}");
    }
    let events = server.run(&["events", "--tenant", "test", "--types", "user.created", "--json"]);
    let events = String::from_utf8(events.stdout).expect("text");
    let first: Value = serde_json::from_str(events.lines().next().expect("an event")).expect("JSON");
    assert_eq!((&first["actor_name"], &first["resource_name"]), (&json!("crm"), &json!("anna")));
}

#[tokio::test]
async fn tenants_do_not_restore_each_others() {
    let server = TestServer::start();
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let made = server.run_json(&["init", "--tenant", "other", "--json"]);
    let base = format!("{}{}", server.origin(), made["path"].as_str().expect("a path"));
    let other = Client::new(&base, made["token"].as_str().expect("a token"));
    assert_ne!(person(&other, "anna", "e-1").await, anna);
    fail(&server, &["user", "restore", "--tenant", "other", &anna]);
    assert_eq!(server.run_json(&["user", "deleted", "--tenant", "other", "--json"]), json!([]));
}

#[tokio::test]
async fn status_says_what_is_wrong_and_what_to_do() {
    let server = TestServer::with(Options::settings(json!({"quotas": {"User": 2}})));
    let status = || server.run(&["status", "--tenant", "test", "--json"]);
    let row = |outcome: &std::process::Output| -> Value {
        let rows: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        assert_eq!(rows.as_array().map(Vec::len), Some(1));
        rows[0].clone()
    };
    let codes = |row: &Value| -> Vec<String> {
        row["problems"]
            .as_array()
            .expect("problems")
            .iter()
            .map(|one| one["code"].as_str().expect("a code").to_owned())
            .collect()
    };
    // What an administrator writes says nothing of the provider.
    server.run_json(&["group", "create", "--tenant", "test", "--display-name", "staff", "--force", "--json"]);
    let new = status();
    assert!(new.status.success(), "{new:?}");
    let new = row(&new);
    assert_eq!((&new["tenant"], &new["state"], &new["last_call"]), (&json!("test"), &json!("new"), &json!(null)));
    assert_eq!(new["last_write"], Value::Null, "{new}");
    assert!(codes(&new).is_empty(), "{new}");

    let client = server.client();
    client.user("anna").await;
    client.user("bert").await;
    client.post("/Users", &json!({"schemas": [USER], "userName": "carl"})).await.expect(403);
    let full = status();
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    let full = row(&full);
    assert!(full["last_call"].is_string() && full["last_write"].is_string(), "{full}");
    assert_eq!((&full["state"], codes(&full)), (&json!("failing"), vec!["QuotaUsedUp".to_owned()]));

    server.run_json(&["token", "create", "--tenant", "test", "--name", "short", "--lifetime", "1d", "--json"]);
    let text = server.run(&["status", "--tenant", "test"]);
    let text = String::from_utf8(text.stdout).expect("text");
    assert!(text.contains("failing") && !text.contains("short ends"), "{text}");
    server.run_json(&["token", "rotate", "--tenant", "test", "short", "--json"]);
    let text = String::from_utf8(server.run(&["status", "--tenant", "test"]).stdout).expect("text");
    assert!(text.contains("short ends in 1 day: the next one, ") && !text.contains("token rotate"), "{text}");
    server.run_json(&["tenant", "disable", "test", "--json"]);
    assert!(codes(&row(&status())).contains(&"TenantDisabled".to_owned()));
}

#[tokio::test]
async fn settings_of_the_lifecycle_are_checked() {
    let server = TestServer::start();
    let set = |settings: Value| {
        let file = server.scratch("set.json");
        std::fs::write(&file, settings.to_string()).expect("the settings file");
        server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"])
    };
    for (settings, expect) in [
        (json!({"restore_window": "99999999999d"}), "at most 3650d"),
        (json!({"silence_after": "3651d"}), "at most 3650d"),
        (json!({"silence_after": "1s"}), "at least 10s"),
        (json!({"stale_after": "0"}), "at least 2d"),
        (json!({"stale_after": "1s"}), "at least 2d"),
        (json!({"restore_by": "email"}), r#""email" is not one of "externalId", "userName" and "none""#),
    ] {
        let outcome = set(settings);
        let said: Value = serde_json::from_slice(&outcome.stderr).expect("JSON");
        assert!(said["error"].as_str().expect("a text").contains(expect), "{said}");
    }
    assert!(set(json!({"restore_window": "1d", "restore_by": "none", "silence_after": "1d"})).status.success());
    let outcome = set(json!({"restore_window": null, "restore_by": null, "silence_after": null}));
    let shown: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let settings = &shown["settings"];
    assert_eq!((&settings["restore_window"], &settings["restore_by"]), (&json!("30d"), &json!("externalId")));
    assert!(settings.get("silence_after").is_none(), "{shown}");
}
