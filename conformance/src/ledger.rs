//! The resources that were created on the server and must be deleted again.
//!
//! The ledger is filled where requests are sent, not by the cases. So it contains everything that a response says was
//! created, even if a case expected a refusal.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::exchange::{Answer, Request};

/// Paths below the base URL, as `/Users/2819c223`, and whether there may be others.
#[derive(Debug, Default)]
pub struct Ledger {
    made: Mutex<BTreeSet<String>>,
    unanswered: AtomicBool,
}

impl Ledger {
    /// Notes what an answer says of resources made and removed. `base` is the server's base URL.
    pub fn note(&self, base: &str, request: &Request, answer: &Answer) {
        let path = request.path(base);
        let mut made = self.lock();
        match (request.method.as_str(), answer.status) {
            ("DELETE", 200..=299 | 404) => {
                made.remove(path);
            }
            ("POST", 201) if !path.starts_with("/Bulk") => made.extend(created(base, path, answer)),
            ("POST", 200..=299) if path.starts_with("/Bulk") => {
                for operation in answer.json()["Operations"].as_array().into_iter().flatten() {
                    let Some(location) = operation["location"].as_str() else { continue };
                    let location = location.strip_prefix(base).unwrap_or(location).to_owned();
                    match (operation["method"].as_str(), status_of(operation)) {
                        (Some("POST"), Some(201)) => made.insert(location),
                        (Some("DELETE"), Some(200..=299 | 404)) => made.remove(&location),
                        _ => false,
                    };
                }
            }
            _ => {}
        }
    }

    /// Notes a request without a response: its resource may exist nevertheless.
    pub fn note_unanswered(&self, request: &Request) {
        if request.method == "POST" {
            self.unanswered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something may be there that nobody knows the path of, since the last time.
    pub fn take_unanswered(&self) -> bool {
        self.unanswered.swap(false, Ordering::Relaxed)
    }

    /// Takes out everything that is noted: groups first, since they refer to users.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    /// Puts entries in, as when a case hands over what it could not remove.
    pub fn extend(&self, paths: impl IntoIterator<Item = String>) {
        self.lock().extend(paths);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set of strings is whole after any panic.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn created(base: &str, path: &str, answer: &Answer) -> Option<String> {
    let endpoint = path.split('?').next()?.trim_end_matches('/');
    let by_id = || answer.json()["id"].as_str().map(|id| format!("{endpoint}/{id}"));
    let by_location = || answer.header("location")?.strip_prefix(base).map(str::to_owned);
    by_id().or_else(by_location)
}

/// The status of a bulk operation, which real servers also write as a number.
pub fn status_of(operation: &Value) -> Option<u16> {
    match &operation["status"] {
        Value::String(text) => text.parse().ok(),
        // SCIM 1.1 and early drafts: {"status": {"code": "201"}}.
        Value::Object(status) => status.get("code")?.as_str()?.parse().ok(),
        number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
    }
}
