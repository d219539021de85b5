//! Who comes back when somebody is made by hand: whom an administrator had made, and nobody else.

use serde_json::{Value, json};

use super::by_hand;
use crate::server::{GROUP, Options, TestServer, USER};

/// Makes a user or group of a file by hand; what is printed, and what is said beside it.
fn made(server: &TestServer, kind: &str, body: &Value) -> (Value, String) {
    let file = server.scratch("made.json");
    std::fs::write(&file, body.to_string()).expect("the body");
    let path = file.to_string_lossy();
    let outcome = server.run(&[kind, "create", "--force", "--file", &path, "--tenant", "test", "--json"]);
    let said = String::from_utf8(outcome.stderr).expect("text");
    (serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {said}")), said)
}

/// The rows of an import, refused ones too.
fn import(server: &TestServer, table: &str, more: &[&str]) -> Value {
    let file = server.scratch("users.csv");
    std::fs::write(&file, table).expect("the table");
    let path = file.to_string_lossy();
    let outcome = server.run(&[&["user", "import", &path, "--tenant", "test", "--json"], more].concat());
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

#[tokio::test]
async fn by_hand_nobody_comes_back_whom_a_token_had_made() {
    for settings in
        [json!({}), json!({"restore_by": "userName"}), json!({"restore_by": "userName", "adopt": "userName"})]
    {
        let server = TestServer::with(Options::settings(settings.clone()));
        let client = server.client();
        let body = json!({"schemas": [USER], "userName": "u0", "externalId": "e0"});
        let deleted = client.post("/Users", &body).await.expect(201).id();
        let admins = client.group("Admins", std::slice::from_ref(&deleted)).await;
        client.delete(&format!("/Users/{deleted}")).await.expect(204);
        let command = format!("`scim-server user restore {deleted} --tenant test`");

        let table = "userName,externalId\nu0,\nanother,e0\n";
        let preview = import(&server, table, &[]);
        let (new, said) = made(&server, "user", &json!({"userName": "newperson", "externalId": "e0"}));
        assert_ne!(new["id"], json!(deleted), "{settings}");
        assert!(said.contains(&command) && said.contains("\"u0\""), "{settings}: {said}");
        let done = import(&server, table, &["--apply", "--force"]);
        assert_eq!(preview, done, "{settings}");
        for row in done.as_array().expect("a list") {
            let reason = row["reason"].as_str().unwrap_or_default();
            assert!(row["action"] == "create" && reason.contains(&command), "{settings}: {row}");
        }
        assert!(client.members(&admins).await.is_empty(), "{settings}");
        // Whoever has asked for that one gets that one.
        by_hand(&server, &["user", "delete", "u0", "--force"]);
        by_hand(&server, &["user", "restore", &deleted]);
        assert_eq!(client.members(&admins).await, [deleted], "{settings}");
        assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    }
}

#[tokio::test]
async fn whom_an_administrator_had_made_comes_back_and_that_is_told() {
    let server = TestServer::start();
    let client = server.client();
    let body = |name: &str| json!({"userName": name, "externalId": "e1"});
    let anna = made(&server, "user", &body("anna")).0["id"].as_str().expect("an id").to_owned();
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    by_hand(&server, &["user", "delete", "anna", "--force"]);
    let table = "userName,externalId\nanna2,e1\nbert,e1\n";
    let rows = import(&server, table, &[]);
    let reason = rows[0]["reason"].as_str().unwrap_or_default();
    assert_eq!(rows[0]["action"], "restore", "{rows}");
    assert!(reason.contains("\"anna\"") && reason.contains(&anna) && reason.contains("groups"), "{rows}");
    // The same one comes back once.
    assert!(rows[1]["action"] == "refused" && rows[1]["reason"].to_string().contains("Line 2"), "{rows}");

    let (again, said) = made(&server, "user", &body("anna2"));
    assert_eq!(again["id"], json!(anna));
    assert!(said.contains("brought back") && said.contains("groups"), "{said}");
    assert_eq!(client.members(&staff).await, std::slice::from_ref(&anna));
    // A token that changes somebody has them from then on.
    let title = json!([{"op": "add", "path": "title", "value": "x"}]);
    client.patch(&format!("/Users/{anna}"), &title).await.expect(200);
    by_hand(&server, &["user", "delete", "anna2", "--force"]);
    let (other, said) = made(&server, "user", &body("anna"));
    assert_ne!(other["id"], json!(anna));
    assert!(said.contains(&format!("user restore {anna}")), "{said}");
}

#[tokio::test]
async fn a_group_made_by_hand_is_not_the_deleted_one_of_a_token() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let outer = |id: &str| json!({"schemas": [GROUP], "displayName": "Outer", "members": [{"value": id}]});
    let body = json!({"schemas": [GROUP], "displayName": "Staff", "externalId": "g1", "members": [{"value": anna}]});
    let staff = client.post("/Groups", &body).await.expect(201).id();
    let outer = client.post("/Groups", &outer(&staff)).await.expect(201).id();
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    let (new, said) = made(&server, "group", &json!({"displayName": "Staff", "externalId": "g1"}));
    assert_ne!(new["id"], json!(staff));
    assert!(said.contains(&format!("`scim-server group restore {staff} --tenant test`")), "{said}");
    assert!(client.members(&outer).await.is_empty());
}

/// A group without `externalId` is known by its name, and whoever makes one of that name is told of the deleted one.
#[tokio::test]
async fn a_deleted_group_of_the_same_name_is_told() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    for by_token in [true, false] {
        let name = format!("Staff {by_token}");
        let first = client.group(&name, std::slice::from_ref(&anna)).await;
        client.delete(&format!("/Groups/{first}")).await.expect(204);
        let second = client.group(&name, &[]).await;
        if by_token {
            client.delete(&format!("/Groups/{second}")).await.expect(204);
        } else {
            by_hand(&server, &["group", "delete", &second, "--force"]);
        }
        let (new, said) = made(&server, "group", &json!({"displayName": name.to_uppercase()}));
        assert!(new["id"] != json!(first) && new["id"] != json!(second), "{new}");
        // Of several it is the one that was deleted last.
        assert!(said.contains(&format!("`scim-server group restore {second} --tenant test`")), "{said}");
    }
    let (_, said) = made(&server, "group", &json!({"displayName": "Nobody had this name"}));
    assert!(!said.contains("stays deleted"), "{said}");
}
