//! HTTP below SCIM: what is no request, who asks, preconditions, and connections of strangers.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use crate::server::{Options, TestServer, USER};

/// Sends bytes, and gives all that comes until the server closes.
fn raw(server: &TestServer, request: &str) -> String {
    raw_at(server.origin(), request)
}

fn raw_at(origin: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request of the tenant with these lines in its head, behind which the connection ends.
fn head(server: &TestServer, path: &str, lines: &[&str]) -> String {
    let lines = lines.join("\r\n");
    format!("GET /{}/scim/v2{path} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n\r\n", server.tenant())
}

/// A server with an audit log.
fn audited(args: &[&str]) -> (TestServer, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("audit").to_string_lossy().into_owned();
    (TestServer::with(Options::args(&[&["--audit-log", &file], args].concat())), directory)
}

/// The line of the audit log for the request with that id.
async fn audit_line(directory: &tempfile::TempDir, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let text = std::fs::read_to_string(directory.path().join("audit")).unwrap_or_default();
        if let Some(line) = text.lines().find(|line| line.contains(id)) {
            return serde_json::from_str(line).expect("JSON");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{id} is not in the audit log")
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line =
        answer.lines().find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)));
    line.unwrap_or_else(|| panic!("no {name} in {answer}")).1
}

/// Such a request has no good token, so it is counted with its like: the first of a kind and minute is told at
/// once, and the audit log has one line for all of them when the minute is over or the server stops.
#[test]
fn what_is_no_request_has_its_line_in_log_and_audit() {
    let (mut server, directory) = audited(&[]);
    let long = format!("/Users?filter={}", "x".repeat(20_000));
    let mut ids = Vec::new();
    for (path, status) in [("/Users?filter=userName eq \"x\"", 400), ("/Users?filter=a+eq+\"x\"", 400), (&long, 414)] {
        let answer = raw(&server, &head(&server, path, &["Host: a"]));
        let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        assert_eq!(body["status"], status.to_string(), "{answer}");
        let date = header(&answer, "date");
        assert!(date.ends_with(" GMT") && date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{answer}");
        ids.push(header(&answer, "x-request-id").to_owned());
    }
    assert!(server.stop().success());
    let log = server.wait_for_log(&ids[2]);
    assert!(log.contains(&ids[0]) && log.contains(&ids[2]), "{log}");
    let text = std::fs::read_to_string(directory.path().join("audit")).expect("the audit log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["count"].as_u64().expect("a count")).sum::<u64>(), 3, "{text}");
    for line in &lines {
        assert_eq!(line["sourceIPAddress"], "127.0.0.1");
        assert_eq!(line["errorCode"], "ValidationException");
    }
    let rows = server.run_json(&["requests", "list", "--json"]);
    let statuses: BTreeSet<_> = rows.as_array().expect("rows").iter().map(|row| row["status"].as_u64()).collect();
    assert_eq!(statuses, BTreeSet::from([Some(400), Some(414)]), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_over_http2_has_no_body_anywhere() {
    let server = TestServer::start();
    let client = server.client();
    let id = client.user("anna").await;
    let address = server.origin().trim_start_matches("http://").to_owned();
    let io = TokioIo::new(tokio::net::TcpStream::connect(address).await.expect("a connection"));
    let (mut http2, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    for (path, status) in [
        ("/Users?count=0", 200),
        ("/Users", 200),
        (&format!("/Users/{id}"), 200),
        ("/Schemas", 200),
        ("/Users/none", 404),
        ("/Bulk", 405),
    ] {
        let request = |method: &str| {
            let uri = format!("{}{path}", server.base());
            let request = Request::builder().method(method).uri(uri).header("authorization", client.authorization());
            request.body(Empty::<Bytes>::new()).expect("a request")
        };
        let head = http2.send_request(request("HEAD")).await.expect("an answer");
        assert_eq!(head.status(), status, "{path}");
        let length = head.headers().get("content-length").cloned();
        assert!(head.into_body().collect().await.expect("an end").to_bytes().is_empty(), "{path}");
        let get = http2.send_request(request("GET")).await.expect("an answer");
        let body = get.into_body().collect().await.expect("a body").to_bytes();
        // The detail of a 405 names the method.
        if let Some(length) = length.filter(|_| status != 405) {
            assert_eq!(length, body.len().to_string(), "{path}");
        }
    }
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused() {
    let server = TestServer::start();
    let token = format!("Authorization: Bearer {}", server.token());
    let other = "Authorization: Bearer other";
    for (lines, status) in [
        (&["Host: a", token.as_str()][..], 200),
        (&["Host: a", "Host: a", &token], 400),
        (&["Host: a", "Host: b", &token], 400),
        (&["Host: a", &token, other], 400),
        (&["Host: a", other, &token], 400),
        (&["Host: a", &token, &token], 400),
        (&[&token], 400),
    ] {
        let answer = raw(&server, &head(&server, "/Users", lines));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{lines:?}: {answer}");
        assert!(!header(&answer, "x-request-id").is_empty());
    }
    let admin = raw_at(
        &server.admin(),
        "POST /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    );
    assert!(admin.starts_with("HTTP/1.1 400"), "{admin}");
    let absolute = format!(
        "GET http://scim.example.com/{}/scim/v2/Users HTTP/1.1\r\nHost: other\r\nConnection: close\r\n{token}\r\n\r\n",
        server.tenant()
    );
    assert!(raw(&server, &absolute).starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preconditions_count_for_every_method() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("anna").await);
    let tag = client.get(&path).await.expect(200).header("etag").to_owned();
    let body = json!({"schemas": [USER], "userName": "anna"});
    let patch = crate::server::patch_body(&json!([{"op": "replace", "path": "title", "value": "x"}]));
    let old = "W/\"999999\"";
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let body = match method {
            "PUT" => Some(&body),
            "PATCH" => Some(&patch),
            _ => None,
        };
        let writes = !matches!(method, "GET" | "HEAD");
        let refused = if writes { 412 } else { 304 };
        for (name, value, status) in [
            ("if-match", old, 412),
            ("if-match", "\"x\", W/\"y\"", 412),
            ("if-none-match", "*", refused),
            ("if-none-match", tag.as_str(), refused),
            ("if-none-match", &format!("{old}, {tag}"), refused),
        ] {
            let answer = client.request(method, &path, &[(name, value)], body).await;
            assert_eq!(answer.status, status, "{method} {name}: {value}");
        }
        let missing = client.request(method, "/Users/none", &[("if-match", "*")], body).await;
        assert_eq!(missing.status, 404, "{method}");
    }
    assert_eq!(client.get(&path).await.expect(200).header("etag"), tag);
    client.request("GET", &path, &[("if-match", &tag)], None).await.expect(200);
    client.request("HEAD", &path, &[("if-match", "*")], None).await.expect(200);
    client.request("PATCH", &path, &[("if-none-match", old), ("if-match", &tag)], Some(&patch)).await.expect(200);
    client.request("DELETE", &path, &[("if-none-match", &tag)], None).await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_is_the_one_that_the_last_trusted_proxy_saw() {
    let (server, directory) = audited(&["--trusted-proxies", "127.0.0.0/8, 10.0.0.0/8,2001:db8::/32"]);
    let token = format!("Authorization: Bearer {}", server.token());
    for (lines, address, location) in [
        (&["X-Forwarded-For: 6.6.6.6, 192.0.2.1"][..], "192.0.2.1", "http://a/"),
        (&["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: [2001:DB8:1::1]:99, 10.0.0.1:80"], "6.6.6.6", "http://a/"),
        (&["X-Forwarded-For: 6.6.6.6, nobody"], "127.0.0.1", "http://a/"),
        (&["X-Forwarded-For: ::ffff:192.0.2.7", "Forwarded: for=6.6.6.6;host=bad"], "192.0.2.7", "http://a/"),
        (
            &["X-Forwarded-Host: scim.example.com, proxy.local", "X-Forwarded-Proto: HTTPS, http"],
            "127.0.0.1",
            "https://scim.example.com/",
        ),
    ] {
        let answer =
            raw(&server, &head(&server, "/ServiceProviderConfig", &[&["Host: a", token.as_str()], lines].concat()));
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("\"location\":\"{location}")),
            "{answer}"
        );
        let line = audit_line(&directory, header(&answer, "x-request-id")).await;
        assert_eq!(line["sourceIPAddress"], address, "{lines:?}");
    }
    let answer = raw(&server, &head(&server, "/Users", &["Host: a", &token, "X-Forwarded-Host: a b, c"]));
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("X-Forwarded-Host"), "{answer}");
    server.wait_for_log("the header Forwarded, which is not read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_told_to_whoever_sends_it_whole() {
    let server = TestServer::start();
    let client = server.client();
    let large = json!({"schemas": [USER], "userName": "x".repeat(6 << 20)}).to_string();
    for lines in ["", "Expect: 100-continue\r\n"] {
        let request = format!(
            "POST /{}/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n{lines}Content-Length: {}\r\n\r\n",
            server.tenant(),
            client.authorization(),
            large.len()
        );
        let request = if lines.is_empty() { request + &large } else { request };
        let answer = raw(&server, &request);
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("larger than the 1048576 bytes"), "{answer}");
    }
    // HTTP/2: the stream must end without a reset while the client still sends.
    for authorization in [client.authorization(), "Bearer other".to_owned()] {
        let address = server.origin().trim_start_matches("http://").to_owned();
        let io = TokioIo::new(tokio::net::TcpStream::connect(address).await.expect("a connection"));
        let (mut http2, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
        tokio::spawn(connection);
        let request = Request::post(format!("{}/Users", server.base())).header("authorization", &authorization);
        let request = request.body(http_body_util::Full::new(Bytes::from(large.clone()))).expect("a request");
        let answer = http2.send_request(request).await.expect("an answer");
        assert!(matches!(answer.status().as_u16(), 413 | 401));
        assert!(!answer.into_body().collect().await.expect("a body").to_bytes().is_empty());
    }
    for (chunks, detail) in [("ZZ\r\n{}\r\n0\r\n\r\n", "could not be read"), ("2\r\n{]\r\n0\r\n\r\n", "not JSON")] {
        let request = format!(
            "POST /{}/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}",
            server.tenant(),
            client.authorization()
        );
        let answer = raw(&server, &request);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(detail), "{answer}");
        assert!(!header(&answer, "x-request-id").is_empty());
    }
    let coded = [("content-encoding", "gzip"), ("authorization", &client.authorization())];
    let refused = client.send("POST", "/Users", &coded, Some("{}".to_owned())).await.expect_error(415, None);
    assert_eq!(refused.header("accept-encoding"), "identity");
    let typed = [("content-type", "text/plain"), ("authorization", &client.authorization())];
    let refused = client.send("POST", "/Users", &typed, Some("{}".to_owned())).await.expect_error(415, None);
    assert_eq!(refused.header("accept"), "application/scim+json, application/json");
    let untyped = [("content-type", ""), ("authorization", &client.authorization())];
    let body = json!({"schemas": [USER], "userName": "anna"}).to_string();
    client.send("POST", "/Users", &untyped, Some(body)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_take_neither_all_connections_nor_the_stores_descriptors() {
    let server = TestServer::with(Options { descriptors: Some(256), ..Options::default() });
    let client = server.client();
    client.user("before").await;
    server.wait_for_log("max_connections=128");
    let address: std::net::SocketAddr = server.origin().trim_start_matches("http://").parse().expect("an address");
    // More than there are descriptors, from ten addresses.
    let mut strangers = Vec::new();
    for number in 0..300_u16 {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let from = [127, 0, 1, u8::try_from(number % 10 + 1).expect("a number")];
        socket.bind((from, 0).into()).expect("an address");
        let connecting = tokio::time::timeout(Duration::from_secs(5), socket.connect(address)).await;
        strangers.push(connecting.expect("a connection in time").expect("a connection"));
    }
    for number in 0..50 {
        client.user(&format!("during{number}")).await;
    }
    let ready = client.send("GET", &format!("{}/readyz", server.admin()), &[], None).await;
    assert_eq!(ready.status, 200);
    assert!(server.log().matches("cannot accept").count() <= 1, "{}", server.log());
    drop(strangers);
    server.client().user("after").await;
}

#[test]
fn the_log_of_administration_says_whom_a_command_is_about_but_no_person() {
    let server = TestServer::start();
    let answer = server.run(&["user", "show", "--tenant", server.tenant(), "anna.example"]);
    assert!(!answer.status.success());
    let log = server.wait_for_log("command=\"show\"");
    let line = log.lines().find(|line| line.contains("administration") && line.contains("command=\"show\""));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(server.tenant()) && line.contains("User") && !line.contains("anna"), "{line}");
}

#[test]
fn administration_answers_head_and_tells_a_flood_once() {
    let server = TestServer::start();
    for path in ["/healthz", "/readyz", "/metrics", "/none"] {
        let answer = raw_at(&server.admin(), &format!("HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    for _ in 0..100 {
        let answer = raw_at(&server.admin(), "POST /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    assert_eq!(server.log().matches("without the token of admin.token").count(), 1, "{}", server.log());
}
