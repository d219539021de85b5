//! A request with a key is done once, whatever happens between its repetitions.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Api, items, named, problem};
use crate::server::{Response, TestServer, on_postgres};

const TENANTS: &str = "/tenants";

async fn create(api: &Api, key: &str, body: Value) -> Response {
    api.asking("POST", TENANTS, Some(body), &[("idempotency-key", key)]).await
}

fn acme() -> Value {
    json!({"name": "acme", "token_seconds": 3600})
}

/// Whether a file below the folder has the words.
fn is_written(folder: &Path, words: &str) -> bool {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return is_written(&path, words);
        }
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer_also_after_a_kill() {
    let mut server = TestServer::start();
    let api = Api::root(&server);
    let made = create(&api, "\"7f3c-1\"", acme()).await.expect(201);
    let token = made.json["token"].as_str().expect("a token").to_owned();
    let again = create(&api, "7f3c-1", acme()).await.expect(201);
    assert_eq!((&again.json, again.header("idempotent-replayed")), (&made.json, "true"));
    problem(&create(&api, "7f3c-1", json!({"name": "other"})).await, 422, "another key");
    problem(&create(&api, "", acme()).await, 400, "Idempotency-Key");
    problem(&create(&api, "a b", acme()).await, 400, "Idempotency-Key");
    // What was refused is refused again, though it could be done by now.
    problem(&create(&api, "early", json!({"name": "acme"})).await, 409, "already a tenant");
    api.delete("/tenants/acme?force=true").await.expect(200);
    problem(&create(&api, "early", json!({"name": "acme"})).await, 409, "already a tenant");
    // Keys of others are others.
    let other = named(&server, "backend", "administrator");
    assert_eq!(create(&other, "7f3c-1", json!({"name": "theirs"})).await.expect(201).json["tenant"], "theirs");

    server.kill();
    assert!(on_postgres() || !is_written(server.data(), &token), "a token is in the store as it is");
    server.launch();
    let api = Api::root(&server);
    let again = create(&api, "7f3c-1", acme()).await.expect(201);
    assert_eq!(again.json, made.json);
    // It was not done again.
    assert!(items(&api.get(TENANTS).await).iter().all(|tenant| tenant["tenant"] != "acme"));
    if on_postgres() {
        let beside = server.beside();
        // The root of another process is the same administrator.
        assert_eq!(create(&Api::root(&beside), "7f3c-1", acme()).await.expect(201).json, made.json);
    }
}

#[tokio::test]
async fn what_may_not_be_done_may_be_tried_again() {
    let server = TestServer::start();
    let viewer = named(&server, "app", "viewer");
    problem(&create(&viewer, "k", acme()).await, 403, "needs the role");
    Api::root(&server).delete("/admin-tokens/app").await.expect(200);
    let now = named(&server, "app", "administrator");
    create(&now, "k", acme()).await.expect(201);
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let server = TestServer::start();
    let api = Api::root(&server);
    let many = join_all((0..16).map(|_| create(&api, "one", acme()))).await;
    let done: Vec<_> = many.iter().filter(|answer| answer.status == 201).collect();
    assert!(!done.is_empty() && done.iter().all(|answer| answer.json == done[0].json));
    for other in many.iter().filter(|answer| answer.status != 201) {
        problem(other, 409, "has no answer yet");
    }
    assert_eq!(create(&api, "one", acme()).await.expect(201).json, done[0].json);
}

/// Killed in the middle, a request was done, or it was not: a repetition never does it twice, and never tells what is
/// not so.
#[tokio::test]
async fn a_request_that_was_cut_off_is_never_done_twice() {
    let mut server = TestServer::start();
    for number in 0..6_u64 {
        let (name, key) = (format!("tenant{number}"), format!("key{number}"));
        let body = || json!({"name": name, "token_seconds": 3600});
        let api = Api::root(&server);
        let begun = tokio::spawn({
            let (api, key, body) = (api.clone(), key.clone(), body());
            async move {
                let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
                let authorization = api.0.authorization();
                let headers = [&headers[..], &[("authorization", authorization.as_str())]].concat();
                api.0.try_send("POST", TENANTS, &headers, Some(body.to_string())).await
            }
        });
        tokio::time::sleep(Duration::from_millis(number * 3)).await;
        server.kill();
        let first = begun.await.expect("the request");
        server.launch();
        let api = Api::root(&server);
        let again = create(&api, &key, body()).await;
        let there = items(&api.get(TENANTS).await).iter().filter(|tenant| tenant["tenant"] == name.as_str()).count();
        match (first, again.status) {
            (Ok(first), _) => assert_eq!((first.status, &again.json, there), (201, &first.json, 1), "{}", again.text),
            (Err(_), 201) => assert_eq!(there, 1),
            (Err(_), _) => problem(&again, 409, "server was stopped in the middle"),
        }
    }
}
