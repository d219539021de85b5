//! The server as a process: how it says that it is ready, what it tells its operators, and how it ends.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Shared, Tenant, query};
use crate::server::{Options, PATIENCE, Response, TestServer, patch_body};

static SERVER: Shared = Shared::new(&["--audit-log", "audit.jsonl", "--log", "debug"]);

fn admin(server: &TestServer) -> String {
    let address = fs::read_to_string(server.data().join("admin.addr")).expect("admin.addr");
    format!("http://{}", address.trim())
}

/// The audit records of a tenant, once there are as many as `wanted`.
async fn audit(tenant: &Tenant, wanted: usize) -> Vec<Value> {
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

#[tokio::test]
async fn health_readiness_and_metrics() {
    let tenant = SERVER.tenant();
    let base = admin(&tenant.server);
    let get = async |path: &str| tenant.send("GET", &format!("{base}{path}"), &[], None).await;
    for (path, text) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = get(path).await.expect(200);
        assert_eq!(answer.text.trim(), text);
    }
    assert_eq!(get("/nothing").await.status, 404);
    assert_eq!(tenant.send("POST", &format!("{base}/healthz"), &[], None).await.status, 405);
    for authorization in ["", "Bearer wrong", &tenant.authorization()] {
        let headers = [("authorization", authorization)];
        assert_eq!(tenant.send("POST", &format!("{base}/admin"), &headers, Some("{}".to_owned())).await.status, 401);
    }
    // None of this is on the public socket.
    for path in ["/healthz", "/readyz", "/metrics", "/admin"] {
        tenant.get(&format!("{}{path}", tenant.server.origin())).await.expect_error(404, None);
    }
    let before = get("/metrics").await.expect(200);
    assert!(
        before.header("content-type").starts_with("application/openmetrics-text"),
        "{}",
        before.header("content-type")
    );
    assert!(before.text.ends_with("# EOF\n"), "{}", before.text);
    tenant.user("a").await;
    tenant.get("/Users/x").await.expect(404);
    tenant.send("GET", "/Users", &[], None).await.expect(401);
    let after = get("/metrics").await.expect(200);
    let sum = |text: &str, words: &[&str]| -> f64 {
        let lines = text.lines().filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    for (words, least) in [
        (&["scim_requests_total", "create"][..], 1.0),
        (&["scim_requests_total", "404"], 1.0),
        (&["scim_authentication_failures_total"], 1.0),
        (&["scim_store_commits_total"], 1.0),
        // The call without a token is counted, and recorded when its minute is over.
        (&["scim_audit_records_total"], 2.0),
    ] {
        let (before, after) = (sum(&before.text, words), sum(&after.text, words));
        assert!(after - before >= least, "{words:?}: {before} {after}");
    }
    assert!(!after.text.contains(&tenant.token) && !after.text.contains(&tenant.id), "no tenant is named");
}

/// One id in the answer, the audit record and the log.
#[tokio::test]
async fn request_ids() {
    let tenant = SERVER.tenant();
    let mut ids = Vec::new();
    for answer in [
        tenant.get("/Users").await,
        tenant.get("/Users/x").await,
        tenant.post("/Users", &json!({"userName": "a"})).await,
        tenant.send("GET", "/Users", &[("x-request-id", "mine")], None).await,
        tenant.get("/ServiceProviderConfig").await,
    ] {
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(id.len(), 36, "{id}");
        ids.push(id);
    }
    // A call without a token is recorded later, with all of its kind.
    let own: Vec<_> = ids.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, id)| id).collect();
    let records = audit(&tenant, own.len()).await;
    let recorded: Vec<_> = records.iter().map(|record| record["requestID"].as_str().unwrap_or_default()).collect();
    assert_eq!(recorded, own);
    for id in &ids {
        for _ in 0..100 {
            if tenant.server.log().contains(id.as_str()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(tenant.server.log().contains(id.as_str()), "{id} is in the log");
    }
    let missing = tenant.get(&format!("{}/", tenant.server.origin())).await.expect_error(404, None);
    assert_eq!(missing.header("x-request-id").len(), 36, "whatever is answered has one");
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
    let log = server.log();
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
    server.signal("HUP");
    for _ in 0..200 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    client.user("c").await;
    let lines = |path: &std::path::Path| fs::read_to_string(path).expect("the file").lines().count();
    // Lines are written some milliseconds after the answers.
    for _ in 0..400 {
        if lines(&moved) + lines(&file) >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!((lines(&moved), lines(&file)), (2, 1));
}

/// SIGHUP reads the configuration again: what a running server can take it takes, and what needs a
/// restart it names.
#[tokio::test]
async fn settings_are_read_again_by_a_signal() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let write = |text: &str| fs::write(file.path(), text).expect("the configuration");
    let said = async |server: &TestServer, words: &str| {
        for _ in 0..400 {
            if server.log().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{words:?} is not said:\n{}", server.log());
    };
    write("page_size = 50\n");
    let server = TestServer::with(Options::args(&["--config", &file.path().to_string_lossy()]));
    let client = server.client();
    write("public_url = \"https://two.example.com\"\nbulk_max_body = \"2MiB\"\npage_size = 20\ncandidates = 5\n");
    server.signal("HUP");
    said(&server, "files were read again").await;
    let log = server.log();
    for key in ["page_size", "candidates"] {
        let line = log.lines().find(|line| line.contains("needs a restart") && line.contains(key));
        assert!(line.is_some(), "{key} is not named:\n{log}");
    }
    assert_eq!(log.matches("needs a restart").count(), 2, "what is applied needs none:\n{log}");
    let config = client.get("/ServiceProviderConfig").await.expect(200).json;
    assert_eq!(config["bulk"]["maxPayloadSize"], 2 * 1024 * 1024);
    assert_eq!(config["pagination"]["defaultPageSize"], 50);
    let location = config["meta"]["location"].as_str().expect("a location");
    assert!(location.starts_with("https://two.example.com/"), "{location}");

    write("page_sise = 20\n");
    server.signal("HUP");
    said(&server, "the configuration stays as it was").await;
    assert!(server.log().contains("did you mean"), "{}", server.log());
}

/// SIGTERM: what is under way is finished, nothing new is begun, the exit code is 0, and everything that
/// was answered is there afterwards.
#[tokio::test]
async fn a_stop_waits_for_requests_in_flight() {
    // A body may come late, and what keeps a stop keeps it longer than anybody waits.
    let mut server = TestServer::with(Options::args(&["--drain-timeout", "1h", "--body-timeout", "1h"]));
    let before = server.client().user("before").await;
    let address = server.origin().trim_start_matches("http://").to_owned();
    let body = json!({"userName": "slow"}).to_string();
    let (first, rest) = body.split_at(5);
    let mut slow = TcpStream::connect(&address).expect("a connection");
    let path = server.base().trim_start_matches("http://").split_once('/').expect("a path").1.to_owned();
    let head = format!(
        "POST /{path}/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        server.token(),
        body.len()
    );
    slow.write_all(head.as_bytes()).expect("the head is sent");
    let idle = TcpStream::connect(&address).expect("a connection");
    // The request must be there before the signal is.
    let base = admin(&server);
    let in_flight = async || {
        let metrics = server.client().send("GET", &format!("{base}/metrics"), &[], None).await;
        metrics.text.lines().any(|line| line.starts_with("scim_requests_in_flight 1"))
    };
    let deadline = Instant::now() + PATIENCE;
    while !in_flight().await {
        assert!(Instant::now() < deadline, "the request does not arrive");
    }
    server.signal("TERM");
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "new connections are still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slow.write_all(rest.as_bytes()).expect("the rest is sent");
    slow.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("the answer, and then the end");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    drop(idle);
    assert_eq!(server.stop().code(), Some(0));
    assert!(!server.data().join("admin.addr").exists(), "nobody is told of a listener that is gone");

    server.launch();
    let client = server.client();
    client.get(&format!("/Users/{before}")).await.expect(200);
    let list = client.get(&query("/Users", &[("filter", "userName eq \"slow\"")])).await.expect(200);
    assert_eq!(list.json["totalResults"], 1, "what was answered is durable");
    // Idle connections do not keep the server.
    assert_eq!(server.stop().code(), Some(0));
}

/// A request that does not end is cut off when the drain is over.
#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut server = TestServer::with(Options::args(&["--drain-timeout", "300ms", "--body-timeout", "1h"]));
    let mut stuck = TcpStream::connect(server.origin().trim_start_matches("http://")).expect("a connection");
    let path = server.base().trim_start_matches("http://").split_once('/').expect("a path").1.to_owned();
    let head = format!(
        "POST /{path}/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        server.token()
    );
    stuck.write_all(head.as_bytes()).expect("the head is sent");
    let base = admin(&server);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics = server.client().send("GET", &format!("{base}/metrics"), &[], None).await;
        if metrics.text.lines().any(|line| line.starts_with("scim_requests_in_flight 1")) {
            break;
        }
        assert!(Instant::now() < deadline, "the request does not arrive");
    }
    assert_eq!(server.stop().code(), Some(0));
}

/// Commands and mistakes at the start: exit codes, and a sentence that says what to do.
#[tokio::test]
async fn starts_that_fail() {
    let server = TestServer::start();
    let address = server.origin().trim_start_matches("http://").to_owned();
    let empty = tempfile::tempdir().expect("a directory");
    let check = |data: &std::path::Path, arguments: &[&str], code: i32, words: &str| {
        let output = crate::server::run(data, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    check(server.data(), &["serve", "--listen", "127.0.0.1:0"], 1, "");
    check(empty.path(), &["serve", "--listen", &address], 1, "--listen");
    check(empty.path(), &["serve", "--listen", "nowhere"], 2, "--listen");
    check(empty.path(), &["serve", "--page-size", "20", "--max-page-size", "10"], 2, "page_size");
    check(empty.path(), &["serve", "--nothing"], 2, "--nothing");
    check(server.data(), &["token", "create", "--tenant", "nobody"], 1, "nobody");
    let answer: Response = server.client().get("/Users").await;
    answer.expect(200);
}
