//! Every path of the description is asked once, and answers as it says.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Value, json};

use super::Api;
use crate::{
    scim2_tester::{python, run},
    server::{Options, TestServer, USER},
};

fn description() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/admin-api.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the description")).expect("JSON")
}

/// What was asked of a path that changes nothing, as it is asked here.
const SILENT: [&str; 7] = [
    "POST /agent-report",
    "POST /check",
    "POST /tenants/{tenant}/source",
    "POST /tenants/{tenant}/undo",
    "POST /tenants/{tenant}/mapping/try",
    "PUT /tenants/{tenant}/roles/{name}?dry_run=true",
    "POST /webhooks/{webhook}/dead-letters/send",
];

/// Asks, and notes which paths were asked.
struct Walk {
    api: Api,
    /// Who reads the logs, whoever asks.
    root: Api,
    described: Value,
    asked: BTreeSet<(String, String)>,
}

impl Walk {
    /// One request: the parts fill the braces of the path.
    async fn ask(&mut self, method: &str, path: &str, parts: &[&str], body: Option<Value>, status: u16) -> Value {
        let template = path.split('?').next().unwrap_or_default();
        let operation = &self.described["paths"][template][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        let mut target = path.to_owned();
        for part in parts {
            let (begin, end) = (target.find('{').expect("a brace"), target.find('}').expect("a brace"));
            target.replace_range(begin..=end, part);
        }
        let before = self.told().await;
        let answer = self.api.ask(method, &target, body).await;
        // Whoever takes everything out changes nothing, and it is told all the same.
        let acts = method != "GET" || path.starts_with("/export");
        let is_told = acts && status < 300 && !SILENT.contains(&format!("{method} {path}").as_str());
        let told = self.told().await;
        let more = told.0 > before.0 || told.1 > before.1;
        assert_eq!(more, is_told, "{method} {target}: {before:?} events, and {told:?} behind it");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text);
        let responses = operation["responses"].as_object().expect("responses");
        if status < 300 {
            let described = responses.get(&status.to_string()).unwrap_or_else(|| panic!("{method} {target}: {status}"));
            let is_list = described["content"]["application/json"]["schema"]["properties"]["items"].is_object();
            assert_eq!(is_list, answer.json["items"].is_array(), "{method} {target}: {}", answer.text);
            assert_eq!(answer.media_type(), "application/json");
        } else {
            assert_eq!(answer.media_type(), "application/problem+json");
        }
        self.asked.insert((method.to_owned(), template.to_owned()));
        answer.json
    }

    /// How many events the log of the tenant has, and how many of the server's own log say what was done to it.
    async fn told(&self) -> (usize, usize) {
        let own = self.root.get("/tenants/acme/events").await;
        let own = own.json["items"].as_array().map_or(0, Vec::len);
        let of_server = self.root.get("/events").await.expect(200).json;
        // The others are changes of the system's own records, and named by their kind.
        let is_deed = |event: &&Value| event["type"].as_str().expect("a type").starts_with(char::is_lowercase);
        (own, of_server["items"].as_array().expect("events").iter().filter(is_deed).count())
    }

    async fn get(&mut self, path: &str, parts: &[&str]) -> Value {
        self.ask("GET", path, parts, None, 200).await
    }

    async fn post(&mut self, path: &str, parts: &[&str], body: Value, status: u16) -> Value {
        self.ask("POST", path, parts, Some(body), status).await
    }

    async fn put(&mut self, path: &str, parts: &[&str], body: Value) -> Value {
        self.ask("PUT", path, parts, Some(body), 200).await
    }

    async fn delete(&mut self, path: &str, parts: &[&str]) -> Value {
        self.ask("DELETE", path, parts, None, 200).await
    }
}

fn text(value: &Value, at: &str) -> String {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no {at}: {value}")).to_owned()
}

async fn tenants(walk: &mut Walk) {
    walk.get("/base", &[]).await;
    // The console is off.
    walk.post("/sign-in-links", &[], json!({}), 409).await;
    walk.post("/tenants", &[], json!({"name": "acme"}), 201).await;
    walk.get("/tenants", &[]).await;
    walk.get("/tenants/{tenant}", &["acme"]).await;
    let settings = json!({"settings": {"stale_after": "28d"}});
    walk.ask("PATCH", "/tenants/{tenant}", &["acme"], Some(settings), 200).await;
    walk.post("/tenants/{tenant}/disable", &["acme"], json!({}), 200).await;
    walk.post("/tenants/{tenant}/enable", &["acme"], json!({}), 200).await;
    walk.post("/tenants/{tenant}/move", &["acme"], json!({"to": 1}), 409).await;
    walk.post("/tenants/{tenant}/source", &["acme"], json!({"to": "scim"}), 200).await;
    walk.get("/tenants/{tenant}/status", &["acme"]).await;
    walk.get("/status", &[]).await;
    walk.post("/check", &[], json!({}), 200).await;
    let schema = json!({
        "extends": "User",
        "schema": {"id": "urn:example:Badge", "name": "Badge", "attributes": [{"name": "colour", "type": "string"}]},
    });
    walk.post("/tenants/{tenant}/schemas", &["acme"], json!({"definition": schema}), 201).await;
    walk.get("/tenants/{tenant}/schemas", &["acme"]).await;
    walk.delete("/tenants/{tenant}/schemas/{schema}", &["acme", "urn:example:Badge"]).await;
    let token = walk.post("/tenants/{tenant}/tokens", &["acme"], json!({}), 201).await;
    walk.get("/tenants/{tenant}/tokens", &["acme"]).await;
    walk.get("/tokens", &[]).await;
    let first = text(&token, "/token_id");
    let second = text(&walk.post("/tenants/{tenant}/tokens/rotate", &["acme"], json!({}), 201).await, "/token_id");
    let third = walk.post("/tenants/{tenant}/tokens/{token}/rotate", &["acme", &second], json!({}), 201).await;
    for token in [first, second, text(&third, "/token_id")] {
        walk.delete("/tenants/{tenant}/tokens/{token}", &["acme", &token]).await;
    }
    let link = walk.post("/tenants/{tenant}/setup-links", &["acme"], json!({"allows": ["tokens"]}), 201).await;
    walk.get("/tenants/{tenant}/setup-links", &["acme"]).await;
    walk.get("/setup-links", &[]).await;
    walk.delete("/tenants/{tenant}/setup-links/{link}", &["acme", &text(&link, "/name")]).await;
}

async fn clients(walk: &mut Walk) {
    let (all, one) = ("/tenants/{tenant}/clients", "/tenants/{tenant}/clients/{client}");
    let made = walk.post(all, &["acme"], json!({"name": "idp", "seconds": 3600}), 201).await;
    walk.get(all, &["acme"]).await;
    walk.get(one, &["acme", "idp"]).await;
    walk.get("/tenants/{tenant}/connection?provider=okta", &["acme"]).await;
    walk.post(&format!("{one}/disable"), &["acme", "idp"], json!({}), 200).await;
    walk.post(&format!("{one}/enable"), &["acme", "idp"], json!({}), 200).await;
    walk.post(&format!("{one}/rotate"), &["acme", "idp"], json!({"seconds": 3600}), 201).await;
    walk.delete(&format!("{one}/secrets/{{secret}}"), &["acme", "idp", &text(&made, "/secret_id")]).await;
    walk.get(&format!("{one}/refusals"), &["acme", "idp"]).await;
    let trust = json!({
        "issuer": "https://issuer.example", "subject": "idp", "audience": "scim",
        "keys": {"jwks_uri": "https://issuer.example/keys"},
    });
    walk.post(&format!("{one}/trusts"), &["acme", "idp"], trust, 201).await;
    let shown = walk.get(one, &["acme", "idp"]).await;
    let trust = text(&shown, "/trusts/0/trust_id");
    walk.delete(&format!("{one}/trusts/{{trust}}"), &["acme", "idp", &trust]).await;
    walk.delete(one, &["acme", "idp"]).await;
}

async fn people(walk: &mut Walk) {
    let (all, one) =
        ("/tenants/{tenant}/resources/{resource_type}", "/tenants/{tenant}/resources/{resource_type}/{name}");
    let resource = json!({"schemas": [USER], "userName": "anna"});
    let anna = text(&walk.post(all, &["acme", "User"], json!({"resource": resource}), 201).await, "/id");
    walk.get(&format!("{all}?limit=1"), &["acme", "User"]).await;
    walk.get(one, &["acme", "User", "anna"]).await;
    let change = json!({"operations": [{"op": "add", "path": "title", "value": "Engineer"}]});
    walk.ask("PATCH", one, &["acme", "User", "anna"], Some(change), 200).await;
    walk.post("/tenants/{tenant}/users/{name}/disable", &["acme", "anna"], json!({}), 200).await;
    walk.get("/tenants/{tenant}/disabled-users", &["acme"]).await;
    walk.post("/tenants/{tenant}/users/{name}/enable", &["acme", "anna"], json!({}), 200).await;
    let keys = "/tenants/{tenant}/access-attributes";
    walk.put(&format!("{keys}/{{key}}"), &["acme", "Site"], json!({"value": "Zug"})).await;
    walk.get(keys, &["acme"]).await;
    walk.get("/tenants/{tenant}/users/{name}/access", &["acme", "anna"]).await;
    walk.delete(&format!("{keys}/{{key}}"), &["acme", "Site"]).await;
    walk.delete(keys, &["acme"]).await;
    let rows = json!({"rows": [[2, {"userName": "berta"}]], "apply": true});
    walk.post("/tenants/{tenant}/user-table", &["acme"], rows, 200).await;
    walk.get("/tenants/{tenant}/stale/{resource_type}?seconds=60", &["acme", "User"]).await;
    walk.get("/tenants/{tenant}/events", &["acme"]).await;
    walk.get("/events", &[]).await;
    for calls in ["/requests", "/tenants/{tenant}/requests"] {
        let tenant: &[&str] = if calls == "/requests" { &[] } else { &["acme"] };
        walk.get(calls, tenant).await;
        walk.get(&calls.replace("/requests", "/request-counts?days=true"), tenant).await;
        let one = [tenant, &["01940000-0000-7000-8000-000000000000"]].concat();
        walk.ask("GET", &format!("{calls}/{{request}}"), &one, None, 404).await;
        walk.post(&format!("{calls}/{{request}}/values"), &one, json!({}), 404).await;
    }
    walk.post("/tenants/{tenant}/undo", &["acme"], json!({"since": 1, "dry_run": true}), 200).await;

    let deleted = "/tenants/{tenant}/deleted/{resource_type}";
    walk.delete(one, &["acme", "User", "anna"]).await;
    walk.get(deleted, &["acme", "User"]).await;
    // What is deleted by hand has no request.
    walk.post(&format!("{deleted}/restore"), &["acme", "User"], json!({"request": "none"}), 404).await;
    walk.post(&format!("{deleted}/purge"), &["acme", "User"], json!({"request": "none"}), 404).await;
    walk.post(&format!("{deleted}/{{id}}/restore"), &["acme", "User", &anna], json!({}), 200).await;
    walk.delete(one, &["acme", "User", "anna"]).await;
    walk.delete(&format!("{deleted}/{{id}}"), &["acme", "User", &anna]).await;
}

async fn rules(walk: &mut Walk) {
    let brake = "/tenants/{tenant}/brake";
    walk.get(brake, &["acme"]).await;
    walk.post(&format!("{brake}/approve"), &["acme"], json!({}), 409).await;
    walk.post(&format!("{brake}/undo"), &["acme"], json!({"dry_run": true}), 409).await;
    let roles = "/tenants/{tenant}/roles";
    let rule = json!({"role": "admin", "external_id": "g"});
    walk.put(&format!("{roles}/{{name}}?dry_run=true"), &["acme", "admins"], rule.clone()).await;
    walk.put(&format!("{roles}/{{name}}"), &["acme", "admins"], rule).await;
    walk.get(roles, &["acme"]).await;
    walk.put("/tenants/{tenant}/default-role", &["acme"], json!({"role": "user"})).await;
    walk.delete(&format!("{roles}/{{name}}"), &["acme", "admins"]).await;
    let mapping = "/tenants/{tenant}/mapping";
    let rewrites = json!([{"name": "names", "rewrite": "lower-case", "attribute": "userName"}]);
    walk.put(mapping, &["acme"], json!({"rewrites": rewrites})).await;
    walk.get(mapping, &["acme"]).await;
    let body = json!({"resource_type": "User", "body": {"userName": "anna"}});
    walk.post(&format!("{mapping}/try"), &["acme"], body, 200).await;
}

async fn readers(walk: &mut Walk) {
    let (all, one) = ("/tenants/{tenant}/consumers", "/tenants/{tenant}/consumers/{consumer}");
    walk.post(all, &["acme"], json!({"name": "app"}), 201).await;
    walk.get(all, &["acme"]).await;
    walk.get(one, &["acme", "app"]).await;
    walk.post(&format!("{one}/release"), &["acme", "app"], json!({}), 409).await;
    walk.delete(one, &["acme", "app"]).await;
    // Receivers make streams.
    let (all, one) = ("/tenants/{tenant}/streams", "/tenants/{tenant}/streams/{stream}");
    let none = "019a0b70-11ab-7000-8000-9f2b6c3d4e5f";
    walk.get(all, &["acme"]).await;
    walk.ask("GET", one, &["acme", none], None, 404).await;
    walk.post(&format!("{one}/pause"), &["acme", none], json!({"reason": "a pause"}), 404).await;
    walk.post(&format!("{one}/enable"), &["acme", none], json!({}), 404).await;
    walk.ask("DELETE", one, &["acme", none], None, 404).await;
    let made = walk.post("/webhooks", &[], json!({"url": "http://127.0.0.1:9/hook", "tenant": "acme"}), 201).await;
    let (one, id) = ("/webhooks/{webhook}", text(&made, "/webhook_id"));
    walk.get("/webhooks?tenant=acme", &[]).await;
    walk.get(one, &[&id]).await;
    walk.ask("PATCH", one, &[&id], Some(json!({"rate": 50})), 200).await;
    walk.post(&format!("{one}/enable"), &[&id], json!({}), 200).await;
    walk.post(&format!("{one}/test"), &[&id], json!({}), 409).await;
    walk.post(&format!("{one}/rotate"), &[&id], json!({}), 200).await;
    walk.post(&format!("{one}/replay"), &[&id], json!({"tenant": "acme", "from": 1, "to": 1}), 200).await;
    walk.get(&format!("{one}/dead-letters"), &[&id]).await;
    walk.post(&format!("{one}/dead-letters/send"), &[&id], json!({}), 200).await;
    walk.delete(one, &[&id]).await;
}

async fn server_itself(walk: &mut Walk, server: &TestServer) {
    let first = walk.post("/signing-keys", &[], json!({}), 200).await;
    let old = text(&first, "/items/0/key_id");
    walk.post("/signing-keys", &[], json!({"overlap_seconds": 3600}), 200).await;
    walk.get("/signing-keys", &[]).await;
    walk.delete("/signing-keys/{key_id}", &[&old]).await;
    walk.post("/admin-tokens", &[], json!({"name": "app", "role": "viewer"}), 201).await;
    walk.get("/admin-tokens", &[]).await;
    let made = walk.post("/admin-tokens", &[], json!({"name": "ad", "role": "agent"}), 201).await;
    walk.api = Api::with(server, &text(&made, "/token"));
    let held = json!({"plan": "7f", "since": "2026-11-01T00:00:00Z", "decision": "open", "limits": []});
    let report =
        json!({"version": "1", "name": "default", "interval_seconds": 60, "takes_decisions": true, "held": held});
    let told = walk.post("/agent-report", &[], json!({ "report": report }), 200).await;
    assert_eq!(told, json!({"decision": null}));
    walk.api = walk.root.clone();
    walk.get("/agents", &[]).await;
    walk.get("/agents/{agent}", &["ad"]).await;
    walk.post("/agents/{agent}/approve", &["ad"], json!({"plan": "7f"}), 200).await;
    walk.post("/agents/{agent}/reject", &["ad"], json!({"plan": "8f"}), 409).await;
    walk.delete("/agents/{agent}", &["ad"]).await;
    let next = walk.post("/admin-tokens/{token}/rotate", &["app"], json!({}), 201).await;
    walk.delete("/admin-tokens/{token}", &[&text(&next, "/token_id")]).await;
}

/// What is given out comes in again: lines, in both directions.
async fn export_and_import(walk: &mut Walk) {
    walk.get("/export?tenant=acme", &[]).await;
    let lines = [("accept", "application/x-ndjson")];
    let exported = walk.api.asking("GET", "/export?tenant=acme", None, &lines).await.expect(200).text;
    let rows = exported.lines().filter_map(|line| line.strip_prefix("{\"row\":")?.strip_suffix('}'));
    let rows = rows.flat_map(|row| [row, "\n"]).collect::<String>();
    let authorization = walk.api.0.authorization();
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/x-ndjson")];
    let answer = walk.api.0.send("POST", "/import?replace=true", &headers, Some(rows)).await.expect(200).text;
    assert!(answer.ends_with("{\"done\":true}\n"), "{answer}");
    walk.asked.insert(("POST".to_owned(), "/import".to_owned()));
}

#[tokio::test]
async fn every_path_is_asked_and_answers_as_it_is_described() {
    let server = TestServer::with(Options::args(&["--webhook-networks", "127.0.0.0/8"]));
    let url = format!("{}/admin/v1/openapi.json", server.admin());
    let described = server.client().send("GET", &url, &[], None).await.expect(200).json;
    assert_eq!(described, description());
    let mut walk = Walk { api: Api::root(&server), root: Api::root(&server), described, asked: BTreeSet::new() };
    tenants(&mut walk).await;
    clients(&mut walk).await;
    people(&mut walk).await;
    rules(&mut walk).await;
    readers(&mut walk).await;
    server_itself(&mut walk, &server).await;
    export_and_import(&mut walk).await;
    let gone = walk.delete("/tenants/{tenant}?force=true", &["acme"]).await;
    assert_eq!(gone["deleted"], true);

    let paths = walk.described["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(|method| (method.to_uppercase(), path.clone()))
    });
    let left: Vec<_> = all.filter(|path| !walk.asked.contains(path)).collect();
    assert!(left.is_empty(), "never asked: {left:?}");
}

/// A validator that others wrote finds the description sound.
#[test]
fn the_description_is_valid() {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/admin_api");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/admin-api.json");
    let mut command = std::process::Command::new(python(&sources, "admin-api"));
    run(command.arg("-m").arg("openapi_spec_validator").arg("--schema").arg("3.1").arg(path));
}
