//! The brake on mass deprovisioning, and who is protected from it.

mod names;
mod tripped;

use serde_json::{Value, json};

use crate::server::{Client, Options, Response, TestServer, USER, on_postgres};

async fn people(client: &Client, number: usize) -> Vec<String> {
    let mut users = Vec::new();
    for n in 0..number {
        users.push(client.user(&format!("user{n}")).await);
    }
    users
}

async fn deactivate(client: &Client, id: &str) -> Response {
    client.patch(&format!("/Users/{id}"), &json!([{"op": "replace", "path": "active", "value": false}])).await
}

fn show(server: &TestServer) -> Value {
    server.run_json(&["brake", "show", "--tenant", "test", "--json"])
}

/// What an application sees of the log: the newest number, and the types of events.
async fn feed(server: &TestServer) -> (u64, Vec<String>) {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let url = format!("{}/{}/events/v1", server.origin(), server.tenant());
    let page = Client::new(&url, made["token"].as_str().expect("a token")).get("?limit=1000").await.expect(200).json;
    let types = page["events"].as_array().expect("events").iter().map(|one| one["type"].as_str().expect("a type"));
    (page["newest"].as_u64().expect("a number"), types.map(str::to_owned).collect())
}

fn count(types: &[String], name: &str) -> usize {
    types.iter().filter(|one| *one == name).count()
}

#[tokio::test]
async fn what_is_too_much_is_held_until_somebody_approves() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 3}})));
    let client = server.client();
    let users = people(&client, 6).await;
    assert_eq!(show(&server)["state"], "ready");
    for id in &users[..3] {
        deactivate(&client, id).await.expect(200);
    }
    assert_eq!(show(&server)["state"], "ready");
    let (_, before) = feed(&server).await;
    assert_eq!(count(&before, "scim.user.deactivated"), 3);

    // Answered as usual, and seen by who asks; but not told.
    for id in &users[3..] {
        deactivate(&client, id).await.expect(200);
    }
    assert_eq!(client.get(&format!("/Users/{}", users[5])).await.expect(200).json["active"], false);
    let stands = show(&server);
    assert_eq!((&stands["state"], &stands["mode"]), (&json!("tripped"), &json!("hold")), "{stands}");
    assert!(stands["held_events"].as_u64() >= Some(3) && stands["since"].is_u64(), "{stands}");
    let (newest, held) = feed(&server).await;
    assert_eq!(count(&held, "scim.user.deactivated"), 3);
    assert!(held.len() as u64 <= newest);
    // The administrator sees all.
    let all = server.run(&["events", "--tenant", "test", "--types", "user.deactivated", "--json"]).stdout;
    assert_eq!(String::from_utf8_lossy(&all).lines().count(), 6);
    let status = server.run(&["status", "--tenant", "test", "--json"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stdout).contains("BrakeTripped"), "{status:?}");
    server.wait_for_log("has tripped: `scim-server brake show --tenant test`");

    let approved = server.run_json(&["brake", "approve", "--tenant", "test", "--json"]);
    assert_eq!(approved["state"], "approved");
    let (_, told) = feed(&server).await;
    assert_eq!(count(&told, "scim.user.deactivated"), 6);
    assert_eq!((count(&told, "brake.tripped"), count(&told, "brake.approved")), (1, 1));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn the_burst_is_put_back_in_one_command() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2}})));
    let client = server.client();
    let users = people(&client, 5).await;
    let group = client.group("Staff", &users).await;
    deactivate(&client, &users[0]).await.expect(200);
    for id in &users[1..4] {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    // What takes nothing away stays.
    let title = json!([{"op": "add", "path": "title", "value": "Engineer"}]);
    client.patch(&format!("/Users/{}", users[4]), &title).await.expect(200);
    let new = client.user("new").await;
    assert_eq!(show(&server)["state"], "tripped");

    let dry = server.run_json(&["brake", "undo", "--tenant", "test", "--dry-run", "--json"]);
    assert_eq!((dry["refused"].clone(), &show(&server)["state"]), (json!([]), &json!("tripped")));
    assert_eq!((&dry["brake"], &dry["dry_run"]), (&json!("tripped"), &json!(true)));
    let done = server.run_json(&["brake", "undo", "--tenant", "test", "--json"]);
    assert_eq!((&done["refused"], &done["brake"]), (&json!([]), &json!("ready")));
    for id in &users {
        assert_ne!(client.get(&format!("/Users/{id}")).await.expect(200).json["active"], false);
    }
    assert_eq!(client.members(&group).await.len(), 5);
    assert_eq!(client.get(&format!("/Users/{}", users[4])).await.expect(200).json["title"], "Engineer");
    client.get(&format!("/Users/{new}")).await.expect(200);
    let stands = show(&server);
    assert_eq!((&stands["state"], &stands["held_events"]), (&json!("ready"), &json!(0)));
    let again = server.run(&["brake", "undo", "--tenant", "test"]);
    assert_eq!(again.status.code(), Some(1));
}

#[tokio::test]
async fn what_is_too_much_is_refused_where_the_tenant_says_so() {
    let settings = json!({"brake": {"percent": 20, "mode": "refuse", "window": "1d"}});
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    let users = people(&client, 10).await;
    deactivate(&client, &users[0]).await.expect(200);
    client.delete(&format!("/Users/{}", users[1])).await.expect(204);
    let refused = deactivate(&client, &users[2]).await.expect(403);
    assert!(refused.text.contains("`scim-server brake approve --tenant TENANT`"), "{}", refused.text);
    assert_ne!(client.get(&format!("/Users/{}", users[2])).await.expect(200).json["active"], false);
    // Other writes go on, also those of administrators.
    client.user("new").await;
    server.run_json(&["user", "delete", "--tenant", "test", &users[3], "--force", "--json"]);
    server.run_json(&["brake", "approve", "--tenant", "test", "--json"]);
    deactivate(&client, &users[2]).await.expect(200);
    // A brake that is changed counts at once, and nobody has approved it.
    let settings = server.scratch("brake.json");
    let stricter = json!({"brake": {"users": 1, "mode": "refuse", "window": "1d"}});
    std::fs::write(&settings, stricter.to_string()).expect("the settings");
    server.run_json(&["tenant", "set", "test", "--settings", &settings.to_string_lossy(), "--json"]);
    assert_eq!(server.run_json(&["brake", "show", "--tenant", "test", "--json"])["state"], "ready");
    deactivate(&client, &users[4]).await.expect(200);
    deactivate(&client, &users[5]).await.expect(403);
    // All events were told: nothing is held.
    let (_, told) = feed(&server).await;
    assert_eq!((count(&told, "brake.tripped"), count(&told, "scim.user.deactivated")), (2, 3));
}

#[tokio::test]
async fn members_that_one_group_loses_are_counted() {
    let settings = json!({"brake": {"users": 3, "mode": "refuse"}});
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    let users = people(&client, 8).await;
    let (staff, other) = (client.group("Staff", &users).await, client.group("Other", &users).await);
    let leave = |id: &String| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
    for id in &users[..3] {
        for group in [&staff, &other] {
            client.patch(&format!("/Groups/{group}"), &leave(id)).await.expect(200);
        }
    }
    client.patch(&format!("/Groups/{staff}"), &leave(&users[3])).await.expect(403);
    assert_eq!(client.members(&staff).await.len(), 5);
    server.run_json(&["brake", "approve", "--tenant", "test", "--json"]);
    client.patch(&format!("/Groups/{staff}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
}

#[tokio::test]
async fn who_is_protected_is_left_alone_by_tokens() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 4).await;
    let (safe, kept) = (client.group("Break glass", &users[..2]).await, client.group("Kept", &users[2..]).await);
    let protected = json!({"protected": {"ids": [users[2], kept], "members_of": "break GLASS"}});
    let file = server.scratch("set.json");
    std::fs::write(&file, protected.to_string()).expect("the settings file");
    server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
    for id in &users[..3] {
        let refused = deactivate(&client, id).await.expect(403);
        assert!(refused.json["detail"].as_str().expect("a text").contains("protected"), "{:?}", refused.json);
        client.delete(&format!("/Users/{id}")).await.expect(403);
    }
    let leave = |id: &String| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
    client.patch(&format!("/Groups/{safe}"), &leave(&users[0])).await.expect(403);
    client.delete(&format!("/Groups/{safe}")).await.expect(403);
    client.patch(&format!("/Groups/{kept}"), &leave(&users[2])).await.expect(200);
    client.patch(&format!("/Groups/{kept}"), &leave(&users[3])).await.expect(403);
    let empty = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Kept"});
    client.put(&format!("/Groups/{kept}"), &empty).await.expect(403);
    // Everything else goes on.
    let title = json!([{"op": "add", "path": "title", "value": "x"}]);
    client.patch(&format!("/Users/{}", users[0]), &title).await.expect(200);
    deactivate(&client, &users[3]).await.expect(200);
    server.run_json(&["user", "delete", "--tenant", "test", &users[0], "--force", "--json"]);
}

#[tokio::test]
async fn writers_at_once_do_not_slip_by() {
    let settings = json!({"brake": {"users": 5, "mode": "refuse"}});
    let server = TestServer::with(Options::settings(settings));
    let second = on_postgres().then(|| server.beside());
    let mut clients = vec![server.client()];
    clients.extend(second.as_ref().map(TestServer::client));
    let users = people(&clients[0], 24).await;
    let work = users.iter().zip(clients.iter().cycle()).map(|(id, client)| deactivate(client, id));
    let answers = futures_util::future::join_all(work).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(200), of(403)), (5, 19));
    let inactive = clients[0].find("/Users", "active eq false").await.expect(200).json;
    assert_eq!(inactive["totalResults"], 5);
}

#[tokio::test]
async fn a_brake_is_set_rightly_or_not_at_all() {
    let server = TestServer::start();
    let file = server.scratch("set.json");
    for (brake, expect) in [
        (json!({}), "needs"),
        (json!({"users": 5, "mode": "stop"}), "neither"),
        (json!({"percent": 101}), "1 to 100"),
        (json!({"users": 5, "window": "1s"}), "1m to 30d"),
    ] {
        std::fs::write(&file, json!({"brake": brake}).to_string()).expect("the settings file");
        let outcome = server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy()]);
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
        assert!(String::from_utf8_lossy(&outcome.stderr).contains(expect), "{outcome:?}");
    }
    assert_eq!(show(&server)["state"], "off");
    let outcome = server.run(&["brake", "approve", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("has no brake"), "{outcome:?}");
}

#[tokio::test]
async fn a_group_with_members_goes_and_the_store_is_sound() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 50}})));
    let client = server.client();
    let users = people(&client, 3).await;
    let group = client.group("Staff", &users).await;
    let path = format!("/Groups/{group}");
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]);
    client.patch(&path, &leave).await.expect(200);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    client.delete(&path).await.expect(204);
    let other = client.group("Others", &users).await;
    client.delete(&format!("/Groups/{other}")).await.expect(204);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn the_brake_holds_while_somebody_is_not_put_back() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 3).await;
    for id in &users {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(show(&server)["state"], "tripped");
    // Before that, nobody would be held.
    let file = server.scratch("set.json");
    std::fs::write(&file, json!({"restore_window": "1ms"}).to_string()).expect("the settings");
    server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
    // The name of one is taken meanwhile.
    let taken = client.user("user0").await;
    let outcome = server.run(&["brake", "undo", "--tenant", "test"]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    // The others are there, although the time for which they could be restored is over.
    for id in &users[1..] {
        client.get(&format!("/Users/{id}")).await.expect(200);
    }
    assert_eq!(show(&server)["state"], "tripped");
    // By hand: what the provider deletes is a loss of the burst, and would be put back, too.
    let outcome = server.run(&["user", "delete", "--tenant", "test", &taken, "--force", "--yes"]);
    assert!(outcome.status.success(), "{outcome:?}");
    let outcome = server.run(&["brake", "undo", "--tenant", "test"]);
    assert!(outcome.status.success(), "{outcome:?}");
    client.get(&format!("/Users/{}", users[0])).await.expect(200);
    assert_eq!(show(&server)["state"], "ready");
}

/// What the provider takes out again right after an undo counts, however long the window is.
#[tokio::test]
async fn members_are_counted_anew_after_an_undo() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2, "window": "30d"}})));
    let client = server.client();
    let users = people(&client, 6).await;
    let path = format!("/Groups/{}", client.group("Staff", &users).await);
    let leave = async |id: &String| {
        let operation = json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
        client.patch(&path, &operation).await.expect(200);
    };
    for _ in 0..2 {
        for id in &users[..3] {
            leave(id).await;
        }
        assert_eq!(show(&server)["state"], "tripped");
        let outcome = server.run(&["brake", "undo", "--tenant", "test"]);
        assert!(outcome.status.success(), "{outcome:?}");
        let members = client.get(&path).await.expect(200).json["members"].as_array().map(Vec::len);
        assert_eq!((members, &show(&server)["state"]), (Some(6), &json!("ready")));
    }
}

#[tokio::test]
async fn neither_the_state_nor_a_replay_tells_what_is_held() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 4).await;
    let webhook = ["webhook", "create", "--tenant", "test", "--url", "https://hooks.example/", "--json"];
    let webhook = server.run_json(&webhook)["webhook_id"].as_str().expect("an id").to_owned();
    for id in &users[..3] {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let (newest, _) = feed(&server).await;
    let replay = ["webhook", "replay", &webhook, "--tenant", "test", "--from", "1", "--json"];
    assert!(server.run_json(&replay)["to"].as_u64() <= Some(newest));
    server.run_json(&["consumer", "create", "--tenant", "test", "state", "--prefill", "--json"]);
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let url = format!("{}/{}/events/v1/consumers", server.origin(), server.tenant());
    let reader = Client::new(&url, made["token"].as_str().expect("a token"));
    reader.post("/state/receive", &json!({})).await.expect_error(503, None);
    server.run_json(&["brake", "approve", "--tenant", "test", "--json"]);
    let state = reader.post("/state/receive", &json!({})).await.expect(200).json;
    assert!(state["events"].as_array().is_some_and(|events| !events.is_empty()), "{state}");
}

#[tokio::test]
async fn that_the_brake_has_tripped_goes_out_and_nothing_behind_it() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2}})));
    let client = server.client();
    let users = people(&client, 5).await;
    let group = client.group("Staff", &users).await;
    deactivate(&client, &users[0]).await.expect(200);
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    for id in &users[1..4] {
        deactivate(&client, id).await.expect(200);
    }
    client.patch(&format!("/Groups/{group}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    let (newest, told) = feed(&server).await;
    assert_eq!(told.last().map(String::as_str), Some("brake.tripped"));
    assert_eq!(count(&told, "scim.user.deactivated"), 2);
    // How far what is held goes is told to nobody.
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let url = format!("{}/{}/events/v1", server.origin(), server.tenant());
    let reader = Client::new(&url, made["token"].as_str().expect("a token"));
    let at = reader.get(&format!("?limit=0&after={newest}")).await.expect(200).json;
    assert_eq!(at["newest"], newest);
    let refusals = [newest + 1, newest + 1000].map(|after| format!("?limit=0&after={after}"));
    for after in refusals {
        let refused = reader.get(&after).await.expect(400).json;
        assert!(refused["detail"].as_str().expect("a text").contains(&format!("ends at {newest}")), "{refused}");
    }

    // The numbers are those of the whole burst.
    let stands = show(&server);
    assert_eq!((&stands["deactivated"], &stands["deleted"], &stands["left"]), (&json!(4), &json!(1), &json!(5)));
}

#[tokio::test]
async fn there_is_nothing_to_approve_before_it_trips() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 2).await;
    let refused = server.run(&["brake", "approve", "--tenant", "test"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing to approve"), "{refused:?}");
    for id in &users {
        deactivate(&client, id).await.expect(200);
    }
    assert_eq!(show(&server)["state"], "tripped");
}

#[tokio::test]
async fn who_goes_again_and_again_counts_once() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 2, "mode": "refuse"}})));
    let client = server.client();
    let users = people(&client, 3).await;
    let active = json!([{"op": "replace", "path": "active", "value": true}]);
    for _ in 0..4 {
        deactivate(&client, &users[0]).await.expect(200);
        client.patch(&format!("/Users/{}", users[0]), &active).await.expect(200);
    }
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    assert_eq!((&show(&server)["deactivated"], &show(&server)["deleted"]), (&json!(1), &json!(1)));
    deactivate(&client, &users[1]).await.expect(200);
    deactivate(&client, &users[2]).await.expect(403);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn who_came_and_went_within_the_burst_is_put_back() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 2).await;
    deactivate(&client, &users[0]).await.expect(200);
    let new = client.user("new").await;
    deactivate(&client, &new).await.expect(200);
    client.delete(&format!("/Users/{new}")).await.expect(204);
    let done = server.run_json(&["brake", "undo", "--tenant", "test", "--json"]);
    assert_eq!(done["refused"], json!([]), "{done}");
    assert_ne!(client.get(&format!("/Users/{}", users[0])).await.expect(200).json["active"], false);
    assert_ne!(client.get(&format!("/Users/{new}")).await.expect(200).json["active"], false);
}

/// Of two who want one name, who was there before the burst gets it, and of the other it is told.
#[tokio::test]
async fn who_was_there_before_gets_the_name() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 3).await;
    for id in &users {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let other = client.user("user0").await;
    client.delete(&format!("/Users/{other}")).await.expect(204);
    let outcome = server.run(&["brake", "undo", "--tenant", "test"]);
    let told = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(outcome.status.code() == Some(1) && told.contains(&format!("refused: User {other} (user0)")), "{told}");
    for id in &users {
        client.get(&format!("/Users/{id}")).await.expect(200);
    }
    assert_eq!(show(&server)["state"], "tripped");
}

/// As long as nobody has decided, what was deleted can be restored, also behind `restore_window`.
#[tokio::test]
async fn what_the_brake_holds_is_listed_and_comes_back() {
    for (mode, gone) in [("hold", 3), ("refuse", 1)] {
        let settings = json!({"brake": {"users": 1, "mode": mode}, "restore_window": "1d"});
        let server = TestServer::with(Options::settings(settings));
        let client = server.client();
        let body = |name: &str| json!({"schemas": [USER], "userName": name, "externalId": format!("e-{name}")});
        let mut users = Vec::new();
        for name in ["anna", "bert", "carl"] {
            users.push(client.post("/Users", &body(name)).await.expect(201).id());
        }
        for id in &users {
            client.delete(&format!("/Users/{id}")).await;
        }
        assert_eq!(show(&server)["state"], "tripped");
        // Only now is all behind the window: before, it would be purged.
        let file = server.scratch("window.json");
        std::fs::write(&file, json!({"restore_window": "1ms"}).to_string()).expect("the settings file");
        assert!(server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy()]).status.success());
        let listed = || server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
        let held = listed();
        assert_eq!((held.as_array().map(Vec::len), &held[0]["until"]), (Some(gone), &json!(null)), "{held}");
        // The first one returns by her externalId.
        assert_eq!(client.post("/Users", &body("anna")).await.expect(201).id(), users[0]);
        assert_eq!(listed().as_array().map(Vec::len), Some(gone - 1));
        if mode == "hold" {
            server.run_json(&["user", "restore", "--tenant", "test", &users[1], "--json"]);
        }
        server.run_json(&["brake", "approve", "--tenant", "test", "--json"]);
        // What is left waits to be purged.
        let over = listed();
        assert!(over.as_array().expect("rows").iter().all(|kept| kept["until"].is_string()), "{over}");
        if mode == "hold" {
            assert_eq!((over.as_array().map(Vec::len), &over[0]["id"]), (Some(1), &json!(users[2])), "{over}");
            let refused = server.run(&["user", "restore", "--tenant", "test", &users[2]]);
            assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        }
    }
}

/// A brake cannot put back whom the server does not keep, and says so.
#[tokio::test]
async fn a_brake_without_a_restore_window_is_warned_of() {
    let server = TestServer::start();
    let set = |settings: Value| {
        let file = server.scratch("set.json");
        std::fs::write(&file, settings.to_string()).expect("the settings file");
        let outcome = server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy()]);
        assert!(outcome.status.success(), "{outcome:?}");
        String::from_utf8(outcome.stderr).expect("text")
    };
    let warns = |said: &str| said.contains("note: restore_window is \"0\"") && said.contains("nobody who was deleted");
    let show = || String::from_utf8(server.run(&["brake", "show", "--tenant", "test"]).stderr).expect("text");
    assert!(!warns(&set(json!({"restore_window": "0"}))) && !warns(&show()));
    assert!(warns(&set(json!({"brake": {"users": 1}}))) && warns(&show()));
    assert!(!warns(&set(json!({"strict": false}))));
    assert!(!warns(&set(json!({"restore_window": "1d"}))) && !warns(&show()));
}
