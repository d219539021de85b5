//! Nobody is named: a value that stands for a person's is put into every position of every shape of
//! request, and is found in no audit record, in no row of the request log, in no line of the operator's log, at any
//! level, and in no span.
//!
//! Positions are found by walking through requests that are right: each string, number and key of a
//! body at every depth, each part of a filter and of a path, each parameter and header.

use std::fs;

use futures_util::{StreamExt as _, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::{
    server::{Client, ENTERPRISE, Options, TestServer, USER, patch_body},
    traces::collector::Collector,
};

/// What is planted, in the forms that values have. Each has the same letters in it.
const PLANTS: [&str; 6] = [
    "zq7canary",
    "zq7canary@example.com",
    "Zq7canary O'Neill",
    "urn:zq7canary",
    "zq7canary\"x",
    "\u{201c}zq7canary\u{201d}",
];
/// A number that no record shows: a telephone number.
const NUMBER: u64 = 15_551_234_567;

struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

fn request(method: &'static str, path: impl Into<String>, body: Value) -> Request {
    Request { method, path: path.into(), body: Some(body).filter(|body| !body.is_null()) }
}

/// The document with the plant in one position, for each position.
fn planted(document: &Value, plant: &str) -> Vec<Value> {
    let mut all = vec![if document.is_number() { json!(NUMBER) } else { Value::from(plant) }];
    match document {
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                for planted in planted(element, plant) {
                    let mut changed = elements.clone();
                    changed[at] = planted;
                    all.push(changed.into());
                }
            }
        }
        Value::Object(members) => {
            let with = |key: &str, value: Value| {
                let mut changed = members.clone();
                changed.insert(key.to_owned(), value);
                Value::from(changed)
            };
            all.push(with(plant, json!(1)));
            for (key, value) in members {
                all.extend(planted(value, plant).into_iter().map(|planted| with(key, planted)));
                let renamed = |old: &String| if old == key { plant.to_owned() } else { old.clone() };
                all.push(
                    members.iter().map(|(key, value)| (renamed(key), value.clone())).collect::<Map<_, _>>().into(),
                );
            }
        }
        _ => {}
    }
    all
}

/// Filters and paths with the plant in each part.
fn expressions(plant: &str) -> Vec<String> {
    [
        "#",
        "# eq 1",
        "userName # 1",
        "userName eq #",
        "userName eq \"#\"",
        "userName eq '#'",
        "userName eq \"a\" #",
        "userName eq \"a\" and # pr",
        "emails[# pr]",
        "emails[type eq #].value",
        "emails[type eq \"#\"].value",
        "emails[type eq \"work\"].#",
        "name.#",
        "#.name",
        "#:userName",
        "urn:ietf:params:scim:schemas:core:2.0:User:#",
        "urn:ietf:params:scim:schemas:#:userName",
        "not (# eq \"a\")",
    ]
    .iter()
    .map(|form| form.replace('#', plant))
    .collect()
}

fn bodies(user: &str, group: &str) -> Vec<Request> {
    let person = json!({
        "schemas": [USER], "id": "x", "externalId": "e", "userName": "u", "active": true, "displayName": "d",
        "name": {"familyName": "f", "givenName": "g"}, "emails": [{"value": "e", "type": "work", "primary": true}],
        "meta": {"resourceType": "User", "created": "t", "lastModified": "t", "location": "l", "version": "v"},
        "detail": "x", "status": "x", "scimType": "x", "filter": "x", "path": "x", "op": "x", "method": "x",
        "password": "p", ENTERPRISE: {"department": "d", "manager": {"value": "m", "$ref": "r"}},
    });
    let operation = json!({"op": "replace", "path": "name.familyName", "value": {"familyName": "f"}});
    let bulk = json!({"schemas": ["s"], "failOnErrors": 1, "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "b", "version": "v", "data": {"userName": "u"}},
    ]});
    let search = json!({"schemas": ["s"], "filter": "f", "attributes": ["a"], "excludedAttributes": ["e"],
        "sortBy": "s", "sortOrder": "o", "startIndex": 1, "count": 1, "cursor": "c"});
    vec![
        request("POST", "/Users", person.clone()),
        request("PUT", format!("/Users/{user}"), person),
        request("PATCH", format!("/Users/{user}"), patch_body(&json!([operation]))),
        request("POST", "/Groups", json!({"displayName": "g", "members": [{"value": "m", "type": "t", "$ref": "r"}]})),
        request(
            "PATCH",
            format!("/Groups/{group}"),
            patch_body(&json!([{"op": "add", "path": "members", "value": [{"value": "m"}]}])),
        ),
        request("POST", "/Bulk", bulk),
        request("POST", "/.search", search),
    ]
}

/// What has the plant in its URL, or in a place of a body that a walk does not come to.
fn others(user: &str, plant: &str) -> Vec<Request> {
    let encoded = utf8_percent_encode(plant, NON_ALPHANUMERIC).to_string();
    let get = |path: String| request("GET", path, Value::Null);
    let mut all: Vec<_> =
        ["/#", "/Users/#", "/Users/#/#", "/#/x", "/Schemas/#", "/ResourceTypes/#", "/Me/#", "/Users?#=1", "/Users?#"]
            .iter()
            .map(|path| get(path.replace('#', &encoded)))
            .collect();
    all.push(request("DELETE", format!("/Users/{encoded}"), Value::Null));
    all.push(request("DELETE", "/Users", Value::Null));
    let parameters = [
        "filter",
        "attributes",
        "excludedAttributes",
        "sortBy",
        "sortOrder",
        "startIndex",
        "count",
        "cursor",
        "access_token",
    ];
    all.extend(parameters.iter().map(|name| get(format!("/Users?{name}={encoded}"))));
    all.extend(["startIndex", "count"].iter().map(|name| get(format!("/Users?{name}={NUMBER}"))));
    for expression in expressions(plant) {
        let encoded = utf8_percent_encode(&expression, NON_ALPHANUMERIC).to_string();
        all.push(get(format!("/Users?filter={encoded}")));
        all.push(get(format!("/Users?attributes={encoded}")));
        all.push(get(format!("/Users?sortBy={encoded}")));
        all.push(request("POST", "/Users/.search", json!({ "filter": expression })));
        let patch = |operation: Value| request("PATCH", format!("/Users/{user}"), patch_body(&json!([operation])));
        all.push(patch(json!({"op": "remove", "path": expression})));
        all.push(patch(json!({"op": "add", "path": expression, "value": "v"})));
        all.push(patch(json!({"op": "replace", "value": {expression: "v"}})));
    }
    for path in ["/Users/#", "/Users/bulkId:#", "/#", "#", "/Users/#/#", "/Groups/bulkId:#?#", "https://#/Users"] {
        let path = path.replace('#', plant);
        for method in ["POST", "PATCH", "DELETE"] {
            let operation = json!({"method": method, "path": path, "bulkId": plant, "data": {"userName": plant}});
            all.push(request("POST", "/Bulk", json!({ "Operations": [operation] })));
        }
    }
    all
}

/// Sends all of them, some at a time.
async fn send(client: &Client, requests: Vec<Request>) {
    let send = |request: Request| async move {
        client.request(request.method, &request.path, &[], request.body.as_ref()).await;
    };
    stream::iter(requests).for_each_concurrent(8, send).await;
}

/// A tenant's user and group for the requests to be about.
async fn subjects(client: &Client) -> (String, String) {
    let person = json!({"userName": "a", "displayName": "d", "name": {"givenName": "g", "familyName": "f"}});
    let user = client.post("/Users", &person).await.expect(201).id();
    (user, client.post("/Groups", &json!({"displayName": "g"})).await.expect(201).id())
}

/// Every position of every body with one plant.
async fn send_everywhere(client: &Client, plant: &str) {
    let (user, group) = subjects(client).await;
    for Request { method, path, body } in bodies(&user, &group) {
        let planted = planted(&body.unwrap_or_default(), plant).into_iter();
        send(client, planted.map(|body| request(method, path.clone(), body)).collect()).await;
    }
}

/// The places that read text, with each of the plants.
async fn send_texts(client: &Client, plants: &[&str]) {
    let (user, group) = subjects(client).await;
    for plant in plants {
        send(client, others(&user, plant)).await;
        let texts = bodies(&user, &group)
            .into_iter()
            .map(|Request { method, path, body }| request(method, path, replaced(&body.unwrap_or_default(), plant)));
        send(client, texts.collect()).await;
    }
}

/// The document with all its strings replaced.
fn replaced(value: &Value, plant: &str) -> Value {
    match value {
        Value::String(_) => plant.into(),
        Value::Array(all) => all.iter().map(|one| replaced(one, plant)).collect(),
        Value::Object(all) => all.iter().map(|(key, one)| (key.clone(), replaced(one, plant))).collect(),
        other => other.clone(),
    }
}

async fn headers(client: &Client, server: &TestServer) {
    let good = client.authorization();
    for plant in ["zq7canary", "zq7canary@example.com", "Zq7canary O'Neill", "zq7canary@example.com/1.0"] {
        for name in [
            "user-agent",
            "accept",
            "content-type",
            "if-match",
            "if-none-match",
            "x-request-id",
            "cookie",
            "x-forwarded-for",
            "x-forwarded-host",
            "origin",
            "referer",
            "accept-language",
            "traceparent",
            "zq7canary",
        ] {
            for authorization in [good.as_str(), "Bearer wrong"] {
                let headers = [("authorization", authorization), (name, plant)];
                drop(client.try_send("POST", "/Users", &headers, Some("{}".to_owned())).await);
                drop(client.try_send("GET", "/Users", &headers, None).await);
            }
        }
        for authorization in [format!("Bearer {plant}"), format!("Basic {plant}"), plant.to_owned()] {
            drop(client.try_send("GET", "/Users", &[("authorization", &authorization)], None).await);
        }
    }
    for authorization in [good.as_str(), "Bearer wrong"] {
        let headers = [("authorization", authorization), ("host", "zq7canary.example.com")];
        drop(client.try_send("POST", "/Users", &headers, Some("{\"userName\":\"h\"}".to_owned())).await);
        drop(client.try_send("ZQ7CANARY", "/Users", &headers, None).await);
        drop(client.try_send("PUT", "/zq7canary", &headers, Some("zq7canary".to_owned())).await);
    }
    let state =
        [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", "zq7canary=1")];
    client.request("GET", "/Users", &state, None).await.expect(200);
    for path in ["/zq7canary", "/zq7canary/scim/v2/Users", "/x/scim/zq7canary/Users", "/x/zq7canary"] {
        drop(client.try_send("GET", &format!("{}{path}", server.origin()), &[], None).await);
    }
}

/// A tenant with these settings on a server.
fn tenant(server: &TestServer, name: &str, settings: &Value) -> Client {
    let file = server.scratch(name);
    fs::write(&file, settings.to_string()).expect("the settings");
    let made = server.run_json(&["tenant", "create", name, "--settings", &file.to_string_lossy(), "--json"]);
    let issued = server.run_json(&["token", "create", "--tenant", name, "--json"]);
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}")).to_owned();
    Client::new(&format!("{}/{}/scim/v2", server.origin(), text(&made, "tenant_id")), &text(&issued, "token"))
}

/// Stops the server and looks for whoever is named in what it wrote.
fn look_for_names(mut server: TestServer, collector: &Collector, least: usize) {
    assert!(server.stop().success());
    let audit = fs::read_to_string(server.data().join("audit.jsonl")).expect("the audit log");
    assert!(audit.lines().count() >= least, "{}", audit.lines().count());
    let named = |text: &str| {
        let text = text.to_lowercase();
        text.contains("zq7canary") || text.contains("o'neill") || text.contains(&NUMBER.to_string())
    };
    let found: Vec<_> = audit.lines().filter(|line| named(line)).take(5).collect();
    assert!(found.is_empty(), "the audit log names somebody: {found:#?}");
    let newest = fs::read(server.data().join("requests/newest")).expect("the request log");
    let newest = String::from_utf8_lossy(&newest);
    let found: Vec<_> = newest.lines().filter(|line| named(line)).take(5).collect();
    assert!(found.is_empty(), "the request log names somebody: {found:#?}");
    let bodies: Vec<_> = collector.requests().into_iter().map(|(_, body)| body).collect();
    assert!(collector.spans().len() >= least, "{}", collector.spans().len());
    assert!(!bodies.iter().any(|body| named(&String::from_utf8_lossy(body))), "a span names somebody");
    let log = server.log();
    assert!(log.contains("DEBUG"), "the log tells everything");
    let found: Vec<_> = log.lines().filter(|line| named(line)).take(10).collect();
    assert!(found.is_empty(), "the log names somebody: {found:#?}");
}

fn start(log: &str, collector: &Collector) -> TestServer {
    let spans = ["--otlp-endpoint", &collector.url, "--otlp-sample", "1"];
    let logs = ["--audit-log", "audit.jsonl", "--log", log, "--address-rate-limit", "0"];
    TestServer::with(Options::args(&[&spans[..], &logs].concat()))
}

/// Every position. The engine, which writes a hundred lines a request, has its own test.
#[tokio::test]
async fn nobody_is_named_in_any_log() {
    let collector = Collector::start();
    let server = start("trace,sled=info", &collector);
    let strict = tenant(&server, "strict", &json!({"strict": true}));
    let narrow = tenant(&server, "narrow", &json!({"profile": "identity-center", "rate_limit": 0}));
    send_texts(&strict, &PLANTS[1..3]).await;
    send_everywhere(&server.client(), PLANTS[0]).await;
    send_texts(&narrow, &PLANTS[..1]).await;
    headers(&server.client(), &server).await;
    look_for_names(server, &collector, 500);
}

/// The store at its lowest level, of which an index holds the names themselves.
#[tokio::test]
async fn the_store_names_nobody() {
    let collector = Collector::start();
    let server = start("trace", &collector);
    let client = server.client();
    let (user, group) = subjects(&client).await;
    let person = json!({"userName": PLANTS[1], "displayName": PLANTS[0], "emails": [{"value": PLANTS[1]}]});
    client.post("/Users", &person).await.expect(201);
    client.post("/Users", &person).await.expect(409);
    client.put(&format!("/Users/{user}"), &person).await.expect(409);
    client.post("/Groups", &json!({"displayName": PLANTS[0], "members": [{"value": user}]})).await.expect(201);
    let renamed = json!([{"op": "replace", "path": "displayName", "value": PLANTS[1]}]);
    client.patch(&format!("/Groups/{group}"), &renamed).await.expect(200);
    client.find("/Users", &format!("userName eq \"{}\"", PLANTS[1])).await.expect(200);
    client.find("/Users", &format!("displayName sw \"{}\"", PLANTS[0])).await.expect(200);
    look_for_names(server, &collector, 9);
}
