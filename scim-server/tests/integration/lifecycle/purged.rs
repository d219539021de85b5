//! What is purged by hand is gone for good, whatever can still be restored.

use serde_json::{Value, json};

use super::{fail, person};
use crate::server::TestServer;

#[tokio::test]
async fn what_is_purged_is_gone_for_good() {
    let server = TestServer::start();
    let client = server.client();
    let anna = person(&client, "anna", "e-1").await;
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    client.delete(&format!("/Groups/{group}")).await.expect(204);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    server.run_json(&["user", "purge", "--tenant", "test", &anna, "--json"]);
    server.run_json(&["group", "purge", "--tenant", "test", &group, "--json"]);
    fail(&server, &["user", "purge", "--tenant", "test", &anna]);
    fail(&server, &["group", "restore", "--tenant", "test", &group]);
    assert_ne!(person(&client, "anna", "e-1").await, anna);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Whoever has to erase somebody erases what is there, whatever `restore_window` says by now.
#[tokio::test]
async fn what_can_be_restored_no_longer_is_listed_and_purged() {
    for window in ["0", "1ms"] {
        let server = TestServer::start();
        let client = server.client();
        let (anna, bert) = (person(&client, "anna", "e-1").await, person(&client, "bert", "e-2").await);
        let group = client.group("Staff", std::slice::from_ref(&anna)).await;
        for path in [format!("/Groups/{group}"), format!("/Users/{anna}"), format!("/Users/{bert}")] {
            client.delete(&path).await.expect(204);
        }
        let file = server.scratch("set.json");
        std::fs::write(&file, json!({"restore_window": window}).to_string()).expect("the settings file");
        server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);

        let outcome = server.run(&["user", "deleted", "--tenant", "test", "--json"]);
        let said = String::from_utf8_lossy(&outcome.stderr);
        assert!(said.contains("2 of these") && said.contains("user purge"), "{said}");
        assert_eq!(said.contains("restore_window of the tenant is 0"), window == "0", "{said}");
        let rows: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        let rows = rows.as_array().expect("rows");
        let of_bert = rows.iter().find(|row| row["id"] == *bert).expect("a row");
        let request = of_bert["request"].as_str().expect("a request").to_owned();
        assert!(rows.len() == 2 && of_bert["until"].is_string(), "{rows:?}");
        assert!(fail(&server, &["user", "restore", "--tenant", "test", &anna]).contains("restored no longer"));
        assert_ne!(person(&client, "anna", "e-1").await, anna);

        server.run_json(&["user", "purge", "--tenant", "test", &anna, "--json"]);
        let purged = server.run_json(&["user", "purge", "--tenant", "test", "--request", &request, "--json"]);
        assert_eq!(purged, json!([{"id": bert, "purged": true}]));
        server.run_json(&["group", "purge", "--tenant", "test", &group, "--json"]);
        assert_eq!(server.run_json(&["user", "deleted", "--tenant", "test", "--json"]), json!([]));
        let export = String::from_utf8(server.run(&["export", "--tenant", "test"]).stdout).expect("text");
        for kept in ["\"~User\"", "\"~Group\"", "\"~members\""] {
            assert!(!export.contains(kept) && export.contains("\"User\""), "{kept}: {export}");
        }
        assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    }
}

#[tokio::test]
async fn what_one_request_deleted_is_purged_together() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert, carl) = (client.user("anna").await, client.user("bert").await, client.user("carl").await);
    let operations: Vec<_> =
        [&anna, &bert].iter().map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")})).collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    client.post("/Bulk", &bulk).await.expect(200);
    client.delete(&format!("/Users/{carl}")).await.expect(204);
    let kept = server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
    let of = |id: &String| kept.as_array().expect("rows").iter().find(|row| row["id"] == **id).expect("a row");
    let request = of(&anna)["request"].as_str().expect("a request").to_owned();
    assert_eq!(of(&bert)["request"], json!(request));

    fail(&server, &["user", "purge", "--tenant", "test", "--request", "nothing"]);
    fail(&server, &["group", "purge", "--tenant", "test", "--request", &request]);
    let both = server.run(&["user", "purge", "--tenant", "test", &anna, "--request", &request]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let rows = server.run_json(&["user", "purge", "--tenant", "test", "--request", &request, "--json"]);
    let mut gone: Vec<_> = rows.as_array().expect("rows").clone();
    gone.sort_by_key(|row| row["id"].as_str().expect("an id").to_owned());
    assert_eq!(gone, [json!({"id": anna, "purged": true}), json!({"id": bert, "purged": true})]);
    // The other request's is left.
    let left = server.run_json(&["user", "deleted", "--tenant", "test", "--json"]);
    assert_eq!((left.as_array().map(Vec::len), &left[0]["id"]), (Some(1), &json!(carl)));
    let request = left[0]["request"].as_str().expect("a request");
    let table = server.run(&["user", "purge", "--tenant", "test", "--yes", "--request", request]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.starts_with("ID") && table.contains("PURGED") && table.contains(&carl), "{table}");
    fail(&server, &["user", "restore", "--tenant", "test", &carl]);
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn nothing_is_purged_by_hand_under_a_profile_without_local_edits() {
    let server = TestServer::start();
    server.run_json(&["tenant", "create", "strict", "--profile", "ipsie-al1", "--json"]);
    let id = "019a0b70-11ab-7000-8000-9f2b6c3d4e5f";
    for what in [&[id][..], &["--request", id]] {
        let refused = fail(&server, &[&["user", "purge", "--tenant", "strict"], what].concat());
        assert!(refused.contains("ipsie"), "{refused}");
    }
}
