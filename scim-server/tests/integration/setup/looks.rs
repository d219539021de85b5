//! Whose name, logo and colour pages have, and where pages are behind a proxy.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{Browser, link, path, tokens};
use crate::{
    chromium,
    server::{Options, TestServer},
};

/// The smallest picture there is.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test]
async fn a_tenant_shows_its_own_operator_and_else_the_servers() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("logo.png");
    std::fs::write(&file, STANDARD.decode(PNG).expect("a picture")).expect("a file");
    let logo = file.to_str().expect("a path");
    let args = ["--operator-name", "Example & Sons", "--operator-colour", "#ffee00", "--operator-logo", logo];
    let settings = json!({"operator": {"name": "Reseller"}});
    let server = TestServer::with(Options { settings: Some(settings), ..Options::args(&args) });
    let browser = Browser::new(&server);
    let dead = browser.get("/setup").await.expect(404);
    assert!(dead.text.contains("Example &#38; Sons"), "{}", dead.text);
    let landing = browser.get(&path(&link(&server, &[])["url"])).await.expect(200);
    assert!(landing.text.contains("Reseller invites you") && !landing.text.contains("Example"), "{}", landing.text);
    let own = format!("/setup/brand/{}", server.tenant());
    for brand in [own.as_str(), "/setup/brand/server"] {
        let shown = browser.get(&format!("{brand}/logo")).await.expect(200);
        assert_eq!(shown.media_type(), "image/png");
        assert!(shown.header("content-security-policy").contains("sandbox"));
        let style = browser.get(&format!("{brand}/colour.css")).await.expect(200);
        assert!(style.text.contains("--accent: light-dark(#") && !style.text.contains("(#ffee00,"), "{}", style.text);
    }
    browser.get("/setup/brand/8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f/logo").await.expect(404);
    browser.get("/setup/brand/server/other").await.expect(404);
}

#[tokio::test]
async fn a_logo_that_is_none_is_refused() {
    let server = TestServer::start();
    let file = server.scratch("settings.json");
    let set = |operator: serde_json::Value| {
        std::fs::write(&file, json!({"operator": operator}).to_string()).expect("a file");
        server.run(&["tenant", "set", "test", "--settings", file.to_str().expect("a path")])
    };
    for wrong in [
        json!({"logo": STANDARD.encode("<svg onload=alert(1)>")}),
        json!({"logo": "data:image/png;base64,AAAA"}),
        json!({"logo": "https://example.com/logo.png"}),
        json!({"colour": "red; } body { display: none"}),
        json!({"name": ""}),
        json!({"url": "https://example.com"}),
    ] {
        let said = set(wrong.clone());
        assert!(!said.status.success(), "{wrong}");
        assert!(String::from_utf8_lossy(&said.stderr).contains("\"operator\""), "{said:?}");
    }
    assert!(set(json!({"logo": PNG, "colour": "#123456", "name": "Fine"})).status.success());
}

#[tokio::test]
async fn pages_are_where_browsers_find_them() {
    let server = TestServer::with(Options::args(&["--trust-forwarded"]));
    let made = link(&server, &[]);
    let proxy = [("x-forwarded-proto", "https"), ("x-forwarded-host", "scim.example")];
    let browser = Browser::new(&server);
    let landing = browser.send("GET", &path(&made["url"]), &proxy, None).await.expect(200);
    let own = [&proxy[..], &[("origin", "https://scim.example")]].concat();
    let opened = browser.send("POST", &path(&made["url"]), &own, Some("csrf=".to_owned())).await.expect(303);
    assert_eq!(opened.header("location"), "/setup");
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with("__Host-scim-setup=") && cookie.ends_with("; Secure"), "{cookie}");
    // Everything that a page loads is there.
    let mut seen = 0;
    for file in landing.text.split('"').filter(|text| text.starts_with("/setup/assets/")) {
        let found = browser.get(file).await.expect(200);
        assert!(found.header("cache-control").contains("immutable"));
        seen += 1;
    }
    assert!(seen >= 3, "{}", landing.text);
}

/// A list of choices has times in the reader's zone, as everything around it.
#[tokio::test]
async fn a_choice_of_tokens_says_when_each_ends_to_its_reader() {
    let server = TestServer::start();
    let mut browser = chromium::Browser::start(server.origin());
    browser.call("Emulation.setTimezoneOverride", &json!({"timezoneId": "Asia/Tokyo"}));
    browser.open(link(&server, &["--allow", "tokens"])["url"].as_str().expect("a URL"));
    browser.click("button", "Begin");
    browser.sees("Make its successor");
    let ends = tokens(&server)[0]["expires"].as_str().expect("a time").to_owned();
    let in_tokyo = format!(
        "new Date('{ends}').toLocaleString(undefined, {{dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo'}})"
    );
    let shown = browser.run("document.querySelector('select[name=token] option').text");
    let ends = browser.run(&in_tokyo);
    assert!(shown.as_str().is_some_and(|text| text.ends_with(ends.as_str().expect("a text"))), "{shown} {ends}");
    assert_eq!(browser.faults(), Vec::<String>::new());
}
