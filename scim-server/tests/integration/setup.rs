//! Setup links, and the pages with which a customer connects an identity provider.

mod attacks;
mod calls;
mod connection;
mod journey;
mod life;
mod looks;
mod mapping;
mod newcomer;

use serde_json::Value;

use crate::{
    oauth::form,
    server::{Client, Options, Response, TestServer},
};

/// A browser without a screen: it keeps its cookie, and sends forms as browsers do.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    origin: String,
    cookie: Option<String>,
}

/// A setup link of the tenant of a server, with what it allows.
pub fn link(server: &TestServer, further: &[&str]) -> Value {
    let args = ["setup-link", "create", "--tenant", "test", "--json"];
    server.run_json(&[&args[..], further].concat())
}

/// The path of a link, or of anything else of this server.
pub fn path(url: &Value) -> String {
    let url = url.as_str().expect("a URL");
    let at = url.find("/setup").unwrap_or_else(|| panic!("not a setup link: {url}"));
    url[at..].to_owned()
}

/// The value of a hidden field of the first form that has it.
#[track_caller]
pub fn hidden(page: &Response, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.text.split_once(&field).unwrap_or_else(|| panic!("no field {name}: {}", page.text));
    rest.split('"').next().unwrap_or_default().to_owned()
}

impl Browser {
    pub fn new(server: &TestServer) -> Self {
        Self { http: server.client(), origin: server.origin().to_owned(), cookie: None }
    }

    /// The same browser, whose server is another process.
    pub fn at(&self, server: &TestServer) -> Self {
        Self { http: server.client(), origin: server.origin().to_owned(), ..self.clone() }
    }

    /// A browser that has opened a link.
    pub async fn opened(server: &TestServer, link: &Value) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.open(link).await.expect(303);
        assert_eq!(answer.header("location"), "/setup");
        browser
    }

    /// Presses the button of the page of a link, and keeps the cookie.
    pub async fn open(&mut self, link: &Value) -> Response {
        let answer = self.post(&path(&link["url"]), &[("csrf", "")]).await;
        if let Some(cookie) = answer.header("set-cookie").split(';').next().filter(|cookie| !cookie.is_empty()) {
            self.cookie = Some(cookie.to_owned());
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[("sec-fetch-site", "same-origin")], None).await
    }

    /// Sends a form from a page of the server.
    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Response {
        let origin = self.origin.clone();
        self.send("POST", path, &[("origin", &origin), ("sec-fetch-site", "same-origin")], Some(form(pairs))).await
    }

    /// Sends a request with these headers and the cookie.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], form: Option<String>) -> Response {
        let mut headers = headers.to_vec();
        if let Some(cookie) = &self.cookie {
            headers.push(("cookie", cookie));
        }
        if form.is_some() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        self.http.send(method, &format!("{}{path}", self.origin), &headers, form).await
    }

    /// Makes a credential of a provider, as the form on its page does.
    pub async fn make(&self, provider: &str, method: &str) -> Response {
        let page = self.get(&format!("/setup/to/{provider}?method={method}")).await.expect(200);
        self.post(
            "/setup/make",
            &Self::make_form(&page, provider, method).each_ref().map(|(name, value)| (*name, &**value)),
        )
        .await
    }

    /// What that form holds.
    pub fn make_form(page: &Response, provider: &str, method: &str) -> [(&'static str, String); 5] {
        [
            ("csrf", hidden(page, "csrf")),
            ("version", hidden(page, "version")),
            ("provider", provider.to_owned()),
            ("method", method.to_owned()),
            ("days", "365".to_owned()),
        ]
    }
}

/// The token that a page shows.
#[track_caller]
pub fn shown_token(page: &Response) -> String {
    assert_eq!(page.status, 200, "{}", page.text);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = page.text.split(|c: char| !is_part(c));
    let token = words.find(|word| word.starts_with("scim_") && word.len() == 54);
    token.unwrap_or_else(|| panic!("no token: {}", page.text)).to_owned()
}

/// The live tokens of the tenant.
pub fn tokens(server: &TestServer) -> Vec<Value> {
    server.run_json(&["token", "list", "--tenant", "test", "--json"]).as_array().expect("a list").clone()
}

/// A server whose tenant has no token yet.
pub fn fresh(options: Options) -> TestServer {
    let server = TestServer::with(options);
    for token in tokens(&server) {
        let id = token["token_id"].as_str().expect("an id");
        assert!(server.run(&["token", "delete", "--tenant", "test", id]).status.success());
    }
    server
}
