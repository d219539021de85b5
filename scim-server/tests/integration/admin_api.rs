//! The management API: the real listener for administrators, asked as programs ask it.

mod every_path;
mod example;
mod once;
mod tokens;

use std::fs;

use serde_json::{Value, json};

use crate::server::{Client, Response, TestServer};

/// A program that has an administrator's token.
#[derive(Clone)]
pub struct Api(Client);

impl Api {
    /// With the token of the file `admin.token`.
    pub fn root(server: &TestServer) -> Self {
        let token = fs::read_to_string(server.data().join("admin.token")).expect("admin.token");
        Self::with(server, token.trim())
    }

    pub fn with(server: &TestServer, token: &str) -> Self {
        Self(Client::new(&format!("{}/admin/v1", server.admin()), token))
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        self.asking(method, path, body, &[]).await
    }

    /// The same with further headers.
    pub async fn asking(&self, method: &str, path: &str, body: Option<Value>, more: &[(&str, &str)]) -> Response {
        let headers = [&[("content-type", "application/json")], more].concat();
        self.0.request(method, path, &headers, body.as_ref()).await
    }

    /// The same of a server that may be killed meanwhile; `None` when no answer comes.
    pub async fn try_ask(&self, method: &str, path: &str, body: Option<String>) -> Option<Response> {
        let bearer = self.0.authorization();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.0.try_send(method, path, &headers, body).await.ok()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.ask("POST", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.ask("DELETE", path, None).await
    }
}

/// A token of `admin-token create` with these arguments.
fn token(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[&["admin-token", "create"], args, &["--json"]].concat())
}

/// A program with a token of that name and role.
fn named(server: &TestServer, name: &str, role: &str) -> Api {
    let made = token(server, &["--name", name, "--role", role]);
    Api::with(server, made["token"].as_str().expect("a token"))
}

#[track_caller]
fn problem(answer: &Response, status: u16, words: &str) {
    assert_eq!((answer.status, answer.media_type()), (status, "application/problem+json"), "{}", answer.text);
    assert_eq!(answer.json["status"], status, "{}", answer.text);
    let detail = answer.json["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(words), "{}", answer.text);
}

#[track_caller]
fn items(answer: &Response) -> &Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["items"].as_array().unwrap_or_else(|| panic!("no list: {}", answer.text))
}

#[tokio::test]
async fn a_backend_makes_a_tenant_and_events_say_that_it_did() {
    let server = TestServer::start();
    let backend = named(&server, "billing", "administrator");
    let made = backend.post("/tenants", json!({"name": "acme", "token_seconds": 3600})).await.expect(201).json;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let client = Client::new(&text(&made, "endpoint"), &text(&made, "token"));
    client.user("anna").await;
    let token = backend.post("/tenants/acme/tokens", json!({"name": "app", "scopes": ["read"]})).await.expect(201).json;
    let reader = client.with_token(&text(&token, "token"));
    reader.get("/Users").await.expect(200);
    backend.delete(&format!("/tenants/acme/tokens/{}", text(&token, "token_id"))).await.expect(200);
    reader.get("/Users").await.expect(401);
    let user = json!({"resource": {"schemas": [crate::server::USER], "userName": "berta"}, "force": true});
    backend.post("/tenants/acme/resources/User", user).await.expect(201);

    let events = backend.get("/tenants/acme/events").await;
    let by = |name: &str| -> Vec<Value> {
        let of_type = items(&events).iter().filter(|event| event["type"] == name);
        of_type.map(|event| json!([event["actor"], event["actor_type"]])).collect()
    };
    let backends = json!(["admin:billing", "administrator"]);
    for name in ["tenant.created", "token.created", "token.deleted"] {
        assert_eq!(by(name), std::slice::from_ref(&backends), "{name}: {}", events.text);
    }
    let created = by("scim.user.created");
    assert_eq!((created.len(), &created[0][1], &created[1]), (2, &json!("token"), &backends), "{}", events.text);
    // Whoever has admin.token is called as ever, and the log tells who gave which command.
    Api::root(&server).ask("PATCH", "/tenants/acme", Some(json!({"settings": {"strict": true}}))).await.expect(200);
    let events = backend.get("/tenants/acme/events?types=tenant.changed").await;
    assert_eq!(items(&events)[0]["actor"], "admin", "{}", events.text);
    let log = server.wait_for_log("tenant-set");
    assert!(log.lines().any(|line| line.contains("admin:billing") && line.contains("tenant-create")), "{log}");
    assert!(!log.contains(&text(&token, "token")) && !log.contains("scimadm_"), "{log}");
}

#[tokio::test]
async fn what_cannot_be_used_is_a_problem_and_changes_nothing() {
    let server = TestServer::start();
    let api = Api::root(&server);
    problem(&api.post("/tenants", json!({"nam": "acme"})).await, 400, "unknown field `nam`");
    problem(&api.post("/tenants", json!({"name": "a b"})).await, 400, "cannot be a tenant's name");
    problem(&api.post("/tenants", json!({"name": "acme", "settings": {"brake": {}}})).await, 400, "users");
    for (settings, why) in [
        (json!({"strikt": true}), "there is no tenant setting \"strikt\""),
        (json!({"strict": "yes"}), "\"yes\" is not what belongs there. Write it like this: {\"strict\": true}"),
    ] {
        problem(&api.post("/tenants", json!({"name": "acme", "settings": settings})).await, 400, why);
        let changed = api.ask("PATCH", "/tenants/test", Some(json!({ "settings": settings }))).await;
        problem(&changed, 400, why);
    }
    problem(
        &api.post("/tenants", json!({"name": "acme", "settings": {"stale_after": "1h"}})).await,
        400,
        "stale_after",
    );
    problem(&api.post("/tenants", json!({"name": "acme", "token_seconds": 0})).await, 400, "from 1 second");
    problem(&api.post("/tenants", json!({"name": "test"})).await, 409, "already a tenant");
    problem(&api.post("/tenants", json!(["acme"])).await, 400, "a JSON object");
    let twice = "{\"name\": \"acme\", \"settings\": {\"strict\": true, \"strict\": false}}".to_owned();
    let twice = api.try_ask("POST", "/tenants", Some(twice)).await.expect("an answer");
    problem(&twice, 400, "the name \"strict\" stands in one object twice");
    problem(&api.get("/tenants/none").await, 404, "no tenant");
    problem(&api.get("/tenants?x=1").await, 400, "no parameter \"x\"");
    problem(&api.get("/none").await, 404, "openapi.json");
    let wrong = api.ask("PUT", "/tenants", Some(json!({}))).await;
    problem(&wrong, 405, "GET, POST");
    assert_eq!(wrong.header("allow"), "GET, POST");
    let text = [("content-type", "text/plain")];
    problem(&api.0.request("POST", "/tenants", &text, Some(&json!({"name": "acme"}))).await, 415, "application/json");
    problem(&api.get("/tenants/test/events?follow=true").await, 406, "no end");
    let unknown = Api::with(&server, "scimadm_0000000000000000000000000000000000000000000000000");
    let refused = unknown.get("/tenants").await;
    problem(&refused, 401, "not valid");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    // A tenant's token is none of an administrator.
    problem(&Api::with(&server, server.token()).get("/tenants").await, 401, "not valid");
    let names: Vec<_> = items(&api.get("/tenants").await).iter().map(|tenant| tenant["tenant"].clone()).collect();
    assert_eq!(names, ["test"]);
}

#[tokio::test]
async fn lists_say_how_many_more_there_are_and_come_as_lines() {
    let server = TestServer::start();
    let (api, client) = (Api::root(&server), server.client());
    for number in 0..5 {
        client.user(&format!("user{number}")).await;
    }
    let some = api.get("/tenants/test/resources/User?limit=2").await;
    assert_eq!((items(&some).len(), &some.json["more"]), (2, &json!(3)), "{}", some.text);
    let lines = [("accept", "application/x-ndjson")];
    let all = api.asking("GET", "/tenants/test/resources/User", None, &lines).await.expect(200);
    assert_eq!(all.media_type(), "application/x-ndjson");
    let lines: Vec<Value> = all.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().filter(|line| line["row"]["userName"].is_string()).count(), 5, "{}", all.text);
    assert_eq!(lines.last(), Some(&json!({"done": true})));
}

/// A long table is planned before it is done, and says how far it is with both.
#[tokio::test]
async fn a_long_table_says_how_far_it_is() {
    let server = TestServer::start();
    let rows: Vec<_> = (2..502).map(|line| json!([line, {"userName": format!("user{line}")}])).collect();
    let lines = [("accept", "application/x-ndjson")];
    for (apply, expect) in [(false, vec![500]), (true, vec![500, 500])] {
        let body = json!({"rows": rows, "apply": apply, "force": true});
        let all = Api::root(&server).asking("POST", "/tenants/test/user-table", Some(body), &lines).await.expect(200);
        let each = all.text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let told: Vec<_> = each.filter_map(|line| line["progress"].as_u64()).collect();
        assert_eq!(told, expect, "apply: {apply}");
    }
}

/// A list that is longer than what is held back is whole, too.
#[tokio::test]
async fn a_long_list_is_sent_as_it_comes() {
    let server = TestServer::start();
    let (api, client) = (Api::root(&server), server.client());
    let long = "x".repeat(20_000);
    for number in 0..40 {
        let name = format!("user{number}");
        client
            .post("/Users", &json!({"schemas": [crate::server::USER], "userName": name, "title": long}))
            .await
            .expect(201);
    }
    let all = api.get("/tenants/test/resources/User").await;
    assert_eq!((items(&all).len(), &all.json["more"]), (40, &json!(0)));
    let exported = api.get("/export").await;
    assert!(items(&exported).len() > 40);
}

/// The command line of the version before sends its commands as they are, to a path of their own.
#[tokio::test]
async fn the_command_line_of_the_version_before_is_understood() {
    let server = TestServer::start();
    let api = Api::root(&server);
    let authorization = api.0.authorization();
    let headers = [("authorization", authorization.as_str())];
    let command = json!({"command": "tenant-list"}).to_string();
    let answer = api.0.send("POST", &format!("{}/admin", server.admin()), &headers, Some(command)).await.expect(200);
    assert!(answer.text.contains("\"test\"") && answer.text.ends_with("{\"done\":true}\n"), "{}", answer.text);
}
