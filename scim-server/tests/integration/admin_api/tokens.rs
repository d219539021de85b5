//! Tokens of administrators: their roles, their ends, and the tenants that they are for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Api, items, named, problem, token};
use crate::server::{PATIENCE, TestServer, on_postgres};

fn text<'a>(made: &'a Value, name: &str) -> &'a str {
    made[name].as_str().unwrap_or_else(|| panic!("no {name}: {made}"))
}

/// Asks until a token lets nobody in.
async fn ends(api: &Api) {
    let end = Instant::now() + PATIENCE;
    while api.get("/base").await.status != 401 {
        assert!(Instant::now() < end, "the token does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_role_may_what_it_says() {
    let server = TestServer::start();
    let viewer = named(&server, "look", "viewer");
    let operator = named(&server, "desk", "operator");
    let administrator = named(&server, "boss", "administrator");
    for path in ["/tenants", "/tokens", "/tenants/test", "/tenants/test/status", "/tenants/test/brake", "/webhooks"] {
        viewer.get(path).await.expect(200);
    }
    let user = || json!({"resource": {"schemas": [crate::server::USER], "userName": "anna"}, "force": true});
    let of_operators = [
        ("POST", "/tenants/test/tokens", json!({})),
        ("POST", "/tenants/test/resources/User", user()),
        ("POST", "/tenants/test/consumers", json!({"name": "app"})),
        ("POST", "/tenants/test/users/anna/disable", json!({})),
    ];
    for (method, path, body) in of_operators {
        problem(&viewer.ask(method, path, Some(body.clone())).await, 403, "needs the role operator");
        let done = operator.ask(method, path, Some(body)).await;
        assert!(done.status < 300, "{path}: {}", done.text);
    }
    let of_administrators = [
        ("POST", "/tenants", json!({"name": "acme"})),
        ("PATCH", "/tenants/test", json!({"settings": {"strict": true}})),
        ("POST", "/admin-tokens", json!({"name": "more", "role": "administrator"})),
        ("PUT", "/tenants/test/access-attributes/Site", json!({"value": "Zug"})),
        ("POST", "/signing-keys", json!({})),
    ];
    for (method, path, body) in of_administrators {
        problem(&operator.ask(method, path, Some(body.clone())).await, 403, "needs the role administrator");
        let done = administrator.ask(method, path, Some(body)).await;
        assert!(done.status < 300, "{path}: {}", done.text);
    }
    problem(&operator.get("/export").await, 403, "needs the role administrator");
    problem(&viewer.get("/admin-tokens").await, 403, "admin:look has the role viewer");
    // The path of the command line of the version before holds a role to the same.
    let command = json!({"command": "tenant-create", "name": "mine"}).to_string();
    let authorization = viewer.0.authorization();
    let headers = [("authorization", authorization.as_str())];
    let lines = viewer.0.send("POST", &format!("{}/admin", server.admin()), &headers, Some(command)).await.expect(200);
    assert!(lines.text.contains("needs the role administrator"), "{}", lines.text);
    assert_eq!(items(&administrator.get("/tenants").await).len(), 2);
}

#[tokio::test]
async fn a_token_ends_and_is_replaced() {
    let server = TestServer::start();
    let short = token(&server, &["--name", "short", "--role", "viewer", "--lifetime", "1s"]);
    ends(&Api::with(&server, text(&short, "token"))).await;

    let root = Api::root(&server);
    let first = token(&server, &["--name", "app", "--role", "operator"]);
    problem(&root.post("/admin-tokens", json!({"name": "App", "role": "viewer"})).await, 409, "rotate App");
    let second = root.post("/admin-tokens/app/rotate", json!({})).await.expect(201).json;
    assert_eq!((text(&second, "name"), text(&second, "role")), ("app", "operator"));
    assert_eq!(second["previous"]["token_id"], first["token_id"], "{second}");
    let [old, new] = [&first, &second].map(|made| Api::with(&server, text(made, "token")));
    old.get("/tenants").await.expect(200);
    new.get("/tenants").await.expect(200);
    // A third there may not be, however the token is named: the answer says which goes first, or when one has ended.
    for which in ["app", text(&first, "token_id"), text(&second, "token_id")] {
        let refused = root.post(&format!("/admin-tokens/{which}/rotate"), json!({})).await;
        problem(&refused, 409, &format!("admin-token delete {}`", text(&first, "token_id")));
        problem(&refused, 409, text(&first, "expires"));
    }
    problem(&root.delete("/admin-tokens/app").await, 409, "two tokens are named");
    problem(&root.delete(&format!("/admin-tokens/{}", text(&first, "token"))).await, 400, "never pass a token");
    root.delete(&format!("/admin-tokens/{}", text(&first, "token_id"))).await.expect(200);
    problem(&old.get("/tenants").await, 401, "not valid");
    // With an overlap the old one ends by itself.
    let third = root.post("/admin-tokens/app/rotate", json!({"overlap_seconds": 1})).await.expect(201).json;
    ends(&new).await;
    let newest = Api::with(&server, text(&third, "token"));
    newest.get("/tenants").await.expect(200);
    // Ended ones make room for their successors.
    root.post("/admin-tokens/app/rotate", json!({"overlap_seconds": 0})).await.expect(201);
    ends(&newest).await;

    let listed = root.get("/admin-tokens").await;
    let of_app: Vec<_> = items(&listed).iter().filter(|token| token["name"] == "app").collect();
    assert_eq!(of_app.iter().filter(|token| token["status"] == "expired").count(), 1, "{}", listed.text);
    assert!(of_app.iter().any(|token| token["last_used"].is_string()), "{}", listed.text);
    assert!(!listed.text.contains("scimadm_"), "{}", listed.text);
    let shown = server.run(&["admin-token", "list"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("operator"), "{shown:?}");
    let gone = server.run(&["admin-token", "delete", "short"]);
    assert!(String::from_utf8_lossy(&gone.stdout).contains("short"), "{gone:?}");
    assert!(!server.run(&["admin-token", "delete", "short"]).status.success());
}

#[tokio::test]
async fn a_token_of_one_tenant_sees_no_other() {
    let server = TestServer::start();
    let root = Api::root(&server);
    root.post("/tenants", json!({"name": "other"})).await.expect(201);
    let shared = root.post("/webhooks", json!({"url": "https://all.example/hook"})).await.expect(201).json;
    let made = token(&server, &["--name", "acme", "--role", "administrator", "--tenant", "test"]);
    assert_eq!(text(&made, "tenant_id"), server.tenant());
    let own = Api::with(&server, text(&made, "token"));
    own.get("/tenants/test").await.expect(200);
    own.get(&format!("/tenants/{}", server.tenant())).await.expect(200);
    own.post("/tenants/test/tokens", json!({"name": "app"})).await.expect(201);
    let webhook = own.post("/webhooks", json!({"url": "https://own.example/hook", "tenant": "test"})).await.expect(201);
    let webhook = text(&webhook.json, "webhook_id").to_owned();
    let listed = own.get("/webhooks?tenant=test").await;
    assert_eq!(items(&listed).len(), 1, "{}", listed.text);
    own.get(&format!("/webhooks/{webhook}")).await.expect(200);

    let shared = text(&shared, "webhook_id");
    let others = [
        ("GET", "/tenants".to_owned(), None),
        ("POST", "/tenants".to_owned(), Some(json!({"name": "more"}))),
        ("GET", "/tokens".to_owned(), None),
        ("GET", "/status".to_owned(), None),
        ("GET", "/export".to_owned(), None),
        ("GET", "/events".to_owned(), None),
        ("POST", "/check".to_owned(), Some(json!({}))),
        ("GET", "/tenants/other".to_owned(), None),
        ("GET", "/tenants/none".to_owned(), None),
        ("DELETE", "/tenants/other".to_owned(), None),
        ("GET", "/tenants/other/events".to_owned(), None),
        ("GET", "/tenants/other/consumers".to_owned(), None),
        ("POST", "/tenants/other/users/anna/disable".to_owned(), Some(json!({}))),
        ("GET", "/webhooks".to_owned(), None),
        ("POST", "/webhooks".to_owned(), Some(json!({"url": "https://own.example/all"}))),
        ("GET", format!("/webhooks/{shared}"), None),
        ("DELETE", format!("/webhooks/{shared}"), None),
        ("GET", "/admin-tokens".to_owned(), None),
        ("POST", "/admin-tokens".to_owned(), Some(json!({"name": "me", "role": "administrator"}))),
        ("POST", "/signing-keys".to_owned(), Some(json!({}))),
    ];
    for (method, path, body) in others {
        let refused = own.ask(method, &path, body).await;
        problem(
            &refused,
            403,
            "in the tenant test alone, and what was asked for is not in that tenant; name the tenant test, or use",
        );
        assert!(!refused.text.contains("other"), "{}", refused.text);
    }
    // Nor is a tenant that is not there told from one that is.
    let [there, none] = [own.get("/tenants/other").await.text, own.get("/tenants/none").await.text];
    assert_eq!(there, none);
    root.get(&format!("/webhooks/{shared}")).await.expect(200);
}

/// What takes the place of another lives as long as that was to, unless something else is said.
#[tokio::test]
async fn a_successor_lives_as_long_as_the_one_before() {
    let server = TestServer::start();
    let root = Api::root(&server);
    let month = 30 * 86_400;
    let made = json!({"name": "app", "role": "viewer", "seconds": month});
    root.post("/admin-tokens", made).await.expect(201);
    root.post("/tenants/test/tokens", json!({"name": "okta", "seconds": month})).await.expect(201);
    root.post("/tenants/test/clients", json!({"name": "entra", "seconds": month})).await.expect(201);
    let client = "/tenants/test/clients/entra";
    for (path, list) in [
        ("/admin-tokens/app/rotate".to_owned(), "/admin-tokens"),
        ("/tenants/test/tokens/okta/rotate".to_owned(), "/tenants/test/tokens"),
        (format!("{client}/rotate"), client),
    ] {
        // The second time the one that has a day left is replaced: its successor was lost.
        for is_last in [false, true] {
            let next = root.post(&path, json!({"overlap_seconds": 86_400})).await.expect(201).json;
            let shown = root.get(list).await.expect(200).json;
            let rows = shown["items"].as_array().or(shown["secrets"].as_array()).expect("rows");
            let (kind, id) = match next.get("secret_id") {
                Some(id) => ("secret_id", id.clone()),
                None => ("token_id", next["token_id"].clone()),
            };
            let row = rows.iter().find(|row| row[kind] == id).expect("the next");
            assert_eq!(row["days_left"], 30, "{path}: {shown}");
            if !is_last {
                let id = id.as_str().expect("an id");
                let row = if kind == "secret_id" { format!("{list}/secrets/{id}") } else { format!("{list}/{id}") };
                root.delete(&row).await.expect(200);
            }
        }
    }
    // A third there may not be: the list says until when, and a given lifetime is taken.
    let tokens = root.get("/tenants/test/tokens").await.expect(200).json;
    let okta = tokens["items"].as_array().expect("tokens").iter().filter(|token| token["name"] == "okta");
    let okta: Vec<_> = okta.cloned().collect();
    for token in &okta {
        assert_eq!(token["rotation_waits_until"], okta[0]["expires"], "{tokens}");
        let path = format!("/tenants/test/tokens/{}/rotate", text(token, "token_id"));
        problem(&root.post(&path, json!({})).await, 409, "wait until one has ended, at ");
    }
    root.delete(&format!("/tenants/test/tokens/{}", text(&okta[0], "token_id"))).await.expect(200);
    let next = root.post("/tenants/test/tokens/okta/rotate", json!({"seconds": 60})).await.expect(201).json;
    assert!(text(&next, "expires") < text(&okta[1], "expires"), "{next}");
}

/// A token that was issued for a year has a year left, however long issuing it took; it was 366 days for some.
#[tokio::test]
async fn a_token_has_the_days_that_it_was_issued_for() {
    let server = TestServer::start();
    let root = Api::root(&server);
    for number in 0..20 {
        let name = format!("app-{number}");
        let made = root.post("/admin-tokens", json!({"name": name, "role": "viewer"})).await.expect(201).json;
        let next = root.post(&format!("/admin-tokens/{name}/rotate"), json!({})).await.expect(201).json;
        assert_eq!((&made["days_left"], &next["days_left"]), (&json!(365), &json!(365)), "{made} {next}");
    }
}

#[tokio::test]
async fn every_process_on_a_store_knows_a_token_at_once() {
    if !on_postgres() {
        return;
    }
    let first = TestServer::start();
    let second = first.beside();
    let made = token(&first, &["--name", "app", "--role", "viewer"]);
    let there = Api::with(&second, text(&made, "token"));
    there.get("/tenants").await.expect(200);
    Api::root(&first).delete("/admin-tokens/app").await.expect(200);
    problem(&there.get("/tenants").await, 401, "not valid");
}

/// A backup holds no administrators: a file lets nobody in.
#[tokio::test]
async fn an_export_has_no_administrators() {
    let server = TestServer::start();
    token(&server, &["--name", "app", "--role", "viewer"]);
    let exported = Api::root(&server).get("/export").await.expect(200);
    assert!(
        exported.text.contains("\"type\":\"Token\"") && !exported.text.contains("\"type\":\"AdminToken\""),
        "{}",
        exported.text
    );
}
