//! What a range of events changed is put back in one command.

mod histories;
mod killed;
mod locks;
mod model;
mod names;
mod preview;
mod property;
mod returned;
mod unique;

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, Options, TestServer, USER};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The newest number of the tenant's log.
fn newest(server: &TestServer) -> String {
    let events = server.run(&["events", "--tenant", "test", "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    let last = events.lines().last().expect("an event");
    serde_json::from_str::<Value>(last).expect("JSON")["sequence"].to_string()
}

/// What `undo` says that puts everything back.
#[track_caller]
fn undo(server: &TestServer, args: &[&str]) -> Value {
    let done = attempt(server, args);
    assert_eq!(done["refused"], json!([]), "{done}");
    done
}

/// What `undo` says, whether or not it refuses anything.
#[track_caller]
fn attempt(server: &TestServer, args: &[&str]) -> Value {
    let all = [&["undo", "--tenant", "test", "--json"], args].concat();
    let outcome = server.run(&all);
    let mut done: Value = serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    // A dry run says that it is one, and the same as what is done afterwards.
    let said = done.as_object_mut().expect("an object").remove("dry_run");
    assert_eq!(said, args.contains(&"--dry-run").then_some(Value::Bool(true)));
    let refused = done["refused"].as_array().expect("a list").len();
    assert_eq!(outcome.status.code(), Some(i32::from(refused > 0)), "{outcome:?}");
    done
}

/// The ids in a list of what `undo` says.
fn ids(pieces: &Value) -> Vec<String> {
    let mut ids: Vec<_> =
        pieces.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

/// Another token of the tenant, and its id.
fn second(server: &TestServer) -> (Client, String) {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "second", "--json"]);
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (server.client().with_token(&text("token")), text("token_id"))
}

async fn deactivate(client: &Client, id: &str) {
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    client.patch(&format!("/Users/{id}"), &operations).await.expect(200);
}

async fn shown(client: &Client, endpoint: &str, id: &str) -> Value {
    let mut resource = client.get(&format!("/{endpoint}/{id}")).await.expect(200).json;
    resource["meta"] = Value::Null;
    resource
}

/// Makes so many users in one request, and gives their ids.
async fn people(client: &Client, number: usize) -> Vec<String> {
    let one = |n: usize| {
        let user = json!({"schemas": [USER], "userName": format!("user{n}"), "active": true});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": user})
    };
    let operations: Vec<_> = (0..number).map(one).collect();
    let answer = client.post("/Bulk", &json!({"schemas": [BULK], "Operations": operations})).await.expect(200).json;
    let id = |one: &Value| one["location"].as_str().and_then(|at| at.rsplit('/').next()).expect("an id").to_owned();
    answer["Operations"].as_array().expect("a list").iter().map(id).collect()
}

/// Deactivates them in one request.
async fn deactivate_all(client: &Client, users: &[String]) {
    let data = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}]});
    let one = |id: &String| json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": data});
    let operations: Vec<_> = users.iter().map(one).collect();
    client.post("/Bulk", &json!({"schemas": [BULK], "Operations": operations})).await.expect(200);
}

async fn inactive(client: &Client) -> u64 {
    let found = client.find("/Users", "active eq false").await.expect(200).json;
    found["totalResults"].as_u64().expect("a number")
}

#[tokio::test]
async fn every_kind_of_change_is_put_back() {
    let server = TestServer::start();
    let client = server.client();
    let user = json!({"schemas": [USER, ENTERPRISE], "userName": "anna", "externalId": "e-1", "title": "Engineer",
        "name": {"givenName": "Anna"}, "emails": [{"value": "a@example.org", "primary": true}],
        ENTERPRISE: {"department": "R"}});
    let anna = client.post("/Users", &user).await.expect(201).id();
    let (bert, carl) = (client.user("bert").await, client.user("carl").await);
    let staff = client.group("Staff", &[anna.clone(), bert.clone()]).await;
    let gone = client.group("Gone", std::slice::from_ref(&carl)).await;
    let before = [
        shown(&client, "Users", &anna).await,
        shown(&client, "Users", &bert).await,
        shown(&client, "Groups", &staff).await,
        shown(&client, "Groups", &gone).await,
    ];

    let since = newest(&server);
    let operations = json!([
        {"op": "replace", "path": "active", "value": false}, {"op": "remove", "path": "title"},
        {"op": "add", "path": "name.familyName", "value": "Berg"}, {"op": "remove", "path": "name.givenName"},
        {"op": "replace", "path": "emails", "value": [{"value": "b@example.org"}]},
        {"op": "remove", "path": format!("{ENTERPRISE}:department")},
    ]);
    client.patch(&format!("/Users/{anna}"), &operations).await.expect(200);
    client.patch(&format!("/Groups/{staff}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    client
        .patch(&format!("/Groups/{staff}"), &json!([{"op": "add", "path": "members", "value": [{"value": carl}]}]))
        .await
        .expect(200);
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    client.delete(&format!("/Groups/{gone}")).await.expect(204);
    let made = client.user("dora").await;

    let dry = undo(&server, &["--since", &since, "--dry-run"]);
    client.get(&format!("/Users/{made}")).await.expect(200);
    let done = undo(&server, &["--since", &since]);
    assert_eq!(ids(&dry["undone"]), ids(&done["undone"]));
    let mut expect = vec![anna.clone(), staff.clone(), bert.clone(), gone.clone(), made.clone()];
    expect.sort();
    assert_eq!(ids(&done["undone"]), expect);
    let after = [
        shown(&client, "Users", &anna).await,
        shown(&client, "Users", &bert).await,
        shown(&client, "Groups", &staff).await,
        shown(&client, "Groups", &gone).await,
    ];
    assert_eq!(after, before);
    client.get(&format!("/Users/{made}")).await.expect(404);
    // All is as it was before: there is nothing left to put back.
    assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    let events = server.run(&["events", "--tenant", "test", "--types", "user.created", "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    let last: Value = serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
    assert_eq!((&last["actor"], last["request"].is_string()), (&json!("admin"), true));
}

#[tokio::test]
async fn what_somebody_else_has_changed_since_is_refused() {
    let server = TestServer::start();
    let client = server.client();
    let (other, other_id) = second(&server);
    let [anna, bert, carl] = [client.user("anna").await, client.user("bert").await, client.user("carl").await];
    let since = newest(&server);
    for id in [&anna, &bert, &carl] {
        deactivate(&other, id).await;
    }
    // Somebody else means it, too; and somebody else has deleted carl.
    let active = |value: bool| json!([{"op": "replace", "path": "active", "value": value}]);
    client.patch(&format!("/Users/{bert}"), &active(true)).await.expect(200);
    client.patch(&format!("/Users/{bert}"), &active(false)).await.expect(200);
    client.delete(&format!("/Users/{carl}")).await.expect(204);
    // What concerns another attribute is no obstacle, and stays.
    let title = json!([{"op": "add", "path": "title", "value": "Engineer"}]);
    client.patch(&format!("/Users/{anna}"), &title).await.expect(200);

    let done = attempt(&server, &["--since", &since, "--actor", "second"]);
    assert_eq!(ids(&done["undone"]), std::slice::from_ref(&anna));
    let mut refused = vec![bert.clone(), carl.clone()];
    refused.sort();
    assert_eq!(ids(&done["refused"]), refused);
    let of = |id: &String| done["refused"].as_array().expect("a list").iter().find(|one| one["id"] == *id.as_str());
    let reason = of(&bert).expect("bert")["reason"].as_str().expect("a text");
    assert!(reason.contains("has changed it since"), "{reason}");
    let anna = shown(&client, "Users", &anna).await;
    assert_eq!((&anna["active"], &anna["title"]), (&Value::Null, &json!("Engineer")));
    // Only what that token did, by its id as by its name.
    assert_eq!(attempt(&server, &["--since", &since, "--actor", &other_id])["undone"], json!([]));
    let unknown = server.run(&["undo", "--tenant", "test", "--since", &since, "--actor", "nobody"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no token or client"), "{unknown:?}");
}

#[tokio::test]
async fn names_that_were_exchanged_go_back() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server);
    let name = |name: &str| json!([{"op": "replace", "path": "userName", "value": name}]);
    client.patch(&format!("/Users/{anna}"), &name("old")).await.expect(200);
    client.patch(&format!("/Users/{bert}"), &name("anna")).await.expect(200);
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    let next = client.user("bert").await;
    undo(&server, &["--since", &since]);
    for (id, name) in [(&anna, "anna"), (&bert, "bert")] {
        assert_eq!(shown(&client, "Users", id).await["userName"], name);
    }
    client.get(&format!("/Users/{next}")).await.expect(404);
}

#[tokio::test]
async fn who_has_taken_a_name_gives_it_back_first() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    let since = newest(&server);
    // She has left the group before she was deleted, so that her restoring alone does not bring her back.
    client.patch(&format!("/Groups/{group}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let name = json!([{"op": "replace", "path": "userName", "value": "anna"}]);
    client.patch(&format!("/Users/{bert}"), &name).await.expect(200);
    undo(&server, &["--since", &since]);
    for (id, name) in [(&anna, "anna"), (&bert, "bert")] {
        assert_eq!(shown(&client, "Users", id).await["userName"], name);
    }
    assert_eq!(client.members(&group).await, [anna]);
}

#[tokio::test]
async fn names_that_were_exchanged_in_a_ring_go_back() {
    let server = TestServer::start();
    let client = server.client();
    let mut users = Vec::new();
    for name in ["anna", "bert", "carl"] {
        users.push(client.user(name).await);
    }
    let groups = [client.group("Staff", &[]).await, client.group("Others", &[]).await];
    let since = newest(&server);
    let rename = async |path: String, attribute: &str, name: &str| {
        let operations = json!([{"op": "replace", "path": attribute, "value": name}]);
        client.patch(&path, &operations).await.expect(200);
    };
    for (id, name) in [(&users[0], "x"), (&users[1], "anna"), (&users[2], "bert"), (&users[0], "carl")] {
        rename(format!("/Users/{id}"), "userName", name).await;
    }
    for (id, name) in [(&groups[0], "x"), (&groups[1], "Staff"), (&groups[0], "Others")] {
        rename(format!("/Groups/{id}"), "displayName", name).await;
    }
    let dry = undo(&server, &["--since", &since, "--dry-run"]);
    let done = undo(&server, &["--since", &since]);
    assert_eq!(ids(&dry["undone"]), ids(&done["undone"]));
    assert_eq!(done["undone"].as_array().map(Vec::len), Some(5), "{done}");
    for (id, name) in users.iter().zip(["anna", "bert", "carl"]) {
        assert_eq!(shown(&client, "Users", id).await["userName"], name);
    }
    for (id, name) in groups.iter().zip(["Staff", "Others"]) {
        assert_eq!(shown(&client, "Groups", id).await["displayName"], name);
    }
    assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
}

#[tokio::test]
async fn a_new_group_in_a_new_group_goes() {
    let server = TestServer::start();
    let client = server.client();
    let since = newest(&server);
    let inner = client.group("Inner", &[client.user("anna").await]).await;
    let outer = client.group("Outer", std::slice::from_ref(&inner)).await;
    let last = client.group("Last", std::slice::from_ref(&outer)).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": last}]}]);
    client.patch(&format!("/Groups/{outer}"), &add).await.expect(200);
    undo(&server, &["--since", &since]);
    for endpoint in ["/Users", "/Groups"] {
        assert_eq!(client.get(endpoint).await.expect(200).json["totalResults"], 0);
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_in_the_way() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let name = json!([{"op": "replace", "path": "userName", "value": "bertha"}]);
    client.patch(&format!("/Users/{bert}"), &name).await.expect(200);
    let until = newest(&server);
    for name in ["anna", "bert"] {
        client.user(name).await;
    }
    let range = ["--since", &since, "--until", &until];
    let dry = attempt(&server, &[&range[..], &["--dry-run"]].concat());
    assert_eq!(ids(&dry["refused"]), [anna.clone(), bert.clone()]);
    let names: Vec<_> = dry["refused"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
    assert!(names.contains(&json!("anna")) && names.contains(&json!("bertha")), "{dry}");
    let shown = server.run(&[&["undo", "--tenant", "test", "--dry-run"], &range[..]].concat());
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&format!("{anna} (anna)")), "{shown:?}");
    let a_time = server.run(&["undo", "--tenant", "test", "--since", "2026-01-01T00:00:00Z"]);
    assert!(String::from_utf8_lossy(&a_time.stderr).contains("events --since TIME"), "{a_time:?}");
    assert_eq!(attempt(&server, &range), dry);
    // Whoever is made in the range goes, and is not in the way.
    let dry = undo(&server, &["--since", &since, "--dry-run"]);
    assert_eq!(dry["undone"].as_array().map(Vec::len), Some(4), "{dry}");
    assert_eq!(undo(&server, &["--since", &since]), dry);
}

/// A token that replaces another has its name, and both were the same program.
#[tokio::test]
async fn a_name_means_the_token_and_the_one_that_replaced_it() {
    let server = TestServer::start();
    let (old, _) = second(&server);
    let since = newest(&server);
    let before = old.user("before").await;
    let new = server.run_json(&["token", "rotate", "--tenant", "test", "second", "--json"]);
    let new = server.client().with_token(new["token"].as_str().expect("a token"));
    let mut both = vec![before, new.user("after").await];
    server.client().user("other").await;
    both.sort();
    assert_eq!(ids(&undo(&server, &["--since", &since, "--actor", "second"])["undone"]), both);
}

#[tokio::test]
async fn an_actor_whom_nobody_knows_is_told() {
    let server = TestServer::start();
    let client = server.client();
    client.user("anna").await;
    let (other, token) = second(&server);
    let since = newest(&server);
    let bert = other.user("bert").await;
    let unknown = "019a0b70-11ab-7000-8000-9f2b6c3d4e5f";
    let outcome = server.run(&["undo", "--tenant", "test", "--since", &since, "--actor", unknown, "--json"]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(String::from_utf8_lossy(&outcome.stderr).contains(unknown), "{outcome:?}");
    // A token that is gone is known by what it did.
    server.run(&["token", "delete", &token, "--tenant", "test"]);
    assert_eq!(ids(&undo(&server, &["--since", &since, "--actor", &token])["undone"]), [bert]);
}

#[tokio::test]
async fn a_range_ends_where_it_is_told_to() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server);
    deactivate(&client, &anna).await;
    let until = newest(&server);
    deactivate(&client, &bert).await;
    assert_eq!(ids(&undo(&server, &["--since", &since, "--until", &until])["undone"]), [anna]);
    assert_eq!(inactive(&client).await, 1);
    for wrong in [["--since", "999999"].as_slice(), &["--since", &until, "--until", &since]] {
        let outcome = server.run(&[&["undo", "--tenant", "test"], wrong].concat());
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    }
}

#[tokio::test]
async fn without_values_only_active_comes_back() {
    let server = TestServer::with(Options::settings(json!({"event_values": false})));
    let client = server.client();
    let anna = client.user("anna").await;
    let since = newest(&server);
    deactivate(&client, &anna).await;
    let renamed = json!([{"op": "add", "value": {"title": "x", "userName": "anna.b"}}]);
    client.patch(&format!("/Users/{anna}"), &renamed).await.expect(200);
    let done = attempt(&server, &["--since", &since]);
    assert_eq!(done["undone"][0]["changes"], json!(["active"]));
    let refused = done["refused"].as_array().expect("a list");
    let changes: Vec<_> = refused.iter().map(|one| one["change"].as_str().expect("a path")).collect();
    assert_eq!(changes, ["title", "userName"], "{done}");
    let says_why = |one: &Value| one["reason"].as_str().is_some_and(|why| why.contains("event_values"));
    assert!(refused.iter().all(says_why), "{done}");
    let now = shown(&client, "Users", &anna).await;
    assert_eq!((&now["active"], &now["userName"]), (&json!(true), &json!("anna.b")));
}

#[tokio::test]
async fn another_tenant_is_not_touched() {
    let server = TestServer::start();
    let made = server.run_json(&["init", "--tenant", "other", "--json"]);
    let base = format!("{}{}", server.origin(), made["path"].as_str().expect("a path"));
    let other = Client::new(&base, made["token"].as_str().expect("a token"));
    let client = server.client();
    let (anna, theirs) = (client.user("anna").await, other.user("anna").await);
    deactivate(&other, &theirs).await;
    let since = newest(&server);
    deactivate(&client, &anna).await;
    undo(&server, &["--since", &since]);
    assert_eq!((inactive(&client).await, inactive(&other).await), (0, 1));
}

#[tokio::test]
async fn an_undo_that_was_killed_is_completed_by_the_same_command() {
    const USERS: usize = 600;
    let mut server = TestServer::start();
    let users = people(&server.client(), USERS).await;
    let group = server.client().group("Staff", &users).await;
    let since = newest(&server);
    deactivate_all(&server.client(), &users).await;
    server.client().patch(&format!("/Groups/{group}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    assert_eq!(inactive(&server.client()).await, USERS as u64);

    let mut command = crate::server::program(server.data());
    command.args(["undo", "--tenant", "test", "--since", &since, "--data"]).arg(server.data());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    lines.next().expect("a line").expect("text");
    // It is the server that does the work.
    server.kill();
    child.wait().expect("its end");

    // Without a server the command opens the store itself.
    undo(&server, &["--since", &since]);
    server.launch();
    let client = server.client();
    assert_eq!(inactive(&client).await, 0);
    assert_eq!(client.members(&group).await.len(), USERS);
    assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
