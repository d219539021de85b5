//! Bearer tokens (RFC 6750) and limits of requests (RFC 6585 §4).

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Shared, Tenant, query};
use crate::server::{Response, patch_body};

/// Many failures come from one address here.
static SERVER: Shared = Shared::new(&["--address-rate-limit", "0"]);
static GUARDED: Shared = Shared::new(&["--address-rate-limit", "5"]);

fn issue(tenant: &Tenant, arguments: &[&str]) -> (String, String) {
    let mut all = vec!["token", "create", "--tenant", &tenant.name, "--json"];
    all.extend(arguments);
    let issued = tenant.server.run_json(&all);
    let text = |name: &str| issued[name].as_str().unwrap_or_else(|| panic!("no {name}: {issued}")).to_owned();
    (text("token"), text("token_id"))
}

async fn with(tenant: &Tenant, authorization: &str) -> Response {
    tenant.send("GET", "/Users", &[("authorization", authorization)], None).await
}

/// RFC 6750 §3: what is presented, and whether the challenge says that it is wrong.
#[tokio::test]
async fn what_is_no_good_token() {
    let tenant = SERVER.tenant();
    let other = SERVER.tenant();
    let token = tenant.token.as_str();
    let (revoked, id) = issue(&tenant, &[]);
    assert!(tenant.server.run(&["token", "delete", "--tenant", &tenant.name, &id]).status.success());
    let mut flipped = token.to_owned();
    let last = flipped.pop();
    flipped.push(if last == Some('a') { 'b' } else { 'a' });
    let mut details = Vec::new();
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        token.to_owned(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("Bearer{token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {flipped}"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token}x"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", "x".repeat(5000)),
        "Bearer null".to_owned(),
        "Bearer scim_".to_owned(),
        format!("Bearer {}", other.token),
        format!("Bearer {revoked}"),
    ] {
        let answer = with(&tenant, &authorization).await.expect_error(401, None);
        let challenge = answer.header("www-authenticate").to_owned();
        assert_eq!(challenge, "Bearer realm=\"scim\", error=\"invalid_token\"", "{authorization}");
        details.push(answer.json["detail"].clone());
    }
    // RFC 6750 §3.1: no error code where nothing was presented.
    let answer = tenant.send("GET", "/Users", &[], None).await.expect_error(401, None);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scim\"");
    details.push(answer.json["detail"].clone());
    // Neither in the URL nor in a form (RFC 6750 §2.2, §2.3: not supported).
    for path in [query("/Users", &[("access_token", token)]), format!("/Users?authorization=Bearer%20{token}")] {
        tenant.send("GET", &path, &[], None).await.expect_error(401, None);
    }
    // A tenant that is not there, and one that is another's, look the same.
    for segment in ["00000000-0000-4000-8000-000000000000", &tenant.id.to_uppercase(), "nonsense", &other.id] {
        let path = format!("{}/{segment}/scim/v2/Users", tenant.server.origin());
        let answer = tenant.get(&path).await.expect_error(401, None);
        details.push(answer.json["detail"].clone());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "the answer tells nothing: {details:?}");
    // The log tells whoever operates the server, by the token's id and never by its text.
    for why in ["no bearer token", "was revoked", "belongs to another tenant", "checksum is wrong", "wrong length"] {
        tenant.server.wait_for_log(why);
    }
    for secret in [token, &flipped, &other.token, &revoked] {
        assert!(!tenant.server.log().contains(secret), "a token is in the log");
    }
    for authorization in
        [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer   {token}"), format!(" Bearer {token} ")]
    {
        with(&tenant, &authorization).await.expect(200);
    }
}

/// RFC 6750 §3.1 `insufficient_scope`: each call with a token of one scope.
#[tokio::test]
async fn scopes() {
    let tenant = SERVER.tenant();
    let user = format!("/Users/{}", tenant.user("a").await);
    // A tenant has two tokens at most; the first one may do both.
    let (reader, id) = issue(&tenant, &["--scope", "read"]);
    let patch = patch_body(&json!([{"op": "add", "path": "title", "value": "x"}]));
    let rows = [
        ("GET", "/Users", Value::Null, "read"),
        ("GET", &user, Value::Null, "read"),
        ("GET", "/", Value::Null, "read"),
        ("POST", "/Users/.search", json!({}), "read"),
        ("POST", "/.search", json!({}), "read"),
        ("POST", "/Users", json!({"userName": "b"}), "write"),
        ("POST", "/Bulk", json!({"Operations": []}), "write"),
        ("PATCH", &user, patch, "write"),
        ("PUT", &user, json!({"userName": "a"}), "write"),
        ("DELETE", &user, Value::Null, "write"),
    ];
    let check = async |token: &str, has: &str| {
        let client = tenant.with_token(token);
        for (method, path, body, scope) in &rows {
            let answer = client.request(method, path, &[], Some(body).filter(|body| !body.is_null())).await;
            if *scope == has {
                assert!(answer.status < 300, "{method} {path}: {}", answer.text);
                continue;
            }
            let answer = answer.expect_error(403, None);
            let challenge = format!("Bearer realm=\"scim\", error=\"insufficient_scope\", scope=\"{scope}\"");
            assert_eq!(answer.header("www-authenticate"), challenge, "{method} {path}");
            assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains(scope)));
        }
        client.get("/ServiceProviderConfig").await.expect(200);
    };
    check(&reader, "read").await;
    assert!(tenant.server.run(&["token", "delete", "--tenant", &tenant.name, &id]).status.success());
    check(&issue(&tenant, &["--scope", "write"]).0, "write").await;
}

#[tokio::test]
async fn tokens_end() {
    let tenant = SERVER.tenant();
    // Revoked by a command, while the server serves: from the next request on.
    let (token, id) = issue(&tenant, &[]);
    let client = tenant.with_token(&token);
    client.get("/Users").await.expect(200);
    let deleted = tenant.server.run(&["token", "delete", "--tenant", &tenant.name, &id]);
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    client.get("/Users").await.expect_error(401, None);
    tenant.get("/Users").await.expect(200);
    // Expired.
    let (brief, _) = issue(&tenant, &["--lifetime", "3s"]);
    tenant.with_token(&brief).get("/Users").await.expect(200);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let answer = tenant.with_token(&brief).get("/Users").await.expect_error(401, None);
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    // Rotated: both are good for a while, then only the new one.
    let rotated = tenant.server.run_json(&["token", "rotate", "--tenant", &tenant.name, "--overlap", "4s", "--json"]);
    let new = tenant.with_token(rotated["token"].as_str().unwrap_or_else(|| panic!("no token: {rotated}")));
    new.get("/Users").await.expect(200);
    tenant.get("/Users").await.expect(200);
    tokio::time::sleep(Duration::from_millis(4100)).await;
    new.get("/Users").await.expect(200);
    tenant.get("/Users").await.expect_error(401, None);
}

#[tokio::test]
async fn a_deleted_tenant_answers_as_if_it_never_was() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let done = tenant.server.run(&["tenant", "delete", &tenant.name, "--force", "--yes"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for path in ["/Users", &format!("/Users/{user}"), "/ServiceProviderConfig"] {
        tenant.get(path).await.expect_error(401, None);
    }
}

/// Guesses are slowed down, per address; a whole number of seconds is told (RFC 9110 §10.2.3).
#[tokio::test]
async fn guessing_is_slowed_down() {
    let tenant = GUARDED.tenant();
    for _ in 0..5 {
        with(&tenant, "Bearer scim_guess").await.expect_error(401, None);
        tenant.get("/Users").await.expect(200);
    }
    let mut last = with(&tenant, "Bearer scim_guess").await;
    if last.status == 401 {
        last = with(&tenant, "Bearer scim_guess").await;
    }
    let limited = last.expect_error(429, None);
    let wait: u32 = limited.header("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    // Providers share addresses: who shows a good token is served, whatever others behind its address send.
    let other = GUARDED.tenant();
    for tenant in [&tenant, &other] {
        tenant.get("/Users").await.expect(200);
    }
}

/// The provider of a tenant that was deleted goes on for days.
#[tokio::test]
async fn what_a_dead_token_sends_shuts_nobody_else_out() {
    let (dead, alive) = (GUARDED.tenant(), GUARDED.tenant());
    let done = dead.server.run(&["tenant", "delete", &dead.name, "--force", "--yes"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(dead.get("/Users").await.status);
        alive.get("/Users").await.expect(200);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    // Nor do its connections stay, of which an address may have so many until it shows a token.
    let address = alive.server.origin().trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(&address).expect("a connection");
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let ask =
        format!("GET /{}/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", dead.id, dead.token);
    let mut answer = String::new();
    while !answer.contains("HTTP/1.1 429") {
        connection.write_all(ask.as_bytes()).expect("the request is sent");
        let mut bytes = [0; 8192];
        let read = connection.read(&mut bytes).expect("an answer");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    connection.read_to_string(&mut answer).expect("the end");
    assert!(answer.contains("connection: close"), "{answer}");
}

/// So are requests for discovery without a token; what comes with one goes on.
#[tokio::test]
async fn discovery_without_a_token_is_slowed_down() {
    let tenant = Shared::new(&["--address-rate-limit", "5"]).tenant();
    let mut statuses = Vec::new();
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"].into_iter().cycle().take(12) {
        statuses.push(tenant.send("GET", path, &[], None).await.status);
    }
    assert_eq!(statuses[..5], [200; 5]);
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    let limited = tenant.send("GET", "/Schemas", &[], None).await.expect_error(429, None);
    let wait: u32 = limited.header("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    tenant.get("/Users").await.expect(200);
    tenant.get("/Schemas").await.expect(200);
}

#[tokio::test]
async fn requests_of_a_token_are_limited() {
    let tenant = SERVER.tenant_with(&json!({"rate_limit": 5}));
    let (other, _) = issue(&tenant, &[]);
    let started = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(tenant.get("/Users").await);
    }
    let seconds = started.elapsed().as_secs() + 1;
    let limited: Vec<_> = answers.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(limited.len() as u64 >= 40_u64.saturating_sub(5 * (seconds + 1)), "{} in {seconds} s", limited.len());
    for answer in limited {
        let answer = answer.expect_error(429, None);
        assert_eq!(answer.header("retry-after"), "1", "whole seconds");
    }
    // Each token for itself under rfc, and it passes.
    tenant.with_token(&other).get("/Users").await.expect(200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    tenant.get("/Users").await.expect(200);
}

/// Under identity-center the tokens of a tenant share one rate.
#[tokio::test]
async fn requests_of_a_tenant_are_limited_together_under_identity_center() {
    let tenant = SERVER.tenant_with(&json!({"profile": "identity-center", "rate_limit": 1}));
    let (other, _) = issue(&tenant, &[]);
    let other = tenant.with_token(&other);
    let mut answers = Vec::new();
    // More than once only where a request takes a second.
    while answers.len() < 10 && answers.last() != Some(&(200, 429)) {
        if !answers.is_empty() {
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        let status = async |client: &crate::server::Client| client.get("/Users?count=1").await.status;
        answers.push((status(&tenant).await, status(&other).await));
    }
    assert_eq!(answers.last(), Some(&(200, 429)), "what one token used is gone for the other: {answers:?}");
}
