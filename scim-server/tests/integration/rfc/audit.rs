//! The audit log: a line for each call, counts of refusals, rotation, and what is never in it.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::{Shared, Tenant, query};
use crate::server::{Options, TestServer, patch_body};

static SERVER: Shared = Shared::new(&["--audit-log", "audit.jsonl", "--log", "debug"]);

/// The audit records of a tenant, once there are as many as `wanted`.
pub(super) async fn audit(tenant: &Tenant, wanted: usize) -> Vec<Value> {
    let mut records = Vec::new();
    for _ in 0..200 {
        let text = fs::read_to_string(tenant.server.data().join("audit.jsonl")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains(&tenant.id));
        records = lines.map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        if records.len() >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    records
}

/// Every call with a good token is one record, also one that was refused; and no record says who.
#[tokio::test]
async fn the_audit_log() {
    let tenant = SERVER.tenant();
    let user = tenant
        .post("/Users", &json!({"userName": "barbara.jensen", "emails": [{"value": "barbara@example.com"}]}))
        .await;
    let path = format!("/Users/{}", user.id());
    let group =
        tenant.post("/Groups", &json!({"displayName": "Secret Society", "members": [{"value": user.id()}]})).await;
    let change = patch_body(&json!([{"op": "replace", "path": "nickName", "value": "Barbarella"}]));
    tenant.request("PATCH", &path, &[], Some(&change)).await.expect(200);
    tenant.put(&path, &json!({"userName": "barbara.jensen"})).await.expect(200);
    tenant.get(&path).await.expect(200);
    tenant.get(&query("/Users", &[("filter", "userName eq \"barbara.jensen\"")])).await.expect(200);
    tenant.post("/.search", &json!({"filter": "userName eq \"barbara.jensen\""})).await.expect(200);
    tenant.post("/Users", &json!({"userName": "barbara.jensen"})).await.expect(409);
    tenant
        .post("/Bulk", &json!({"Operations": [{"method": "DELETE", "path": format!("/Groups/{}", group.id())}]}))
        .await
        .expect(200);
    tenant.delete(&path).await.expect(204);
    tenant.get(&path).await.expect(404);
    tenant.request("DELETE", "/Users", &[], None).await.expect(405);
    tenant.get("/Nothing/barbara.jensen").await.expect(404);
    tenant
        .send(
            "POST",
            "/Users",
            &[("authorization", &tenant.authorization())],
            Some("{\"userName\": barbara.jensen".to_owned()),
        )
        .await
        .expect(400);
    let expect = [
        ("CreateUser", "", false),
        ("CreateGroup", "", false),
        ("PatchUser", "", false),
        ("PutUser", "", false),
        ("GetUser", "", true),
        ("ListUsers", "", true),
        ("SearchResources", "", true),
        ("CreateUser", "ConflictException", false),
        ("BulkRequest", "", false),
        ("DeleteUser", "", false),
        ("GetUser", "ResourceNotFoundException", true),
        ("ListUsers", "MethodNotAllowedException", true),
        ("UnknownRequest", "ResourceNotFoundException", true),
        ("CreateUser", "ValidationException", false),
    ];
    let records = audit(&tenant, expect.len()).await;
    let found: Vec<_> = records
        .iter()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or_default();
            (text("eventName"), text("errorCode"), record["readOnly"] == true)
        })
        .collect();
    assert_eq!(found, expect);
    for record in &records {
        assert_eq!(record["userIdentity"]["type"], "BearerToken", "{record}");
        assert_eq!((&record["eventVersion"], &record["eventSource"]), (&json!("1.1"), &json!("scim-server")));
        assert_eq!(record["recipientAccountId"], tenant.id.as_str());
        assert_eq!(record["sourceIPAddress"], "127.0.0.1");
        let line = record.to_string();
        for secret in ["arbar", "Secret Society", tenant.token.as_str()] {
            assert!(!line.contains(secret), "{secret} is in {line}");
        }
    }
    assert_eq!(records[0]["responseElements"]["id"], user.id());
    assert_eq!(records[4]["requestParameters"]["id"], user.id());
}

/// Calls without a good token are one line for each kind, however many they are, and none is lost at
/// the end; those with one keep a line each.
#[tokio::test]
async fn calls_without_a_good_token_are_counted() {
    let args = ["--audit-log", "audit.jsonl", "--address-rate-limit", "20"];
    let mut server = TestServer::with(Options::args(&args));
    let client = server.client();
    let unknown = format!("{}/nobody/scim/v2/Users", server.origin());
    let base = server.base();
    let nothing = format!("{}/nothing", server.origin());
    let agent = [("user-agent", "probe/1.0")];
    for _ in 0..60 {
        client.get("/Users/x").await.expect(404);
    }
    for round in 0..60 {
        client.send("GET", &nothing, &agent, None).await;
        client.send("GET", &format!("{unknown}?x={round}"), &agent, None).await;
        client.send("POST", &format!("{base}/Users"), &[("authorization", "Bearer scim_x")], None).await;
        client.send("GET", &format!("{base}/Schemas"), &agent, None).await;
    }
    assert!(server.stop().success());
    let text = fs::read_to_string(server.data().join("audit.jsonl")).expect("the audit log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let (counted, own): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["userIdentity"]["type"] == "Anonymous");
    assert_eq!(own.len(), 60);
    let calls: u64 = counted.iter().map(|line| line["count"].as_u64().expect("a count")).sum();
    assert_eq!(calls, 240, "none is lost: {counted:#?}");
    // 60 rounds take less than two minutes, so that each kind is in two lines at most.
    assert!(counted.len() <= 16, "{counted:#?}");
    for line in counted {
        assert!(line["firstEventTime"].as_str() <= line["lastEventTime"].as_str(), "{line}");
        assert_eq!(line["sourceIPAddress"], "127.0.0.1");
    }
    let log = server.wait_for_log("not let in");
    let told = log.lines().filter(|line| line.contains("not let in")).count();
    assert!((1..=32).contains(&told), "{log}");
}

/// The operator's line of a refused call says who called: tenant, address and software, which cannot
/// break out of its place; and what is wrong with the token.
#[tokio::test]
async fn the_log_says_who_was_not_let_in_and_why() {
    let tenant = SERVER.tenant();
    let other = SERVER.tenant();
    let token = tenant.token.clone();
    let issued = tenant.server.run_json(&["token", "create", "--tenant", &tenant.name, "--json"]);
    let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
    let (revoked, id) = (text("token"), text("token_id"));
    assert!(tenant.server.run(&["token", "delete", "--tenant", &tenant.name, &id]).status.success());
    let flip = |at: usize| {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(altered).expect("ASCII")
    };
    let unknown = "scim_000000000000000000000000000000000000000000000000000000";
    for (sent, why) in [
        (flip(20), "its checksum is wrong"),
        (flip(token.len() - 1), "its checksum is wrong"),
        (token[..token.len() - 1].to_owned(), "53 characters, and a token has 54"),
        (format!("{token}x"), "55 characters, and a token has 54"),
        (token.replace("scim_", "SCIM_"), "it does not begin with scim_"),
        (format!("{}-{}", &token[..20], &token[21..]), "other characters than letters and digits"),
        (other.token.clone(), "belongs to another tenant"),
        (revoked, "was revoked"),
        (unknown[..54].to_owned(), "checksum is wrong"),
    ] {
        let agent = "evil\"/1.0 \\ level=ERROR";
        let headers = [("authorization", format!("Bearer {sent}")), ("user-agent", agent.to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        tenant.send("GET", "/Users", &headers, None).await.expect(401);
        let line = format!("tenant={} address=127.0.0.1 user_agent=\"evil\\\"/1.0 \\\\ level=ERROR\" why=", tenant.id);
        let told = |log: &str| log.lines().any(|one| one.contains(&line) && one.contains(why));
        for _ in 0..100 {
            if told(&tenant.server.log()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(told(&tenant.server.log()), "{why}: {}", tenant.server.log());
        assert!(!tenant.server.log().contains(&sent), "a token is in the log");
    }
}

/// What a client sent stands in quotes in the detail of each error, where the audit log hides it: a
/// name in each place that an error may speak of.
#[tokio::test]
async fn no_error_in_the_audit_log_repeats_what_was_sent() {
    const NAME: &str = "jane-oneill";
    const URN: &str = "urn:jane-oneill";
    let tenant = SERVER.tenant_with(&json!({"strict": true}));
    let user = format!("/Users/{}", tenant.post("/Users", &json!({"userName": "a"})).await.expect(201).id());
    let create = |body: Value| ("POST", "/Users".to_owned(), body);
    let patch = |operation: Value| ("PATCH", user.clone(), patch_body(&json!([operation])));
    let list = |name: &str, value: &str| ("GET", query("/Users", &[(name, value)]), Value::Null);
    let bulk = |operation: Value| ("POST", "/Bulk".to_owned(), json!({"Operations": [operation]}));
    let requests = [
        create(json!({"userName": "b", NAME: 1})),
        create(json!({"userName": "b", "name": {NAME: 1}})),
        create(json!({"userName": "b", "emails": [{NAME: 1}]})),
        create(json!({"userName": "b", "schemas": [URN]})),
        create(json!({"userName": [NAME]})),
        create(json!({"userName": "b", "active": NAME, "emails": NAME})),
        create(json!({"userName": "b", "meta": NAME, "profileUrl": {NAME: NAME}})),
        patch(json!({"op": NAME, "path": "title", "value": NAME})),
        patch(json!({"op": "add", "path": NAME, "value": 1})),
        patch(json!({"op": "add", "path": format!("name.{NAME}"), "value": 1})),
        patch(json!({"op": "add", "path": format!("{NAME} {NAME}"), "value": 1})),
        patch(json!({"op": "add", "path": format!("emails[{NAME} eq 1]"), "value": 1})),
        patch(json!({"op": "add", "path": format!("emails[type {NAME} 1]"), "value": 1})),
        patch(json!({"op": "add", "path": format!("emails[type eq 1].{NAME}"), "value": 1})),
        patch(json!({"op": "replace", "path": format!("emails[type eq \"{NAME}\"]"), "value": 1})),
        patch(json!({"op": "add", "value": {NAME: 1}})),
        patch(json!({"op": "add", "value": {format!("name.{NAME}"): 1}})),
        patch(json!({"op": "add", "value": NAME})),
        list("filter", NAME),
        list("filter", &format!("{NAME} eq 1")),
        list("filter", &format!("userName {NAME} 1")),
        list("filter", &format!("active eq {NAME}")),
        list("filter", &format!("active eq \"{NAME}\"")),
        list("filter", &format!("userName eq \"a\" {NAME}")),
        list("filter", &format!("emails[{NAME} pr]")),
        list("filter", &format!("({NAME} pr")),
        list("sortBy", NAME),
        list("sortBy", &format!("1{NAME}")),
        list("sortOrder", NAME),
        list("count", NAME),
        list("startIndex", NAME),
        list("cursor", NAME),
        ("GET", format!("/{NAME}"), Value::Null),
        ("GET", format!("/Users/{NAME}"), Value::Null),
        ("GET", format!("/Users/{NAME}/{NAME}"), Value::Null),
        ("GET", format!("/Schemas/{URN}"), Value::Null),
        ("GET", format!("/ResourceTypes/{NAME}"), Value::Null),
        ("JANE-ONEILL", "/Users".to_owned(), Value::Null),
        ("POST", "/Groups".to_owned(), json!({"displayName": "g", "members": [{"value": NAME}]})),
        ("POST", "/.search".to_owned(), json!({"schemas": [URN]})),
        ("POST", "/.search".to_owned(), json!({"sortBy": NAME})),
        bulk(json!({"method": NAME, "path": "/Users"})),
        bulk(json!({"method": "POST", "path": format!("/{NAME}"), "bulkId": NAME, "data": {}})),
        bulk(json!({"method": "POST", "path": format!("/Users/{NAME}"), "bulkId": NAME, "data": {}})),
        bulk(json!({"method": "DELETE", "path": format!("/Users/bulkId:{NAME}")})),
    ];
    for (method, path, body) in &requests {
        let answer = tenant.request(method, path, &[], Some(body).filter(|body| !body.is_null())).await;
        let operations = answer.json["Operations"].as_array().cloned().unwrap_or_default();
        let refused = answer.status >= 400 || operations.iter().all(|one| one["status"].as_str() >= Some("400"));
        assert!(refused, "{method} {path} {body}: {}", answer.text);
    }
    let records = audit(&tenant, requests.len() + 1).await;
    assert_eq!(records.len(), requests.len() + 1);
    for (record, (method, path, body)) in records.iter().skip(1).zip(&requests) {
        let told = format!("{} {}", record["errorMessage"], record["responseElements"]);
        assert!(!told.to_lowercase().contains("oneill"), "{method} {path} {body}: {told}");
    }
}

/// A file that has grown is moved away by the server itself, when it is told at which size.
#[tokio::test]
async fn the_audit_log_is_rotated_by_size() {
    let args = ["--audit-log", "audit.jsonl", "--audit-log-size", "2KiB", "--audit-log-keep", "2"];
    let mut server = TestServer::with(Options::args(&args));
    let client = server.client();
    for _ in 0..60 {
        client.get("/Users/x").await.expect(404);
    }
    assert!(server.stop().success());
    let lines = |name: &str| {
        let text = fs::read_to_string(server.data().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())).count()
    };
    // Some lines are written at once, so that sizes are not exact.
    assert!(lines("audit.jsonl.1") > 1 && lines("audit.jsonl.2") > 1);
    assert!(lines("audit.jsonl") + lines("audit.jsonl.1") + lines("audit.jsonl.2") < 60);
    assert!(!server.data().join("audit.jsonl.3").exists());
}

/// SIGHUP opens the audit log again, after it was moved away.
#[tokio::test]
async fn the_audit_log_is_rotated_by_a_signal() {
    let server = TestServer::with(Options::args(&["--audit-log", "audit.jsonl"]));
    let client = server.client();
    client.user("a").await;
    let (file, moved) = (server.data().join("audit.jsonl"), server.data().join("audit.jsonl.1"));
    fs::rename(&file, &moved).expect("the file is moved");
    client.user("b").await;
    let lines = |path: &std::path::Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    // Lines are written some milliseconds after the answers, on a busy machine some more.
    for _ in 0..400 {
        if lines(&moved) >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    server.signal("HUP");
    for _ in 0..200 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    client.user("c").await;
    for _ in 0..400 {
        if lines(&moved) + lines(&file) >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!((lines(&moved), lines(&file)), (2, 1));
}
