//! The test of a connection: the server calls itself as a provider would, and says what each step has found.

use std::{io::ErrorKind, net::TcpListener};

use serde_json::{Value, json};

use super::{Browser, fresh, hidden, link, shown_token, tokens};
use crate::{
    oauth::{GRANT, OAuth, form},
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

/// The calls of the log of requests.
fn calls(server: &TestServer) -> Vec<Value> {
    server.run_json(&["requests", "list", "--json"]).as_array().expect("a list").clone()
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
    assert_eq!(calls(&server), Vec::<Value>::new());
    assert!(!browser.get("/setup/calls").await.expect(200).text.contains("GET /Users"));
    // A mark that no server has made hides nothing.
    let forged = [("scim-server-probe", "1700000000000.00")];
    server.client().with_token(&token).request("GET", "/Users", &forged, None).await.expect(200);
    assert!(last_attempt(&server).is_string());
    assert_eq!(calls(&server).len(), 1);
    assert!(browser.get("/setup/calls").await.expect(200).text.contains("GET /Users"));

    let reader = server.run_json(&["token", "create", "--tenant", "test", "--scope", "read", "--json"]);
    let page = test(&browser, &[("token", reader["token"].as_str().expect("a token"))]).await.expect(200);
    assert!(page.text.contains("may only read") && page.text.contains("badge warn"), "{}", page.text);
    let other = server.run_json(&["init", "--tenant", "other", "--json"]);
    for wrong in [other["token"].as_str().expect("a token"), &token[..40], "hello", ""] {
        let page = test(&browser, &[("token", wrong)]).await;
        let told = page.status == 429 || page.text.contains("It is no token of this connection");
        assert!(told && !page.text.contains("There are 0"), "{wrong}: {}", page.text);
    }
    let mut limited = test(&browser, &[("token", &token)]).await;
    for _ in 0..30 {
        if limited.status == 429 {
            break;
        }
        limited = test(&browser, &[("token", &token)]).await;
    }
    let limited = limited.expect(429);
    assert!(limited.text.contains("5 times in a minute") && !limited.text.contains("badge good"), "{}", limited.text);
    let wait: u32 = limited.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
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
    // What was typed stays, but for the secret.
    for page in [&good, &wrong] {
        assert!(page.text.contains(&format!("value=\"{id}\"")) && !page.text.contains(cut), "{}", page.text);
    }
    // Nothing of it is a call; whoever is refused for the same in the same minute has called.
    assert_eq!(calls(&server), Vec::<Value>::new());
    let status = || server.run_json(&["status", "--tenant", "test", "--json"])[0]["refused"].clone();
    assert_eq!(status(), json!({}));
    let stranger = OAuth::of(&server, &json!({"client_id": id, "client_secret": cut}));
    stranger.ask("/token", &[GRANT]).await.expect(401);
    assert_eq!(calls(&server).len(), 1, "{:#?}", calls(&server));
    assert_eq!(status(), json!({"unauthenticated": 1}));
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
