//! The calls of a tenant on its setup page: its own, without values, and none of these pages.

use std::fs;

use serde_json::{Value, json};

use super::{Browser, link, path};
use crate::{
    chromium,
    server::{Client, Options, TestServer, USER},
};

/// A second tenant: its id, the id of its token, and the token.
fn another(server: &TestServer) -> [String; 3] {
    let made = server.run_json(&["init", "--tenant", "rival-corp", "--json"]);
    ["tenant_id", "token_id", "token"]
        .map(|name| made[name].as_str().unwrap_or_else(|| panic!("no {name}: {made}")).to_owned())
}

#[tokio::test]
async fn a_link_that_allows_it_shows_the_calls_of_its_tenant_alone() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "log"])).await;
    let empty = browser.get("/setup/calls").await.expect(200);
    assert!(empty.text.contains("No call was noted yet"), "{}", empty.text);
    let client = server.client();
    let id = client.user("jane@example.com").await;
    client.post("/Users", &json!({"schemas": [USER], "userName": "jane@example.com"})).await.expect(409);
    client.with_token("scim_wrong").get("/Groups").await.expect(401);
    let [tenant, token, secret] = another(&server);
    let other = Client::new(&format!("{}/{tenant}/scim/v2", server.origin()), &secret);
    let theirs = other.user("john@rival.example").await;
    // A token of theirs, shown to this tenant.
    client.with_token(&secret).get("/Schemas").await.expect(401);

    let page = browser.get("/setup/calls").await.expect(200).text;
    for words in [
        &format!("created user {id}"),
        "userName",
        "POST /Users",
        "GET /Groups",
        "The token is not whole",
        "It was not let in.",
        "badge bad\">409",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let hidden =
        ["jane@", "john@", "scim_wrong", "GET /setup", "127.0.0.1", &theirs, &tenant, &token, &secret, server.token()];
    for words in hidden {
        assert!(!page.contains(words), "{words}: {page}");
    }
    let failed = browser.get("/setup/calls?only=failed").await.expect(200).text;
    assert!(failed.contains("badge bad\">409") && !failed.contains("badge good"), "{failed}");
    // What is no place is passed over.
    assert!(browser.get("/setup/calls?before=x").await.expect(200).text.contains("badge bad\">409"));
}

/// Who looks at the pages of the setup is no provider that calls: neither the log of requests and what is counted from
/// it, nor the health of the tenant has anything of that. The audit log has each page.
#[tokio::test]
async fn a_look_at_the_setup_is_no_call() {
    let server = TestServer::with(Options::args(&["--audit-log", "audit.jsonl"]));
    let mut browser = Browser::new(&server);
    let made = link(&server, &["--allow", "log,tokens,mapping"]);
    browser.get(&path(&made["url"])).await.expect(200);
    browser.open(&made).await.expect(303);
    for page in ["", "/to/entra", "/calls", "/mapping"] {
        browser.get(&format!("/setup{page}")).await.expect(200);
    }
    browser.post("/setup/make", &[("provider", "okta")]).await.expect(403);
    browser.make("okta", "token").await.expect(200);
    // Somebody without a link, twice: what comes again is told when its minute is over.
    for _ in 0..2 {
        Browser::new(&server).get("/setup").await.expect(404);
        Browser::new(&server).get(&path(&made["url"])).await.expect(404);
    }
    let calls = || server.run_json(&["requests", "list", "--json"]);
    assert_eq!(calls(), json!([]));
    let status = || server.run_json(&["status", "--tenant", "test", "--json"])[0].clone();
    let new = status();
    for (name, expect) in
        [("last_call", Value::Null), ("last_attempt", Value::Null), ("state", json!("new")), ("refused", json!({}))]
    {
        assert_eq!(new[name], expect, "{name}: {new}");
    }
    let sum = || {
        let rows = server.run_json(&["requests", "count", "--json"]);
        rows.as_array().expect("a list").iter().map(|row| row["calls"].as_u64().expect("a number")).sum::<u64>()
    };
    assert_eq!(sum(), 0);
    server.client().get("/Users").await.expect(200);
    assert_eq!((sum(), calls()[0]["operation"].as_str()), (1, Some("ListUsers")));
    assert!(status()["last_call"].is_string());
    let log = fs::read_to_string(server.data().join("audit.jsonl")).expect("the audit log");
    for call in ["OpenSetupLink", "GetSetupPage", "SetupToken"] {
        assert!(log.contains(&format!("\"eventName\":\"{call}\"")), "{call}: {log}");
    }
}

#[tokio::test]
async fn older_calls_are_on_further_pages() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "log"])).await;
    let client = server.client();
    let first = client.user("first").await;
    for _ in 0..60 {
        client.get("/Groups").await.expect(200);
    }
    let page = browser.get("/setup/calls").await.expect(200).text;
    assert_eq!(page.matches("GET /Groups").count(), 50, "{page}");
    let older = page.split('"').find(|word| word.contains("calls?before=")).expect("a link").to_owned();
    let page = browser.get(&older).await.expect(200).text;
    assert_eq!(page.matches("GET /Groups").count(), 10, "{page}");
    assert!(page.contains(&format!("created user {first}")) && !page.contains("calls?before="), "{page}");
}

/// However long its path is, a call stays in its column.
#[tokio::test]
async fn a_long_call_stays_in_its_column() {
    let server = TestServer::start();
    server.client().delete("/Users/00000000-0000-7000-8000-000000000000").await.expect(404);
    let mut browser = chromium::Browser::start(server.origin());
    browser.open(link(&server, &["--allow", "log"])["url"].as_str().expect("a URL"));
    browser.click("button", "Begin");
    browser.sees("Choose your identity provider");
    browser.open(&format!("{}/setup/calls", server.origin()));
    browser.sees("DELETE /Users/");
    let outside = "[...document.querySelectorAll('td > code')].filter(one => one.getBoundingClientRect().right > one.parentElement.getBoundingClientRect().right).map(one => one.textContent)";
    for width in [390, 800, 1280] {
        browser.resize(width, 900, false);
        assert_eq!(browser.run(outside), json!([]), "{width}");
    }
}

#[tokio::test]
async fn without_a_log_the_page_says_so() {
    let server = TestServer::with(Options::args(&["--request-log-retention", "0"]));
    let browser = Browser::opened(&server, &link(&server, &["--allow", "log"])).await;
    let page = browser.get("/setup/calls").await.expect(200).text;
    assert!(page.contains("keeps no log of calls"), "{page}");
}
