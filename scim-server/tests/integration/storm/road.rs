//! The way to a tenant, on a server that is killed and comes back on another port.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::server::{Client, Response, TestServer};

/// Where the server is now, behind where it was.
#[derive(Clone)]
pub struct Origin(Arc<Mutex<Vec<String>>>);

impl Origin {
    pub fn of(server: &TestServer) -> Self {
        Self(Arc::new(Mutex::new(vec![server.origin().to_owned()])))
    }

    /// The server has started again.
    pub fn moved(&self, server: &TestServer) {
        self.0.lock().expect("the origin").push(server.origin().to_owned());
    }

    /// Wherever it was.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("the origin").clone()
    }

    fn now(&self) -> String {
        self.all().pop().expect("a start")
    }
}

/// A tenant, with the token of its provider and that of its applications.
#[derive(Clone)]
pub struct Road {
    origin: Origin,
    tenant: String,
    http: Client,
    writes: String,
    reads: String,
}

impl Road {
    pub fn new(origin: &Origin, tenant: &str, writes: &str, reads: &str) -> Self {
        let (http, bearer) = (Client::new("", ""), |token: &str| format!("Bearer {token}"));
        Self { origin: origin.clone(), tenant: tenant.to_owned(), http, writes: bearer(writes), reads: bearer(reads) }
    }

    /// The tenant's id.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// A request to `/scim/v2`; `None` when no answer came.
    pub async fn provision(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Response> {
        self.ask(method, &format!("scim/v2{path}"), &self.writes, body).await
    }

    /// A request to `/events/v1`.
    pub async fn events(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Response> {
        self.ask(method, &format!("events/v1{path}"), &self.reads, body).await
    }

    /// A request to `/ssf/v1`.
    pub async fn signals(&self, path: &str, body: &Value) -> Option<Response> {
        self.ask("POST", &format!("ssf/v1{path}"), &self.reads, Some(body)).await
    }

    /// A page of the feed.
    pub async fn log(&self, after: u64, limit: usize) -> Option<Value> {
        let page = self.events("GET", &format!("?after={after}&limit={limit}"), None).await?;
        (page.status == 200).then_some(page.json)
    }

    /// Everything behind a number.
    pub async fn whole_log(&self, mut after: u64) -> Option<BTreeMap<u64, Value>> {
        let mut log = BTreeMap::new();
        loop {
            let page = self.log(after, 1000).await?;
            let events = page["events"].as_array()?;
            if events.is_empty() {
                return Some(log);
            }
            for event in events {
                after += 1;
                assert_eq!(event["sequence"], after, "the log has a gap");
                log.insert(after, event.clone());
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, bearer: &str, body: Option<&Value>) -> Option<Response> {
        let url = format!("{}/{}/{path}", self.origin.now(), self.tenant);
        let headers = [("authorization", bearer), ("content-type", "application/scim+json")];
        let headers = if body.is_some() { &headers[..] } else { &headers[..1] };
        self.http.try_send(method, &url, headers, body.map(Value::to_string)).await.ok()
    }
}
