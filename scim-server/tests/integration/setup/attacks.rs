//! What somebody else tries: to guess, to use a link again, to have another's browser do something, to look at another
//! tenant, and to have pages lead or run what is theirs.

use futures_util::future::join_all;
use serde_json::json;

use super::{Browser, fresh, hidden, link, path, shown_token, tokens};
use crate::server::{Options, TestServer};

/// What every page has to say to a browser.
#[track_caller]
fn guarded(page: &crate::server::Response) {
    let policy = page.header("content-security-policy");
    for word in ["default-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(word), "{word}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn all_links_that_open_nothing_look_the_same() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "0"]));
    let used = link(&server, &["--name", "used"]);
    Browser::opened(&server, &used).await;
    let deleted = link(&server, &["--name", "gone"]);
    assert!(server.run(&["setup-link", "delete", "--tenant", "test", "gone"]).status.success());
    let ended = link(&server, &["--expires", "1s"]);
    let browser = Browser::new(&server);
    while browser.get(&path(&ended["url"])).await.status == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let good = path(&link(&server, &[])["url"]);
    let unknown = path(&json!("https://x/setup/scimsl_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ000000"));
    let cut = good[..good.len() - 1].to_owned();
    let first = browser.get(&unknown).await.expect(404);
    guarded(&first);
    assert!(first.text.contains("Ask whoever sent it for a new one") && !first.text.contains("test"), "{}", first.text);
    let dead = [path(&used["url"]), path(&deleted["url"]), path(&ended["url"]), cut, "/setup/scimsl_".to_owned()];
    for path in &dead {
        for answer in [browser.get(path).await, browser.post(path, &[("csrf", "")]).await] {
            assert_eq!((answer.status, &answer.text), (404, &first.text), "{path}");
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
    }
    // Who has no session sees the same as well.
    for path in ["/setup", "/setup/to/entra", "/setup/calls"] {
        assert_eq!(browser.get(path).await.expect(404).text, first.text, "{path}");
    }
    // None leads to where there is nothing; in a browser with a session there is.
    assert!(!first.text.contains("Go on with the setup"), "{}", first.text);
    let opened = Browser::opened(&server, &link(&server, &["--name", "mine"])).await;
    let told = opened.get(&unknown).await.expect(404).text;
    assert!(told.contains("href=\"/setup\"") && told.contains("Go on with the setup"), "{told}");
    opened.get("/setup").await.expect(200);
    browser.get(&good).await.expect(200);
}

#[tokio::test]
async fn of_many_browsers_one_opens_a_link() {
    let server = TestServer::start();
    let made = link(&server, &[]);
    let browsers: Vec<_> = (0..8).map(|_| Browser::new(&server)).collect();
    let to = path(&made["url"]);
    let answers = join_all(browsers.iter().map(|browser| browser.post(&to, &[("csrf", "")]))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![303], vec![404; 7]].concat());
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "5"]));
    let inside = Browser::opened(&server, &link(&server, &[])).await;
    let browser = Browser::new(&server);
    let mut limited = None;
    for _ in 0..10 {
        let answer = browser.get("/setup/scimsl_guess").await;
        assert!(matches!(answer.status, 404 | 429), "{}", answer.status);
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("the limit");
    guarded(&limited);
    assert!(limited.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(limited.media_type(), "text/html");
    // Whoever is behind the same address and was let in goes on.
    inside.get("/setup").await.expect(200);
}

#[tokio::test]
async fn forged_forms_do_nothing() {
    let server = fresh(Options::default());
    let made = link(&server, &["--allow", "tokens"]);
    let mut browser = Browser::new(&server);
    let to = path(&made["url"]);
    // Another site has somebody's browser open a link of its own, so that they set up the wrong tenant.
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        let answer = browser.send("POST", &to, headers, Some("csrf=".to_owned())).await.expect(403);
        assert_eq!(answer.header("set-cookie"), "");
    }
    browser.open(&made).await.expect(303);
    let way = browser.get("/setup/to/okta").await.expect(200);
    let other = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let others_word = hidden(&other.get("/setup/to/okta").await.expect(200), "csrf");
    let form = Browser::make_form(&way, "okta", "token");
    let with = |word: &str| {
        let pairs = form.each_ref().map(|(name, value)| (*name, if *name == "csrf" { word } else { &**value }));
        crate::oauth::form(&pairs)
    };
    let own = [("origin", server.origin())];
    for (headers, word) in [
        (&own[..], ""),
        (&own, "0000"),
        (&own, &*others_word),
        (&[("origin", "https://evil.example")], &form[0].1),
        (&[("origin", "null")], &form[0].1),
        (&[("sec-fetch-site", "cross-site")], &form[0].1),
    ] {
        browser.send("POST", "/setup/make", headers, Some(with(word))).await.expect(403);
    }
    // A form that is no form, and one that says nothing.
    browser.send("POST", "/setup/make", &own, Some(String::new())).await.expect(403);
    let json = [("origin", server.origin()), ("content-type", "application/json")];
    server
        .client()
        .send("POST", &format!("{}/setup/make", server.origin()), &json, Some("{}".to_owned()))
        .await
        .expect(415);
    assert!(tokens(&server).is_empty());
    shown_token(&browser.send("POST", "/setup/make", &own, Some(with(&form[0].1))).await);
}

/// What is refused has made nothing: the other forms of the page are still good, once.
#[tokio::test]
async fn a_refused_form_spends_no_other() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let way = browser.get("/setup/to/okta").await.expect(200);
    let form = Browser::make_form(&way, "okta", "token");
    let all = tokens(&server);
    let id = all[0]["token_id"].as_str().expect("an id").to_owned();
    assert!(server.run(&["token", "rotate", "--tenant", "test", &id]).status.success());
    let [(_, csrf), (_, version), ..] = &form;
    for _ in 0..2 {
        let pairs = [("csrf", &**csrf), ("version", &**version), ("token", &id), ("overlap", "3600")];
        let refused = browser.post("/setup/rotate", &pairs).await.expect(409);
        assert!(!refused.text.contains("This form was sent before"), "{}", refused.text);
    }
    let make = form.each_ref().map(|(name, value)| (*name, &**value));
    shown_token(&browser.post("/setup/make", &make).await);
    let again = browser.post("/setup/make", &make).await.expect(409);
    assert!(again.text.contains("This form was sent before"), "{}", again.text);
    assert_eq!(tokens(&server).len(), all.len() + 2);
}

#[tokio::test]
async fn a_session_that_somebody_else_has_chosen_is_not_taken() {
    let server = TestServer::start();
    let mut browser = Browser::new(&server);
    browser.cookie = Some("scim-setup=019a0b7011ab70008000000000000000.00".to_owned());
    let chosen = browser.cookie.clone();
    browser.open(&link(&server, &[])).await.expect(303);
    assert_ne!(browser.cookie, chosen);
    browser.get("/setup").await.expect(200);
    let cookie = chosen.expect("a cookie");
    browser.cookie = Some(cookie.clone());
    browser.get("/setup").await.expect(404);
    // Neither the id of a link nor its digest is a session.
    let id = server.run_json(&["setup-link", "list", "--json"])[0]["setup_link_id"]
        .as_str()
        .expect("an id")
        .replace('-', "");
    for text in [format!("{id}."), id.clone(), format!("{id}.{}", "0".repeat(64))] {
        browser.cookie = Some(format!("scim-setup={text}"));
        browser.get("/setup").await.expect(404);
    }
}

#[tokio::test]
async fn a_link_is_of_one_tenant() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "0"]));
    let other = server.run_json(&["init", "--tenant", "rival-corp", "--json"]);
    let token = other["token_id"].as_str().expect("an id");
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens,mapping,log"])).await;
    let home = browser.get("/setup").await.expect(200);
    let (csrf, version) = (hidden(&home, "csrf"), hidden(&home, "version"));
    let pairs = [("csrf", &*csrf), ("version", &version), ("token", token), ("overlap", "3600")];
    let refused = browser.post("/setup/rotate", &pairs).await.expect(409);
    let pages = [home, refused, browser.get("/setup/to/entra").await, browser.get("/setup/mapping").await];
    for page in &pages {
        guarded(page);
        let tenant = other["tenant_id"].as_str().expect("an id");
        assert!(!page.text.contains("rival-corp") && !page.text.contains(tenant), "{}", page.text);
    }
    let listed = server.run_json(&["token", "list", "--tenant", "rival-corp", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "nothing was replaced");
    // A disabled tenant has no pages.
    assert!(server.run(&["tenant", "disable", "test"]).status.success());
    browser.get("/setup").await.expect(404);
    let dead = link(&server, &["--name", "later"]);
    Browser::new(&server).get(&path(&dead["url"])).await.expect(404);
}

#[tokio::test]
async fn pages_run_and_lead_to_nothing_of_others() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let settings = json!({
        "operator": {"name": hostile, "colour": "#ffcc00"},
        "mapping": [{"name": hostile, "rewrite": "default", "resource_type": "User", "attribute": "title", "value": hostile}],
    });
    let server = TestServer::with(Options::settings(settings));
    let made = link(&server, &["--allow", "tokens,mapping"]);
    let mut browser = Browser::new(&server);
    let landing = browser.get(&path(&made["url"])).await.expect(200);
    browser.open(&made).await.expect(303);
    assert!(server.run(&["token", "create", "--tenant", "test", "--name", "a.b"]).status.success());
    let mut pages = vec![landing];
    for path in ["/setup", "/setup/mapping", "/setup/to/entra", "/setup/to/%3Cscript%3Ealert(1)%3C%2Fscript%3E"] {
        pages.push(browser.get(path).await);
    }
    pages.push(browser.get("/setup/to/okta?method=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await);
    for page in &pages {
        guarded(page);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{}", page.text);
        assert!(!page.text.contains(" style=") && !page.text.contains(" onclick="), "{}", page.text);
    }
    assert!(pages[0].text.contains("&#60;script&#62;alert(1)"), "{}", pages[0].text);
    for path in
        ["/setup//evil.example", "/setup/https://evil.example", "/setup/to//evil.example/", "/setup/\\evil.example"]
    {
        let answer = browser.get(path).await;
        assert!(answer.header("location").is_empty() && answer.status == 404, "{path}: {}", answer.status);
    }
    let evil = [("host", "evil.example"), ("origin", "http://evil.example")];
    let another = link(&server, &["--name", "another"]);
    let opened = Browser::new(&server).send("POST", &path(&another["url"]), &evil, Some("csrf=".to_owned())).await;
    assert_eq!(opened.expect(303).header("location"), "/setup", "wherever it was asked, it leads to no host");
}
