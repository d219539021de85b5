//! What an error repeats of a request is bounded, wherever the long part stands.

use std::fs;

use serde_json::{Value, json};

use super::{Shared, Tenant};
use crate::{
    admin_api::Api,
    server::{GROUP, Response, USER},
};

static SERVER: Shared = Shared::new(&["--audit-log", "audit.jsonl"]);

/// More than any sentence of ours, with a header around it.
const ENOUGH: usize = 6 * 1024;

/// As long as a body may be, nearly.
fn long() -> String {
    "n".repeat(900_000)
}

#[track_caller]
fn is_short(response: &Response, what: &str) {
    let detail = response.json["detail"].as_str().unwrap_or_default();
    let told = (response.status, response.text.len(), detail.get(..detail.len().min(200)));
    assert!(response.text.len() < ENOUGH, "{what}: {told:?}");
    // What to do stands at the end.
    assert!(!detail.contains("left out") || !detail.ends_with('n'), "{what}: {told:?}");
}

fn user(more: &Value) -> Value {
    let mut body = json!({"schemas": [USER], "userName": "anna"});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        body[name] = value;
    }
    body
}

/// Bodies with a long part, because of which nearly all are refused.
fn refused(user_path: &str) -> Vec<(&'static str, String, Value)> {
    let long = long();
    let patch = |operation: Value| ("PATCH", user_path.to_owned(), json!({"Operations": [operation]}));
    let post = |path: &str, body: Value| ("POST", path.to_owned(), body);
    vec![
        post("/Users", user(&json!({"userName": long}))),
        post("/Groups", json!({"schemas": [GROUP], "displayName": long})),
        post("/Users", user(&json!({"userName": "b", "schemas": [long]}))),
        post("/Users", user(&json!({"userName": "c", "emails": [{"value": "c", "primary": long}]}))),
        post("/Users", user(&json!({"userName": "d", "active": long}))),
        post("/Users", user(&json!({"userName": {"x": long}}))),
        post("/Groups", json!({"schemas": [GROUP], "displayName": "b", "members": [{"value": long}]})),
        post("/Groups", json!({"schemas": [GROUP], "displayName": "c", "members": [{"value": "x", "type": long}]})),
        post("/.search", json!({"filter": long})),
        post("/.search", json!({"filter": format!("userName {long} 1")})),
        post("/.search", json!({"sortBy": long})),
        post("/.search", json!({"sortOrder": long})),
        post("/.search", json!({"count": long})),
        post("/.search", json!({"cursor": long})),
        post("/.search", json!({"attributes": long})),
        post("/Bulk", json!(long)),
        post("/Bulk", json!({"Operations": [], "failOnErrors": long})),
        patch(json!({"op": long})),
        patch(json!({"op": "add", "path": long, "value": 1})),
        patch(json!({"op": "add", "path": format!("emails[{long}"), "value": 1})),
        patch(json!({"op": "replace", "path": format!("emails[type eq \"{}\"].value", &long[..8000]), "value": "x"})),
        patch(json!({"op": "replace", "value": {"active": long}})),
        patch(json!({"op": "replace", "value": {long.as_str(): {"x": 1}}})),
        patch(json!({"op": "remove", "path": format!("x{}", &long[..500])})),
    ]
}

/// Nobody reads an answer of 900,000 letters, and a log is no place for them.
#[tokio::test]
async fn what_is_quoted_of_a_request_is_bounded() {
    let strict = json!({"strict": true});
    let tenant = SERVER.tenant_with(&strict);
    let path = format!("/Users/{}", tenant.post("/Users", &user(&json!({}))).await.expect(201).id());
    // Two of a name are one too many.
    tenant.post("/Users", &user(&json!({"userName": long()}))).await.expect(201);
    tenant.post("/Groups", &json!({"schemas": [GROUP], "displayName": long()})).await.expect(201);
    let mut refusals = 0;
    for (method, path, body) in refused(&path) {
        let response = tenant.request(method, &path, &[], Some(&body)).await;
        let what: String = body.to_string().chars().take(120).collect();
        is_short(&response, &format!("{method} {path} {what}"));
        refusals += usize::from(response.status >= 400);
    }
    assert!(refusals >= 20, "{refusals}");
    let unknown = user(&json!({"userName": "e", long().as_str(): 1}));
    is_short(&tenant.post("/Users", &unknown).await, "an unknown attribute");
    of_heads(&tenant, &path).await;
    of_logs(&tenant);
}

/// What stands before a body may be as long as all headers together.
async fn of_heads(tenant: &Tenant, path: &str) {
    let (long, body) = (&long()[..7000], user(&json!({})));
    for path in [
        format!("/{long}"),
        format!("/Users/{long}"),
        format!("/Schemas/{long}"),
        format!("/Users?filter={long}"),
        format!("/Users?sortBy={long}"),
        format!("/Users?startIndex={long}"),
        format!("/Users?count={long}"),
        format!("/Users?cursor={long}"),
    ] {
        is_short(&tenant.get(&path).await, &path[..20]);
    }
    for name in ["accept", "content-type", "content-encoding", "authorization", "prefer", "if-match"] {
        let response = tenant.request("PUT", path, &[(name, long)], Some(&body)).await;
        assert!(response.text.len() < ENOUGH, "{name}: {}", response.text.len());
    }
}

/// The lines of both logs about these calls.
fn of_logs(tenant: &Tenant) {
    let audit = fs::read_to_string(tenant.server.data().join("audit.jsonl")).expect("the audit log");
    for line in audit.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let message = line["errorMessage"].as_str().unwrap_or_default();
        assert!(message.len() < ENOUGH, "{}", message.len());
    }
    let rows = tenant.server.run_json(&["requests", "list", "--tenant", &tenant.name, "--json"]);
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() > 20, "{}", rows.len());
    assert!(rows.iter().all(|row| row.to_string().len() < ENOUGH), "a row is long");
}

#[tokio::test]
async fn what_is_quoted_of_a_command_is_bounded() {
    let tenant = SERVER.tenant();
    let (api, long) = (Api::root(&tenant.server), long());
    let here = format!("/tenants/{}", tenant.name);
    for (method, path, body) in [
        ("POST", "/tenants".to_owned(), json!({"name": long})),
        ("POST", "/tenants".to_owned(), json!({"name": "x", "settings": {long.as_str(): 1}})),
        ("POST", "/tenants".to_owned(), json!({long.as_str(): 1})),
        ("PATCH", here.clone(), json!({"settings": {long.as_str(): 1}})),
        ("PATCH", here.clone(), json!({"settings": {"profile": long}})),
        ("POST", format!("{here}/tokens"), json!({"name": long})),
        ("POST", format!("{here}/tokens"), json!({"name": "x", "scopes": [long]})),
        ("POST", format!("{here}/schemas"), json!({"definition": {"extends": long, "schema": {"id": long}}})),
        ("POST", format!("{here}/clients"), json!({"name": long})),
        ("POST", format!("{here}/resources/User"), json!({"resource": {"userName": {"x": long}}})),
        ("GET", format!("/tenants/{}", &long[..7000]), Value::Null),
        ("GET", format!("{here}/resources/User?filter={}", &long[..7000]), Value::Null),
        ("GET", format!("/{}", &long[..7000]), Value::Null),
    ] {
        let response = api.ask(method, &path, Some(body).filter(|body| !body.is_null())).await;
        is_short(&response, &format!("{method} {}", &path[..path.len().min(60)]));
    }
    let file = tenant.server.scratch("long.json");
    fs::write(&file, json!({long.as_str(): 1}).to_string()).expect("a file");
    let file = file.to_string_lossy();
    let outputs = [
        tenant.server.run(&["tenant", "set", &tenant.name, "--settings", &file]),
        tenant.server.run(&["schema", "add", "--tenant", &tenant.name, &file]),
        tenant.server.run(&["tenant", "show", &long[..100_000]]),
        tenant.server.run(&["token", "create", &long[..100_000]]),
        tenant.server.run(&["token", "create", "--json", &long[..100_000]]),
    ];
    for output in outputs {
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.len() < ENOUGH, "{}: {}", told.len(), &told[..told.len().min(200)]);
    }
}
