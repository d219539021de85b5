//! The protocol, section by section, held against the real server over HTTP.
//!
//! Each module is named after what it holds: a section of RFC 7644 (create, retrieve, query, …), RFC
//! 9865 (pages), RFC 6750 (tokens), RFC 9113 (streams), or the server as a process (tls, operation). The tests of a
//! module share one server, and each has a tenant of its own on it, so that totals are exact.

mod audit;
mod bulk;
mod create;
mod delete;
mod discover;
mod errors;
mod large;
mod losses;
mod meaning;
mod members;
mod operation;
mod pages;
mod patch;
mod plans;
mod query;
mod quoted;
mod replace;
mod retrieve;
mod sort;
mod streams;
mod tls;
mod tokens;
mod versions;

use std::{
    io::{Read, Write},
    net::TcpStream,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{
    matching::mismatch,
    server::{Client, Options, Response, TestServer},
};

/// The server of one module: started by the first test that needs it, stopped by the last one that
/// has it.
pub struct Shared {
    server: Mutex<Weak<TestServer>>,
    args: &'static [&'static str],
}

impl Shared {
    /// A server with these arguments.
    pub const fn new(args: &'static [&'static str]) -> Self {
        Self { server: Mutex::new(Weak::new()), args }
    }

    /// A tenant of one's own.
    pub fn tenant(&self) -> Tenant {
        self.tenant_with(&Value::Null)
    }

    /// A tenant with these settings.
    pub fn tenant_with(&self, settings: &Value) -> Tenant {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = {
            let mut running = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            running.upgrade().unwrap_or_else(|| {
                let server = Arc::new(TestServer::with(Options::args(self.args)));
                *running = Arc::downgrade(&server);
                server
            })
        };
        let file = server.scratch(&format!("{name}.json"));
        let mut create = vec!["tenant", "create", &name, "--json"];
        let path = file.to_string_lossy().into_owned();
        if !settings.is_null() {
            std::fs::write(&file, settings.to_string()).expect("the settings file");
            create.extend(["--settings", &path]);
        }
        let made = server.run_json(&create);
        let id = made["tenant_id"].as_str().unwrap_or_else(|| panic!("no id: {made}")).to_owned();
        let issued = server.run_json(&["token", "create", "--tenant", &name, "--json"]);
        let token = issued["token"].as_str().unwrap_or_else(|| panic!("no token: {issued}")).to_owned();
        let base = format!("{}/{id}/scim/v2", server.origin());
        Tenant { client: Client::new(&base, &token), server, name, id, token }
    }
}

/// A tenant, its client, and the server that it is on.
pub struct Tenant {
    client: Client,
    /// The server.
    pub server: Arc<TestServer>,
    /// The tenant's name, for commands.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its first token.
    pub token: String,
}

impl Deref for Tenant {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Tenant {
    /// The base URL.
    pub fn base(&self) -> String {
        format!("{}/{}/scim/v2", self.server.origin(), self.id)
    }

    /// A request whose answer must have this status and, in part, this body: in the language of the
    /// dialogues.
    pub async fn ok(&self, method: &str, path: &str, body: &Value, status: u16, expect: &Value) -> Response {
        let response = self.request(method, path, &[], Some(body).filter(|body| !body.is_null())).await;
        assert_eq!(response.status, status, "{method} {path} {body}\n{}", response.text);
        if !expect.is_null()
            && let Some(why) = mismatch(expect, Some(&response.json))
        {
            panic!("{method} {path} {body}\n{why}\n{}", response.text);
        }
        response
    }

    /// A request that must be refused with this status, `scimType` (empty for none), and a detail that
    /// has these words in it.
    pub async fn refused(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        status: u16,
        scim_type: &str,
        words: &str,
    ) -> Response {
        let response = self.request(method, path, &[], Some(body).filter(|body| !body.is_null())).await;
        let detail = response.json["detail"].as_str().unwrap_or_default();
        let right = (response.status, response.json["scimType"].as_str().unwrap_or_default()) == (status, scim_type);
        assert!(right && detail.contains(words), "{method} {path} {body}\n{} {}", response.status, response.text);
        response.expect_error(status, Some(scim_type).filter(|kind| !kind.is_empty()))
    }

    /// The names (`userName` or `displayName`) of the resources in the answer to a GET.
    pub async fn names(&self, path: &str) -> Vec<String> {
        names(&self.ok("GET", path, &Value::Null, 200, &Value::Null).await.json)
    }

    /// A user for each of these names, which is also displayed; gives their ids.
    pub async fn users(&self, names: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut ids = Vec::new();
        for name in names {
            let body = json!({"userName": name, "displayName": name});
            ids.push(self.post("/Users", &body).await.expect(201).id());
        }
        ids
    }
}

/// The names of the resources in a list.
pub fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap_or_else(|| panic!("no Resources: {list}"));
    let name = |one: &Value| one["userName"].as_str().or(one["displayName"].as_str()).map(str::to_owned);
    resources.iter().map(|one| name(one).unwrap_or_else(|| panic!("no name: {one}"))).collect()
}

/// A path with parameters, percent-encoded.
pub fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// A path with a filter.
pub fn filtered(path: &str, filter: &str) -> String {
    query(path, &[("filter", filter)])
}

/// Sends bytes as they are and reads what comes until the server closes; gives the status and all of
/// the text. For requests that no client library would send.
pub fn raw(server: &TestServer, request: &[u8]) -> (u16, String) {
    let address = server.origin().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(crate::server::PATIENCE)).expect("a timeout");
    // A server that has seen enough may close before everything is written.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

/// An element of many kinds of lists: `{"value": …}`.
pub fn values(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}
