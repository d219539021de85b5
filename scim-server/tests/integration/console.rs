//! The console: who gets in, what it shows and changes, and how it looks in a real browser.

mod addresses;
mod away;
mod certificate;
mod deliveries;
mod entry;
mod judge;
mod looks;
mod many;
mod names;
mod oidc;
mod pages;
mod paths;
mod person;
mod previews;
mod provider;
mod refused;
mod requests;
mod rules;
mod safety;
pub mod screens;
mod settings;
mod sync;
pub mod tokens;
mod values;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    chromium::Browser,
    server::{Client, Options, Response, TestServer},
};

/// A server with a console.
fn with_console() -> TestServer {
    TestServer::with(Options::args(&["--console"]))
}

/// The token of the data directory, which may do everything.
fn root_token(server: &TestServer) -> String {
    let text = std::fs::read_to_string(server.data().join("admin.token")).expect("admin.token");
    text.trim().to_owned()
}

/// All but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A body as browsers send forms.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The part of a `Set-Cookie` that is sent back.
fn cookie(response: &Response) -> String {
    response.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// A browser without a screen: it keeps a cookie, and the token of forms.
struct Visitor {
    http: Client,
    cookie: String,
    csrf: String,
}

impl Visitor {
    /// Somebody who has not signed in.
    fn stranger(server: &TestServer) -> Self {
        Self { http: Client::new(&server.admin(), ""), cookie: String::new(), csrf: String::new() }
    }

    /// Somebody who has signed in by a token.
    async fn by_token(server: &TestServer, token: &str) -> Self {
        let mut visitor = Self::stranger(server);
        let response = visitor.sign_in(token).await.expect(200);
        visitor.enter(&response).await;
        visitor
    }

    /// Whoever has the data directory.
    async fn root(server: &TestServer) -> Self {
        Self::by_token(server, &root_token(server)).await
    }

    async fn sign_in(&self, token: &str) -> Response {
        self.post_raw("/console/sign-in", &form(&[("token", token)]), &[]).await
    }

    /// Sends the form of the page that a link leads to.
    async fn follow(&self, link: &str) -> Response {
        let (_, code) = link.split_once("/console/enter?code=").expect("a link");
        self.post_raw("/console/enter", &form(&[("code", code)]), &[]).await
    }

    /// Goes on with the cookie of a response.
    async fn enter(&mut self, response: &Response) {
        self.cookie = cookie(response);
        let page = self.get("/console").await.expect(200);
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        csrf.expect("a form with the token").clone_into(&mut self.csrf);
    }

    async fn get(&self, path: &str) -> Response {
        self.http.send("GET", path, &[("cookie", &self.cookie)], None).await
    }

    async fn post_raw(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("cookie", self.cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.http.send("POST", path, &all, Some(body.to_owned())).await
    }

    /// Sends a form of its session.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let fields = [fields, &[("csrf", self.csrf.as_str())]].concat();
        self.post_raw(path, &form(&fields), &[]).await
    }

    /// Sends one of the forms of the settings, as their page shows it now.
    async fn set(&self, here: &str, what: &str, fields: &[(&str, &str)]) -> Response {
        let (page, action) = (self.get(here).await.expect(200).text, format!("{here}/{what}"));
        let was = hidden(&page, &action, "was");
        self.post(&action, &[fields, &[("was", was.as_str())]].concat()).await
    }

    /// Sends a form, and reads the page that it leads to. That of one that is refused is the answer itself.
    async fn done(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let response = self.post(path, fields).await;
        if response.status >= 400 {
            return response;
        }
        let response = response.expect(303);
        self.get(response.header("location")).await.expect(200)
    }
}

/// The value of a hidden field of the form of a page that is sent there.
#[track_caller]
fn hidden(page: &str, action: &str, name: &str) -> String {
    let begin = format!("action=\"{action}\"");
    let (_, form) = page.split_once(&begin).unwrap_or_else(|| panic!("no form {action}: {page}"));
    let (form, _) = form.split_once("</form>").expect("its end");
    let field = format!("name=\"{name}\" value=\"");
    let (_, value) = form.split_once(&field).unwrap_or_else(|| panic!("no field {name}: {form}"));
    value.split('"').next().unwrap_or_default().to_owned()
}

/// Whether a command's error says this.
fn complains(output: &std::process::Output, of: &str) -> bool {
    output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains(of)
}

/// The link that the command line prints.
fn link(server: &TestServer) -> String {
    let printed: Value = server.run_json(&["console", "--json"]);
    printed["url"].as_str().expect("a url").to_owned()
}

/// Opens a link of the command line, and presses its button.
fn follow(browser: &mut Browser, server: &TestServer) {
    browser.open(&link(server));
    browser.click("main button", "Sign in");
    // What the button leads to goes on by itself.
}

/// A browser of somebody who has signed in by a link.
fn signed_in(server: &TestServer) -> Browser {
    let mut browser = Browser::start(&server.admin());
    follow(&mut browser, server);
    browser.wait_for("document.title.startsWith('Overview') && document.readyState === 'complete'");
    browser
}
