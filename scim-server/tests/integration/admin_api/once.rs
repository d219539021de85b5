//! A request with a key is done once, whatever happens between its repetitions.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Api, items, named, problem};
use crate::server::{PATIENCE, Response, TestServer, USER, on_postgres};

const TENANTS: &str = "/tenants";
const USERS: &str = "/tenants/test/resources/User";

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

/// A repetition, as soon as it is known that whoever had begun the request is gone.
async fn again(api: &Api, path: &str, key: &str, body: &Value) -> Response {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = api.asking("POST", path, Some(body.clone()), &[("idempotency-key", key)]).await;
        if answer.status != 409 || Instant::now() > end {
            return answer;
        }
        problem(&answer, 409, "has no answer yet");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What was asked for in a round: the path, the body, and what it has made by now.
fn asked(round: u64, api: &Api) -> (String, Value, impl AsyncFn() -> usize) {
    let name = format!("made{round}");
    let (path, list, field) = match round % 4 {
        0 => (TENANTS.to_owned(), TENANTS.to_owned(), "tenant"),
        1 => ("/tenants/test/tokens".to_owned(), "/tenants/test/tokens".to_owned(), "name"),
        2 => (USERS.to_owned(), USERS.to_owned(), "userName"),
        _ => ("/webhooks".to_owned(), "/webhooks".to_owned(), "url"),
    };
    let url = format!("https://{name}.example/");
    let (body, wanted) = match round % 4 {
        0 => (json!({"name": name, "token_seconds": 3600}), name),
        1 => (json!({"name": name}), name),
        2 => (json!({"resource": {"schemas": [USER], "userName": name}, "force": true}), name),
        _ => (json!({"url": url}), url),
    };
    let api = api.clone();
    let made = async move || {
        let all = api.get(&list).await.expect(200);
        items(&all).iter().filter(|one| one[field].as_str() == Some(wanted.as_str())).count()
    };
    (path, body, made)
}

/// Killed in the middle, a request was done, or it was not. A repetition does it, or says what was done: never is it
/// done twice, and never has anybody to look first.
#[tokio::test]
async fn a_request_that_was_cut_off_is_done_once() {
    let mut server = TestServer::start();
    for round in 0..8_u64 {
        let key = format!("key{round}");
        let api = Api::root(&server);
        let (path, body, _) = asked(round, &api);
        let begun = tokio::spawn({
            let (api, key, path, body) = (api.clone(), key.clone(), path.clone(), body.clone());
            async move {
                let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
                let authorization = api.0.authorization();
                let headers = [&headers[..], &[("authorization", authorization.as_str())]].concat();
                api.0.try_send("POST", &path, &headers, Some(body.to_string())).await
            }
        });
        // Sooner and later in the course of it.
        tokio::time::sleep(Duration::from_millis(round / 4 * 4 + round % 3)).await;
        server.kill();
        let first = begun.await.expect("the request");
        server.launch();
        let api = Api::root(&server);
        let (path, body, made) = asked(round, &api);
        let second = again(&api, &path, &key, &body).await;
        assert_eq!(made().await, 1, "{path}: {}", second.text);
        match first {
            Ok(first) => assert_eq!((first.status, &second.json), (201, &first.json), "{}", second.text),
            Err(_) if second.status == 201 => {}
            Err(_) => problem(&second, 410, "cut off"),
        }
        let third = again(&api, &path, &key, &body).await;
        assert_eq!((third.status, &third.json), (second.status, &second.json));
    }
    server.stop();
    assert!(server.run(&["check"]).status.success());
}

/// Of two processes on a store, the one that is left goes on with what the other has begun.
#[tokio::test]
async fn another_process_goes_on_with_what_was_cut_off() {
    if !on_postgres() {
        return;
    }
    let other = TestServer::start();
    for round in 0..2_u64 {
        let mut server = other.beside();
        let key = format!("shared{round}");
        let begun = tokio::spawn({
            let (api, key) = (Api::root(&server), key.clone());
            async move {
                let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
                let authorization = api.0.authorization();
                let headers = [&headers[..], &[("authorization", authorization.as_str())]].concat();
                let body = json!({"name": key, "token_seconds": 3600}).to_string();
                api.0.try_send("POST", TENANTS, &headers, Some(body)).await
            }
        });
        tokio::time::sleep(Duration::from_millis(3 + round * 4)).await;
        server.kill();
        let _ = begun.await.expect("the request");
        let api = Api::root(&other);
        let second = again(&api, TENANTS, &key, &json!({"name": key, "token_seconds": 3600})).await;
        assert!(matches!(second.status, 201 | 410), "{} {}", second.status, second.text);
        let there = items(&api.get(TENANTS).await).iter().filter(|tenant| tenant["tenant"] == key.as_str()).count();
        assert_eq!(there, 1);
    }
}
