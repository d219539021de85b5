//! Who may change the users of a tenant, from whom each of them is, and who is not sent any more.

use serde_json::{Value, json};

use crate::server::{Client, Options, TestServer, USER, patch_body};

/// A token with a name.
fn named(server: &TestServer, name: &str) -> Client {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", name, "--json"]);
    server.client().with_token(made["token"].as_str().expect("a token"))
}

fn source(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[&["tenant", "source", "test", "--json"], args].concat())
}

#[track_caller]
fn refused(server: &TestServer, args: &[&str]) -> String {
    let outcome = server.run(args);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    String::from_utf8(outcome.stderr).expect("text")
}

#[tokio::test]
async fn only_the_source_of_truth_may_write() {
    let server = TestServer::start();
    let (client, agent) = (server.client(), named(&server, "agent"));
    let anna = client.user("anna").await;
    agent.user("bert").await;
    assert_eq!(server.run_json(&["tenant", "show", "test", "--json"])["source"], "any");

    // First it tells what that would mean.
    let to = ["--to", "directory", "--writer", "agent"];
    let preview = source(&server, &to);
    assert_eq!((&preview["changed"], &preview["to"]["writer"]), (&json!(false), &json!("agent")));
    assert!(preview["lost"].to_string().contains("403"), "{preview}");
    let users = preview["resources"].as_array().expect("a list").iter().filter(|one| one["type"] == "User");
    let mut counts: Vec<_> = users.map(|one| one["count"].clone()).collect();
    counts.dedup();
    assert_eq!(counts, [json!(1)], "{preview}");
    client.user("carl").await;
    assert!(refused(&server, &[&["tenant", "source", "test", "--confirm", "yes"], &to[..]].concat()).contains("name"));
    assert!(refused(&server, &["tenant", "source", "test", "--to", "directory"]).contains("--writer"));
    assert!(refused(&server, &["tenant", "source", "test", "--to", "any", "--writer", "agent"]).contains("--writer"));
    let settings = server.scratch("set.json");
    std::fs::write(&settings, json!({"source": {"kind": "manual"}}).to_string()).expect("the settings file");
    let set = ["tenant", "set", "test", "--settings", &settings.to_string_lossy()];
    assert!(refused(&server, &set).contains("tenant source"));

    assert_eq!(source(&server, &[&to[..], &["--confirm", "test"]].concat())["changed"], true);
    let shown = server.run_json(&["tenant", "show", "test", "--json"]);
    assert_eq!((&shown["source"], &shown["writer"]), (&json!("directory"), &json!("agent")));
    let shown = String::from_utf8(server.run(&["tenant", "show", "test"]).stdout).expect("text");
    assert!(shown.lines().any(|line| line.starts_with("Writer ") && line.ends_with(" agent")), "{shown}");
    let path = format!("/Users/{anna}");
    let title = json!([{"op": "add", "path": "title", "value": "x"}]);
    let user = json!({"schemas": [USER], "userName": "dora"});
    for (method, path, body) in [
        ("POST", "/Users", Some(user.clone())),
        ("PATCH", &path, Some(patch_body(&title))),
        ("PUT", &path, Some(user.clone())),
        ("DELETE", &path, None),
        ("POST", "/Bulk", Some(json!({}))),
    ] {
        let answer = client.request(method, path, &[], body.as_ref()).await.expect_error(403, None);
        assert!(
            answer.json["detail"].as_str().expect("a text").contains("Only the directory, as \"agent\", may"),
            "{}",
            answer.text
        );
    }
    client.get(&path).await.expect(200);
    agent.patch(&path, &title).await.expect(200);
    // A token that replaces the agent's is the agent's.
    let next = server.run_json(&["token", "rotate", "agent", "--tenant", "test", "--json"]);
    let next = client.with_token(next["token"].as_str().expect("a token"));
    next.user("dora").await;

    // By hand only what must be possible at any time.
    let by_hand = ["user", "update", "anna", "--set", "title=y", "--tenant", "test", "--force"];
    assert!(refused(&server, &by_hand).contains("the directory"));
    server.run_json(&["user", "disable", "anna", "--tenant", "test", "--json"]);
    let shown = server.run_json(&["user", "show", "anna", "--tenant", "test", "--json"]);
    assert_ne!(shown["meta"]["source"]["actor"], "admin");
    assert!(shown["meta"]["source"]["last_sent"].is_string(), "{shown}");
    assert_eq!(client.get(&path).await.expect(200).json["meta"].get("source"), None);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn by_hand_begins_when_nobody_else_can_write() {
    let server = TestServer::start();
    let client = server.client();
    client.user("anna").await;
    let to = ["--to", "manual"];
    assert_eq!(source(&server, &to)["changed"], false);
    let confirmed = [&["tenant", "source", "test", "--confirm", "test"], &to[..]].concat();
    assert!(refused(&server, &confirmed).contains("token delete"));
    let preview = server.run(&["tenant", "source", "test", "--to", "manual"]);
    assert!(String::from_utf8_lossy(&preview.stderr).contains("token delete"), "{preview:?}");
    let tokens = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
    server.run(&["token", "delete", tokens[0]["token_id"].as_str().expect("an id"), "--tenant", "test"]);
    let from = source(&server, &to)["resources"].to_string();
    assert!(from.contains("deleted ("), "{from}");
    assert_eq!(source(&server, &[&to[..], &["--confirm", "test"]].concat())["changed"], true);
    server.run_json(&["user", "create", "--user-name", "bert", "--tenant", "test", "--json"]);
    // Nobody needs a token here.
    assert_eq!(server.run_json(&["status", "--tenant", "test", "--json"])[0]["problems"], json!([]));
    // A token that comes later reads, and no more: who makes it is told.
    let create = |more: &[&str]| {
        let made = server.run(&[&["token", "create", "--tenant", "test"], more].concat());
        String::from_utf8(made.stderr).expect("text")
    };
    let said = create(&["--name", "writes", "--scope", "read,write"]);
    assert!(said.contains("note: ") && said.contains("403") && said.contains("by hand"), "{said}");
    assert_eq!(create(&["--name", "reads", "--scope", "read"]), "");
    let later = named(&server, "later");
    assert_eq!(later.get("/Users").await.expect(200).json["totalResults"], 2);
    let user = json!({"schemas": [USER], "userName": "carl"});
    later.post("/Users", &user).await.expect_error(403, None);
    assert_eq!(source(&server, &["--to", "any", "--confirm", "test"])["changed"], true);
    later.post("/Users", &user).await.expect(201);
}

/// The one that replaces another has its name.
#[tokio::test]
async fn a_writer_is_named_while_its_token_is_rotated() {
    let server = TestServer::start();
    named(&server, "agent");
    server.run_json(&["token", "rotate", "agent", "--tenant", "test", "--json"]);
    let shown = source(&server, &["--to", "scim", "--writer", "Agent"]);
    assert_eq!(shown["to"]["writer"], "agent");
}

/// A provider moves from the one to the other, and both are one source meanwhile: whoever did not mean that is told.
#[tokio::test]
async fn a_token_and_a_client_of_one_name_are_told() {
    let server = TestServer::start();
    let make = |args: &[&str]| {
        let made = server.run(&[args, &["--tenant", "test", "--json"]].concat());
        assert!(made.status.success(), "{made:?}");
        String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr)
    };
    assert!(!make(&["token", "create", "--name", "Okta"]).contains("one source"));
    assert!(!make(&["client", "create", "--name", "entra"]).contains("one source"));
    let said = make(&["client", "create", "--name", "okta"]);
    assert!(said.contains("there is a token \"okta\" too") && said.contains("one source"), "{said}");
    let said = make(&["token", "create", "--name", "entra"]);
    assert!(said.contains("there is a client \"entra\" too"), "{said}");
    let preview = server.run(&["tenant", "source", "test", "--to", "scim", "--writer", "okta"]);
    let preview = String::from_utf8_lossy(&[preview.stdout, preview.stderr].concat()).into_owned();
    assert!(preview.contains("a token and a client are named \"okta\""), "{preview}");
    // One that only reads is nobody's source.
    assert!(!make(&["token", "create", "--name", "google", "--scope", "read"]).contains("one source"));
    assert!(!make(&["client", "create", "--name", "google"]).contains("one source"));
}

#[tokio::test]
async fn who_is_not_sent_any_more_is_told() {
    let server = TestServer::with(Options::settings(json!({"stale_after": "28d"})));
    let client = server.client();
    let anna = client.user("anna").await;
    server.run_json(&["user", "create", "--user-name", "bert", "--tenant", "test", "--force", "--json"]);
    let stale = |time: &[&str]| server.run_json(&[&["user", "stale", "--tenant", "test", "--json"], time].concat());
    assert_eq!(stale(&[]), json!([]));
    // Who was made by hand was never sent.
    let told = stale(&["--for", "0"]);
    assert_eq!((told.as_array().map(Vec::len), &told[0]["id"]), (Some(1), &json!(anna)), "{told}");
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let groups = |time: &[&str]| server.run_json(&[&["group", "stale", "--tenant", "test", "--json"], time].concat());
    assert_eq!((groups(&[]), groups(&["--for", "0"])[0]["id"].clone()), (json!([]), json!(staff)));
    assert_eq!(groups(&["--for", "0"])[0]["displayName"], "Staff");
    let table = server.run(&["group", "stale", "--tenant", "test", "--for", "0"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("Staff"), "{table:?}");
    let other = TestServer::start();
    assert!(refused(&other, &["user", "stale", "--tenant", "test"]).contains("stale_after"));
}

#[tokio::test]
async fn a_writer_that_is_gone_is_told() {
    let server = TestServer::start();
    named(&server, "agent");
    source(&server, &["--to", "scim", "--writer", "agent", "--confirm", "test"]);
    let status = || server.run(&["status", "--tenant", "test", "--json"]);
    assert!(!String::from_utf8_lossy(&status().stdout).contains("NoWriter"));
    let deleted = server.run(&["token", "delete", "--tenant", "test", "agent"]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert!(String::from_utf8_lossy(&deleted.stderr).contains("nobody of that name is left"), "{deleted:?}");
    let told = status();
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("NoWriter"), "{told:?}");
}

/// A token and the one that replaces it are one source.
#[tokio::test]
async fn a_source_is_shown_once_whatever_was_rotated() {
    let server = TestServer::start();
    let run = |args: &[&str]| server.run_json(&[args, &["--tenant", "test", "--json"]].concat());
    let (unnamed, okta) = (server.client(), named(&server, "Okta"));
    unnamed.user("anna").await;
    okta.user("bert").await;
    let first = run(&["token", "list"]);
    let first =
        first.as_array().expect("a list").iter().find(|token| token["name"].is_null()).expect("one without a name");
    let id = first["token_id"].as_str().expect("an id").to_owned();
    for (which, name) in [(id.as_str(), "carl"), ("Okta", "dora")] {
        let made = run(&["token", "rotate", which]);
        server.client().with_token(made["token"].as_str().expect("a token")).user(name).await;
    }
    let preview = source(&server, &["--to", "directory", "--writer", "Okta"]);
    let users = |preview: &Value| -> Vec<(String, u64)> {
        let users = preview["resources"].as_array().expect("a list").iter().filter(|one| one["type"] == "User");
        let row = |one: &Value| {
            (one["source"].as_str().expect("a source").to_owned(), one["count"].as_u64().expect("a number"))
        };
        users.map(row).collect()
    };
    let mut expect = vec![(id.clone(), 2), ("Okta".to_owned(), 2)];
    expect.sort_unstable();
    assert_eq!(users(&preview), expect, "{preview}");
    let shut_out = |preview: &Value| {
        preview["lost"].as_array().expect("a list").iter().filter(|one| one.to_string().contains("403")).count()
    };
    assert_eq!(shut_out(&preview), 1, "{preview}");
    assert_eq!(shut_out(&source(&server, &["--to", "manual"])), 2);
    // The old ones are deleted: what they have sent is of their successors.
    let named_okta = run(&["token", "list"]);
    let old = named_okta.as_array().expect("a list").iter().find(|token| token["name"] == "Okta").expect("the first");
    run(&["token", "delete", old["token_id"].as_str().expect("an id")]);
    run(&["token", "delete", &id]);
    assert_eq!(users(&source(&server, &["--to", "manual"])), expect);
}

/// Under an ipsie profile only the provider may write, so that with an administrator as the only writer nobody could.
#[tokio::test]
async fn a_tenant_that_nobody_can_write_is_not_made() {
    let server = TestServer::start();
    server.run_json(&["tenant", "create", "strict", "--profile", "ipsie-al1", "--json"]);
    let confirmed: [&[&str]; 2] = [&[], &["--confirm", "strict"]];
    for confirm in confirmed {
        let told = refused(&server, &[&["tenant", "source", "strict", "--to", "manual"], confirm].concat());
        assert!(told.contains("ipsie") && told.contains("scim-server tenant set strict --profile"), "{told}");
    }
    assert_eq!(server.run_json(&["tenant", "show", "strict", "--json"])["source"], "any");
    // The other way round it is the same.
    server.run_json(&["tenant", "set", "strict", "--profile", "rfc", "--json"]);
    server.run_json(&["tenant", "source", "strict", "--to", "manual", "--confirm", "strict", "--json"]);
    let told = refused(&server, &["tenant", "set", "strict", "--profile", "ipsie-al2"]);
    assert!(told.contains("nobody could") && told.contains("tenant source"), "{told}");
    server.run_json(&["tenant", "source", "strict", "--to", "any", "--confirm", "strict", "--json"]);
    server.run_json(&["tenant", "set", "strict", "--profile", "ipsie-al2", "--json"]);
}

/// Roles and entitlements are what the application says of itself; who makes a client is told of the rest.
#[tokio::test]
async fn an_application_writes_its_roles_whatever_the_source_is() {
    let server = TestServer::with(Options::settings(json!({"role_resources": "scim"})));
    let provider = named(&server, "okta");
    named(&server, "portal");
    let shown = source(&server, &["--to", "scim", "--writer", "okta", "--confirm", "test"]);
    let lost = "Writes of portal to users and groups get 403; it may still read, and write roles and entitlements.";
    assert!(shown["lost"].as_array().expect("a list").contains(&json!(lost)), "{shown}");
    let made = server.run(&["client", "create", "--tenant", "test", "--name", "app", "--scope", "scim"]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.contains("note: ") && said.contains("403"), "{said}");
    for (name, scope) in [("reads", "scim.read"), ("okta", "scim")] {
        let made = server.run(&["client", "create", "--tenant", "test", "--name", name, "--scope", scope]);
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success() && !said.contains("403"), "{said}");
    }
    let application = named(&server, "app");
    for (kind, path) in [("Role", "/Roles"), ("Entitlement", "/Entitlements")] {
        let schema = format!("urn:ietf:params:scim:schemas:core:2.0:{kind}");
        let body = json!({"schemas": [schema], "value": "admin", "supported": true});
        let id = application.post(path, &body).await.expect(201).id();
        application.put(&format!("{path}/{id}"), &body).await.expect(200);
        application.delete(&format!("{path}/{id}")).await.expect(204);
    }
    let user = json!({"schemas": [USER], "userName": "anna"});
    application.post("/Users", &user).await.expect_error(403, None);
    let bulk = application.post("/Bulk", &json!({})).await.expect_error(403, None);
    assert!(bulk.json["detail"].as_str().expect("a text").contains("one by one"), "{}", bulk.text);
    provider.post("/Users", &user).await.expect(201);
}
