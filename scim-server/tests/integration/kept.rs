//! What is kept of the deleted goes along with exports and backups, and counts for quotas when it returns.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    database::shared,
    server::{Client, Options, TestServer, USER, on_postgres, run},
};

/// A user in a group who was deleted, and a group that was deleted with its member.
struct Gone {
    anna: String,
    bert: String,
    staff: String,
    lost: String,
}

impl Gone {
    async fn new(client: &Client) -> Self {
        let user = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1", "password": "T0p-secret-long"});
        let anna = client.post("/Users", &user).await.expect(201).id();
        let bert = client.user("bert").await;
        let staff = client.group("Staff", &[anna.clone(), bert.clone()]).await;
        let lost = client.group("Lost", std::slice::from_ref(&bert)).await;
        client.delete(&format!("/Users/{anna}")).await.expect(204);
        client.delete(&format!("/Groups/{lost}")).await.expect(204);
        Self { anna, bert, staff, lost }
    }

    /// Restores both, in a server that has the tenant.
    async fn returns(&self, server: &TestServer) {
        for (kind, id) in [("user", &self.anna), ("group", &self.lost)] {
            let kept = server.run_json(&[kind, "deleted", "--tenant", "test", "--json"]);
            assert_eq!((kept.as_array().map(Vec::len), &kept[0]["id"]), (Some(1), &json!(id)), "{kept}");
            server.run_json(&[kind, "restore", "--tenant", "test", id, "--json"]);
        }
        let client = server.client();
        assert_eq!(client.members(&self.staff).await, [self.anna.clone(), self.bert.clone()]);
        assert_eq!(client.members(&self.lost).await, std::slice::from_ref(&self.bert));
        let anna = client.find("/Users", "userName eq \"anna\"").await.expect(200);
        assert_eq!((anna.ids(), &anna.json["Resources"][0]["externalId"]), (vec![self.anna.clone()], &json!("e-1")));
        assert_eq!(server.run_json(&["check", "--json"]), json!([]));
    }
}

fn good(outcome: &std::process::Output) {
    assert!(outcome.status.success(), "{outcome:?}");
}

/// A server on that directory, or database, which has the tenant of another one.
fn there(other: &TestServer, directory: TempDir, store: Option<String>) -> TestServer {
    let path = format!("/{}/scim/v2", other.tenant());
    TestServer::at(&Arc::new(directory), &path, other.token(), store)
}

#[tokio::test]
async fn an_export_has_what_was_deleted() {
    let server = TestServer::start();
    let gone = Gone::new(&server.client()).await;
    let file = server.scratch("export.jsonl");
    let file = file.to_str().expect("a path");
    good(&server.run(&["export", "--tenant", "test", file]));
    // Into another store.
    let (elsewhere, store) = (tempfile::tempdir().expect("a directory"), on_postgres().then(|| shared().schema()));
    let into: Vec<_> = store.iter().flat_map(|store| ["--store", store]).collect();
    good(&run(elsewhere.path(), &[&["init", "--tenant", "another"], &into[..]].concat()));
    good(&run(elsewhere.path(), &[&["import", file], &into[..]].concat()));
    let other = there(&server, elsewhere, store);
    gone.returns(&other).await;
    // A POST finds it, too: the tenant's tokens come along.
    other.client().delete(&format!("/Users/{}", gone.anna)).await.expect(204);
    let user = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1"});
    assert_eq!(other.client().post("/Users", &user).await.expect(201).id(), gone.anna);
    // And in the place of what is there.
    good(&server.run(&["import", "--replace", file]));
    gone.returns(&server).await;
}

#[tokio::test]
async fn a_backup_has_what_was_deleted() {
    let server = TestServer::start();
    let gone = Gone::new(&server.client()).await;
    let file = server.scratch("backup.jsonl");
    let file = file.to_str().expect("a path");
    good(&server.run(&["backup", file]));
    let elsewhere = tempfile::tempdir().expect("a directory");
    good(&run(elsewhere.path(), &["restore", file]));
    gone.returns(&there(&server, elsewhere, None)).await;
}

#[tokio::test]
async fn nobody_returns_above_the_quota() {
    let server = TestServer::with(Options::settings(json!({"quotas": {"User": 1}})));
    let client = server.client();
    let user = |name: &str| json!({"schemas": [USER], "userName": name, "externalId": name});
    let anna = client.post("/Users", &user("anna")).await.expect(201).id();
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let bert = client.post("/Users", &user("bert")).await.expect(201).id();
    let refused = server.run(&["user", "restore", "--tenant", "test", &anna]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("quota") && said.contains("quotas.User"), "{said}");
    let answer = client.post("/Users", &user("anna")).await.expect_error(403, None);
    assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains("quotas.User")), "{}", answer.text);
    // What is refused is still kept.
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    let restored: Value = server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
    assert_eq!(restored["id"], json!(anna));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
