//! The life of clients, secrets and tokens: rotation, the ends of each, restarts, two processes, exports.

use std::time::{Duration, Instant};

use super::{GRANT, OAuth, refused};
use crate::{
    database::shared,
    server::{Client, Options, TestServer},
};

/// How long another process may take to see a change, with room for a slow machine.
const SOON: Duration = Duration::from_secs(60);

async fn becomes(client: &Client, status: u16) {
    let deadline = Instant::now() + SOON;
    while client.get("/Users").await.status != status {
        assert!(Instant::now() < deadline, "the status does not become {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn secret_ids(server: &TestServer, client: &str) -> Vec<String> {
    let shown = server.run_json(&["client", "show", "--tenant", "test", client, "--json"]);
    let secrets = shown["secrets"].as_array().unwrap_or_else(|| panic!("no secrets: {shown}"));
    secrets.iter().filter_map(|secret| secret["secret_id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_secret_is_rotated_with_overlap() {
    let server = TestServer::start();
    let old = OAuth::create(&server, "entra", &["--lifetime", "730d"]);
    let by_old = old.scim().await;
    let made = server.run_json(&["client", "rotate", "--tenant", "test", "entra", "--overlap", "30d", "--json"]);
    assert!(made["previous"]["expires"].as_str() < made["expires"].as_str(), "{made}");
    let new = OAuth::of(&server, &made);
    assert_eq!(new.id, old.id);
    assert_ne!(new.secret, old.secret);
    let by_new = new.scim().await;
    by_old.get("/Users").await.expect(200);
    old.token().await;

    let third = server.run(&["client", "rotate", "--tenant", "test", "ENTRA"]);
    assert!(String::from_utf8_lossy(&third.stderr).contains("client secret delete"), "{third:?}");
    let ids = secret_ids(&server, "entra");
    server.run_json(&["client", "secret", "delete", "--tenant", "test", "entra", &ids[0], "--json"]);
    refused(old.ask("/token", &[GRANT]).await, 401, "invalid_client");
    by_old.get("/Users").await.expect_error(401, None);
    by_new.get("/Users").await.expect(200);
    let long = server.run(&["client", "rotate", "--tenant", "test", "entra", "--lifetime", "1461d"]);
    assert!(String::from_utf8_lossy(&long.stderr).contains("three years"), "{long:?}");
}

#[tokio::test]
async fn a_secret_or_token_that_has_ended_lets_nobody_in() {
    let server = TestServer::with(Options::args(&["--access-token-lifetime", "2s"]));
    let client = OAuth::create(&server, "entra", &[]);
    let scim = client.scim().await;
    scim.get("/Users").await.expect(200);
    becomes(&scim, 401).await;
    // A token never outlives its secret.
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &["--lifetime", "3s"]);
    let answer = client.ask("/token", &[GRANT]).await.expect(200);
    assert!(answer.json["expires_in"].as_i64().is_some_and(|seconds| seconds <= 3), "{}", answer.text);
    let scim = server.client().with_token(&super::access_token(&answer));
    becomes(&scim, 401).await;
    refused(client.ask("/token", &[GRANT]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_disabled_or_deleted_client_is_out_at_once() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &[]);
    let scim = client.scim().await;
    server.run_json(&["client", "disable", "--tenant", "test", "entra", "--json"]);
    scim.get("/Users").await.expect_error(401, None);
    refused(client.ask("/token", &[GRANT]).await, 401, "invalid_client");
    server.run_json(&["client", "enable", "--tenant", "test", &client.id, "--json"]);
    scim.get("/Users").await.expect(200);
    server.run_json(&["tenant", "disable", "test", "--json"]);
    scim.get("/Users").await.expect_error(403, None);
    refused(client.ask("/token", &[GRANT]).await, 403, "unauthorized_client");
    server.run_json(&["tenant", "enable", "test", "--json"]);
    let taken = server.run(&["client", "create", "--tenant", "test", "--name", "Entra"]);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("already"), "{taken:?}");
    server.run_json(&["client", "delete", "--tenant", "test", "entra", "--json"]);
    scim.get("/Users").await.expect_error(401, None);
    refused(client.ask("/token", &[GRANT]).await, 401, "invalid_client");
    assert_eq!(server.run_json(&["client", "list", "--tenant", "test", "--json"]), serde_json::json!([]));
    OAuth::create(&server, "entra", &[]).token().await;
    let sound = server.run(&["check"]);
    assert!(sound.status.success(), "{sound:?}");
}

#[tokio::test]
async fn a_token_survives_a_kill_and_the_last_use_a_stop() {
    let mut server = TestServer::start();
    let client = OAuth::create(&server, "entra", &[]);
    let (token, given_back) = (client.token().await, client.token().await);
    client.ask("/revoke", &[("token", &given_back)]).await.expect(200);
    server.kill();
    server.launch();
    server.client().with_token(&token).get("/Users").await.expect(200);
    server.client().with_token(&given_back).get("/Users").await.expect_error(401, None);
    assert!(server.stop().success());
    // The store alone knows of the use, too.
    let shown = server.run_json(&["client", "show", "--tenant", "test", "entra", "--json"]);
    assert!(shown["secrets"][0]["last_used"].as_str().is_some(), "{shown}");
    let rotated = server.run_json(&["client", "rotate", "--tenant", "test", "entra", "--json"]);
    server.launch();
    OAuth::of(&server, &rotated).token().await;
    server.client().with_token(&token).get("/Users").await.expect(200);
}

#[tokio::test]
async fn an_export_has_the_clients_and_nothing_that_makes_tokens() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &[]);
    let token = client.token().await;
    client.ask("/revoke", &[("token", &client.token().await)]).await.expect(200);
    let (all, one) = (server.scratch("all.jsonl"), server.scratch("one.jsonl"));
    let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    for args in [["--all", &path(&all)].as_slice(), &["--tenant", "test", &path(&one)]] {
        let done = server.run(&[&["export"], args].concat());
        assert!(done.status.success(), "{done:?}");
    }
    for path in [&all, &one] {
        let text = std::fs::read_to_string(path).expect("the export");
        assert!(text.contains(&client.id), "{text}");
        for word in ["AccessTokenKey", "scimcs_", "scimat_"] {
            assert!(!text.contains(word), "{word}");
        }
    }
    // In another store the secret is good, and a token of the first is not.
    for path in [&all, &one] {
        let other = TestServer::start();
        other.run(&["tenant", "delete", "test", "--force", "--yes"]);
        let done = other.run(&["import", path.to_str().expect("a path")]);
        assert!(done.status.success(), "{done:?}");
        let moved = OAuth { base: client.base.replace(server.origin(), other.origin()), ..client.clone() };
        let token_there = moved.token().await;
        let base = format!("{}/{}/scim/v2", other.origin(), server.tenant());
        Client::new(&base, &token_there).get("/Users").await.expect(200);
        Client::new(&base, &token).get("/Users").await.expect_error(401, None);
        let sound = other.run(&["check"]);
        assert!(sound.status.success(), "{sound:?}");
    }
    // The tenant as it was, in its own place: clients made since are gone.
    let later = OAuth::create(&server, "later", &[]);
    let done = server.run(&["import", "--replace", one.to_str().expect("a path")]);
    assert!(done.status.success(), "{done:?}");
    client.token().await;
    refused(later.ask("/token", &[GRANT]).await, 401, "invalid_client");
    let sound = server.run(&["check"]);
    assert!(sound.status.success(), "{sound:?}");
}

#[tokio::test]
async fn a_tenant_with_clients_is_not_deleted_by_mistake() {
    let server = TestServer::start();
    let made = server.run_json(&["tenant", "create", "other", "--json"]);
    server.run_json(&["client", "create", "--tenant", "other", "--name", "entra", "--json"]);
    let kept = server.run(&["tenant", "delete", "other", "--yes"]);
    assert!(String::from_utf8_lossy(&kept.stderr).contains("client delete"), "{kept:?}");
    assert!(server.run(&["tenant", "delete", "other", "--force", "--yes"]).status.success());
    let gone = server.run(&["client", "list", "--tenant", made["tenant_id"].as_str().expect("an id")]);
    assert!(!gone.status.success(), "{gone:?}");
    let sound = server.run(&["check"]);
    assert!(sound.status.success(), "{sound:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_each_knows_what_the_other_has_issued_and_ended() {
    let one = TestServer::with(Options { store: Some(shared().schema()), ..Options::default() });
    let other = one.beside();
    let client = OAuth::create(&one, "entra", &[]);
    let (token, given_back) = (client.token().await, client.token().await);
    let there = |token: &str| other.client().with_token(token);
    // The client is new there, so its token may come before it.
    becomes(&there(&token), 200).await;
    there(&given_back).get("/Users").await.expect(200);
    client.at(&other).token().await;

    client.ask("/revoke", &[("token", &given_back)]).await.expect(200);
    one.client().with_token(&given_back).get("/Users").await.expect_error(401, None);
    becomes(&there(&given_back), 401).await;
    one.run_json(&["client", "delete", "--tenant", "test", "entra", "--json"]);
    one.client().with_token(&token).get("/Users").await.expect_error(401, None);
    becomes(&there(&token), 401).await;
    refused(client.at(&other).ask("/token", &[GRANT]).await, 401, "invalid_client");
}
