//! What applications are told of users beside their documents.

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, Options, TestServer, USER};

/// A client of `/{tenant}/access/v1`, with a token of these scopes.
fn application(server: &TestServer, scopes: &str) -> Client {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", scopes, "--json"]);
    with_token(server, made["token"].as_str().expect("a token"))
}

fn with_token(server: &TestServer, token: &str) -> Client {
    Client::new(&format!("{}/{}/access/v1", server.origin(), server.tenant()), token)
}

/// The last event of a type.
async fn last_event(server: &TestServer, name: &str) -> Value {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let url = format!("{}/{}/events/v1?limit=1000", server.origin(), server.tenant());
    let feed = Client::new(&url, made["token"].as_str().expect("a token")).get("").await.expect(200).json;
    let found = feed["events"].as_array().expect("events").iter().rfind(|event| event["type"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {feed}")).clone()
}

async fn anna(client: &Client) -> String {
    let body = json!({"schemas": [USER], "userName": "anna", "emails": [{"value": "anna@example.com", "primary": true},
        {"value": "a@home.example"}], ENTERPRISE: {"costCenter": "4711"}});
    client.post("/Users", &body).await.expect(201).id()
}

#[tokio::test]
async fn attributes_are_resolved_from_the_user_as_it_is_now() {
    let keys = json!({"CostCenter": "${path:enterprise.costCenter}", "Title": "${path:title}", "Site": "Zürich"});
    let server = TestServer::with(Options::settings(json!({"access_attributes": keys})));
    let (client, application) = (server.client(), application(&server, "read"));
    let id = anna(&client).await;
    let shown = application.get(&format!("/users/{id}")).await.expect(200);
    assert_eq!(shown.media_type(), "application/json");
    assert_eq!(
        shown.json,
        json!({"id": id, "active": true, "version": "W/\"1\"", "roles": [], "grants": [],
            "attributes": {"CostCenter": "4711", "Site": "Zürich"}})
    );
    let told = last_event(&server, "scim.user.created").await;
    assert_eq!(told["access"]["attributes"], json!({"CostCenter": "4711", "Site": "Zürich"}));

    let change = json!([{"op": "add", "path": "title", "value": "Engineer"}, {"op": "remove", "path": format!("{ENTERPRISE}:costCenter")}]);
    client.patch(&format!("/Users/{id}"), &change).await.expect(200);
    let shown = application.get(&format!("/users/{id}")).await.expect(200).json;
    assert_eq!(shown["attributes"], json!({"Title": "Engineer", "Site": "Zürich"}));
    let told = last_event(&server, "scim.user.updated").await;
    assert_eq!(told["access"]["attributes"], shown["attributes"]);
    client.delete(&format!("/Users/{id}")).await.expect(204);
    application.get(&format!("/users/{id}")).await.expect(404);
    assert_eq!(last_event(&server, "scim.user.deleted").await.get("access"), None);
}

#[tokio::test]
async fn keys_come_and_go_by_command() {
    let mut server = TestServer::start();
    let (client, application) = (server.client(), application(&server, "read"));
    let id = anna(&client).await;
    let command = |server: &TestServer, words: &[&str]| {
        let words: Vec<_> = ["access"].into_iter().chain(words.iter().copied()).collect();
        server.run_json(&[&words[..], &["--tenant", "test", "--json"]].concat())
    };
    assert_eq!(command(&server, &["list"]), json!([]));
    let email = "${path:emails[primary].value}";
    let keys = command(&server, &["set", "Email", email]);
    assert_eq!(keys, json!([{"key": "Email", "value": email}]));
    assert_eq!(last_event(&server, "access.changed").await["attributes"], json!(["access_attributes"]));
    let shown = application.get(&format!("/users/{id}")).await.expect(200).json;
    assert_eq!(shown["attributes"], json!({"Email": "anna@example.com"}));
    assert_eq!(command(&server, &["show", "anna"]), shown);

    for (value, why) in [
        ("${path:emails.value}", "several values"),
        ("${path:externalId}", "not among the paths"),
        ("${path:shoe}", "no attribute"),
    ] {
        let refused = server.run(&["access", "set", "--tenant", "test", "Other", value]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains(why), "{value}: {said}");
    }
    let refused = server.run(&["access", "remove", "--tenant", "test", "Other"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("access list"));

    // A stopped store is changed in the same way.
    server.stop();
    assert_eq!(command(&server, &["set", "Name", "${path:userName}"]).as_array().expect("keys").len(), 2);
    assert_eq!(command(&server, &["remove", "Email"]), json!([{"key": "Name", "value": "${path:userName}"}]));
    server.launch();
    let application = with_token(&server, server.token());
    let shown = application.get(&format!("/users/{id}")).await.expect(200).json;
    assert_eq!(shown["attributes"], json!({"Name": "anna"}));

    let asks = server.run(&["access", "disable", "--tenant", "test"]);
    assert!(asks.status.code() == Some(2) && String::from_utf8_lossy(&asks.stderr).contains("--yes"), "{asks:?}");
    assert_eq!(command(&server, &["disable", "--yes"]), json!([]));
    assert_eq!(command(&server, &["list"]), json!([]));
    let shown = application.get(&format!("/users/{id}")).await.expect(200).json;
    assert_eq!(shown["attributes"], json!({}));
}

#[tokio::test]
async fn a_tenant_has_fifty_keys_and_no_more() {
    let keys = |number: usize| (0..number).map(|n| (format!("Key{n}"), json!("${path:title}"))).collect::<Value>();
    let server = TestServer::with(Options::settings(json!({"access_attributes": keys(50)})));
    let set = |key: &str| server.run(&["access", "set", "--tenant", "test", key, "${path:userName}"]);
    let refused = set("Key50");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("50 is the most"), "{said}");
    // One of the fifty is changed all the same.
    assert!(set("Key49").status.success());
    let listed = server.run_json(&["access", "list", "--tenant", "test", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(50));
}

#[tokio::test]
async fn all_users_come_page_by_page_and_each_tenant_sees_its_own() {
    let server = TestServer::with(Options::settings(json!({"access_attributes": {"Name": "${path:userName}"}})));
    let (client, application) = (server.client(), application(&server, "read"));
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(client.user(&format!("user{n}")).await);
    }
    let mut seen = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    loop {
        let page = application.get(&path).await.expect(200).json;
        seen.extend(page["users"].as_array().expect("users").clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/users?limit=2&after={next}");
    }
    let names: Vec<_> = seen.iter().map(|one| one["attributes"]["Name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["user0", "user1", "user2", "user3", "user4"]);
    // A page that holds the last user is the last page, also when it is full.
    assert!(application.get("/users?limit=5").await.expect(200).json.get("next").is_none());
    assert!(application.get("/users?limit=4").await.expect(200).json.get("next").is_some());
    for wrong in ["limit=0", "limit=1001", "after=x", "filter=x"] {
        application.get(&format!("/users?{wrong}")).await.expect(400);
    }
    application.delete(&format!("/users/{}", ids[0])).await.expect(405);
    application.get("/users/unknown").await.expect(404);
    application.get("/groups").await.expect(404);

    let other = server.run_json(&["tenant", "create", "other", "--json"]);
    let foreign =
        format!("{}/{}/access/v1/users/{}", server.origin(), other["tenant_id"].as_str().expect("an id"), ids[0]);
    application.get(&foreign).await.expect(401);
    self::application(&server, "write").get("/users").await.expect(403);
    self::application(&server, "events").get("/users").await.expect(403);
}
