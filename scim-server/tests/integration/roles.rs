//! Roles that users have because of their groups.

mod histories;
mod told;

use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer};

fn application(server: &TestServer) -> Client {
    Client::new(&format!("{}/{}/access/v1", server.origin(), server.tenant()), server.token())
}

async fn access(server: &TestServer, user: &str) -> Value {
    application(server).get(&format!("/users/{user}")).await.expect(200).json
}

async fn roles(server: &TestServer, user: &str) -> Value {
    access(server, user).await["roles"].clone()
}

fn role(server: &TestServer, words: &[&str]) -> Value {
    server.run_json(&[&["role"], words, &["--tenant", "test", "--json"]].concat())
}

async fn events(server: &TestServer, types: &str) -> Vec<Value> {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let url = format!("{}/{}/events/v1?limit=1000&types={types}", server.origin(), server.tenant());
    let feed = Client::new(&url, made["token"].as_str().expect("a token")).get("").await.expect(200).json;
    feed["events"].as_array().expect("events").clone()
}

async fn member(client: &Client, group: &str, op: &str, user: &str) {
    let operation = match op {
        "add" => json!({"op": "add", "path": "members", "value": [{"value": user}]}),
        _ => json!({"op": "remove", "path": format!("members[value eq \"{user}\"]")}),
    };
    let answer = client.patch(&format!("/Groups/{group}"), &json!([operation])).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
}

#[tokio::test]
async fn groups_give_roles_in_the_order_of_the_rules() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bob) = (client.user("anna").await, client.user("bob").await);
    let editors = client.group("Editors", &[anna.clone(), bob.clone()]).await;
    let admins = client.group("Admins", std::slice::from_ref(&anna)).await;
    assert_eq!(roles(&server, &anna).await, json!([]));

    role(&server, &["set", "editors", "--role", "editor", "--group", "Editors"]);
    role(&server, &["set", "admins", "--role", "admin", "--group", &admins, "--position", "1"]);
    let rules = role(&server, &["default", "reader"]);
    let shown: Vec<_> = rules.as_array().expect("rules").iter().map(|rule| rule["rule"].clone()).collect();
    assert_eq!(shown, ["admins", "editors", "default"]);

    let of_anna = access(&server, &anna).await;
    assert_eq!((&of_anna["role"], &of_anna["roles"]), (&json!("admin"), &json!(["admin", "editor"])));
    let grant = &of_anna["grants"][0];
    assert_eq!((&grant["role"], &grant["rule"], &grant["group"]), (&json!("admin"), &json!("admins"), &json!(admins)));
    assert_eq!(of_anna["grants"][1]["group"], json!(editors));
    // Both memberships are older than the rules.
    assert_eq!(grant["since"], rules[0]["since"]);
    assert!(grant["since"].as_str().is_some_and(|since| since.starts_with("20")), "{grant}");
    assert_eq!(roles(&server, &bob).await, json!(["editor"]));

    // A rename changes nothing; a member that goes has what is left.
    let name = json!([{"op": "replace", "path": "displayName", "value": "Redaktion"}]);
    client.patch(&format!("/Groups/{editors}"), &name).await;
    assert_eq!(roles(&server, &bob).await, json!(["editor"]));
    member(&client, &editors, "remove", &bob).await;
    let of_bob = access(&server, &bob).await;
    assert_eq!(of_bob["roles"], json!(["reader"]));
    assert_eq!(of_bob["grants"], json!([{"role": "reader", "rule": "default"}]));
    client.delete(&format!("/Groups/{admins}")).await.expect(204);
    assert_eq!(roles(&server, &anna).await, json!(["editor"]));

    // Who is not active has no role, and has it again afterwards.
    let active = |active: bool| json!([{"op": "replace", "path": "active", "value": active}]);
    client.patch(&format!("/Users/{anna}"), &active(false)).await.expect(200);
    let of_anna = access(&server, &anna).await;
    assert_eq!((&of_anna["active"], &of_anna["roles"], of_anna.get("role")), (&json!(false), &json!([]), None));
    client.patch(&format!("/Users/{anna}"), &active(true)).await.expect(200);
    assert_eq!(roles(&server, &anna).await, json!(["editor"]));

    let all = application(&server).get("/users").await.expect(200).json;
    let all: Vec<_> = all["users"].as_array().expect("users").iter().map(|user| user["role"].clone()).collect();
    assert_eq!(all, ["editor", "reader"]);
}

#[tokio::test]
async fn a_rule_by_external_id_holds_for_a_group_that_is_made_anew() {
    let rules = json!([{"name": "staff", "role": "employee", "externalId": "g-1"}]);
    let server = TestServer::with(Options::settings(json!({"roles": {"rules": rules, "default": "guest"}})));
    let client = server.client();
    let anna = client.user("anna").await;
    let body = json!({"schemas": [GROUP], "displayName": "Staff", "externalId": "g-1", "members": [{"value": anna}]});
    let first = client.post("/Groups", &body).await.expect(201).id();
    assert_eq!(roles(&server, &anna).await, json!(["employee"]));
    client.delete(&format!("/Groups/{first}")).await.expect(204);
    assert_eq!(roles(&server, &anna).await, json!(["guest"]));
    let second = client.post("/Groups", &body).await.expect(201).id();
    assert_eq!(roles(&server, &anna).await, json!(["employee"]));
    let change = json!([{"op": "replace", "path": "externalId", "value": "g-2"}]);
    client.patch(&format!("/Groups/{second}"), &change).await;
    assert_eq!(roles(&server, &anna).await, json!(["guest"]));
    // Applications are told of the group that it gave roles.
    let told = events(&server, "group.updated").await;
    assert_eq!(told.last().expect("an event")["access"], json!({"roles": ["employee"]}));
}

#[tokio::test]
async fn events_say_what_a_membership_gives() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let (admins, others) = (client.group("Admins", &[]).await, client.group("Others", &[]).await);
    role(&server, &["set", "admins", "--role", "admin", "--group", "Admins"]);
    member(&client, &others, "add", &anna).await;
    member(&client, &admins, "add", &anna).await;
    member(&client, &admins, "remove", &anna).await;
    let told = events(&server, "group.membership.changed").await;
    let access: Vec<_> = told.iter().map(|event| event.get("access").cloned().unwrap_or_default()).collect();
    let gives = json!({"roles": ["admin"]});
    assert_eq!(access, [Value::Null, gives.clone(), gives]);
    assert_eq!(told[2]["members"]["left"], json!([anna]));
    assert_eq!(events(&server, "access.changed").await[0]["attributes"], json!(["roles"]));
}

#[tokio::test]
async fn a_change_of_rules_is_shown_before_it_is_made() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bob) = (client.user("anna").await, client.user("bob").await);
    client.group("Staff", std::slice::from_ref(&anna)).await;
    let preview = role(&server, &["set", "staff", "--role", "employee", "--group", "Staff", "--dry-run"]);
    assert_eq!(preview, json!([{"id": anna, "userName": "anna", "before": [], "after": ["employee"]}]));
    assert_eq!((role(&server, &["list"]), roles(&server, &anna).await), (json!([]), json!([])));
    role(&server, &["set", "staff", "--role", "employee", "--group", "Staff"]);
    let none = server.run(&["role", "default", "--tenant", "test", "None"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("role default --none"), "{none:?}");
    let text = server.run(&["access", "set", "--tenant", "test", "job", "path:title"]);
    assert!(String::from_utf8_lossy(&text.stderr).contains("'${path:title}'"), "{text:?}");
    server.run_json(&["access", "remove", "--tenant", "test", "job", "--json"]);
    let empty = server.run(&["access", "set", "--tenant", "test", "", "x"]);
    assert!(String::from_utf8_lossy(&empty.stderr).contains("the key is empty; give the key"), "{empty:?}");
    let preview = role(&server, &["default", "guest", "--dry-run"]);
    assert_eq!(preview, json!([{"id": bob, "userName": "bob", "before": [], "after": ["guest"]}]));
    let preview = role(&server, &["remove", "staff", "--dry-run"]);
    assert_eq!(preview, json!([{"id": anna, "userName": "anna", "before": ["employee"], "after": []}]));
    let said = server.run(&["role", "remove", "--tenant", "test", "staff", "--dry-run"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("1 of 2 user(s)"), "{said:?}");
    let since = role(&server, &["list"])[0]["since"].clone();
    // A rule that stays as it is keeps its time.
    role(&server, &["set", "staff", "--position", "1"]);
    assert_eq!(role(&server, &["list"])[0]["since"], since);
    assert_eq!(role(&server, &["remove", "staff"]), json!([]));
    assert_eq!(roles(&server, &anna).await, json!([]));
}

#[tokio::test]
async fn what_cannot_be_a_rule_is_refused_and_a_stopped_store_takes_rules() {
    let mut server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    client.group("Staff", std::slice::from_ref(&anna)).await;
    for (words, why) in [
        (&["set", "new", "--role", "x"][..], "--external-id"),
        (&["set", "new", "--group", "Staff"], "--role"),
        (&["set", "new", "--role", "x", "--group", "Nobody"], "no Group"),
        (&["set", "default", "--role", "x", "--group", "Staff"], "is taken"),
        (&["set", "new", "--role", " x", "--group", "Staff"], "spaces"),
        (&["remove", "new"], "role list"),
    ] {
        let refused = server.run(&[&["role"], words, &["--tenant", "test"]].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains(why), "{words:?}: {said}");
    }
    server.stop();
    role(&server, &["set", "staff", "--role", "employee", "--group", "Staff"]);
    server.launch();
    assert_eq!(roles(&server, &anna).await, json!(["employee"]));
    // An export takes the rules along, and the ids that they name.
    let exported = server.run(&["export", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&exported.stdout).contains("\"employee\""), "{exported:?}");
}

/// Providers' `roles` and `entitlements` are the user's own attributes, and are no grants.
#[tokio::test]
async fn what_a_provider_sends_is_no_grant() {
    let server = TestServer::with(Options::settings(json!({"roles": {"default": "guest"}})));
    let client = server.client();
    let anna = client.user("anna").await;
    let sent = json!([{"op": "add", "path": "roles", "value": [{"value": "superuser", "primary": true}]},
        {"op": "add", "path": "entitlements", "value": [{"value": "all"}]}]);
    let user = client.patch(&format!("/Users/{anna}"), &sent).await.expect(200).json;
    assert_eq!(user["roles"][0]["value"], "superuser");
    assert_eq!(roles(&server, &anna).await, json!(["guest"]));
}

/// An application says which roles there are, and a provider finds them.
#[tokio::test]
async fn roles_and_entitlements_are_resource_types_where_a_tenant_wants_it() {
    let server = TestServer::start();
    let client = server.client();
    client.get("/Roles").await.expect_error(404, None);
    assert_eq!(client.get("/ServiceProviderConfig").await.expect(200).json.get("RolesAndEntitlements"), None);
    for (wanted, urn, body) in [
        (
            "scim",
            "urn:ietf:params:scim:schemas:core:2.0:",
            json!({"value": "admin", "display": "Admin", "supported": true}),
        ),
        ("okta", "urn:okta:scim:schemas:core:1.0:", json!({"displayName": "Admin"})),
    ] {
        let file = server.scratch("settings.json");
        std::fs::write(&file, json!({"role_resources": wanted}).to_string()).expect("a file");
        server.run_json(&["tenant", "create", wanted, "--settings", &file.to_string_lossy(), "--json"]);
        let token = server.run_json(&["token", "create", "--tenant", wanted, "--json"]);
        let client = Client::new(token["endpoint"].as_str().expect("a URL"), token["token"].as_str().expect("a token"));
        let types = client.get("/ResourceTypes").await.expect(200).json;
        for (name, endpoint) in [("Role", "/Roles"), ("Entitlement", "/Entitlements")] {
            let found = types["Resources"].as_array().expect("types").iter().find(|one| one["name"] == name);
            let found = found.unwrap_or_else(|| panic!("no {name} in {types}"));
            assert_eq!((&found["endpoint"], &found["schema"]), (&json!(endpoint), &json!(format!("{urn}{name}"))));
            client.get(&format!("/Schemas/{urn}{name}")).await.expect(200);
            let mut body = body.clone();
            body["schemas"] = json!([format!("{urn}{name}")]);
            client.post(endpoint, &body).await.expect(201);
            assert_eq!(client.get(endpoint).await.expect(200).json["totalResults"], 1);
        }
        let config = client.get("/ServiceProviderConfig").await.expect(200).json;
        assert_eq!(config["RolesAndEntitlements"]["roles"]["multipleRolesSupported"], true);
        assert_eq!(config["RolesAndEntitlements"]["entitlements"]["supported"], true);
        let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
        let schema = client.get(&format!("/Schemas/{urn}")).await.expect(200).json;
        let declared =
            |of: &Value, name: &str| of.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name));
        for name in
            config.as_object().expect("an object").keys().filter(|name| !["schemas", "meta"].contains(&&***name))
        {
            assert!(declared(&schema["attributes"], name), "{name} is not in {schema}");
        }
        let all = client.get("/Schemas").await.expect(200).json;
        assert!(all["Resources"].as_array().expect("schemas").contains(&schema), "{all}");
        // Whoever turns it off is told what goes.
        std::fs::write(&file, json!({"role_resources": null}).to_string()).expect("a file");
        let off = ["tenant", "set", wanted, "--settings", &file.to_string_lossy()];
        let refused = server.run(&off);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("1 of the type Role, 1 of the type Entitlement"));
        assert!(server.run(&[&off[..], &["--force"]].concat()).status.success());
        client.get("/Roles").await.expect(404);
    }
}

/// The two forms have different schemas and attributes: what is stored in one is not valid in the other.
#[tokio::test]
async fn roles_of_one_form_are_not_served_in_the_other() {
    let server = TestServer::with(Options::settings(json!({"role_resources": "scim"})));
    let client = server.client();
    let set = |form: Value, more: &[&str]| {
        let file = server.scratch("settings.json");
        std::fs::write(&file, json!({"role_resources": form}).to_string()).expect("a file");
        server.run(&[&["tenant", "set", "test", "--settings", &file.to_string_lossy()][..], more].concat())
    };
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Role"], "value": "a", "supported": true});
    let role = client.post("/Roles", &body).await.expect(201).id();
    assert!(set(json!(null), &["--force"]).status.success());
    for more in [&[][..], &["--force"]] {
        let refused = set(json!("okta"), more);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("1 of the type Role"), "{said}");
    }
    assert!(set(json!("scim"), &[]).status.success());
    assert!(!set(json!("okta"), &[]).status.success());
    client.delete(&format!("/Roles/{role}")).await.expect(204);
    assert!(set(json!("okta"), &[]).status.success());
    let body = json!({"schemas": ["urn:okta:scim:schemas:core:1.0:Role"], "displayName": "A"});
    client.post("/Roles", &body).await.expect(201);
}

#[tokio::test]
async fn an_import_keeps_since_when_somebody_has_a_role() {
    let server = TestServer::start();
    let client = server.client();
    role(&server, &["set", "readers", "--role", "reader", "--external-id", "r"]);
    let anna = client.user("anna").await;
    let body = json!({"schemas": [GROUP], "displayName": "Readers", "externalId": "r", "members": [{"value": anna}]});
    client.post("/Groups", &body).await.expect(201);
    let before = access(&server, &anna).await;
    assert!(before["grants"][0]["since"].is_string(), "{before}");
    let exported = server.run(&["export", "--tenant", "test"]);
    let file = server.scratch("export.jsonl");
    std::fs::write(&file, exported.stdout).expect("the file");
    server.run_json(&["import", "--replace", &file.to_string_lossy(), "--json"]);
    assert_eq!(access(&server, &anna).await["grants"], before["grants"]);
}

#[tokio::test]
async fn the_list_of_rules_names_the_groups_and_those_that_are_gone() {
    let server = TestServer::start();
    let client = server.client();
    let staff = client.group("Staff", &[]).await;
    role(&server, &["set", "staff", "--role", "reader", "--group", "Staff"]);
    role(&server, &["set", "later", "--role", "reader", "--external-id", "x-1"]);
    let shown = || {
        let rules = role(&server, &["list"]);
        let rules = rules.as_array().expect("rules").clone();
        rules.iter().map(|rule| (rule["displayName"].to_string(), rule["state"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(shown(), [("[\"Staff\"]".to_owned(), json!("ok")), ("[]".to_owned(), json!("no such group"))]);
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    assert_eq!(shown()[0], ("[]".to_owned(), json!("no such group")));
    for (words, why) in [
        (["set", "staff", "--role", ""], "cannot be a rule's name or a role"),
        (["set", "", "--role", "x"], "the name is empty; give the name"),
        (["set", "staff", "--position", "0"], "from 1"),
        (["set", "new", "--role", "x"], "--group"),
    ] {
        let outcome = server.run(&[&["role"], &words[..], &["--tenant", "test"]].concat());
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(!outcome.status.success() && said.contains(why), "{words:?}: {said}");
    }
    let doubled = application(&server).get("/users?limit=1&limit=2").await.expect_error(400, Some("invalidValue"));
    assert!(doubled.text.contains("twice"), "{}", doubled.text);
}
