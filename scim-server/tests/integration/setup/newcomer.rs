//! The way of a newcomer in a real browser: the link, the button, the values, the token, the page that sees the first
//! call by itself, and what is looked at later.

use serde_json::json;

use super::{fresh, link};
use crate::{
    chromium::Browser,
    console::{
        screens::{look_at, look_at_all},
        tokens::Caller,
    },
    server::Options,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sees_the_first_call_arrive() {
    let server = fresh(Options::settings(json!({"operator": {"name": "Example Ltd", "colour": "#8a2be2"}})));
    let made = link(&server, &["--allow", "tokens,mapping,log"]);
    let mut browser = Browser::start(server.origin());
    browser.open(made["url"].as_str().expect("a URL"));
    browser.sees("Example Ltd invites you to connect your identity provider");
    look_at(&mut browser, "setup-link");
    browser.click("button", "Begin");
    browser.sees("Waiting for the first call");
    assert_eq!(browser.run("document.cookie"), "", "no script sees the session");
    assert_eq!(browser.run("location.pathname"), "/setup", "the code is out of the address");
    browser.click("a", "Microsoft Entra ID");
    browser.sees("Values to enter");
    browser.click("a", "Use a token instead");
    browser.sees("Secret Token");
    browser.click("button", "Make the token");
    browser.sees("It is shown this once");
    let token = browser.run("document.querySelector('.secret code').textContent");
    let token = token.as_str().expect("a token").to_owned();
    look_at(&mut browser, "setup-made");
    browser.click("button", "Test the connection");
    let tested = browser.sees("It is good, and may read and write.");
    // The findings take the place of the button, and what is shown once is still there.
    assert!(tested.contains("Secret Token") && tested.contains(&token), "{tested}");
    look_at(&mut browser, "setup-tested");
    browser.sees("Waiting for the first call");
    super::journey::entra_calls(&server, &token).await;
    // Nobody presses anything: the page asks by itself, and what is shown once stays.
    let seen = browser.sees("Seen: your provider reaches this server");
    assert!(seen.contains(&token), "{seen}");
    server.client().with_token(&token).user("newcomer@example.com").await;
    let users = server.run_json(&["tenant", "show", "test", "--json"])["users"].to_string();
    let count = "[...document.querySelectorAll('dt')].find(one => one.textContent === 'Users').nextElementSibling";
    browser.open(&format!("{}/setup", server.origin()));
    assert_eq!(browser.run(&format!("{count}.textContent")), users.as_str(), "users appear");
    let home = browser.sees("Tokens");
    assert!(home.contains("entra") && !home.contains(&token), "{home}");
    browser.click("nav a", "Calls");
    browser.sees("Only those that failed");
    browser.click("nav a", "Mapping");
    browser.sees("Nothing is rewritten");
    for (field, value) in [("name", "mail"), ("attribute", "emails.value")] {
        browser.run(&format!("document.querySelector('[name={field}]').focus()"));
        browser.write(value);
    }
    browser.run("document.querySelector('[name=rewrite]').value = 'lower-case'");
    browser.click("button", "Look what would change");
    browser.sees("What would change");
    look_at(&mut browser, "setup-preview");
    browser.click("button", "Change it");
    browser.sees("lower-case");
    let paths = ["/setup", "/setup/to/entra", "/setup/to/okta", "/setup/calls", "/setup/mapping"];
    look_at_all(&mut browser, server.origin(), &paths.map(str::to_owned), "setup");
    browser.open(&format!("{}/setup", server.origin()));
    browser.click("button", "Make its successor");
    browser.sees("The successor");
    look_at(&mut browser, "setup-rotated");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// While a customer replaces a token in a browser, whoever shows the old one, and then the new one, is let in each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_a_customer_replaces_a_token() {
    let server = fresh(Options::settings(json!({"rate_limit": 0})));
    let made = link(&server, &["--allow", "tokens"]);
    let mut browser = Browser::start(server.origin());
    browser.open(made["url"].as_str().expect("a URL"));
    browser.click("button", "Begin");
    browser.sees("Waiting for the first call");
    browser.click("a", "Okta");
    browser.sees("Values to enter");
    browser.click("button", "Make the token");
    browser.sees("It is shown this once");
    let shown = "document.querySelector('.secret code').textContent";
    let token = browser.run(shown).as_str().expect("a token").to_owned();
    let old = Caller::with(server.client().with_token(&token));
    old.goes_on(20).await;
    browser.sees("Seen: your provider reaches this server");
    browser.open(&format!("{}/setup", server.origin()));
    browser.click("button", "Make its successor");
    browser.sees("The successor");
    let successor = browser.run(shown).as_str().expect("a token").to_owned();
    assert_ne!(successor, token);
    let new = Caller::with(server.client().with_token(&successor));
    old.goes_on(50).await;
    new.goes_on(50).await;
    browser.click("a", "See whether it is used");
    browser.sees("Last used");
    old.goes_on(20).await;
    for statuses in [old.end().await, new.end().await] {
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
    assert_eq!(browser.faults(), Vec::<String>::new());
}
