//! Who gets in, and what forged requests come to.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Visitor, complains, cookie, encode, form, hidden, link, paths::PAGES, root_token, with_console};
use crate::{
    admin_api::Api,
    server::{Options, PATIENCE, Response, TestServer},
};

#[tokio::test]
async fn only_those_with_a_token_get_in() {
    let server = with_console();
    let stranger = Visitor::stranger(&server);
    for path in ["/console", "/console/server", "/console/t/test/users"] {
        let response = stranger.get(path).await.expect(303);
        assert_eq!(response.header("location"), format!("/console/sign-in?to={}", encode(path)));
    }
    stranger.sign_in("wrong").await.expect(403);
    stranger.sign_in(server.token()).await.expect(403);
    let visitor = Visitor::root(&server).await;
    assert!(visitor.get("/console").await.expect(200).text.contains("<title>Overview"), "the overview");
    let out = visitor.post("/console/sign-out", &[]).await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    visitor.get("/console").await.expect(303);
}

#[tokio::test]
async fn a_link_of_the_command_line_is_good_once() {
    let server = with_console();
    let url = link(&server);
    assert!(url.starts_with(&format!("{}/console/enter?code=", server.admin())), "{url}");
    let mut visitor = Visitor::stranger(&server);
    // Programs look at links before people do, and a page of another site has it as its picture.
    for headers in [&[][..], &[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")]] {
        let page = visitor.http.send("GET", &url, headers, None).await.expect(200);
        assert_eq!(page.header("set-cookie"), "", "looking signs nobody in");
        for word in ["Signs you in as", ">admin<", ">administrator<", "Sign in</button>"] {
            assert!(page.text.contains(word), "{word}: {}", page.text);
        }
    }
    let response = visitor.follow(&url).await.expect(200);
    visitor.enter(&response).await;
    let stranger = Visitor::stranger(&server);
    for again in [stranger.get(&url).await, stranger.follow(&url).await] {
        let again = again.expect(403);
        assert!(again.text.contains("scim-server console") && again.header("set-cookie").is_empty(), "{}", again.text);
    }
}

/// Somebody else's link signs nobody in by a page of another site: neither where that leads to it, nor by its own form.
#[tokio::test]
async fn a_link_that_another_site_sends_signs_nobody_in() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let url = link(&server);
    let body = form(&[("code", url.split_once("code=").expect("a code").1)]);
    let own = server.admin();
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        let refused = visitor.post_raw("/console/enter", &body, headers).await.expect(403);
        assert!(refused.text.contains("another site") && refused.header("set-cookie").is_empty(), "{headers:?}");
    }
    visitor.get("/console").await.expect(200);
    // None of it has spent the code, whose own form ends the session that the browser had.
    let here = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    let entered = visitor.post_raw("/console/enter", &body, &here).await.expect(200);
    assert_ne!(cookie(&entered), "");
    visitor.get("/console").await.expect(303);
}

/// A link lets nobody in who could not come by the token that asked for it any more: because it was deleted, has ended, or
/// because whoever has its name now may do less.
#[tokio::test]
async fn a_link_ends_with_the_token_that_asked_for_it() {
    let server = with_console();
    let root = Api::root(&server);
    let make = |name: &'static str, role: &'static str| {
        let made = server.run_json(&["admin-token", "create", "--name", name, "--role", role, "--json"]);
        Api::with(&server, made["token"].as_str().expect("a token"))
    };
    let link_of = async |api: &Api| {
        let made = api.post("/sign-in-links", json!({})).await.expect(201).json;
        made["url"].as_str().expect("a url").to_owned()
    };
    let follow = async |url: &str| Visitor::stranger(&server).follow(url).await;

    let (deleted, ended) = (make("deleted", "operator"), make("ended", "operator"));
    let (revoked, still) = (make("revoked", "administrator"), make("still", "operator"));
    let links = [link_of(&deleted).await, link_of(&ended).await, link_of(&revoked).await];
    let good = link_of(&still).await;
    for name in ["deleted", "revoked"] {
        root.delete(&format!("/admin-tokens/{name}")).await.expect(200);
    }
    make("revoked", "viewer");
    root.post("/admin-tokens/ended/rotate", json!({"overlap_seconds": 1})).await.expect(201);
    let patience = Instant::now() + PATIENCE;
    while ended.get("/base").await.status != 401 {
        assert!(Instant::now() < patience, "the token does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for url in &links {
        let refused = follow(url).await.expect(403);
        assert!(refused.text.contains("has ended or was deleted"), "{}", refused.text);
        assert_eq!(refused.header("set-cookie"), "", "no session has begun");
    }
    let let_in = follow(&good).await.expect(200);
    let mut visitor = Visitor::stranger(&server);
    visitor.enter(&let_in).await;
    let told = server.run(&["events", "--server", "--json"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let signed_in: Vec<_> = told.lines().filter(|line| line.contains("administrator.signed-in")).collect();
    assert!(signed_in.len() == 1 && signed_in[0].contains("admin:still"), "{signed_in:?}");
}

#[tokio::test]
async fn the_command_says_why_there_is_no_link() {
    let mut server = TestServer::start();
    assert!(complains(&server.run(&["console"]), "--console"), "the console is off");
    let response = Visitor::stranger(&server).get("/console").await.expect(404);
    assert!(response.text.contains("--console"), "{}", response.text);
    server.stop();
    assert!(complains(&server.run(&["console"]), "no server runs"), "no server runs");
}

#[tokio::test]
async fn a_sign_in_begins_another_session_whatever_was_shown() {
    let server = with_console();
    let mut visitor = Visitor::root(&server).await;
    let first = visitor.cookie.clone();
    // The cookie of somebody else, or one that was made up, is not taken over.
    for shown in [first.as_str(), "scim_console=made-up"] {
        shown.clone_into(&mut visitor.cookie);
        let response = visitor.sign_in(&root_token(&server)).await.expect(200);
        assert_ne!(cookie(&response), shown);
        assert!(response.header("set-cookie").contains("HttpOnly; SameSite=Strict"), "{:?}", response.headers);
    }
}

/// Whoever signs in again in a browser that is signed in leaves no session behind whose cookie nobody has any more.
#[tokio::test]
async fn a_sign_in_ends_the_session_that_the_browser_shows() {
    let server = with_console();
    let (mut visitor, elsewhere) = (Visitor::root(&server).await, Visitor::root(&server).await);
    for by_link in [false, true] {
        let before = visitor.cookie.clone();
        visitor.sign_in("wrong").await.expect(403);
        visitor.get("/console").await.expect(200);
        let response = if by_link {
            visitor.follow(&link(&server)).await.expect(200)
        } else {
            visitor.sign_in(&root_token(&server)).await.expect(200)
        };
        visitor.get("/console").await.expect(303);
        visitor.enter(&response).await;
        assert_ne!(visitor.cookie, before);
    }
    elsewhere.get("/console").await.expect(200);
    let page = visitor.get("/console/server").await.expect(200).text;
    assert_eq!(page.matches("name=\"number\"").count(), 1, "the other browser's alone can be ended: {page}");
    let told = server.run(&["events", "--server", "--json"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let count = |name: &str| told.matches(&format!("\"{name}\"")).count();
    assert_eq!((count("administrator.signed-in"), count("administrator.signed-out")), (4, 2), "{told}");
}

/// A form that says that it was on a page of another site signs nobody in, and changes nothing.
#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let server = with_console();
    let (visitor, stranger) = (Visitor::root(&server).await, Visitor::stranger(&server));
    let own = server.admin();
    let sign_in = form(&[("token", &root_token(&server))]);
    let make = form(&[("name", "forged"), ("csrf", &visitor.csrf)]);
    let longer = format!("{own}.evil.example");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", longer.as_str()] {
        for headers in [&[("origin", origin)][..], &[("origin", origin), ("sec-fetch-site", "same-origin")]] {
            let refused = stranger.post_raw("/console/sign-in", &sign_in, headers).await.expect(403);
            assert!(refused.header("set-cookie").is_empty() && refused.text.contains("another site"), "{origin}");
            visitor.post_raw("/console/tenants", &make, headers).await.expect(403);
        }
    }
    let cross = [("origin", own.as_str()), ("sec-fetch-site", "cross-site")];
    stranger.post_raw("/console/sign-in", &sign_in, &cross).await.expect(403);
    let here = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    stranger.post_raw("/console/sign-in", &sign_in, &here).await.expect(200);
    // Through a tunnel the browser knows the console by another address, which it names as the host, too.
    let tunnel = [("host", "localhost:9443"), ("origin", "http://localhost:9443")];
    stranger.post_raw("/console/sign-in", &sign_in, &tunnel).await.expect(200);
    assert_eq!(server.run_json(&["tenant", "list", "--json"]).as_array().map(Vec::len), Some(1));

    // Behind a proxy it is what console_url says.
    let url = "https://console.example.com";
    let server = TestServer::with(Options::args(&["--console", "--console-url", url]));
    let (stranger, sign_in) = (Visitor::stranger(&server), form(&[("token", &root_token(&server))]));
    stranger.post_raw("/console/sign-in", &sign_in, &[("origin", url)]).await.expect(200);
    stranger.post_raw("/console/sign-in", &sign_in, &[("origin", "https://example.com")]).await.expect(403);
}

#[tokio::test]
async fn forged_forms_change_nothing() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let other = Visitor::root(&server).await;
    let make = |csrf: &str| form(&[("name", "forged"), ("csrf", csrf)]);
    for csrf in ["", "wrong", &other.csrf] {
        visitor.post_raw("/console/tenants", &make(csrf), &[]).await.expect(403);
    }
    let cross = [("sec-fetch-site", "cross-site")];
    visitor.post_raw("/console/tenants", &make(&visitor.csrf), &cross).await.expect(403);
    visitor.post_raw("/console/sign-in", &form(&[("token", &root_token(&server))]), &cross).await.expect(403);
    let tenants = server.run_json(&["tenant", "list", "--json"]);
    assert_eq!(tenants.as_array().map(Vec::len), Some(1), "{tenants}");
    visitor.post_raw("/console/tenants", &make(&visitor.csrf), &[("sec-fetch-site", "same-origin")]).await.expect(303);
    assert_eq!(server.run_json(&["tenant", "list", "--json"]).as_array().map(Vec::len), Some(2));
}

/// Whoever sends a form after their session has ended is told that it was not taken, and comes to its page again.
#[tokio::test]
async fn a_form_of_a_session_that_has_ended_is_told_of() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    visitor.post("/console/sign-out", &[]).await.expect(303);
    let sent = "/console/t/test/tokens/create";
    let response = visitor.post(sent, &[("name", "x")]).await.expect(303);
    let page = visitor.get(response.header("location")).await.expect(200).text;
    assert!(page.contains("session has ended") && page.contains("what you typed was not taken"), "{page}");
    assert_eq!(hidden(&page, "/console/sign-in", "to"), sent);
    let body = form(&[("token", &root_token(&server)), ("to", sent)]);
    let entered = visitor.post_raw("/console/sign-in", &body, &[]).await.expect(200);
    assert!(entered.text.contains(&format!("url={sent}\"")), "{}", entered.text);
    // Nothing was typed by whoever signs out.
    let out = visitor.post("/console/sign-out", &[]).await.expect(303);
    assert_eq!((out.header("location"), &*cookie(&out)), ("/console/sign-in", "scim_console="));
}

/// Whoever looks at a page after their session has ended is told so. Whoever had none, or has signed out, is not.
#[tokio::test]
async fn a_page_of_a_session_that_has_ended_is_told_of() {
    let server = with_console();
    let (ended, mut left) = (Visitor::root(&server).await, Visitor::root(&server).await);
    let sessions = left.get("/console/server").await.expect(200).text;
    let number = sessions.split("name=\"number\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    left.post("/console/server/sessions", &[("number", number.expect("a session"))]).await.expect(303);
    let sign_out = left.post("/console/sign-out", &[]).await.expect(303);
    left.cookie = cookie(&sign_out);
    let path = "/console/t/test/users?q=an&columns=title";
    // A search, or a part that asks by itself, has its page loaded.
    let part = ended.http.send("GET", path, &[("cookie", ended.cookie.as_str()), ("hx-request", "true")], None).await;
    assert_eq!(part.expect(200).header("hx-refresh"), "true");
    for (visitor, is_told) in [(ended, true), (left, false), (Visitor::stranger(&server), false)] {
        let away = visitor.get(path).await.expect(303);
        let page = visitor.get(away.header("location")).await.expect(200).text;
        assert_eq!(page.contains("Your session has ended"), is_told, "{page}");
        assert!(!page.contains("what you typed was not taken"), "{page}");
        assert_eq!(hidden(&page, "/console/sign-in", "to"), path.replace('&', "&#38;"));
    }
}

/// Tries until an address has to wait: after ten attempts, and one more for each six seconds that they have taken.
pub async fn slowed_down(attempt: impl AsyncFn() -> Response) {
    let begun = Instant::now();
    let mut refused = 0;
    loop {
        let answer = attempt().await;
        if answer.status == 429 {
            assert!(answer.text.contains("Too many attempts. Try again in"), "{}", answer.text);
            break;
        }
        answer.expect(403);
        refused += 1;
        assert!(refused <= 10 + begun.elapsed().as_secs() / 6, "{refused} attempts");
    }
    assert!(refused >= 10, "{refused} attempts");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = with_console();
    let stranger = Visitor::stranger(&server);
    slowed_down(async || stranger.sign_in("scim_guess").await).await;
    // Others may be behind that address, which is a proxy's perhaps: with the right token they get in.
    stranger.sign_in(&root_token(&server)).await.expect(200);
}

#[tokio::test]
async fn nobody_is_led_to_another_host() {
    let server = with_console();
    let stranger = Visitor::stranger(&server);
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console/\\evil",
        "javascript:alert(1)",
        "/consolevil",
        // Off the console: a browser, or a proxy before it, would read these so.
        "/console/../evil",
        "/console/../../evil",
        "/console/./../evil",
        "/console/t/..",
        "/console/%2e%2e/evil",
        "/console/%2E%2E/%2E%2E/evil",
        "/console/.%2e/evil",
        "/console/..%2Fevil",
        "/console/t/..%5Cevil",
        "/console/t/%5Cevil",
        "/console//evil",
        "/console/%2Fevil",
        "/console/t/\tevil",
        "/console/t/a%0D%0Aevil",
        "/console/t/%00evil",
        "/console/t/evil#x",
        "/console?q=\\evil",
        "/console?q=%0Aevil",
    ] {
        let body = form(&[("token", &root_token(&server)), ("to", to)]);
        let page = stranger.post_raw("/console/sign-in", &body, &[]).await.expect(200);
        assert!(page.text.contains("url=/console\""), "{to}: {}", page.text);
        assert!(!page.text.contains("evil"), "{to}: {}", page.text);
    }
    for to in ["/console", "/console/t/test/users?q=a", "/console/sync/our%20ad?range=7d", "/console/t/a..b/tokens"] {
        let body = form(&[("token", &root_token(&server)), ("to", to)]);
        let page = stranger.post_raw("/console/sign-in", &body, &[]).await.expect(200);
        assert!(page.text.contains(&format!("url={to}\"")), "{to}: {}", page.text);
    }
}

/// What is no page of the console is not where somebody goes on: such as what begins another sign-in.
#[tokio::test]
async fn a_sign_in_leads_to_pages_alone() {
    let server = with_console();
    let stranger = Visitor::stranger(&server);
    let leads = async |to: &str, expect: &str| {
        let body = form(&[("token", &root_token(&server)), ("to", to)]);
        let page = stranger.post_raw("/console/sign-in", &body, &[]).await.expect(200).text;
        assert!(page.contains(&format!("url={}\"", expect.replace('&', "&#38;"))), "{to}: {page}");
    };
    for to in [
        "/console/oidc",
        "/console/oidc?to=/console",
        "/console/oidc/back?error=x",
        "/console/sign-in",
        "/console/sign-in?lost=page",
        "/console/sign-out",
        "/console/enter?code=x",
        "/console/assets/site.css",
        "/console/nothing",
        "/console/t/test/nothing",
        "/console/t/test/nothing/set",
        "/console/judge/report/x",
        "/",
        "",
    ] {
        leads(to, "/console").await;
    }
    for to in PAGES {
        leads(to, to).await;
    }
    // The address of a form leads to its page, when it is opened.
    for to in ["/console/judge/report", "/console/server/sessions", "/console/t/test/requests/x/values"] {
        leads(to, to).await;
    }
}

/// A person may do in the browser what the role of the token allows, and until the token is deleted.
#[tokio::test]
async fn roles_hold_in_the_browser() {
    let server = with_console();
    let args = |role: &'static str| ["admin-token", "create", "--name", role, "--role", role, "--json"];
    let token = |made: &Value| made["token"].as_str().expect("a token").to_owned();
    let viewer = Visitor::by_token(&server, &token(&server.run_json(&args("viewer")))).await;
    let operator = Visitor::by_token(&server, &token(&server.run_json(&args("operator")))).await;
    let page = viewer.get("/console/t/test/tokens").await.expect(200);
    assert!(!page.text.contains("Make a token") && page.text.contains("viewer"), "a viewer is offered nothing");
    let refused = viewer.done("/console/t/test/tokens/create", &[("scopes", "read")]).await;
    assert!(refused.text.contains("notice bad") && refused.text.contains("role"), "{}", refused.text);
    let made = operator.post("/console/t/test/tokens/create", &[("name", "app"), ("scopes", "read")]).await.expect(200);
    assert!(made.text.contains("scim_"), "{}", made.text);
    let refused = operator.done("/console/t/test/settings/disable", &[]).await;
    assert!(refused.text.contains("notice bad"), "{}", refused.text);
    // The event says who it was.
    let events = server.run(&["events", "--tenant", "test", "--json"]);
    let events = String::from_utf8_lossy(&events.stdout).into_owned();
    assert!(events.contains("admin:operator"), "{events}");
    let root = Visitor::root(&server).await;
    let told = root.get("/console/server").await.expect(200).text;
    assert!(told.contains("administrator.signed-in") && told.contains("admin:viewer"), "{told}");
    assert!(server.run(&["admin-token", "delete", "viewer"]).status.success());
    viewer.get("/console").await.expect(303);
    operator.get("/console").await.expect(200);
    // The next token of that name lets nobody in who came by the one before.
    let first = server.run_json(&["admin-token", "list", "--json"]);
    let first = first.as_array().and_then(|all| all.iter().find(|one| one["name"] == "operator")).cloned();
    let first = first.and_then(|one| one["token_id"].as_str().map(str::to_owned)).expect("an id");
    server.run_json(&["admin-token", "rotate", "operator", "--json"]);
    operator.get("/console").await.expect(200);
    assert!(server.run(&["admin-token", "delete", &first]).status.success());
    operator.get("/console").await.expect(303);
}

#[tokio::test]
async fn a_session_can_be_ended_by_an_administrator() {
    let server = with_console();
    let (first, second) = (Visitor::root(&server).await, Visitor::root(&server).await);
    let page = second.get("/console/server").await.expect(200).text;
    let number = page.split("name=\"number\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    second.post("/console/server/sessions", &[("number", number.expect("a session"))]).await.expect(303);
    first.get("/console").await.expect(303);
    second.get("/console").await.expect(200);
    let told = server.run(&["events", "--server", "--json"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let ended: Value = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|event: &Value| event["type"] == "session.ended")
        .unwrap_or_else(|| panic!("it is not told: {told}"));
    assert_eq!((ended["actor"].as_str(), &ended["attributes"][0]), (Some("admin"), &"admin".into()), "{ended}");
}
