//! The calls of a tenant in the console: found by what they were, told in words, and followed as they come.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Visitor, encode, signed_in, with_console};
use crate::server::{Client, Options, PATIENCE, TestServer, USER};

const HERE: &str = "/console/t/test/requests";

/// The text of a page.
async fn page(visitor: &Visitor, path: &str) -> String {
    visitor.get(path).await.expect(200).text
}

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

#[tokio::test]
async fn calls_are_found_and_each_refusal_says_what_to_do() {
    let server = with_console();
    let client = server.client();
    let id = client.user("jane").await;
    let refused = client.post("/Users", &user("jane")).await.expect(409);
    client.find("/Users", "userName eq \"jane\"").await.expect(200);
    let visitor = Visitor::root(&server).await;

    let all = page(&visitor, HERE).await;
    for told in
        ["created user jane", "tried to create a user", "looked for users", "scim-server requests list --tenant test"]
    {
        assert!(all.contains(told), "{told}: {all}");
    }
    for (query, status) in
        [("status=4xx", "409"), ("status=409", "409"), ("operation=GET", "200"), ("text=username%20eq", "200")]
    {
        let found = page(&visitor, &format!("{HERE}?{query}&token=&since=1h")).await;
        assert_eq!(found.matches("class=\"badge").count(), 1, "{query}: {found}");
        assert!(found.contains(&format!(">{status}</span>")), "{query}: {found}");
        assert!(found.contains(" --since 1h"), "{query}: the command has the filters: {found}");
    }
    let about = page(&visitor, &format!("{HERE}?resource={id}")).await;
    assert!(about.contains("created user jane") && !about.contains("tried to"), "{about}");
    let none = page(&visitor, &format!("{HERE}?until=1h")).await;
    assert!(none.contains("No call that is kept is like that"), "{none}");
    let wrong = page(&visitor, &format!("{HERE}?since=yesterday")).await;
    assert!(wrong.contains("notice bad") && wrong.contains("such as 2h") && wrong.contains("yesterday"), "{wrong}");
    assert!(wrong.contains("such as 2026-11-28T09:00:00Z, or"), "an example is as it is typed: {wrong}");

    let one = page(&visitor, &format!("{HERE}/{}", refused.header("x-request-id"))).await;
    for told in ["What to do: Look the resource up", "Bearer $TOKEN", "HIDDEN_DUE_TO_SECURITY_REASONS", "requests show"]
    {
        assert!(one.contains(told), "{told}: {one}");
    }
    assert!(!one.contains(server.token()), "the token is nowhere");
}

#[tokio::test]
async fn a_list_goes_on_with_earlier_calls() {
    let server = with_console();
    let client = server.client();
    for _ in 0..60 {
        client.get("/Users?count=1").await.expect(200);
    }
    let visitor = Visitor::root(&server).await;
    let first = page(&visitor, &format!("{HERE}?operation=GET")).await;
    assert_eq!(first.matches("<td role=\"cell\" data-name=\"Call\"><a href").count(), 50, "{first}");
    let next = first.split("class=\"more\"><a href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let next = next.replace("&#38;", "&");
    assert!(next.starts_with(&format!("{HERE}?operation=GET&before=")), "{next}");
    let rest = page(&visitor, &next).await;
    assert_eq!(rest.matches("<td role=\"cell\" data-name=\"Call\"><a href").count(), 10, "{rest}");
    assert!(rest.contains("The newest"), "{rest}");
}

#[tokio::test]
async fn a_401_is_put_down_to_the_token_that_is_gone() {
    let server = with_console();
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "old", "--json"]);
    let id = made["token_id"].as_str().expect("an id");
    server.run(&["token", "delete", "--tenant", "test", id]);
    let gone = server.client().with_token(made["token"].as_str().expect("a token"));
    let refused = gone.get("/Users").await.expect(401);
    let visitor = Visitor::root(&server).await;
    let list = page(&visitor, &format!("{HERE}?status=401")).await;
    assert!(list.contains(&format!("The token {id} was revoked")), "{list}");
    let one = page(&visitor, &format!("{HERE}/{}", refused.header("x-request-id"))).await;
    assert!(one.contains("put down to the token") && one.contains("which was deleted"), "{one}");
    // It is not on the list of tokens any more, and is still asked for.
    let by = page(&visitor, &format!("{HERE}?token={id}")).await;
    assert!(by.contains(&format!("<option value=\"{id}\" selected>")) && by.contains(">401</span>"), "{by}");
}

#[tokio::test]
async fn calls_of_another_tenant_are_not_here() {
    let server = with_console();
    let made = server.run_json(&["tenant", "create", "other", "--json"]);
    let token = server.run_json(&["token", "create", "--tenant", "other", "--name", "theirs", "--json"]);
    let base = format!("{}/{}/scim/v2", server.origin(), made["tenant_id"].as_str().expect("an id"));
    let theirs = Client::new(&base, token["token"].as_str().expect("a token")).get("/Groups").await.expect(200);
    let visitor = Visitor::root(&server).await;
    let empty = page(&visitor, HERE).await;
    assert!(empty.contains("No call yet") && !empty.contains("/Groups"), "{empty}");
    let id = theirs.header("x-request-id");
    let foreign = visitor.get(&format!("{HERE}/{id}")).await.expect(404);
    assert!(foreign.text.contains("There is no request"), "{}", foreign.text);
    assert!(page(&visitor, &format!("/console/t/other/requests/{id}")).await.contains("/Groups"));
}

/// The label of the small chart of the only tenant, and the numbers of the large one.
fn charts(page: &str) -> (String, Vec<Vec<u64>>) {
    let label = page.split("role=\"img\" aria-label=\"").nth(1).and_then(|rest| rest.split('"').next());
    let data = page.split("data-chart=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a chart");
    (label.unwrap_or_default().to_owned(), serde_json::from_str(data).expect("numbers"))
}

#[tokio::test]
async fn calls_and_refusals_are_charts() {
    let mut server = with_console();
    let visitor = Visitor::root(&server).await;
    assert!(page(&visitor, "/console").await.contains("No call in this time"));
    let client = server.client();
    for _ in 0..3 {
        client.get("/Users").await.expect(200);
    }
    client.get("/Users/00000000-0000-7000-8000-000000000000").await.expect(404);
    for (range, steps) in [("24h", 24), ("7d", 168), ("30d", 30)] {
        let overview = page(&visitor, &format!("/console?range={range}")).await;
        let (label, numbers) = charts(&overview);
        assert_eq!(label, "4 calls, 1 refused or failed", "{range}");
        assert_eq!(numbers.iter().map(Vec::len).collect::<Vec<_>>(), [steps; 4], "{range}");
        let sums: Vec<u64> = numbers.iter().skip(1).map(|line| line.iter().sum()).collect();
        assert_eq!(sums, [3, 1, 0], "{range}");
        let of_tenant = page(&visitor, &format!("{HERE}?range={range}")).await;
        assert_eq!(charts(&of_tenant).1, numbers, "{range}");
        assert!(of_tenant.contains("scim-server requests count --tenant test"), "{of_tenant}");
    }
    // What was before a restart is counted, too: a moment after the start.
    server.kill();
    server.launch();
    let visitor = Visitor::root(&server).await;
    let end = Instant::now() + PATIENCE;
    while !page(&visitor, "/console").await.contains("4 calls, 1 refused") {
        assert!(Instant::now() < end, "the calls before the restart are never counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_page_says_that_there_is_no_log() {
    let server = TestServer::with(Options::args(&["--console", "--request-log-retention", "0"]));
    let visitor = Visitor::root(&server).await;
    let off = page(&visitor, &format!("{HERE}?follow=on")).await;
    assert!(off.contains("request_log_retention") && !off.contains("hx-trigger"), "{off}");
    assert!(!page(&visitor, "/console").await.contains("data-chart"));
}

/// What somebody looks for is text, and stays what it was.
#[tokio::test]
async fn what_is_looked_for_is_kept_in_the_links() {
    let server = with_console();
    server.client().get("/Users").await.expect(200);
    let visitor = Visitor::root(&server).await;
    let asked = "a&b \"'<i>";
    let found = page(&visitor, &format!("{HERE}?text={}", encode(asked))).await;
    assert!(!found.contains("<i>"), "{found}");
    assert!(found.contains(&format!("{HERE}?text={}&#38;follow=on", encode(asked))), "{found}");
}

/// A page that follows puts nothing there that it has, and leaves the keyboard where it is. When the session has ended, it
/// leads to the sign-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_follows_keeps_the_keyboard_and_says_when_it_ends() {
    let server = with_console();
    let client = server.client();
    client.get("/Users?count=1").await.expect(200);
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}?follow=on", server.admin()));
    browser.run("document.querySelector('#calls tbody a').focus()");
    let on = browser.run("document.activeElement.href");
    // The same answer twice, and the same list is still there.
    browser.run(
        "window.list = document.getElementById('calls'); window.asked = 0; \
         document.addEventListener('htmx:afterRequest', () => { window.asked += 1; }); 0",
    );
    browser.wait_for("window.asked >= 2");
    assert_eq!(browser.run("document.getElementById('calls') === window.list"), true);
    assert_eq!(browser.run("document.activeElement.href"), on);
    client.get("/Groups?count=1").await.expect(200);
    browser.wait_for("document.querySelectorAll('#calls tbody tr').length === 2 && !!document.activeElement.href");
    assert_eq!(browser.run("document.activeElement.href"), on);
    assert_eq!(browser.run("document.getElementById('calls') === window.list"), false);

    // Whoever looks at the server ends all sessions of others.
    let root = Visitor::root(&server).await;
    let sessions = root.get("/console/server").await.expect(200).text;
    let numbers = sessions.split("name=\"number\" value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for number in numbers {
        root.post("/console/server/sessions", &[("number", number)]).await;
    }
    browser.wait_for("document.title.startsWith('Sign in')");
    let to = browser.run("document.querySelector('[name=to]').value");
    assert_eq!(to, format!("{HERE}?follow=on"));
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// What a page asks for by itself without a session has it loaded anew; the page itself is led to the sign-in.
#[tokio::test]
async fn what_asks_by_itself_without_a_session_has_its_page_loaded_anew() {
    let server = with_console();
    let stranger = Visitor::stranger(&server);
    let path = format!("{HERE}?follow=on");
    let asked = stranger.http.send("GET", &path, &[("hx-request", "true")], None).await.expect(200);
    assert_eq!((asked.header("hx-refresh"), &*asked.text), ("true", ""));
    stranger.get(&path).await.expect(303);
}
