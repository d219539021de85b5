//! The lock of somebody who was deleted, and who gets the name.

use serde_json::json;

use super::by_hand;
use crate::server::{TestServer, USER};

/// A rename onto the name of somebody who was locked out and deleted is a way around the lock as a POST is.
#[tokio::test]
async fn a_rename_onto_a_locked_name_is_locked() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let rename = json!([{"op": "replace", "path": "userName", "value": "Anna"}]);
    let (patched, put) = (client.user("tmp").await, client.user("other").await);
    assert_eq!(client.patch(&format!("/Users/{patched}"), &rename).await.expect(200).json["active"], false);
    client.delete(&format!("/Users/{patched}")).await.expect(204);
    let body = json!({"schemas": [USER], "userName": "anna", "active": true});
    assert_eq!(client.put(&format!("/Users/{put}"), &body).await.expect(200).json["active"], false);
    client.delete(&format!("/Users/{put}")).await.expect(204);
    by_hand(&server, &["user", "create", "--user-name", "third", "--force"]);
    by_hand(&server, &["user", "rename", "third", "anna", "--force"]);
    assert_eq!(by_hand(&server, &["user", "show", "anna"])["active"], false);
    // Also who had the name before that one, and returns.
    let first = client.user("dora").await;
    client.delete(&format!("/Users/{first}")).await.expect(204);
    let second = client.user("dora").await;
    by_hand(&server, &["user", "disable", "dora"]);
    client.delete(&format!("/Users/{second}")).await.expect(204);
    by_hand(&server, &["user", "restore", &first]);
    assert_eq!(client.get(&format!("/Users/{first}")).await.expect(200).json["active"], false);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Whoever is locked out and gets the name of somebody who was deleted does not lock that one out: only an administrator does.
#[tokio::test]
async fn a_lock_under_another_name_is_none_on_who_returns_under_the_own() {
    let server = TestServer::start();
    let client = server.client();
    let body = |name: &str, id: &str| json!({"schemas": [USER], "userName": name, "externalId": id});
    let delete = async |id: &str| {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    };
    let rename = async |id: &str, name: &str| {
        let operation = json!([{"op": "replace", "path": "userName", "value": name}]);
        client.patch(&format!("/Users/{id}"), &operation).await.expect(200).json["active"] != false
    };
    let post = async |name: &str, id: &str| {
        let made = client.post("/Users", &body(name, id)).await.expect(201);
        (made.id(), made.json["active"] != false)
    };
    let anna = post("anna", "e-1").await.0;
    let locked_out = post("bad", "e-2").await.0;
    by_hand(&server, &["user", "disable", "bad"]);
    delete(&locked_out).await;
    for way in ["a newcomer", "the same one", "a rename", "another of the name"] {
        delete(&anna).await;
        let id = match way {
            "a newcomer" => client.user("bad").await,
            // A POST renames, too.
            "the same one" => post("anna", "e-2").await.0,
            _ => post("bad", "e-2").await.0,
        };
        assert!(!rename(&id, "anna").await, "{way}");
        delete(&id).await;
        if way == "another of the name" {
            // Nobody knows who is new, and that one has the lock of the name.
            let made = client.post("/Users", &json!({"schemas": [USER], "userName": "anna"})).await.expect(201);
            assert_eq!(made.json["active"], false);
            delete(&made.id()).await;
        }
        assert_eq!(post("anna", "e-1").await, (anna.clone(), true), "{way}");
    }
    // What an administrator has said of the name holds, whatever it was called in between, and also if it is said again.
    for said_again in [false, true] {
        delete(&anna).await;
        let id = client.user(if said_again { "tmp" } else { "anna" }).await;
        by_hand(&server, &["user", "disable", &id]);
        assert!(!rename(&id, "meanwhile").await && !rename(&id, "anna").await);
        if said_again {
            by_hand(&server, &["user", "disable", &id]);
        }
        delete(&id).await;
        assert_eq!(post("anna", "e-1").await, (anna.clone(), false), "{said_again}");
        by_hand(&server, &["user", "enable", &anna]);
        by_hand(&server, &["user", "purge", &id]);
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Whom an administrator enables has the name by the administrator's word, also after another name.
#[tokio::test]
async fn a_namesake_does_not_lock_again_who_was_enabled() {
    let server = TestServer::start();
    let client = server.client();
    let first = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    client.delete(&format!("/Users/{first}")).await.expect(204);
    let anna = client.user("anna").await;
    by_hand(&server, &["user", "enable", "anna"]);
    let rename = async |id: &str, name: &str| {
        let operation = json!([{"op": "replace", "path": "userName", "value": name}]);
        client.patch(&format!("/Users/{id}"), &operation).await.expect(200).json["active"] != false
    };
    for name in ["anna.b", "Anna"] {
        assert!(rename(&anna, name).await, "{name}");
    }
    // Also who comes back under it, with another name of before.
    let external = json!([{"op": "add", "path": "externalId", "value": "e-2"}]);
    client.patch(&format!("/Users/{anna}"), &external).await.expect(200);
    assert!(rename(&anna, "anna.b").await);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let made = client.post("/Users", &json!({"schemas": [USER], "userName": "anna", "externalId": "e-2"})).await;
    assert_eq!((made.json["id"].as_str(), made.json["active"] != false), (Some(&*anna), true), "{}", made.text);
    assert!(rename(&anna, "anna.b").await);
    // The lock holds for everybody else, and no token moves it to her: neither by a namesake, nor by who had it first.
    let tmp = client.user("tmp").await;
    assert!(!rename(&tmp, "anna").await);
    client.delete(&format!("/Users/{tmp}")).await.expect(204);
    assert!(rename(&anna, "anna").await);
    assert!(rename(&anna, "anna.b").await);
    by_hand(&server, &["user", "restore", &first]);
    client.patch(&format!("/Users/{first}"), &json!([{"op": "add", "path": "title", "value": "x"}])).await.expect(200);
    client.delete(&format!("/Users/{first}")).await.expect(204);
    assert!(rename(&anna, "anna").await);
    // That she is deleted says nothing of the name: it is locked for everybody else.
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let third = client.user("anna").await;
    assert!(
        server.run_json(&["user", "list", "--tenant", "test", "--disabled", "--json"]).to_string().contains(&third)
    );
    client.delete(&format!("/Users/{third}")).await.expect(204);
    by_hand(&server, &["user", "purge", &third]);
    let made = client.post("/Users", &json!({"schemas": [USER], "userName": "anna", "externalId": "e-2"})).await;
    assert_eq!((made.json["id"].as_str(), made.json["active"] != false), (Some(&*anna), true), "{}", made.text);
    // Another word of the administrator counts for her, too.
    assert!(rename(&anna, "anna.b").await);
    let other = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    client.delete(&format!("/Users/{other}")).await.expect(204);
    assert!(!rename(&anna, "anna").await);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
