//! What waits for the database waits for a bounded time, and what is counted of it is told.

use std::{io::Write as _, net::TcpStream, time::Duration};

use futures_util::future::join_all;

use crate::{
    database::shared,
    server::{Options, TestServer},
};

fn server(arguments: &[&str]) -> (TestServer, String) {
    let url = shared().schema();
    let schema = url.rsplit("%3D").next().expect("the schema").to_owned();
    (TestServer::with(Options { store: Some(url), ..Options::args(arguments) }), schema)
}

/// A sample of the metrics.
async fn metric(server: &TestServer, name: &str) -> f64 {
    let metrics = server.client().send("GET", &format!("{}/metrics", server.admin()), &[], None).await.expect(200);
    let line = metrics.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {}", metrics.text)).parse().expect("a number")
}

/// Waits until somebody holds a row of the schema.
pub async fn until_held(schema: &str) {
    until_locked(schema, "true").await;
}

/// Waits until somebody waits for a row of the schema.
async fn until_awaited(schema: &str) {
    until_locked(schema, "EXISTS (SELECT 1 FROM pg_locks AS w WHERE w.pid = l.pid AND NOT w.granted)").await;
}

async fn until_locked(schema: &str, how: &str) {
    let locked = format!(
        "SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = '{schema}' AND l.mode = 'RowShareLock' AND {how}"
    );
    while shared().sql(&locked) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_given_up() {
    let (server, schema) = server(&["--store-timeout", "1s"]);
    let client = server.client();
    client.user("before").await;
    // Somebody holds the tenant's row, as a process that hangs would.
    let hold = format!(
        "BEGIN; SELECT 1 FROM {schema}.tenant_log WHERE tenant = '{}' FOR UPDATE; SELECT pg_sleep(6); COMMIT",
        server.tenant()
    );
    let holding = tokio::task::spawn_blocking(move || shared().sql(&hold));
    until_held(&schema).await;
    let user = serde_json::json!({"schemas": [crate::server::USER], "userName": "waits"});
    let refused = client.post("/Users", &user).await.expect_error(503, None);
    assert!(!refused.header("retry-after").is_empty());
    // Reads wait for nobody.
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["totalResults"], 1);
    holding.await.expect("the other");
    client.user("waits").await;
}

/// A write goes on when its client has gone. A server that stops meanwhile waits until its audit log has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_client_has_gone_has_its_line_in_the_audit_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let audit = directory.path().join("audit");
    let (mut server, schema) = server(&["--audit-log", &audit.to_string_lossy()]);
    let hold = format!(
        "BEGIN; SELECT 1 FROM {schema}.tenant_log WHERE tenant = '{}' FOR UPDATE; SELECT pg_sleep(4); COMMIT",
        server.tenant()
    );
    let holding = tokio::task::spawn_blocking(move || shared().sql(&hold));
    until_held(&schema).await;
    let body = serde_json::json!({"schemas": [crate::server::USER], "userName": "waits"}).to_string();
    let request = format!(
        "POST /{}/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
        server.tenant(),
        server.client().authorization(),
        body.len()
    );
    let mut stream = TcpStream::connect(server.origin().trim_start_matches("http://")).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a request");
    until_awaited(&schema).await;
    drop(stream);
    let stopped = tokio::task::spawn_blocking(move || server.stop()).await.expect("the server");
    assert!(stopped.success());
    holding.await.expect("the other");
    let written = std::fs::read_to_string(&audit).expect("the audit log");
    assert!(written.contains("CreateUser"), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_are_enough_for_everybody_and_are_counted() {
    let (server, _) = server(&["--store-connections", "2"]);
    let client = server.client();
    let names: Vec<_> = (0..100).map(|number| format!("user{number}")).collect();
    join_all(names.iter().map(|name| client.user(name))).await;
    let reads = join_all((0..100).map(|_| client.get("/Users?count=5"))).await;
    assert!(reads.iter().all(|answer| answer.status == 200));
    assert!(metric(&server, "scim_store_connections").await <= 2.0);
    assert!(metric(&server, "scim_store_commits_total").await >= 100.0);
    assert!(metric(&server, "scim_store_flush_seconds_count").await >= 1.0);
    assert!(metric(&server, "scim_store_retries_total").await >= 0.0);
    assert!(metric(&server, "scim_store_connections_awaited").await >= 0.0);
}
