//! What is kept of what came, so that libraries which others wrote can verify it: of each receiver the first 2,000, and
//! every fiftieth of those behind.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{Tenant, endpoint::Endpoint, readers, road::Origin, text};
use crate::{
    security_events,
    server::{Client, TestServer},
    webhooks::judged,
};

const FIRST: usize = 2000;
const EVERY: usize = 50;

/// How many came, and those that are kept.
#[derive(Clone)]
pub struct Kept<T>(Arc<Mutex<(usize, Vec<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((0, Vec::new()))))
    }
}

impl<T: Clone> Kept<T> {
    pub fn take(&self, one: impl FnOnce() -> T) {
        let mut kept = self.0.lock().expect("what is kept");
        kept.0 += 1;
        if kept.0 <= FIRST || kept.0.is_multiple_of(EVERY) {
            kept.1.push(one());
        }
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().expect("what is kept").1.clone()
    }
}

/// Has the messages of webhooks judged, each endpoint's by the keys that were shown when its webhook was made.
pub fn messages(endpoints: &[Endpoint], webhooks: &[Value]) {
    for (endpoint, made) in endpoints.iter().zip(webhooks) {
        let messages = endpoint.messages.all();
        assert!(!messages.is_empty());
        judged(&messages, &[&text(made, "/secret")], &[&text(made, "/public_key")]);
        println!("{} messages are verified by others", messages.len());
    }
}

/// Has the tokens of all streams judged. The server was at several URLs, and each token names the one that it had.
pub async fn tokens(server: &TestServer, origin: &Origin, tenants: &[Tenant], receiver: &Endpoint) {
    let client = Client::new("", "");
    let get = async |url: String| client.send("GET", &url, &[], None).await.expect(200).json;
    let metadata = get(format!("{}/.well-known/ssf-configuration/{}", server.origin(), server.tenant())).await;
    let keys = get(text(&metadata, "/jwks_uri")).await;
    let at = |url: &String| tenants.iter().map(|tenant| format!("{url}/{}", tenant.road.tenant())).collect::<Vec<_>>();
    let issuers: Vec<_> = origin.all().iter().flat_map(at).collect();
    let kept = tenants.iter().map(|tenant| &tenant.tokens).chain([&receiver.tokens]);
    let all = kept.flat_map(Kept::all);
    let sets: BTreeMap<_, _> = all.map(|token| (text(&readers::claims(&token), "/jti"), token)).collect();
    let verified = security_events::verified(&json!({"issuer": issuers}), &keys, &json!({"sets": sets}));
    assert!(!sets.is_empty() && verified.len() == sets.len());
    println!("{} tokens are verified by others", sets.len());
}
