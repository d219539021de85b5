//! Rewrites of what a provider sends.

use serde_json::{Value, json};

use crate::server::{ENTERPRISE, GROUP, Options, TestServer, USER};

fn rewrites() -> Value {
    json!([
        {"name": "department", "rewrite": "rename", "attribute": "dept", "to": format!("{ENTERPRISE}:department")},
        {"name": "display", "rewrite": "copy", "attribute": "userName", "to": "displayName"},
        {"name": "mail", "rewrite": "lower-case", "attribute": "emails.value"},
        {"name": "one mail", "rewrite": "keep-primary", "attribute": "emails"},
        {"name": "kind", "rewrite": "default", "attribute": "userType", "value": "employee"},
    ])
}

fn two_mails() -> Value {
    json!([{"value": "A@home.example", "type": "home"}, {"value": "Anna@Example.com", "type": "work", "primary": true}])
}

fn file(server: &TestServer, name: &str, content: &Value) -> String {
    let path = server.scratch(name);
    std::fs::write(&path, content.to_string()).expect("a file");
    path.to_string_lossy().into_owned()
}

/// What one provider sends is rewritten, and not what another does; and the audit log says by what.
#[tokio::test]
async fn a_rewrite_may_be_for_one_token() {
    let rewrites = json!([
        {"name": "kind", "rewrite": "default", "attribute": "userType", "value": "employee", "writer": "Okta"},
        {"name": "mail", "rewrite": "lower-case", "attribute": "emails.value"},
    ]);
    let options = Options::args(&["--audit-log", "-"]);
    let server = TestServer::with(Options { settings: Some(json!({"mapping": rewrites})), ..options });
    let client = server.client();
    let token = |args: &[&str]| {
        let made = server.run_json(&[&["token"], args, &["--tenant", "test", "--json"]].concat());
        client.with_token(made["token"].as_str().expect("a token"))
    };
    let okta = token(&["create", "--name", "okta"]);
    let next = token(&["rotate", "okta"]);
    let user =
        |name: &str| json!({"schemas": [USER], "userName": name, "emails": [{"value": format!("{name}@EXAMPLE.org")}]});
    for (who, name, kind) in
        [(&client, "anna", Value::Null), (&okta, "bert", json!("employee")), (&next, "carl", json!("employee"))]
    {
        let made = who.post("/Users", &user(name)).await.expect(201).json;
        assert_eq!((&made["userType"], &made["emails"][0]["value"]), (&kind, &json!(format!("{name}@example.org"))));
        // A PATCH is of whoever sends it.
        let path = format!("/Users/{}", made["id"].as_str().expect("an id"));
        let title = json!([{"op": "add", "path": "title", "value": "x"}]);
        assert_eq!(who.patch(&path, &title).await.expect(200).json["userType"], kind);
    }
    server.wait_for_log(r#""additionalEventData":{"mapping":["mail"]}"#);
    server.wait_for_log(r#""additionalEventData":{"mapping":["kind","mail"]}"#);
    let empty = file(
        &server,
        "empty.json",
        &json!([{"name": "kind", "rewrite": "default", "attribute": "userType",
        "value": "x", "writer": " "}]),
    );
    let refused = server.run(&["mapping", "set", "--tenant", "test", &empty]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("\"writer\" is empty"), "{refused:?}");
}

/// A name is read in tables, logs and on pages: it has an end, and the error says which.
#[tokio::test]
async fn a_name_that_is_too_long_is_refused_with_the_limit() {
    let server = TestServer::start();
    let of = |length: usize| {
        let name = "x".repeat(length);
        let rewrites = json!([{"name": name, "rewrite": "lower-case", "attribute": "userName"}]);
        (file(&server, "name.json", &rewrites), file(&server, "settings.json", &json!({"mapping": rewrites})))
    };
    let (long, settings) = of(129);
    for words in [
        &["mapping", "set", "--tenant", "test", &long][..],
        &["mapping", "set", "--tenant", "test", &long, "--dry-run"],
        &["tenant", "set", "test", "--settings", &settings],
        &["tenant", "create", "other", "--settings", &settings],
    ] {
        let refused = server.run(words);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("use 1 to 128 characters"), "{words:?}: {said}");
    }
    let (longest, _) = of(128);
    server.run_json(&["mapping", "set", "--tenant", "test", &longest, "--json"]);
}

/// A name with a mistake in it rewrites nothing, and nobody would see why.
#[tokio::test]
async fn a_writer_that_is_not_there_is_told_of() {
    let server = TestServer::start();
    server.run_json(&["token", "create", "--tenant", "test", "--name", "okta", "--json"]);
    server.run_json(&["token", "create", "--tenant", "test", "--name", "reader", "--scope", "read", "--json"]);
    let rewrite = |name: &str, writer: &str| json!({"name": name, "rewrite": "lower-case", "attribute": "userName", "writer": writer});
    let all = json!([
        rewrite("right", "Okta"), rewrite("wrong", "otka"), rewrite("reads", "reader"),
        {"name": "every", "rewrite": "lower-case", "attribute": "emails.value"},
    ]);
    let rules = file(&server, "writers.json", &all);
    let set = ["mapping", "set", "--tenant", "test", &rules];
    for words in [&[&set[..], &["--dry-run"]].concat()[..], &set] {
        let outcome = server.run(words);
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(outcome.status.success(), "{outcome:?}");
        assert_eq!(said.matches("note: the rewrite").count(), 2, "{said}");
        assert!(said.contains("\"wrong\"") && said.contains("\"otka\"") && said.contains("\"reader\""), "{said}");
    }
    // Programs get the rewrites alone.
    assert_eq!(server.run_json(&[&set[..], &["--json"]].concat())[1]["writer"], "otka");
    let table = server.run(&["mapping", "list", "--tenant", "test"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].ends_with("WRITER") && lines[2].ends_with("otka") && lines[4].ends_with('-'), "{table}");
    // It may come later.
    server.run_json(&["client", "create", "--tenant", "test", "--name", "otka", "--json"]);
    let said = server.run(&set).stderr;
    assert_eq!(String::from_utf8_lossy(&said).matches("note: the rewrite").count(), 1, "{said:?}");
}

#[tokio::test]
async fn what_is_sent_is_rewritten_and_events_say_so() {
    let server = TestServer::with(Options::settings(json!({"mapping": rewrites()})));
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "anna", "dept": "Sales", "emails": two_mails()});
    let made = client.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", made.id());
    let expect = |user: &Value, department: &str| {
        assert_eq!(user["displayName"], "anna");
        assert_eq!(user["userType"], "employee");
        assert_eq!(user[ENTERPRISE]["department"], department);
        assert_eq!(user["emails"], json!([{"value": "anna@example.com", "type": "work", "primary": true}]));
        assert!(user["schemas"].as_array().is_some_and(|urns| urns.contains(&json!(ENTERPRISE))), "{user}");
    };
    expect(&made.json, "Sales");
    let change = json!([{"op": "replace", "path": "dept", "value": "IT"}, {"op": "replace", "path": "emails", "value": two_mails()},
        {"op": "remove", "path": "userType"}]);
    expect(&client.patch(&path, &change).await.expect(200).json, "IT");
    let change = json!([{"op": "replace", "value": {"dept": "HR", "displayName": "Anna"}}]);
    expect(&client.patch(&path, &change).await.expect(200).json, "HR");
    expect(&client.put(&path, &body).await.expect(200).json, "Sales");

    let told = server.run(&["events", "--tenant", "test", "--types", "user.*", "--json"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(told[0]["mapping"], json!(["department", "display", "mail", "one mail", "kind"]));
    assert_eq!(told[1]["mapping"], json!(["department", "mail", "one mail", "kind"]));
    assert_eq!(told[2]["mapping"], json!(["department", "display"]));
    // Groups, and what an administrator does, are left as they are.
    let group = json!({"schemas": [GROUP], "displayName": "G", "externalId": "x"});
    assert_eq!(client.post("/Groups", &group).await.expect(201).json["displayName"], "G");
    server.run_json(&[
        "user",
        "update",
        "--tenant",
        "test",
        "anna",
        "--set",
        "displayName=By hand",
        "--force",
        "--json",
    ]);
    assert_eq!(client.get(&path).await.expect(200).json["displayName"], "By hand");
}

#[tokio::test]
async fn a_rewrite_supplies_what_a_profile_asks_for() {
    let profile = Some("identity-center".to_owned());
    let settings = Some(json!({"mapping": rewrites()}));
    let server = TestServer::with(Options { profile, settings, ..Options::default() });
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "anna", "name": {"givenName": "A", "familyName": "B"}, "emails": two_mails()});
    let made = client.post("/Users", &body).await.expect(201);
    assert_eq!(made.json["emails"].as_array().map(Vec::len), Some(1));
    let change = json!([{"op": "replace", "path": "emails", "value": two_mails()}]);
    let changed = client.patch(&format!("/Users/{}", made.id()), &change).await.expect(200);
    assert_eq!(changed.json["emails"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn rewrites_are_tried_before_they_are_switched_on() {
    let server = TestServer::start();
    let client = server.client();
    let id = client.user("Anna").await;
    let rules = json!([{"name": "names", "rewrite": "lower-case", "attribute": "userName"}]);
    let rules = file(&server, "rules.json", &rules);
    let preview = server.run_json(&["mapping", "set", "--tenant", "test", &rules, "--dry-run", "--json"]);
    assert_eq!(
        preview,
        json!([{"type": "User", "id": id, "mapping": ["names"], "changes": {"userName": {"before": "Anna", "after": "anna"}}}])
    );
    assert_eq!(server.run_json(&["mapping", "list", "--tenant", "test", "--json"]), json!([]));
    let set = server.run_json(&["mapping", "set", "--tenant", "test", &rules, "--json"]);
    assert_eq!(set[0]["name"], "names");
    let body = file(&server, "body.json", &json!({"userName": "BOB"}));
    let shown = server.run_json(&["mapping", "show", "--tenant", "test", &body, "--json"]);
    assert_eq!(shown, json!({"mapping": ["names"], "body": {"userName": "bob"}}));
    assert_eq!(client.get(&format!("/Users/{id}")).await.expect(200).json["userName"], "Anna");
    let again = json!([{"op": "replace", "path": "title", "value": "x"}]);
    assert_eq!(client.patch(&format!("/Users/{id}"), &again).await.expect(200).json["userName"], "anna");
    let told = server.run(&["events", "--tenant", "test", "--types", "mapping.changed", "--json"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("\"attributes\":[\"names\"]"), "{told:?}");

    let wrapped = file(&server, "wrapped.json", &json!({"mapping": [{"name": "names"}]}));
    let refused = server.run(&["mapping", "set", "--tenant", "test", &wrapped]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("under \"mapping\" alone"), "{refused:?}");
    let wrong = json!([{"name": "names", "rewrite": "copy", "attribute": "userName", "to": "emails.value"}]);
    let wrong = file(&server, "wrong.json", &wrong);
    for words in [
        &["mapping", "set", "--tenant", "test", &wrong][..],
        &["mapping", "set", "--tenant", "test", &wrong, "--dry-run"],
    ] {
        let refused = server.run(words);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("several values"), "{refused:?}");
    }
}

/// What Entra ID sends for a boolean is one also where a rewrite gives it its name.
#[tokio::test]
async fn what_is_renamed_is_read_as_if_it_had_been_sent_so() {
    let rules = json!([
        {"name": "state", "rewrite": "rename", "attribute": "accountEnabled", "to": "active"},
        {"name": "mails", "rewrite": "rename", "attribute": "mail", "to": "emails"},
    ]);
    let server = TestServer::with(Options::settings(json!({"mapping": rules})));
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "anna", "accountEnabled": "False", "mail": "a@example.com"});
    let made = client.post("/Users", &body).await.expect(201);
    assert_eq!((&made.json["active"], &made.json["emails"][0]["value"]), (&json!(false), &json!("a@example.com")));
    let path = format!("/Users/{}", made.id());
    for (operation, active) in [
        (json!({"op": "Replace", "path": "accountEnabled", "value": "True"}), true),
        (json!({"op": "Add", "value": {"accountEnabled": "False"}}), false),
        (json!({"op": "replace", "value": {"accountEnabled": true}}), true),
    ] {
        assert_eq!(client.patch(&path, &json!([operation])).await.expect(200).json["active"], active);
    }
    assert_eq!(client.put(&path, &body).await.expect(200).json["active"], false);
    let sent = file(&server, "body.json", &json!({"userName": "bob", "accountEnabled": "True"}));
    let shown = server.run_json(&["mapping", "show", "--tenant", "test", &sent, "--json"]);
    assert_eq!(shown, json!({"mapping": ["state"], "body": {"userName": "bob", "active": true}}));
}

/// What a dry run shows is what a write does: it says of each whose write would be refused, and why.
#[tokio::test]
async fn a_dry_run_says_which_writes_would_be_refused() {
    let server = TestServer::start();
    let client = server.client();
    let mut users = Vec::new();
    for (name, title) in [("anna", "old"), ("bert", "old"), ("carl", "OLD"), ("dora", "anna"), ("emil", "new")] {
        let body = json!({"schemas": [USER], "userName": name, "title": title});
        users.push(client.post("/Users", &body).await.expect(201).id());
    }
    let rules = json!([{"name": "names", "rewrite": "copy", "attribute": "title", "to": "userName"}]);
    let rules = file(&server, "rules.json", &rules);
    let set = ["mapping", "set", "--tenant", "test", &rules];
    let preview = server.run_json(&[&set[..], &["--dry-run", "--json"]].concat());
    let of_another =
        json!("Another User gets the same userName by its next write. Rewrite from an attribute that differs.");
    let stored = json!("Another User has this userName. Use a different value, or change the resource that has it.");
    let refused: Vec<_> = preview.as_array().expect("rows").iter().map(|row| row["refused"].clone()).collect();
    assert_eq!(refused, [Value::Null, of_another.clone(), of_another, stored, Value::Null]);
    let shown = server.run(&[&set[..], &["--dry-run"]].concat());
    let (table, said) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    assert!(table.contains("WOULD BE REFUSED") && table.contains("Another User has this userName"), "{table}");
    let summary = "5 of 5 resource(s) would be changed by their next write, and 3 of these writes would be refused";
    assert!(said.contains(summary), "{said}");

    server.run_json(&[&set[..], &["--json"]].concat());
    let write = json!([{"op": "add", "path": "nickName", "value": "x"}]);
    for (at, status) in [(3, 409), (0, 200), (1, 409), (2, 409), (4, 200)] {
        client.patch(&format!("/Users/{}", users[at]), &write).await.expect(status);
    }
}

#[tokio::test]
async fn a_dry_run_knows_what_the_profile_refuses() {
    let server = TestServer::with(Options { profile: Some("identity-center".to_owned()), ..Options::default() });
    let client = server.client();
    let mut users = Vec::new();
    for (name, title) in [("anna", "has space"), ("bert", "b-1")] {
        let body = json!({"schemas": [USER], "userName": name, "title": title, "displayName": name,
            "name": {"givenName": "A", "familyName": "B"}});
        users.push(client.post("/Users", &body).await.expect(201).id());
    }
    let rules = json!([{"name": "names", "rewrite": "copy", "attribute": "title", "to": "userName"}]);
    let rules = file(&server, "rules.json", &rules);
    let set = ["mapping", "set", "--tenant", "test", &rules];
    let preview = server.run_json(&[&set[..], &["--dry-run", "--json"]].concat());
    let why = preview[0]["refused"].as_str().unwrap_or_default();
    assert!(
        why.contains("'userName' failed to satisfy constraint") && preview[1].get("refused").is_none(),
        "{preview}"
    );

    server.run_json(&[&set[..], &["--json"]].concat());
    let write = json!([{"op": "add", "path": "nickName", "value": "x"}]);
    assert_eq!(client.patch(&format!("/Users/{}", users[0]), &write).await.expect(400).json["detail"], why);
    client.patch(&format!("/Users/{}", users[1]), &write).await.expect(200);
}

/// A member comes and goes at the same price whatever its group has, so such a write rewrites nothing; and the dry run says so.
#[tokio::test]
async fn a_write_of_members_alone_rewrites_nothing() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let group = client.group("Staff", &[]).await;
    let rules = json!([{"name": "low", "resource_type": "Group", "rewrite": "lower-case", "attribute": "displayName"}]);
    let rules = file(&server, "rules.json", &rules);
    let set = ["mapping", "set", "--tenant", "test", &rules];
    let said = server.run(&[&set[..], &["--dry-run"]].concat()).stderr;
    let said = String::from_utf8_lossy(&said);
    let summary = "1 of 1 resource(s) would be changed by their next write; a PATCH that is only about the members";
    assert!(said.contains(summary), "{said}");
    server.run_json(&[&set[..], &["--json"]].concat());

    let path = format!("/Groups/{group}");
    let member = json!([{"op": "add", "path": "members", "value": [{"value": anna}]}]);
    assert_eq!(client.patch(&path, &member).await.expect(200).json["displayName"], "Staff");
    let more = json!([{"op": "add", "path": "externalId", "value": "g-1"}]);
    assert_eq!(client.patch(&path, &more).await.expect(200).json["displayName"], "staff");
}

/// A name that an administrator has locked makes inactive whoever gets it: also by a rewrite.
#[tokio::test]
async fn a_dry_run_tells_of_a_locked_name() {
    let server = TestServer::start();
    let client = server.client();
    client.user("locked").await;
    server.run_json(&["user", "disable", "--tenant", "test", "locked", "--json"]);
    server.run_json(&["user", "delete", "--tenant", "test", "locked", "--force", "--json"]);
    let mut users = Vec::new();
    for (name, title) in [("anna", "locked"), ("bert", "free")] {
        let body = json!({"schemas": [USER], "userName": name, "title": title, "active": true});
        users.push(client.post("/Users", &body).await.expect(201).id());
    }
    let rules = json!([{"name": "names", "rewrite": "copy", "attribute": "title", "to": "userName"}]);
    let rules = file(&server, "rules.json", &rules);
    let set = ["mapping", "set", "--tenant", "test", &rules];
    let preview = server.run_json(&[&set[..], &["--dry-run", "--json"]].concat());
    let of = |id: &String| {
        let row = preview.as_array().expect("rows").iter().find(|row| row["id"] == **id);
        row.expect("a row")["changes"].clone()
    };
    assert_eq!(of(&users[0])["active"], json!({"before": true, "after": false}));
    assert_eq!(of(&users[1]).get("active"), None);

    server.run_json(&[&set[..], &["--json"]].concat());
    let write = json!([{"op": "add", "path": "nickName", "value": "x"}]);
    for (id, active) in users.iter().zip([false, true]) {
        assert_eq!(client.patch(&format!("/Users/{id}"), &write).await.expect(200).json["active"], active);
    }
}
