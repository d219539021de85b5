//! Requests that are completed later (RFC 9967 §2.5.1).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Receiver, events};
use crate::{
    bounds::until_held,
    database::shared,
    server::{Client, Options, Response, TestServer, USER, on_postgres},
};

const COMPLETED: &str = "urn:ietf:params:scim:event:misc:asyncresp";
const ASYNC: (&str, &str) = ("prefer", "respond-async");

/// Asks for something that is completed later: where its completion is, and its `txn`.
async fn accepted(client: &Client, method: &str, path: &str, body: Option<&Value>) -> (String, String) {
    let answer = client.request(method, path, &[ASYNC], body).await.expect(202);
    assert_eq!((answer.text.as_str(), answer.header("preference-applied")), ("", "respond-async"));
    (answer.header("location").to_owned(), answer.header("set-txn").to_owned())
}

/// What the completion is, as soon as it is there.
async fn completed(client: &Client, location: &str) -> Response {
    for _ in 0..600 {
        let answer = client.get(location).await;
        if answer.status != 202 {
            return answer.expect(200);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{location} is not completed");
}

/// Its token, verified.
async fn result(receiver: &Receiver, client: &Client, location: &str, txn: &str) -> Value {
    let answer = completed(client, location).await;
    assert_eq!(answer.header("content-type"), "application/secevent+jwt");
    let claims = receiver.verified(&json!({"sets": {format!("c-{txn}"): answer.text}})).remove(0);
    assert_eq!((&claims["txn"], events(&claims)), (&json!(txn), vec![COMPLETED]));
    claims
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_accepted_and_its_completion_is_told() {
    let server = TestServer::with(Options::settings(json!({"announce_security_events": true})));
    let receiver = Receiver::of(&server).await;
    let stream =
        receiver.stream(json!({"events_requested": [COMPLETED, "urn:ietf:params:scim:event:prov:delete"]})).await;
    let client = server.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).json;
    assert_eq!(config["securityEvents"]["asyncRequest"], "request");

    let (location, txn) =
        accepted(&client, "POST", "/Users", Some(&json!({"schemas": [USER], "userName": "anna"}))).await;
    let created = result(&receiver, &client, &location, &txn).await;
    let uri = created["sub_id"]["uri"].as_str().expect("a path").to_owned();
    let done = &created["events"][COMPLETED];
    assert_eq!((&done["method"], &done["status"]), (&json!("POST"), &json!("201")));
    let anna = client.get(&uri).await.expect(200);
    assert_eq!((&anna.json["meta"]["version"], &anna.json["meta"]["location"]), (&done["version"], &done["location"]));

    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "title", "value": "x"}]});
    let (location, txn) = accepted(&client, "PATCH", &uri, Some(&patch)).await;
    assert_eq!(result(&receiver, &client, &location, &txn).await["events"][COMPLETED]["status"], "200");
    // What fails is told with the reason.
    let stale = [ASYNC, ("if-match", "W/\"1\"")];
    let body = json!({"schemas": [USER], "userName": "anna"});
    let answer = client.request("PUT", &uri, &stale, Some(&body)).await.expect(202);
    let failed = result(&receiver, &client, answer.header("location"), answer.header("set-txn")).await;
    let done = &failed["events"][COMPLETED];
    assert_eq!((&done["status"], &done["response"]["status"]), (&json!("412"), &json!("412")));
    assert_eq!(client.get(&uri).await.expect(200).json["title"], "x");
    let (location, deletion) = accepted(&client, "DELETE", &uri, None).await;
    assert_eq!(result(&receiver, &client, &location, &deletion).await["events"][COMPLETED]["status"], "204");

    // A stream tells the same, beside what has happened.
    let told = receiver.poll(&stream, json!({})).await;
    assert_eq!(told.len(), 5);
    assert_eq!(told.iter().filter(|one| one["txn"] == json!(deletion)).count(), 2);
    assert_eq!(told.last().expect("a token")["events"][COMPLETED]["method"], "DELETE");
    // What cannot be read is answered at once, and so is who does not ask.
    let answer = client.request("POST", "/Users", &[ASYNC], Some(&json!({"schemas": [USER]}))).await;
    assert!([202, 400].contains(&answer.status));
    assert_eq!(client.request("POST", "/Cats", &[ASYNC], Some(&body)).await.status, 404);
    assert_eq!(client.request("POST", "/Users", &[("prefer", "wait=5")], Some(&body)).await.status, 201);
    // Nobody else's business.
    let other = server.run_json(&["token", "create", "--tenant", "test", "--name", "other", "--json"]);
    let other = client.with_token(other["token"].as_str().expect("a token"));
    assert_eq!(other.get(&location).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_has_the_answer_itself() {
    let server = TestServer::start();
    let client = server.client();
    let wait = [("prefer", "respond-async, wait=30")];
    let body = json!({"schemas": [USER], "userName": "anna"});
    let made = client.request("POST", "/Users", &wait, Some(&body)).await.expect(201);
    assert_eq!((&made.json["userName"], made.header("set-txn")), (&json!("anna"), ""));
    assert_eq!(client.request("POST", "/Users", &wait, Some(&body)).await.status, 409);
    let path = format!("/Users/{}", made.json["id"].as_str().expect("an id"));
    assert_eq!(client.request("DELETE", &path, &wait, None).await.status, 204);
}

/// Whose time is over before the request is done is told where its completion will be. In a database its work can be held up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_waited_for_long_enough_is_told_where_the_completion_will_be() {
    if !on_postgres() {
        return;
    }
    let server = TestServer::start();
    let (receiver, client) = (Receiver::of(&server).await, server.client());
    client.user("before").await;
    let schema = server.store().and_then(|url| url.rsplit("%3D").next()).expect("a schema").to_owned();
    // Somebody has the tenant's row until there is a row in that table.
    shared().sql(&format!("CREATE TABLE {schema}.let_go ()"));
    let hold = format!(
        "DO $$ BEGIN PERFORM 1 FROM {schema}.tenant_log WHERE tenant = '{}' FOR UPDATE; \
         WHILE NOT EXISTS (SELECT FROM {schema}.let_go) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$",
        server.tenant()
    );
    let holding = tokio::task::spawn_blocking(move || shared().sql(&hold));
    until_held(&schema).await;
    let wait = [("prefer", "respond-async, wait=1")];
    let body = json!({"schemas": [USER], "userName": "anna"});
    let answer = client.request("POST", "/Users", &wait, Some(&body)).await.expect(202);
    let (location, txn) = (answer.header("location").to_owned(), answer.header("set-txn").to_owned());
    assert_eq!((answer.text.as_str(), client.get(&location).await.status), ("", 202));
    shared().sql(&format!("INSERT INTO {schema}.let_go DEFAULT VALUES"));
    holding.await.expect("the other");
    let told = result(&receiver, &client, &location, &txn).await;
    assert_eq!(told["events"][COMPLETED]["status"], "201");
}

/// A bulk request of so many users, of whom the second has the name of the first.
fn bulk(users: usize) -> Value {
    let operations: Vec<_> = (0..users)
        .map(|i| {
            let name = format!("user{}", if i == 1 { 0 } else { i });
            json!({"method": "POST", "path": "/Users", "bulkId": format!("b{i}"), "data": {"schemas": [USER], "userName": name}})
        })
        .collect();
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_done_once_whatever_is_killed() {
    let mut server = TestServer::start();
    let mut receiver = Receiver::of(&server).await;
    let client = server.client();
    let (_, txn) = accepted(&client, "POST", "/Bulk", Some(&bulk(60))).await;
    let mut single = Vec::new();
    for i in 0..20 {
        let body = json!({"schemas": [USER], "userName": format!("single{i}")});
        single.push(accepted(&client, "POST", "/Users", Some(&body)).await.1);
    }
    server.kill();
    server.launch();
    server.kill();
    server.launch();
    receiver.discover(&server).await;
    let client = server.client();
    let at = |txn: &str| {
        let issuer = receiver.metadata["issuer"].as_str().expect("a URL");
        format!("{issuer}/ssf/v1/completions/{txn}")
    };
    for txn in &single {
        let claims = result(&receiver, &client, &at(txn), txn).await;
        assert_eq!(claims["events"][COMPLETED]["status"], "201");
    }
    // Of a bulk request each operation is told, by its number.
    let sets = completed(&client, &at(&txn)).await.json;
    let told = receiver.verified(&sets);
    assert_eq!(told.len(), 60);
    for (i, claims) in told.iter().enumerate() {
        let done = &claims["events"][COMPLETED];
        // Tried before the server was killed, it has lost its answer, and is not tried again.
        let expected = if i == 1 { ["409", "412"] } else { ["201"; 2] };
        assert_eq!((&claims["txn"], &done["bulkId"]), (&json!(format!("{txn}:{i}")), &json!(format!("b{i}"))));
        assert!(expected.contains(&done["status"].as_str().unwrap_or_default()), "{claims}");
    }
    // Nothing was done or told twice.
    let log: Value = receiver
        .client
        .get(&format!("{}/events/v1?limit=1000", receiver.metadata["issuer"].as_str().expect("a URL")))
        .await
        .expect(200)
        .json;
    let count =
        |kind: &str| log["events"].as_array().expect("events").iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("scim.user.created"), count("request.completed")), (79, 80));
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["totalResults"], 79);
    assert!(server.run(&["check"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bulk_request_deleted_later_is_restored_by_its_id() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let client = server.client();
    let mut operations = Vec::new();
    for name in ["anna", "bert"] {
        let made = client.post("/Users", &json!({"schemas": [USER], "userName": name})).await.expect(201).json;
        operations.push(json!({"method": "DELETE", "path": format!("/Users/{}", made["id"].as_str().expect("an id"))}));
    }
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let (location, txn) = accepted(&client, "POST", "/Bulk", Some(&bulk)).await;
    completed(&receiver.client, &location).await;
    let all = &["user", "deleted", "--tenant", "test", "--request", &txn, "--json"];
    assert_eq!(server.run_json(all).as_array().map(Vec::len), Some(2));
    let one = &["user", "deleted", "--tenant", "test", "--request", &format!("{txn}:1"), "--json"];
    assert_eq!(server.run_json(one).as_array().map(Vec::len), Some(1));
    assert!(server.run(&["user", "restore", "--tenant", "test", "--request", &txn]).status.success());
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["totalResults"], 2);
}

/// A change that is none leaves nothing in the log. It must not be done after those that followed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_nothing_is_not_done_behind_what_followed() {
    let mut server = TestServer::start();
    let mut receiver = Receiver::of(&server).await;
    let client = server.client();
    let mut operations = Vec::new();
    for number in 0..60 {
        let user = json!({"schemas": [USER], "userName": format!("user{number}"), "title": "a"});
        let made = client.post("/Users", &user).await.expect(201).json;
        for title in ["a", "b"] {
            let patch = json!([{"op": "replace", "path": "title", "value": title}]);
            let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": patch});
            let path = format!("/Users/{}", made["id"].as_str().expect("an id"));
            operations.push(json!({"method": "PATCH", "path": path, "data": patch}));
        }
    }
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let (_, txn) = accepted(&client, "POST", "/Bulk", Some(&bulk)).await;
    // It is killed when some are done.
    for _ in 0..2000 {
        let done = client.get("/Users?filter=title%20eq%20%22b%22&count=0").await.expect(200).json;
        if done["totalResults"].as_u64() > Some(10) {
            break;
        }
    }
    server.kill();
    server.launch();
    receiver.discover(&server).await;
    let issuer = receiver.metadata["issuer"].as_str().expect("a URL");
    completed(&receiver.client, &format!("{issuer}/ssf/v1/completions/{txn}")).await;
    let done = server.client().get("/Users?filter=title%20eq%20%22b%22&count=0").await.expect(200).json;
    assert_eq!(done["totalResults"], 60);
}

/// A body that is allowed finds room, also where the memory is as small as it may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_body_is_accepted() {
    let memory = ["--max-body", "256KiB", "--bulk-max-body", "256KiB", "--request-memory", "1MiB"];
    let server = TestServer::with(Options::args(&memory));
    let client = server.client();
    let mut largest = bulk(3);
    largest["padding"] = "x".repeat(250 * 1024).into();
    let (location, _) = accepted(&client, "POST", "/Bulk", Some(&largest)).await;
    assert_eq!(completed(&client, &location).await.json["sets"].as_object().map(serde_json::Map::len), Some(3));
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_as_at_once() {
    let server = TestServer::start();
    let client = server.client();
    for (method, path) in [("POST", "/Users"), ("PUT", "/Users/1"), ("PATCH", "/Users/1")] {
        let refused = client.request(method, path, &[ASYNC], Some(&json!([{"op": "remove"}]))).await;
        let refused = refused.expect_error(400, Some("invalidSyntax"));
        assert_eq!(refused.json["detail"], "The body must be a JSON object.");
    }
}
