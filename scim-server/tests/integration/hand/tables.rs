//! What the preview of a table says is what its import does; and what a column leaves alone.

use serde_json::{Value, json};

use super::by_hand;
use crate::server::{Options, TestServer, USER};

/// What becomes of each row, in a preview and then done: both say the same.
fn imported(server: &TestServer, table: &str) -> Vec<Value> {
    let file = server.scratch("users.csv");
    std::fs::write(&file, table).expect("the table");
    let path = file.to_string_lossy();
    let [preview, done] = [&[][..], &["--apply", "--force"]].map(|more| {
        let outcome = server.run(&[&["user", "import", &path, "--tenant", "test", "--json"], more].concat());
        serde_json::from_slice::<Value>(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
    });
    assert_eq!(preview, done);
    done.as_array().expect("a list").clone()
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["action"].as_str().expect("a word")).collect()
}

fn reason(row: &Value) -> &str {
    row["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_preview_knows_values_that_one_user_has_alone() {
    let server = TestServer::with(Options { profile: Some("identity-center".to_owned()), ..Options::default() });
    let anna = json!({"schemas": [USER], "userName": "anna", "displayName": "Anna", "externalId": "x-1",
        "name": {"givenName": "Anna", "familyName": "Berg"},
        "emails": [{"value": "a@example.org", "type": "work", "primary": true}]});
    server.client().post("/Users", &anna).await.expect(201);
    let rows = imported(
        &server,
        "userName,displayName,name.givenName,name.familyName,emails,externalId\n\
         bert,B,B,B,A@example.org,\n\
         carl,C,C,C,c@example.org,x-2\n\
         dora,D,D,D,C@example.org,\n\
         emil,E,E,E,e@example.org,x-2\n\
         fred,F,F,F,f@example.org,x-1\n\
         anna,,,,c@example.org,\n",
    );
    assert_eq!(actions(&rows), ["refused", "create", "refused", "refused", "refused", "refused"], "{rows:?}");
    for (row, why) in [(0, "emails"), (2, "Line 3"), (3, "Line 3"), (4, "externalId"), (5, "Line 3")] {
        assert!(reason(&rows[row]).contains(why), "{}", rows[row]);
    }
}

#[tokio::test]
async fn a_preview_knows_the_places_that_a_quota_leaves() {
    let server = TestServer::with(Options::settings(json!({"quotas": {"User": 2}})));
    server.client().user("anna").await;
    let rows = imported(&server, "userName,title\nanna,x\n,x\nbert,x\ncarl,x\ndora,x\n");
    assert_eq!(actions(&rows), ["update", "refused", "create", "refused", "refused"], "{rows:?}");
    assert!(reason(&rows[4]).contains("quotas.User"), "{rows:?}");
}

#[tokio::test]
async fn who_is_made_under_a_locked_name_is_told_to_be_locked_out() {
    let server = TestServer::start();
    let client = server.client();
    for name in ["anna", "bert"] {
        let id = client.user(name).await;
        by_hand(&server, &["user", "disable", name]);
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let rows = imported(&server, "userName,active\nanna,true\ncarl,true\n");
    assert_eq!(actions(&rows), ["create", "create"]);
    assert!(reason(&rows[0]).contains("`user enable` ends that") && reason(&rows[1]).is_empty(), "{rows:?}");
    let outcome = server.run(&["user", "create", "--user-name", "bert", "--force", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("`user enable` ends that"), "{outcome:?}");
    assert_eq!(by_hand(&server, &["user", "show", "bert"])["active"], false);
}

/// Of somebody whom a row before has brought back it is not said that they stay deleted.
#[tokio::test]
async fn who_is_brought_back_by_another_row_is_not_said_to_stay_deleted() {
    let server = TestServer::start();
    imported(&server, "userName,externalId\nanna,e1\n");
    let id = by_hand(&server, &["user", "show", "anna"])["id"].as_str().expect("an id").to_owned();
    let deleted = server.run(&["user", "delete", &id, "--force", "--yes", "--tenant", "test"]);
    assert!(deleted.status.success(), "{deleted:?}");
    let rows = imported(&server, "userName,externalId\nbert,e1\nanna,e2\n");
    assert_eq!(actions(&rows), ["restore", "create"]);
    assert!(reason(&rows[0]).contains(&id) && reason(&rows[0]).contains("all else that it had is gone"), "{rows:?}");
    assert_eq!(reason(&rows[1]), "");
}

#[tokio::test]
async fn a_column_of_a_list_sets_the_value_for_work_and_leaves_the_others() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "u0",
        "emails": [{"value": "a@w", "type": "work", "primary": true}, {"value": "a@h", "type": "home"}],
        "phoneNumbers": [{"value": "1", "type": "mobile", "primary": true}]});
    let path = format!("/Users/{}", client.post("/Users", &body).await.expect(201).id());
    assert_eq!(actions(&imported(&server, "userName,emails\nu0,a@w\n")), ["unchanged"]);
    assert_eq!(client.get(&path).await.expect(200).json["emails"], body["emails"]);

    let file = server.scratch("more.csv");
    std::fs::write(&file, "userName,emails,phoneNumbers\nu0,b@w,2\n").expect("the table");
    let file = file.to_string_lossy();
    let import = || server.run_json(&["user", "import", &file, "--tenant", "test", "--json", "--apply", "--force"]);
    assert_eq!(import()[0]["changes"], json!(["emails", "phoneNumbers"]));
    let user = client.get(&path).await.expect(200).json;
    let all = |name: &str| -> Vec<(String, bool)> {
        let all = user[name].as_array().expect("a list").iter();
        all.map(|one| (format!("{} {}", one["type"], one["value"]).replace('"', ""), one["primary"] == true)).collect()
    };
    assert_eq!(all("emails"), [("work b@w".to_owned(), true), ("home a@h".to_owned(), false)]);
    assert_eq!(all("phoneNumbers"), [("mobile 1".to_owned(), false), ("work 2".to_owned(), true)]);
    assert_eq!(import()[0]["action"], "unchanged");
}
