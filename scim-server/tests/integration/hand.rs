//! An administrator's hand: users and groups are changed without a provider, and beside one.

mod locked_names;
mod returned;
mod tables;

use serde_json::{Value, json};

use crate::server::{Options, TestServer, USER};

fn by_hand(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[args, &["--tenant", "test", "--json"]].concat())
}

#[tokio::test]
async fn users_and_groups_are_changed_by_hand() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    // A provider may change it back, so it wants a word.
    let refused = server.run(&["user", "update", "anna", "--set", "title=Engineer", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"), "{refused:?}");

    let set = ["--set", "title=Engineer", "--set", "name.givenName=Anna", "--set", "active=false"];
    let user = by_hand(&server, &[&["user", "update", "anna", "--force"], set.as_slice()].concat());
    assert_eq!((&user["title"], &user["name"]["givenName"]), (&json!("Engineer"), &json!("Anna")));
    assert_eq!((&user["active"], &user["id"]), (&json!(false), &json!(anna)));
    let emails = r#"emails=[{"value": "a@example.org", "primary": true}]"#;
    let user = by_hand(&server, &["user", "update", &anna, "--force", "--set", emails, "--remove", "title"]);
    assert_eq!((user.get("title"), &user["emails"][0]["value"]), (None, &json!("a@example.org")));
    assert_eq!(by_hand(&server, &["user", "rename", "anna", "anna.b", "--force"])["userName"], "anna.b");
    let taken = server.run(&["user", "rename", "anna.b", "bert", "--force", "--tenant", "test"]);
    assert_eq!(taken.status.code(), Some(1));

    by_hand(&server, &["group", "join", "Staff", "bert", "--force"]);
    assert_eq!(client.members(&staff).await, [anna.clone(), bert.clone()]);
    by_hand(&server, &["group", "leave", "Staff", "anna.b", "--force"]);
    assert_eq!(client.members(&staff).await, [bert]);
    assert_eq!(by_hand(&server, &["group", "rename", "Staff", "People", "--force"])["displayName"], "People");
    let nothing = server.run(&["user", "update", "bert", "--force", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("--set"), "{nothing:?}");
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn who_is_disabled_by_hand_stays_so_whatever_the_provider_writes() {
    let server = TestServer::start();
    let client = server.client();
    let user =
        json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "active": true, "password": "t1meMa$heen"});
    let anna = client.post("/Users", &user).await.expect(201).id();
    let path = format!("/Users/{anna}");
    let read = async || client.get(&path).await.expect(200).json;
    assert_eq!(by_hand(&server, &["user", "disable", "anna"])["active"], false);
    assert_eq!(read().await["active"], false);
    assert_eq!(client.find("/Users", "active eq true").await.expect(200).json["totalResults"], 0);

    // The provider's writes are answered and stored, and everybody reads what the administrator wants.
    let active = |value: bool| json!([{"op": "replace", "path": "active", "value": value}]);
    assert_eq!(client.patch(&path, &active(true)).await.expect(200).json["active"], false);
    let title = json!([{"op": "add", "path": "title", "value": "Engineer"}]);
    client.patch(&path, &title).await.expect(200);
    let replaced = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "title": "Lead", "active": true});
    let answer = client.put(&path, &replaced).await.expect(200).json;
    assert_eq!((&answer["active"], &answer["title"]), (&json!(false), &json!("Lead")));
    let all = client.get(&format!("{path}?attributes=userName,active")).await.expect(200).json;
    assert!(!all.to_string().contains('~') && !read().await.to_string().contains('~'), "{all}");
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    assert_eq!(by_hand(&server, &["user", "enable", "anna"])["active"], true);
    assert_eq!(read().await["active"], true);

    // Whom the provider deactivates meanwhile is inactive afterwards, too.
    by_hand(&server, &["user", "disable", "anna"]);
    client.patch(&path, &active(false)).await.expect(200);
    let enable = ["user", "enable", "anna", "--tenant", "test", "--json"];
    let enabled = server.run(&enable);
    assert!(String::from_utf8_lossy(&enabled.stderr).contains("because the provider says so"), "{enabled:?}");
    assert_eq!(read().await["active"], false);
    // Nobody gets in again by being deleted and made anew.
    by_hand(&server, &["user", "disable", "anna"]);
    client.delete(&path).await.expect(204);
    assert_eq!(client.post("/Users", &user).await.expect(201).id(), anna);
    assert_eq!(read().await["active"], false);
    assert_eq!(by_hand(&server, &["user", "enable", "anna"])["active"], true);
}

#[tokio::test]
async fn the_lock_goes_on_for_the_name_and_is_listed() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    client.user("bert").await;
    let disabled = || {
        let listed = by_hand(&server, &["user", "list", "--disabled"]);
        let ids = listed.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(disabled(), Vec::<String>::new());
    by_hand(&server, &["user", "disable", "anna"]);
    assert_eq!(disabled(), std::slice::from_ref(&anna));
    // A change by hand does not end it, and says so; a table with the same values changes nothing.
    let update = ["user", "update", "anna", "--set", "active=true", "--force", "--tenant", "test"];
    let updated = server.run(&update);
    assert!(String::from_utf8_lossy(&updated.stderr).contains("`user enable` ends that"), "{updated:?}");
    let file = server.scratch("users.csv");
    std::fs::write(&file, "userName,active\nanna,true\n").expect("the table");
    let rows = by_hand(&server, &["user", "import", &file.to_string_lossy(), "--apply", "--force"]);
    assert_eq!(rows[0]["action"], "unchanged", "{rows}");
    assert!(rows[0]["reason"].as_str().is_some_and(|reason| reason.contains("`user enable` ends that")), "{rows}");
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    // Another user, but of the same name.
    let body = json!({"schemas": [USER], "userName": "Anna", "externalId": "new", "active": true});
    let made = client.post("/Users", &body).await.expect(201);
    assert_eq!(made.json["active"], false);
    let new = made.id();
    assert_ne!(new, anna);
    assert_eq!(disabled(), std::slice::from_ref(&new));
    assert_eq!(by_hand(&server, &["user", "enable", &new])["active"], true);
    // Who was enabled, and goes and comes, is enabled; nobody knows who another one of the name is.
    client.delete(&format!("/Users/{new}")).await.expect(204);
    let body = |external: &str| json!({"schemas": [USER], "userName": "anna", "externalId": external});
    let other = client.post("/Users", &body("newer")).await.expect(201);
    assert_eq!(other.json["active"], false);
    client.delete(&format!("/Users/{}", other.id())).await.expect(204);
    let again = client.post("/Users", &body("new")).await.expect(201);
    assert_eq!((again.id(), again.json["active"] != false), (new, true));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn a_table_makes_and_changes_users_after_a_preview() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    client.user("bert").await;
    let file = server.scratch("users.csv");
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let table = format!(
        "userName,externalId,name.givenName,emails,active,{urn}:department\n\
         Anna,e-1,Anna,anna@example.org,,\"Sales, north\"\n\
         carl,e-2,Carl,carl@example.org,false,\n\
         bert,,,,,\n\
         CARL,,,,,\n\
         ,e-9,,,,\n\
         dora,,,,perhaps,\n"
    );
    std::fs::write(&file, table).expect("the table");
    let import = |more: &[&str]| {
        let file = file.to_string_lossy();
        let outcome = server.run(&[&["user", "import", &file, "--tenant", "test", "--json"], more].concat());
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
        let rows: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        let actions =
            rows.as_array().expect("a list").iter().map(|row| row["action"].as_str().expect("a word").to_owned());
        (actions.collect::<Vec<_>>(), rows)
    };
    let expect = ["update", "create", "unchanged", "refused", "refused", "refused"];
    let (actions, rows) = import(&[]);
    assert_eq!(actions, expect, "{rows}");
    assert!(rows[0]["changes"].to_string().contains("department"), "{rows}");
    assert!(rows[5]["reason"].to_string().contains("active"), "{rows}");
    assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], 2, "a preview changes nothing");
    let preview = server.run(&["user", "import", &file.to_string_lossy(), "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&preview.stderr).contains("--force"), "{preview:?}");
    let refused = server.run(&["user", "import", &file.to_string_lossy(), "--tenant", "test", "--apply"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"), "{refused:?}");

    assert_eq!(import(&["--apply", "--force"]).0, expect);
    let user = client.get(&format!("/Users/{anna}")).await.expect(200).json;
    assert_eq!((&user["name"]["givenName"], &user[urn]["department"]), (&json!("Anna"), &json!("Sales, north")));
    assert_eq!(user["emails"][0]["value"], "anna@example.org");
    let carl = client.find("/Users", "userName eq \"carl\"").await.expect(200).json["Resources"][0].clone();
    assert_eq!((&carl["active"], &carl["externalId"]), (&json!(false), &json!("e-2")));
    // Once more it changes nothing.
    assert_eq!(import(&["--apply", "--force"]).0[..3], ["unchanged", "unchanged", "unchanged"]);
}

/// A column that no user has would be lost, and told as done.
#[tokio::test]
async fn a_table_with_a_column_that_cannot_be_written_is_refused_before_its_first_row() {
    let server = TestServer::start();
    let file = server.scratch("users.csv");
    for (header, why) in [
        ("userName,foo", "no attribute"),
        ("userName,schemas", "it follows from the other columns"),
        ("userName,enterprise.department", "enterprise"),
        ("userName,id", "the server's own"),
        ("userName,groups", "the server's own"),
        ("userName,meta.version", "the server's own"),
        ("userName,emails.value", "several values"),
        ("userName,addresses", "several values"),
        ("userName,roles", "several values"),
        ("userName,emails[type eq \"work\"].value", "cannot be written"),
        ("userName;title", "separated by commas"),
        ("title,nickName", "no column userName"),
    ] {
        let quoted = header.replace('"', "\"\"");
        let line = if header.contains('"') { format!("userName,\"{}\"", &quoted[9..]) } else { quoted };
        let row = if header.contains(';') { "anna;x" } else { "anna,x" };
        std::fs::write(&file, format!("{line}\n{row}\n")).expect("the table");
        let path = file.to_string_lossy();
        let outcome = server.run(&["user", "import", &path, "--tenant", "test", "--apply", "--force"]);
        let told = String::from_utf8_lossy(&outcome.stderr);
        assert!(!outcome.status.success() && told.contains(why), "{header}: {told}");
    }
    assert_eq!(server.client().get("/Users").await.expect(200).json["totalResults"], 0);
}

/// As spreadsheets, and people who copy from them, write it.
#[tokio::test]
async fn a_table_is_read_as_it_is_meant() {
    let server = TestServer::start();
    let file = server.scratch("users.csv");
    let path = file.to_string_lossy().into_owned();
    let import = |table: &str| {
        std::fs::write(&file, table).expect("the table");
        server.run(&["user", "import", &path, "--tenant", "test", "--json", "--apply", "--force"])
    };
    for (empty, words) in
        [("", "first line is empty"), ("\n \n", "first line is empty"), ("userName\r\n", "no line behind")]
    {
        let outcome = import(empty);
        assert!(String::from_utf8_lossy(&outcome.stderr).contains(words), "{empty:?}: {outcome:?}");
    }
    // Lines as old spreadsheets end them, spaces at the ends, a character that nobody types.
    let outcome = import("userName,title\r anna ,Lead \rbe\u{7}rt,x\r\u{a0}ANNA,y\r");
    let rows: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let actions: Vec<_> = rows.as_array().expect("a list").iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["create", "refused", "refused"], "{rows}");
    assert!(rows[1]["reason"].as_str().expect("a text").contains("control characters"), "{rows}");
    assert!(rows[2]["reason"].as_str().expect("a text").contains("Line 2"), "{rows}");
    let users = server.client().get("/Users").await.expect(200).json;
    assert_eq!((&users["totalResults"], &users["Resources"][0]["userName"]), (&json!(1), &json!("anna")));
    assert_eq!(users["Resources"][0]["title"], "Lead");
}

/// Lines may end in a text that is read as a whole, and not in a name.
#[tokio::test]
async fn a_name_in_a_table_is_one_line_without_tabs() {
    let server = TestServer::start();
    let file = server.scratch("users.csv");
    let path = file.to_string_lossy().into_owned();
    let import = |table: &str| {
        std::fs::write(&file, table).expect("the table");
        let outcome = server.run(&["user", "import", &path, "--tenant", "test", "--json", "--apply", "--force"]);
        serde_json::from_slice::<Value>(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let rows = import(
        "userName,externalId,displayName,name.formatted,title\n\"new\nline\",,,,x\nanna,\"e\r\n1\",,,x\nbert,,\"B\nB\",,x\n\
         carl,,,\"C\nC\",x\ndora,,,,\"a\tb\"\nemil,,,,\"one\r\ntwo\"\n",
    );
    let rows = rows.as_array().expect("a list");
    for (row, why) in
        rows.iter().zip(["userName must be one line", "externalId", "displayName", "name.formatted", "a tab"])
    {
        assert_eq!(row["action"], "refused", "{row}");
        assert!(row["reason"].as_str().expect("a text").contains(why), "{row}");
    }
    assert_eq!(rows[5]["action"], "create", "{rows:?}");
    let users = server.client().get("/Users").await.expect(200).json;
    assert_eq!((&users["totalResults"], &users["Resources"][0]["title"]), (&json!(1), &json!("one\r\ntwo")));
    // A column that is there and empty is there.
    let rows = import("userName,title\n,x\n");
    assert!(rows[0]["reason"].as_str().expect("a text").contains("The row has no userName"), "{rows}");
}

/// The rows are worked on together, and shown in their order.
#[tokio::test]
async fn a_long_table_is_shown_in_its_order() {
    let server = TestServer::start();
    let file = server.scratch("users.csv");
    let rows: Vec<_> = (0..1500).map(|number| format!("user{number},t{number}")).collect();
    std::fs::write(&file, format!("userName,title\n{}\n", rows.join("\n"))).expect("the table");
    let path = file.to_string_lossy();
    let import = |action: &str, more: &[&str]| {
        let all = [&["user", "import", &path, "--tenant", "test", "--json"], more].concat();
        let rows = server.run_json(&all);
        let rows = rows.as_array().expect("a list");
        assert_eq!(rows.len(), 1500);
        let in_order = |(number, row): (usize, &Value)| row["line"] == number + 2 && row["action"] == action;
        assert!(rows.iter().enumerate().all(in_order), "{rows:?}");
    };
    import("create", &[]);
    import("create", &["--apply", "--force"]);
    import("unchanged", &["--apply", "--force"]);
    assert_eq!(server.client().get("/Users?count=1").await.expect(200).json["totalResults"], 1500);
}

#[tokio::test]
async fn a_lock_that_stays_is_told() {
    let server = TestServer::start();
    server.client().user("anna").await;
    let said = |args: &[&str]| {
        let outcome = server.run(&[args, &["--tenant", "test"]].concat());
        assert!(outcome.status.success(), "{outcome:?}");
        String::from_utf8(outcome.stderr).expect("text")
    };
    assert!(said(&["user", "enable", "anna"]).contains("nobody had disabled"));
    assert!(!said(&["user", "disable", "anna"]).contains("already"));
    assert!(said(&["user", "disable", "anna"]).contains("already"));
    for set in ["title=Lead", "active=True", "active=false"] {
        let note = said(&["user", "update", "anna", "--set", set, "--force"]);
        assert!(note.contains("`user enable` ends that"), "{set}: {note}");
    }
    assert!(said(&["user", "enable", "anna"]).contains("because the provider says so"));
    assert!(!said(&["user", "update", "anna", "--set", "title=x", "--force"]).contains("note"));
}

#[tokio::test]
async fn who_joins_or_leaves_in_vain_is_told() {
    for profile in [None, Some("identity-center".to_owned())] {
        let server = TestServer::with(Options { profile, ..Options::default() });
        by_hand(&server, &["group", "create", "--display-name", "Staff", "--force"]);
        let client = server.client();
        for name in ["anna", "bert"] {
            let name = json!({"schemas": [USER], "userName": name, "displayName": name,
                "name": {"givenName": name, "familyName": "Berg"}});
            client.post("/Users", &name).await.expect(201);
        }
        let said = |what: &str, names: &[&str]| {
            let args = [&["group", what, "Staff", "--force", "--tenant", "test"], names].concat();
            let outcome = server.run(&args);
            assert!(outcome.status.success(), "{outcome:?}");
            String::from_utf8(outcome.stderr).expect("text")
        };
        assert!(!said("join", &["anna"]).contains("note"));
        let told = said("join", &["anna", "bert"]);
        assert!(told.contains("\"anna\" was a member already") && !told.contains("bert"), "{told}");
        assert!(!said("leave", &["bert"]).contains("note"));
        let told = said("leave", &["anna", "bert"]);
        assert!(told.contains("\"bert\" was not a member") && !told.contains("anna"), "{told}");
    }
}

/// Names of attributes have no case (RFC 7643 §2.1), and a spreadsheet writes `True`.
#[tokio::test]
async fn columns_of_a_table_are_named_in_any_case() {
    let server = TestServer::start();
    let file = server.scratch("users.csv");
    let import = |table: &str| {
        std::fs::write(&file, table).expect("the table");
        server.run(&["user", "import", &file.to_string_lossy(), "--tenant", "test", "--apply", "--force"])
    };
    let done = import("username,EMAILS,NAME.givenname,Active\nanna,a@example.com,Anna,False\n");
    assert!(done.status.success(), "{done:?}");
    let anna = by_hand(&server, &["user", "show", "anna"]);
    assert_eq!((&anna["emails"][0]["value"], &anna["name"]["givenName"]), (&json!("a@example.com"), &json!("Anna")));
    assert_eq!(anna["active"], false);
    let again = import("USERNAME,active\nanna,FALSE\n");
    assert!(String::from_utf8_lossy(&again.stdout).contains("unchanged"), "{again:?}");
    let twice = import("userName,title,TITLE\nanna,a,b\n");
    assert!(String::from_utf8_lossy(&twice.stderr).contains("the same attribute"), "{twice:?}");
    let refused = import("userName,active\nbert,perhaps\n");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("1 of 1 row(s) are refused; nothing was imported"));
}

/// A refusal says what to do next.
#[tokio::test]
async fn who_is_not_there_is_told_with_the_next_step() {
    let server = TestServer::start();
    server.client().group("Staff", &[]).await;
    let refused = |args: &[&str], code: i32, expect: &str| {
        let outcome = server.run(&[args, &["--tenant", "test"]].concat());
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(outcome.status.code() == Some(code) && said.contains(expect), "{args:?}: {said}");
    };
    refused(&["user", "list", "--limit", "-1"], 2, "write a whole number from 0");
    refused(&["undo", "--since", "-1"], 2, "");
    refused(&["user", "show", "nobody"], 1, "`scim-server user list --tenant test` shows who is there");
    refused(&["user", "show", "019a0b70-11ab-7000-8000-9f2b6c3d4e5f"], 1, "`scim-server user list --tenant test`");
    refused(&["group", "join", "Staff", "nobody", "--force"], 1, "`scim-server group list --tenant test`");
    refused(&["group", "join", "Staff", "Staff", "--force"], 1, "cannot be a member of itself");
}
