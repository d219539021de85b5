//! What a reader has.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::text;

/// The events that a reader has had, as it would have written them down.
#[derive(Debug, Default, Clone)]
pub struct Held(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<u64, u64>,
    /// The last number of each resource.
    last: HashMap<String, u64>,
}

impl Held {
    /// Takes an event. A second time it must be the same; one about the same resource must not have come before.
    pub fn take(&self, event: &Value) {
        let number = event["sequence"].as_u64().expect("a number");
        let resource = text(event, "/resource/id");
        let mut state = self.0.lock().expect("what is held");
        if let Some(before) = state.events.insert(number, fingerprint(event)) {
            assert_eq!(before, fingerprint(event), "number {number} stands for two things: {event}");
            return;
        }
        let last = state.last.insert(resource, number);
        assert!(last.is_none_or(|last| last < number), "number {number} came behind {last:?}: {event}");
    }

    /// The last number that it has.
    pub fn newest(&self) -> Option<u64> {
        self.0.lock().expect("what is held").events.keys().next_back().copied()
    }

    /// Compares what it has behind a number with what was committed. Panics when it has something else.
    pub fn compare(&self, committed: &BTreeMap<u64, u64>, begin: u64) -> Result<(), String> {
        let state = self.0.lock().expect("what is held");
        let newest = committed.keys().next_back().copied().unwrap_or(begin);
        for (number, fingerprint) in state.events.range(begin + 1..=newest) {
            assert_eq!(committed.get(number), Some(fingerprint), "number {number} is not what was committed");
        }
        let missing: Vec<_> = committed.keys().filter(|number| !state.events.contains_key(number)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("{} of {} are missing: {:?} …", missing.len(), committed.len(), &missing[..missing.len().min(5)]))
    }
}

/// What an event says, in short.
pub fn fingerprint(event: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.to_string().hash(&mut hasher);
    hasher.finish()
}

/// What a security event token tells of an event, as a reader would write it down; nothing when no token is about it.
pub fn as_token(event: &Value) -> Option<Value> {
    let kind = text(event, "/type");
    let happened = ["scim.user.", "scim.group."].iter().find_map(|begin| kind.strip_prefix(begin))?;
    let what = match happened {
        "created" => "create",
        "deleted" => "delete",
        "purged" => return None,
        _ => "patch",
    };
    Some(told(&event["sequence"], &text(event, "/resource/id"), &text(event, "/resource/version"), what))
}

/// The same of the claims of a token. Its `jti` ends in the number.
pub fn of_token(claims: &Value) -> Option<Value> {
    let number: u64 = text(claims, "/jti").rsplit('-').next()?.parse().ok()?;
    let (uri, payload) = claims["events"].as_object()?.iter().next()?;
    let what = uri.strip_prefix("urn:ietf:params:scim:event:prov:")?.split(':').next()?;
    Some(told(&number.into(), &text(claims, "/sub_id/id"), &text(payload, "/version"), what))
}

fn told(number: &Value, id: &str, version: &str, what: &str) -> Value {
    json!({"sequence": number, "resource": {"id": id, "version": version}, "what": what})
}

/// What a write must have told: the resource, and its version; none of what is gone.
pub fn subject(event: &Value) -> String {
    format!("{} {}", text(event, "/resource/id"), text(event, "/resource/version"))
}
