//! Rewrites of what a provider sends, seen and changed on the setup page.

use serde_json::{Value, json};

use super::{Browser, hidden, link};
use crate::server::{Response, TestServer};

/// What the form of a new rewrite sends.
async fn typed(browser: &Browser, fields: &[(&str, &str)]) -> Response {
    let page = browser.get("/setup/mapping").await.expect(200);
    let csrf = hidden(&page, "csrf");
    browser.post("/setup/mapping/preview", &[&[("csrf", csrf.as_str())], fields].concat()).await
}

/// Presses the button of a preview.
async fn press(browser: &Browser, preview: &Response) -> Response {
    let unescape = |text: String| text.replace("&#34;", "\"").replace("&#38;", "&");
    let values = ["csrf", "was", "rewrites"].map(|name| (name, unescape(hidden(preview, name))));
    browser.post("/setup/mapping/set", &values.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}

fn stored(server: &TestServer) -> Value {
    server.run_json(&["mapping", "list", "--tenant", "test", "--json"])
}

const LOWER: [(&str, &str); 4] =
    [("name", "mail"), ("rewrite", "lower-case"), ("resource_type", "User"), ("attribute", "emails.value")];

#[tokio::test]
async fn a_rewrite_is_shown_before_it_is_made() {
    let server = TestServer::start();
    let client = server.client();
    let jane = client.user("jane").await;
    let mail = json!([{"op": "add", "path": "emails", "value": [{"value": "Jane@Example.com", "primary": true}]}]);
    client.patch(&format!("/Users/{jane}"), &mail).await.expect(200);
    let browser = Browser::opened(&server, &link(&server, &["--name", "it", "--allow", "mapping"])).await;

    let preview = typed(&browser, &LOWER).await.expect(200);
    assert!(preview.text.contains("1 of 1") && preview.text.contains("emails"), "{}", preview.text);
    assert!(preview.text.contains("That is of the first 1,000 users and groups"), "{}", preview.text);
    assert!(!preview.text.to_lowercase().contains("jane"), "no values: {}", preview.text);
    assert_eq!(stored(&server), json!([]), "nothing is changed yet");
    let done = press(&browser, &preview).await.expect(303);
    assert_eq!(done.header("location"), "/setup/mapping");
    assert_eq!(stored(&server)[0]["name"], "mail");
    client.patch(&format!("/Users/{jane}"), &json!([{"op": "add", "path": "title", "value": "x"}])).await.expect(200);
    assert_eq!(client.get(&format!("/Users/{jane}")).await.json["emails"][0]["value"], "jane@example.com");

    let events = server.run(&["events", "--tenant", "test", "--json"]);
    let events = String::from_utf8_lossy(&events.stdout).into_owned();
    let changed = events.lines().find(|line| line.contains("mapping.changed")).expect("an event");
    assert!(changed.contains("setup-link:it"), "{changed}");

    // Taken away the same way.
    let preview = typed(&browser, &[("remove", "mail")]).await.expect(200);
    assert!(preview.text.contains("No rewrite is left") && !preview.text.contains("0 of 0"), "{}", preview.text);
    assert_eq!(stored(&server)[0]["name"], "mail");
    press(&browser, &preview).await.expect(303);
    assert_eq!(stored(&server), json!([]));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_what_was_typed_stays() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "mapping"])).await;
    let wrong = typed(&browser, &[("name", "cost"), ("rewrite", "copy"), ("attribute", "shoeSize"), ("to", "title")]);
    let wrong = wrong.await.expect(400);
    assert!(wrong.text.contains("no attribute") && wrong.text.contains("value=\"shoeSize\""), "{}", wrong.text);
    let wrong = typed(&browser, &[("name", "cost"), ("rewrite", "explode"), ("attribute", "title")]).await.expect(400);
    assert!(wrong.text.contains("explode"), "{}", wrong.text);
    for (name, attribute, why) in [
        ("", "", "“Name” is empty"),
        ("cost", "", "“Attribute” is empty"),
        ("cost", "title", "copy and rename need “To”, default needs “Value”"),
    ] {
        let wrong = typed(&browser, &[("name", name), ("rewrite", "copy"), ("attribute", attribute)]).await.expect(400);
        assert!(wrong.text.contains(why), "{why}: {}", wrong.text);
    }
    // A name twice.
    press(&browser, &typed(&browser, &LOWER).await.expect(200)).await.expect(303);
    assert!(typed(&browser, &LOWER).await.expect(400).text.contains("a name of its own"));
    assert_eq!(stored(&server).as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_change_of_somebody_else_is_not_undone() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "mapping"])).await;
    let preview = typed(&browser, &LOWER).await.expect(200);
    let file = server.scratch("mapping.json");
    let theirs = json!([{"name": "kind", "rewrite": "default", "attribute": "userType", "value": "customer"}]);
    std::fs::write(&file, theirs.to_string()).expect("a file");
    assert!(server.run(&["mapping", "set", "--tenant", "test", file.to_str().expect("a path")]).status.success());
    let late = press(&browser, &preview).await.expect(409);
    assert!(late.text.contains("changed meanwhile"), "{}", late.text);
    assert_eq!(stored(&server)[0]["name"], "kind");
}

#[tokio::test]
async fn another_link_changes_no_mapping() {
    let server = TestServer::start();
    let allowed = Browser::opened(&server, &link(&server, &["--name", "one", "--allow", "mapping"])).await;
    let preview = typed(&allowed, &LOWER).await.expect(200);
    let browser = Browser::opened(&server, &link(&server, &["--name", "two", "--allow", "tokens,log"])).await;
    let home = browser.get("/setup").await.expect(200);
    assert!(!home.text.contains("/setup/mapping"), "{}", home.text);
    let csrf = hidden(&home, "csrf");
    let values = [("csrf", csrf.as_str()), ("was", &hidden(&preview, "was")), ("rewrites", "[]")];
    for path in ["/setup/mapping/preview", "/setup/mapping/set"] {
        browser.post(path, &values).await.expect(404);
    }
    // A form of another session.
    let forged = press(&browser, &preview).await;
    assert_eq!((forged.status, stored(&server)), (403, json!([])));
}
