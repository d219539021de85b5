//! Readers: the workers of a consumer, and somebody who keeps the place in the feed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    held::{self, Held},
    kept::Kept,
    road::Road,
    text,
};

/// A worker of the consumer. Now and then it vanishes: with a batch, before or behind the work.
pub async fn work(road: Road, held: Arc<Held>) {
    let mut ack = Value::Null;
    loop {
        let ask = json!({"ack": ack, "limit": rand::random_range(1..50), "wait": 1, "lease_seconds": 2});
        let Some(batch) = road.events("POST", "/consumers/crm/receive", Some(&ask)).await else {
            pause().await;
            continue;
        };
        if batch.status != 200 {
            // The lease is over, or the server stops.
            ack = Value::Null;
            pause().await;
            continue;
        }
        let dies = rand::random_bool(0.05);
        if !dies || rand::random_bool(0.5) {
            batch.json["events"].as_array().expect("events").iter().for_each(|event| held.take(event));
        }
        ack = if dies { Value::Null } else { batch.json["lease"].clone() };
    }
}

/// Follows the feed from the last number that is held. Before the first it begins with the oldest.
pub async fn follow(road: Road, held: Arc<Held>) {
    loop {
        let after = held.newest().unwrap_or_default();
        let Some(page) = road.events("GET", &format!("?after={after}&limit=100&wait=1"), None).await else {
            pause().await;
            continue;
        };
        for (at, event) in page.json["events"].as_array().into_iter().flatten().enumerate() {
            assert_eq!(event["sequence"], after + 1 + at as u64, "the feed has a gap");
            held.take(event);
        }
    }
}

/// Polls a stream of security event tokens. Now and then the receiver vanishes with some, before or behind the work.
pub async fn poll(road: Road, stream: String, held: Arc<Held>, kept: Kept<String>) {
    let mut ack: Vec<String> = Vec::new();
    loop {
        let at_once = rand::random_bool(0.5);
        let ask = json!({"ack": ack, "maxEvents": rand::random_range(1..50), "returnImmediately": at_once});
        let polled = road.signals(&format!("/poll/{stream}"), &ask).await.filter(|polled| polled.status == 200);
        let Some(polled) = polled else {
            // What was to be acknowledged comes again.
            ack.clear();
            pause().await;
            continue;
        };
        let sets = polled.json["sets"].as_object().expect("tokens");
        sets.values().for_each(|token| kept.take(|| token.as_str().expect("a token").to_owned()));
        let dies = rand::random_bool(0.05);
        if !dies || rand::random_bool(0.5) {
            let claims = sets.values().map(|token| claims(token.as_str().expect("a token")));
            claims.filter_map(|claims| held::of_token(&claims)).for_each(|event| held.take(&event));
        }
        ack = if dies { Vec::new() } else { sets.keys().cloned().collect() };
        if sets.is_empty() {
            pause().await;
        }
    }
}

/// The claims of a token. Others verify what is signed.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).expect("base64");
    serde_json::from_slice(&bytes).expect("claims")
}

/// What is in the file of events and those that it has replaced, of each tenant. Each line must be whole.
pub fn file(path: &Path) -> BTreeMap<String, Held> {
    let numbered = |number: usize| PathBuf::from(format!("{}.{number}", path.display()));
    let old = (1..=10_000).map(numbered).take_while(|path| path.exists()).collect::<Vec<_>>();
    let mut held: BTreeMap<String, Held> = BTreeMap::new();
    for path in old.into_iter().rev().chain([path.to_owned()]) {
        for line in fs::read_to_string(path).unwrap_or_default().split_inclusive('\n') {
            // The last line of the file that is written to may be on its way.
            if !line.ends_with('\n') {
                continue;
            }
            let event: Value = serde_json::from_str(line).expect("a whole line");
            held.entry(text(&event, "/tenant")).or_default().take(&event);
        }
    }
    held
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
