//! The server as a process: how it says that it is ready, what it tells its operators, and how it ends.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Shared, audit::audit, query};
use crate::server::{Options, PATIENCE, Response, TestServer};

static SERVER: Shared = Shared::new(&["--audit-log", "audit.jsonl", "--log", "debug"]);

fn admin(server: &TestServer) -> String {
    let address = fs::read_to_string(server.data().join("admin.addr")).expect("admin.addr");
    format!("http://{}", address.trim())
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
        tenant.server.wait_for_log(id);
    }
    let missing = tenant.get(&format!("{}/", tenant.server.origin())).await.expect_error(404, None);
    assert_eq!(missing.header("x-request-id").len(), 36, "whatever is answered has one");
}

/// SIGHUP reads the configuration again: what a running server can take it takes, and what needs a
/// restart it names.
#[tokio::test]
async fn settings_are_read_again_by_a_signal() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let write = |text: &str| fs::write(file.path(), text).expect("the configuration");
    write("page_size = 50\n");
    let server = TestServer::with(Options::args(&["--config", &file.path().to_string_lossy()]));
    let client = server.client();
    write("public_url = \"https://two.example.com\"\nbulk_max_body = \"2MiB\"\npage_size = 20\ncandidates = 5\n");
    server.signal("HUP");
    let log = server.wait_for_log("read the files again");
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
    server.wait_for_log("the configuration stays as it was");
    server.wait_for_log("did you mean");
}

/// The memory for requests grows with what a body may be.
#[tokio::test]
async fn a_body_that_is_allowed_from_now_on_finds_room() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let write = |bulk: &str| {
        let text = format!("max_body = \"256KiB\"\nrequest_memory = \"1MiB\"\nbulk_max_body = \"{bulk}\"\n");
        fs::write(file.path(), text).expect("the configuration");
    };
    write("256KiB");
    let server = TestServer::with(Options::args(&["--config", &file.path().to_string_lossy()]));
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [],
        "padding": "x".repeat(3 << 19)});
    server.client().post("/Bulk", &bulk).await.expect_error(413, None);
    write("2MiB");
    server.signal("HUP");
    server.wait_for_log("read the files again");
    server.client().post("/Bulk", &bulk).await.expect(200);
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
