//! The test of a connection: the server calls itself as a provider would, and says what each step has found.

use std::{io::ErrorKind, net::TcpListener};

use serde_json::{Value, json};

use super::{Browser, fresh, hidden, link, shown_token, tokens};
use crate::{
    oauth::form,
    server::{Options, Response, TestServer},
};

/// Sends the form of a test with these fields.
async fn test(browser: &Browser, fields: &[(&str, &str)]) -> Response {
    let home = browser.get("/setup/to/okta").await.expect(200);
    let csrf = hidden(&home, "csrf");
    browser.post("/setup/test", &[fields, &[("csrf", csrf.as_str())]].concat()).await
}

/// When the tenant's provider has called last, as the operator sees it.
fn last_attempt(server: &TestServer) -> Value {
    let status = server.run(&["status", "--tenant", "test", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    status[0]["last_attempt"].clone()
}

#[tokio::test]
async fn a_token_is_tested_before_the_provider_has_it() {
    let server = fresh(Options::default());
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens,log"])).await;
    let made = browser.make("okta", "token").await.expect(200);
    let token = shown_token(&made);
    assert_eq!(hidden(&made, "token"), token, "one button tests what was made");
    let page = test(&browser, &[("token", &token)]).await.expect(200);
    for told in [
        format!("{} leads to this server", server.base()),
        "It is good, and may read and write.".to_owned(),
        "Your provider can read what this server does.".to_owned(),
        "They can be read. There are 0.".to_owned(),
    ] {
        assert!(page.text.contains(&told), "{told}: {}", page.text);
    }
    assert!(!page.text.contains("badge bad") && !page.text.contains(&token), "{}", page.text);

    // Nobody has called yet: neither for the customer, nor for the operator.
    assert!(browser.get("/setup").await.expect(200).text.contains("Waiting for the first call"));
    assert_eq!(last_attempt(&server), Value::Null);
    assert!(tokens(&server)[0].get("last_used").is_none_or(Value::is_null), "{:?}", tokens(&server));
    assert!(browser.get("/setup/calls").await.expect(200).text.contains("/Users"), "it is in the log of calls");
    server.client().with_token(&token).get("/Users").await.expect(200);
    assert!(last_attempt(&server).is_string());

    let reader = server.run_json(&["token", "create", "--tenant", "test", "--scope", "read", "--json"]);
    let page = test(&browser, &[("token", reader["token"].as_str().expect("a token"))]).await.expect(200);
    assert!(page.text.contains("may only read") && page.text.contains("badge warn"), "{}", page.text);
    let other = server.run_json(&["init", "--tenant", "other", "--json"]);
    for wrong in [other["token"].as_str().expect("a token"), &token[..40], "hello", ""] {
        let page = test(&browser, &[("token", wrong)]).await.expect(200);
        let told = page.text.contains("It is no token of this connection") || page.text.contains("5 times in a minute");
        assert!(told && !page.text.contains("There are 0"), "{wrong}: {}", page.text);
    }
    let mut is_limited = false;
    for _ in 0..30 {
        let page = test(&browser, &[("token", &token)]).await.expect(200);
        is_limited |= page.text.contains("5 times in a minute") && !page.text.contains("badge good");
    }
    assert!(is_limited, "tests are not limited");
    let forged = browser.post("/setup/test", &[("token", &token), ("csrf", "0")]).await;
    assert_eq!(forged.status, 403);
    Browser::new(&server).post("/setup/test", &[("token", &token)]).await.expect(404);
}

#[tokio::test]
async fn a_client_is_tested_by_its_token_endpoint() {
    let server = fresh(Options::default());
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let made = browser.make("pingone", "client").await.expect(200);
    let (id, secret) = (hidden(&made, "client_id"), hidden(&made, "client_secret"));
    let good = test(&browser, &[("client_id", &id), ("client_secret", &secret)]).await.expect(200);
    for told in ["It gets access tokens.", "They can be read. There are 0."] {
        assert!(good.text.contains(told), "{told}: {}", good.text);
    }
    assert!(!good.text.contains(&secret) && !good.text.contains("badge bad"), "{}", good.text);
    assert!(browser.get("/setup").await.expect(200).text.contains("Waiting for the first call"));
    assert_eq!(last_attempt(&server), Value::Null);
    let cut = &secret[..secret.len() - 1];
    let wrong = test(&browser, &[("client_id", &id), ("client_secret", cut)]).await.expect(200);
    assert!(wrong.text.contains("do not fit") && !wrong.text.contains("There are"), "{}", wrong.text);
}

/// A browser that reaches a server by the address that is set, which leads nowhere or elsewhere: what is sent goes to
/// the server itself.
struct Behind {
    browser: Browser,
    address: String,
}

impl Behind {
    async fn of(server: &TestServer, address: &str) -> Self {
        let mut behind = Self { browser: Browser::new(server), address: address.to_owned() };
        let made = link(server, &["--allow", "tokens"]);
        let opened = behind.post(&super::path(&made["url"]), &[]).await.expect(303);
        behind.browser.cookie = opened.header("set-cookie").split(';').next().map(str::to_owned);
        behind
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Response {
        self.browser.send("POST", path, &[("origin", &self.address)], Some(form(pairs))).await
    }

    async fn test(&self, token: &str) -> String {
        let home = self.browser.get("/setup/to/okta").await.expect(200);
        let csrf = hidden(&home, "csrf");
        self.post("/setup/test", &[("csrf", &csrf), ("token", token)]).await.expect(200).text
    }
}

#[tokio::test]
async fn what_keeps_providers_out_is_told() {
    let elsewhere = TestServer::with(Options::args(&["--console"]));
    for (address, told) in [
        ("http://127.0.0.1:1".to_owned(), "cannot be reached: cannot connect"),
        (elsewhere.admin(), "leads to another program"),
    ] {
        // The tests go on reaching it where it listens.
        let file = tempfile::NamedTempFile::new().expect("a file");
        let server = TestServer::with(Options::args(&["--config", &file.path().to_string_lossy()]));
        std::fs::write(file.path(), format!("public_url = \"{address}\"\n")).expect("the configuration");
        server.signal("HUP");
        server.wait_for_log("read the files again");
        let page = Behind::of(&server, &address).await.test(server.token()).await;
        assert!(page.contains(told) && page.contains("badge bad") && page.contains(&address), "{page}");
        assert!(page.contains("It is good, and may read and write."), "the token is not to blame: {page}");
        assert!(!page.contains("They can be read"), "{page}");
    }
}

/// What a browser says of where the server is leads the server nowhere.
#[tokio::test]
async fn a_browser_does_not_say_what_is_called() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let host = listener.local_addr().expect("an address").to_string();
    let server = fresh(Options::settings(json!({"operator": {"name": "Example Ltd"}})));
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let token = shown_token(&browser.make("okta", "token").await);
    let csrf = hidden(&browser.get("/setup/to/okta").await.expect(200), "csrf");
    let origin = format!("http://{host}");
    let headers = [("origin", origin.as_str()), ("host", &host)];
    let fields = form(&[("csrf", &csrf), ("token", &token)]);
    let page = browser.send("POST", "/setup/test", &headers, Some(fields)).await.expect(200).text;
    assert!(page.contains(&format!("{} leads to this server", server.base())), "{page}");
    assert_eq!(listener.accept().map_err(|error| error.kind()).err(), Some(ErrorKind::WouldBlock));
}
