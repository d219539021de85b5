//! The log of requests: each call is found by what it was, told in words, and never names anybody.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    oauth::{GRANT, OAuth},
    server::{Client, Options, Response, TestServer, USER, program},
};

/// The calls of the tenant that these arguments name, newest first.
fn list(server: &TestServer, arguments: &[&str]) -> Vec<Value> {
    let all = [&["requests", "list", "--tenant", "test", "--json"], arguments].concat();
    server.run_json(&all).as_array().expect("a list").clone()
}

fn texts<'a>(rows: &'a [Value], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default()).collect()
}

fn show(server: &TestServer, id: &str) -> Value {
    server.run_json(&["requests", "show", id, "--json"])
}

/// A second tenant, with a client of it.
fn another(server: &TestServer) -> Client {
    let made = server.run_json(&["tenant", "create", "other", "--json"]);
    let token = server.run_json(&["token", "create", "--tenant", "other", "--name", "theirs", "--json"]);
    let base = format!("{}/{}/scim/v2", server.origin(), made["tenant_id"].as_str().expect("an id"));
    Client::new(&base, token["token"].as_str().expect("a token"))
}

#[tokio::test]
async fn calls_are_found_by_what_they_were() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("jane").await;
    let refused = client.post("/Users", &json!({"schemas": [USER], "userName": "jane"})).await.expect(409);
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    client.patch(&format!("/Users/{user}"), &off).await.expect(200);
    client.get("/Users/00000000-0000-7000-8000-000000000000").await.expect(404);
    client.find("/Users", "userName eq \"jane\"").await.expect(200);

    let all = list(&server, &[]);
    assert_eq!(
        texts(&all, "meaning"),
        [
            "looked for users by userName eq \"…\"",
            "tried to read user 00000000-0000-7000-8000-000000000000",
            &format!("deactivated user {user}"),
            "tried to create a user",
            &format!("created user {user}"),
        ]
    );
    assert_eq!(texts(&all, "operation"), ["ListUsers", "GetUser", "PatchUser", "CreateUser", "CreateUser"]);
    assert_eq!(texts(&all, "path")[2..4], [&*format!("/Users/{user}"), "/Users"]);
    assert!(all.iter().all(|row| row["tenant_name"] == "test" && row["took_ms"].is_f64()), "{all:#?}");

    let statuses = |arguments: &[&str]| -> Vec<u64> {
        list(&server, arguments).iter().map(|row| row["status"].as_u64().expect("a status")).collect()
    };
    assert_eq!(statuses(&["--status", "4xx"]), [404, 409]);
    assert_eq!(statuses(&["--status", "409,201"]), [409, 201]);
    assert_eq!(statuses(&["--operation", "post"]), [409, 201]);
    assert_eq!(statuses(&["--operation", "patchuser"]), [200]);
    assert_eq!(statuses(&["--resource", &user]), [200, 201]);
    assert_eq!(statuses(&["--text", "USERNAME eq"]), [200]);
    assert_eq!(statuses(&["--text", "jane"]), [] as [u64; 0], "values are hidden, and so not found");
    assert_eq!(statuses(&["--since", "1h", "--limit", "2"]), [200, 404]);
    assert_eq!(statuses(&["--until", "1h"]), [] as [u64; 0]);
    assert_eq!(statuses(&["--request", refused.header("x-request-id")]), [409]);

    let (mut seen, mut before) = (Vec::new(), "99999999.0".to_owned());
    while let [row] = &*list(&server, &["--limit", "1", "--before", &before]) {
        seen.push(row["id"].clone());
        before = row["place"].as_str().expect("a place").to_owned();
    }
    assert_eq!(seen, all.iter().map(|row| row["id"].clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn tokens_tell_calls_apart_and_names_are_looked_up() {
    let server = TestServer::start();
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "second", "--json"]);
    let second = server.client().with_token(made["token"].as_str().expect("a token"));
    let user = second.user("jane").await;
    server.client().get("/Users").await.expect(200);
    for which in ["second", made["token_id"].as_str().expect("an id")] {
        let calls = list(&server, &["--token", which, "--names"]);
        assert_eq!(calls.len(), 1, "{calls:#?}");
        assert_eq!((&calls[0]["token_name"], &calls[0]["token"]), (&json!("second"), &made["token_id"]));
        assert_eq!((&calls[0]["resource"], &calls[0]["meaning"]), (&json!(user), &json!("created user jane")));
    }
    let unknown = server.run(&["requests", "list", "--tenant", "test", "--token", "third"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no token or client"), "{unknown:?}");
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let server = TestServer::start();
    let other = another(&server);
    server.client().user("jane").await;
    other.user("john").await;
    let theirs = other.get("/Groups").await.expect(200);
    other.with_token("scim_wrong").get("/Users").await.expect(401);
    let nobody = Client::new(&format!("{}/nobody/scim/v2", server.origin()), "x");
    nobody.get("/Users").await.expect(401);

    assert_eq!(texts(&list(&server, &[]), "operation"), ["CreateUser"]);
    let others = server.run_json(&["requests", "list", "--tenant", "other", "--json"]);
    assert_eq!(texts(others.as_array().unwrap(), "operation"), ["ListUsers", "ListGroups", "CreateUser"]);
    let all = server.run_json(&["requests", "list", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 5, "{all:#}");

    let id = theirs.header("x-request-id");
    assert_eq!(show(&server, id)["tenant_name"], "other");
    let foreign = server.run(&["requests", "show", id, "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("there is no request"), "{foreign:?}");
}

#[tokio::test]
async fn a_call_is_explained_with_what_to_do() {
    let server = TestServer::start();
    let client = server.client();
    client.user("jane").await;
    let refused = client.post("/Users", &json!({"schemas": [USER], "userName": "jane"})).await.expect(409);
    let shown = show(&server, refused.header("x-request-id"));
    assert_eq!((&shown["status"], &shown["scim_type"]), (&json!(409), &json!("uniqueness")));
    assert!(shown["explanation"].as_str().is_some_and(|text| text.contains("unique attribute")), "{shown:#}");
    assert!(shown["fix"].as_str().is_some_and(|text| text.contains("Look the resource up")), "{shown:#}");
    assert_eq!(shown["request"]["body"]["userName"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    let curl = shown["curl"].as_str().expect("a command");
    assert!(curl.starts_with("curl -sS -X POST 'http") && curl.contains("/scim/v2/Users'"), "{curl}");
    assert!(curl.contains("Bearer $TOKEN") && !curl.contains(server.token()), "{curl}");
    assert_eq!(shown["record"]["errorCode"], "ConflictException");
    // What a condition has kept from being done is not done by its command without one.
    let path = format!("/Users/{}", client.user("erna").await);
    let unmet = client.request("DELETE", &path, &[("if-match", "W/\"999\"")], None).await.expect(412);
    let shown = show(&server, unmet.header("x-request-id"));
    assert!(shown["curl"].as_str().is_some_and(|curl| curl.contains("-H \"If-Match: ${VERSION:?")), "{shown:#}");
    let text = server.run(&["requests", "show", refused.header("x-request-id")]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(text.contains("What to do: Look the resource up"), "{text}");
}

/// Otherwise the command would do something else than the call did, or be refused for something else.
#[tokio::test]
async fn a_command_has_the_conditions_and_the_type_of_the_body_that_were_sent() {
    let server = TestServer::with(Options::args(&["--max-body", "8KiB"]));
    let client = server.client();
    let path = format!("/Users/{}", client.user("jane").await);
    let curl = |answer: &Response| {
        let shown = show(&server, answer.header("x-request-id"));
        shown["curl"].as_str().expect("a command").to_owned()
    };
    let read = client.get(&path).await.expect(200);
    assert!(!curl(&read).contains("Match"), "{}", curl(&read));
    let version = read.header("etag");
    let body = json!({"schemas": [USER], "userName": "jane", "title": "Lead"});
    for (method, header, value, status, expect) in [
        ("GET", "if-none-match", version, 304, "-H \"If-None-Match: ${VERSION:?the version of the resource}\""),
        ("PUT", "if-match", version, 200, "-H \"If-Match: ${VERSION:?the version of the resource}\""),
        ("PUT", "if-none-match", "*", 412, "-H 'If-None-Match: *'"),
        ("PUT", "if-match", "W/\"999\"", 412, "-H \"If-Match: ${VERSION:?"),
        ("PUT", "if-match", "*", 200, "-H 'If-Match: *'"),
        ("PUT", "content-type", "text/plain; charset=utf-8", 415, "-H 'Content-Type: text/plain' --data"),
        ("PUT", "content-type", "jane", 415, "-H \"Content-Type: ${TYPE:?the type of the body}\" --data"),
        ("PUT", "content-type", "application/json", 200, "-H 'Content-Type: application/scim+json' --data"),
        ("PUT", "content-encoding", "gzip", 415, "-H 'Content-Encoding: gzip'"),
    ] {
        let body = (method == "PUT").then_some(&body);
        let answer = client.request(method, &path, &[(header, value)], body).await.expect(status);
        let command = curl(&answer);
        assert!(command.contains(expect), "{method} {header}: {command}");
        assert_eq!(command.matches("Content-Type").count(), usize::from(method == "PUT"), "{command}");
    }
    // A body that was no JSON is not kept. Another in its place, or none, would be refused for something else.
    for (kind, body, status) in [("text/xml", "<user/>", 415), ("application/scim+json", "{\"userName\": ", 400)] {
        let headers = [("content-type", kind), ("authorization", &client.authorization())];
        let answer = client.send("PUT", &path, &headers, Some(body.to_owned())).await.expect(status);
        let command = curl(&answer);
        assert!(command.ends_with(&format!("-H 'Content-Type: {kind}' --data \"${{BODY:?the body}}\"")), "{command}");
    }
    // Nor is one that was not read, because it was too large or its sender a stranger; of a long one a part is.
    let large = json!({"schemas": [USER], "userName": "x".repeat(9000)});
    let operations = vec![json!({"method": "DELETE", "path": path}); 101];
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    for answer in [
        client.post("/Users", &large).await.expect(413),
        client.with_token("nobody's").post("/Users", &body).await.expect(401),
        client.post("/Bulk", &bulk).await.expect(200),
    ] {
        let command = curl(&answer);
        let asks = command.ends_with("-H 'Content-Type: application/scim+json' --data \"${BODY:?the body}\"");
        assert!(asks, "{command}");
    }
    // An OAuth client shows its id and secret, and sends a form, of which nothing is kept.
    let oauth = OAuth::create(&server, "okta", &[]);
    let wrong = [GRANT, ("client_id", oauth.id.as_str()), ("client_secret", "wrong")];
    for (answer, expect) in [
        (oauth.ask("/token", &[GRANT]).await.expect(200), "grant_type=client_credentials"),
        (oauth.post("/token", None, &wrong).await.expect(401), "grant_type=client_credentials"),
        (oauth.ask("/token", &[("scope", "scim")]).await.expect(400), "\"${BODY:?the body}\""),
        (oauth.ask("/revoke", &[("token", "x")]).await.expect(200), "\"token=${SHOWN:?the token that it was about}\""),
    ] {
        let command = curl(&answer);
        assert!(command.contains("' -u \"$CLIENT_ID:$CLIENT_SECRET\" "), "{command}");
        assert!(command.ends_with(&format!(" --data {expect}")) && !command.contains("Bearer"), "{command}");
        assert!(!command.contains("scim+json"), "{command}");
    }
}

/// What is for everybody is asked for without a token, as it was; what wants one is asked for with one.
#[tokio::test]
async fn a_command_shows_no_token_where_none_is_needed() {
    let server = TestServer::start();
    let (client, origin, tenant) = (server.client(), server.origin(), server.tenant());
    let of = |path: &str| format!("{origin}{path}");
    let metadata = format!("/.well-known/oauth-authorization-server/{tenant}/oauth2");
    let (keys, transmitter) = (format!("/{tenant}/ssf/v1/jwks"), format!("/.well-known/ssf-configuration/{tenant}"));
    let (schemas, users) = (format!("/{tenant}/scim/v2/Schemas"), format!("/{tenant}/scim/v2/Users"));
    for (method, path, status, with_token, shows_one) in [
        ("GET", &*metadata, 200, true, false),
        ("POST", &*metadata, 405, false, false),
        ("GET", &*keys, 200, false, false),
        ("GET", &*transmitter, 200, false, false),
        ("GET", "/openapi.json", 200, false, false),
        ("GET", &*schemas, 200, false, false),
        ("GET", &*schemas, 200, true, true),
        ("GET", &*users, 401, false, true),
        ("GET", &*users, 200, true, true),
    ] {
        let authorization = client.authorization();
        let headers = if with_token { vec![("authorization", authorization.as_str())] } else { Vec::new() };
        let answer = client.send(method, &of(path), &headers, None).await.expect(status);
        let shown = show(&server, answer.header("x-request-id"));
        let curl = shown["curl"].as_str().expect("a command");
        assert_eq!(curl.contains("Authorization"), shows_one, "{method} {path}: {curl}");
        assert!(curl.contains(&format!("{path}'")), "its path is shown: {curl}");
    }
    // This was refused for its headers, before its token was looked at.
    let token = client.authorization();
    let twice = [("authorization", token.as_str()), ("authorization", token.as_str())];
    let answer = client.send("GET", &of(&users), &twice, None).await.expect(400);
    let curl = show(&server, answer.header("x-request-id"))["curl"].to_string();
    assert!(curl.contains("Authorization"), "{curl}");
}

#[tokio::test]
async fn a_401_is_put_down_to_its_token() {
    let server = TestServer::start();
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "old", "--json"]);
    let (id, old) = (made["token_id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    server.run(&["token", "delete", "--tenant", "test", id]);
    let client = server.client().with_token(old);
    let refused = client.get("/Users").await.expect(401);
    client.get("/Users").await.expect(401);
    let calls = list(&server, &["--status", "401"]);
    assert_eq!(calls.len(), 1, "the first is there at once, the others follow in one row");
    assert_eq!((&calls[0]["token"], &calls[0]["id"]), (&json!(id), &json!(refused.header("x-request-id"))));
    assert_eq!(calls[0]["reason"], format!("the token {id} was revoked"));
    let fix = show(&server, refused.header("x-request-id"))["fix"].clone();
    assert!(fix.as_str().is_some_and(|fix| fix.contains(id) && fix.contains("deleted")), "{fix}");
    assert_eq!(list(&server, &["--token", id]).len(), 1);
}

#[tokio::test]
async fn the_others_of_a_kind_are_one_row() {
    let mut server = TestServer::start();
    let wrong = server.client().with_token("scim_wrong");
    for _ in 0..5 {
        wrong.get("/Users").await.expect(401);
    }
    // A stop settles the minute; or it was over between two of them.
    assert!(server.stop().success());
    let calls = list(&server, &["--status", "401"]);
    let total: u64 = calls.iter().map(|row| row["count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(total, 5, "{calls:#?}");
    assert!(calls.len() < 5 && calls.iter().all(|row| row["reason"].is_string()), "{calls:#?}");
}

#[tokio::test]
async fn the_log_outlives_a_kill_and_is_read_without_a_server() {
    let mut server = TestServer::start();
    for n in 0..20 {
        server.client().user(&format!("u{n}")).await;
    }
    assert_eq!(list(&server, &[]).len(), 20);
    server.kill();
    // As when it was killed in the middle of a write.
    let tail = server.data().join("requests/newest");
    let whole = fs::read(&tail).expect("the tail");
    fs::write(&tail, [&whole[..], b"\xff\x00\x00"].concat()).expect("a torn tail");
    assert_eq!(list(&server, &[]).len(), 20);
    server.launch();
    server.client().get("/Users").await.expect(200);
    let calls = list(&server, &[]);
    assert_eq!((calls.len(), &calls[0]["operation"]), (21, &json!("ListUsers")));
}

#[tokio::test]
async fn who_follows_sees_each_call_as_it_comes() {
    let mut server = TestServer::start();
    server.client().user("jane").await;
    let mut following = program(server.data())
        .args(["requests", "list", "--tenant", "test", "--follow", "--json", "--data"])
        .arg(server.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(following.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    assert_eq!(next()["operation"], "CreateUser");
    server.client().get("/Users").await.expect(200);
    another(&server).get("/Users").await.expect(200);
    server.client().get("/Groups").await.expect(200);
    assert_eq!(next()["operation"], "ListUsers");
    assert_eq!(next()["operation"], "ListGroups");
    // It goes on when the server is back.
    server.stop();
    server.launch();
    server.client().get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(next()["operation"], "ServiceProviderConfig");
    following.kill().expect("it is there");
    following.wait().expect("its end");
}

#[tokio::test]
async fn calls_are_counted_with_a_server_and_without() {
    let mut server = TestServer::start();
    server.client().user("jane").await;
    server.client().get("/Users/00000000-0000-7000-8000-000000000000").await.expect(404);
    another(&server).get("/Users").await.expect(200);
    let sums = |server: &TestServer, arguments: &[&str]| {
        let rows = server.run_json(&[&["requests", "count", "--json"], arguments].concat());
        let rows = rows.as_array().expect("a list").clone();
        let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().expect("a number")).sum::<u64>();
        (rows.len(), [sum("calls"), sum("refused"), sum("failed")])
    };
    assert_eq!(sums(&server, &["--tenant", "test"]), (168, [2, 1, 0]));
    assert_eq!(sums(&server, &["--tenant", "other", "--days"]), (30, [1, 0, 0]));
    assert_eq!(sums(&server, &["--days"]), (30, [3, 1, 0]));
    server.stop();
    assert_eq!(sums(&server, &["--tenant", "test"]), (168, [2, 1, 0]), "from the files");
    let printed = server.run(&["requests", "count", "--days"]);
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.starts_with("FROM") && printed.contains("REFUSED"), "{printed}");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let server = TestServer::with(Options::args(&["--request-log-retention", "0"]));
    server.client().user("jane").await;
    let refused = server.run(&["requests", "list"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("request_log_retention"), "{said}");
    assert!(!server.data().join("requests").exists());
    let small = server.run(&["serve", "--request-log-size", "1MiB"]);
    assert!(String::from_utf8_lossy(&small.stderr).contains("at least 16MiB"), "{small:?}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_the_right_form() {
    let server = TestServer::start();
    for (arguments, said) in [
        (["--status", "4x"], "such as 4xx"),
        (["--since", "yesterday"], "such as 2h"),
        (["--before", "x"], "such as 17.204"),
        (["--resource", "jane"], "is an id"),
        (["--tenant", "nobody"], "nobody"),
    ] {
        let refused = server.run(&[&["requests", "list"], &arguments[..]].concat());
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.contains(said), "{arguments:?}: {text}");
    }
}
