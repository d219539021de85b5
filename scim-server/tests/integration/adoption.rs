//! A POST takes over what another source has made, where the tenant has a rule for that, and nowhere else.

use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer, USER};

fn with(adopt: &str) -> TestServer {
    TestServer::with(Options::settings(json!({"adopt": adopt, "event_values": true})))
}

fn by_hand(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[args, &["--tenant", "test", "--json"]].concat())
}

fn named(server: &TestServer, name: &str) -> Client {
    let made = by_hand(server, &["token", "create", "--name", name]);
    server.client().with_token(made["token"].as_str().expect("a token"))
}

/// The last event of a tenant.
fn last_event(server: &TestServer) -> Value {
    let outcome = server.run(&["events", "--tenant", "test", "--json"]);
    let events = String::from_utf8(outcome.stdout).expect("text");
    serde_json::from_str(events.lines().last().expect("an event")).expect("JSON")
}

fn user(name: &str, external_id: Option<&str>) -> Value {
    let mut user = json!({"schemas": [USER], "userName": name, "title": "Sent"});
    if let Some(external_id) = external_id {
        user["externalId"] = external_id.into();
    }
    user
}

#[tokio::test]
async fn who_was_made_by_hand_is_taken_over_where_the_tenant_says_so() {
    let server = with("userName");
    let client = server.client();
    let anna = by_hand(&server, &["user", "create", "--user-name", "anna", "--email", "a@example.org", "--force"]);
    let id = anna["id"].as_str().expect("an id");
    let staff = client.group("Staff", &[id.to_owned()]).await;
    let created = client.post("/Users", &user("Anna", Some("e-1"))).await.expect(201);
    assert_eq!((created.id(), &created.json["userName"]), (id.to_owned(), &json!("Anna")));
    // As a restored one: all values are those of the request.
    assert_eq!((&created.json["title"], created.json.get("emails")), (&json!("Sent"), None));
    assert_eq!(created.json["groups"][0]["value"], staff);
    let event = last_event(&server);
    assert_eq!((&event["type"], &event["adopted"]), (&json!("scim.user.updated"), &json!(true)), "{event}");
    assert_eq!(event["changes"]["title"]["after"], "Sent");
    let shown = by_hand(&server, &["user", "show", "anna"]);
    assert_ne!(shown["meta"]["source"]["actor"], "admin", "{shown}");
    // Its own users are not taken over again, nor is somebody with another externalId.
    client.post("/Users", &user("anna", Some("e-1"))).await.expect_error(409, Some("uniqueness"));
    by_hand(&server, &["user", "create", "--user-name", "bert", "--force"]);
    let other = named(&server, "other");
    other.post("/Users", &user("anna", Some("e-2"))).await.expect_error(409, Some("uniqueness"));
    assert_eq!(other.post("/Users", &user("anna", None)).await.expect(201).id(), id);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Who was taken over a moment ago is not taken over by the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_at_the_same_time_one_takes_over() {
    let server = with("userName");
    let client = server.client();
    for round in 0..8 {
        let name = format!("anna{round}");
        by_hand(&server, &["user", "create", "--user-name", &name, "--force"]);
        let [first, second] = ["a", "b"].map(|one| user(&name, Some(&format!("{one}-{round}"))));
        let (first, second) = tokio::join!(client.post("/Users", &first), client.post("/Users", &second));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn nobody_is_taken_over_without_a_rule_or_by_hand() {
    for server in [TestServer::start(), with("none"), with("externalId")] {
        let client = server.client();
        by_hand(&server, &["user", "create", "--user-name", "anna", "--email", "a@example.org", "--force"]);
        let taken = client.post("/Users", &user("anna", Some("e-1"))).await.expect_error(409, Some("uniqueness"));
        let is_told = taken.json["detail"].as_str().is_some_and(|detail| detail.contains("the tenant setting adopt"));
        let has_rule = server.run_json(&["tenant", "show", "test", "--json"])["settings"]["adopt"] == "externalId";
        assert_eq!(is_told, !has_rule, "{}", taken.text);
        let mut namesake = user("bert", None);
        namesake["emails"] = json!([{"value": "a@example.org", "primary": true}]);
        client.post("/Users", &namesake).await.expect(201);
        assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], 2);
    }
    let server = with("userName");
    server.client().user("anna").await;
    let refused = server.run(&["user", "create", "--user-name", "anna", "--force", "--tenant", "test"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let file = server.scratch("set.json");
    std::fs::write(&file, json!({"adopt": "emails"}).to_string()).expect("the settings file");
    let refused = server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("externalId"), "{refused:?}");
}

#[tokio::test]
async fn the_provider_s_own_name_of_somebody_is_known_by_one_alone() {
    let server = with("externalId");
    let (client, other) = (server.client(), named(&server, "other"));
    let anna = other.post("/Users", &user("anna", Some("e-1"))).await.expect(201).id();
    // It says another name meanwhile.
    let adopted = client.post("/Users", &user("anna.berg", Some("e-1"))).await.expect(201);
    assert_eq!((adopted.id(), &adopted.json["userName"]), (anna, &json!("anna.berg")));
    // Of two nobody knows which is meant.
    for name in ["bert", "carl"] {
        other.post("/Users", &user(name, Some("e-2"))).await.expect(201);
    }
    client.post("/Users", &user("dora", Some("e-2"))).await.expect(201);
    assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], 4);
    // In a bulk request the id is known before.
    let erik = other.post("/Users", &user("erik", Some("e-3"))).await.expect(201).id();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "g",
            "data": {"schemas": [GROUP], "displayName": "Staff", "members": [{"value": "bulkId:u"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user("erik", Some("e-3"))},
    ]});
    let done = client.post("/Bulk", &bulk).await.expect(200);
    let group = done.json["Operations"][0]["location"].as_str().expect("a URL").rsplit('/').next().expect("an id");
    assert_eq!(client.members(group).await, [erik]);
}

#[tokio::test]
async fn a_group_that_is_taken_over_keeps_its_members() {
    let server = with("userName");
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let staff = by_hand(&server, &["group", "create", "--display-name", "Staff", "--member", "anna", "--force"]);
    let group = json!({"schemas": [GROUP], "displayName": "staff", "members": [{"value": bert}]});
    let adopted = client.post("/Groups", &group).await.expect(201);
    assert_eq!(adopted.id(), staff["id"].as_str().expect("an id"));
    assert_eq!(client.members(&adopted.id()).await, [anna, bert]);
    let event = last_event(&server);
    assert_eq!((&event["adopted"], event["members"]["joined"].as_array().map(Vec::len)), (&json!(true), Some(1)));
}

#[tokio::test]
async fn a_protected_or_disabled_user_stays_so() {
    let server = with("userName");
    let client = server.client();
    let anna = by_hand(&server, &["user", "create", "--user-name", "anna", "--force"]);
    let file = server.scratch("set.json");
    std::fs::write(&file, json!({"protected": {"ids": ["anna"]}}).to_string()).expect("the settings file");
    by_hand(&server, &["user", "disable", "anna"]);
    server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
    let mut inactive = user("anna", None);
    inactive["active"] = false.into();
    client.post("/Users", &inactive).await.expect_error(403, None);
    let adopted = client.post("/Users", &user("anna", None)).await.expect(201);
    assert_eq!((&adopted.json["id"], &adopted.json["active"]), (&anna["id"], &json!(false)));
    assert_eq!(by_hand(&server, &["user", "enable", "anna"]).get("active"), None);
}
