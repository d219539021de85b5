//! The resources that were created on the server and must be deleted again.
//!
//! The ledger is filled where requests are sent, not by the cases. So it contains everything that a response says was
//! created, even if a case expected a refusal. An entry is an endpoint and an id, and not a URL: servers name one
//! resource in several ways (a whole URL, a path, `%40` for `@`), and what is noted under one is deleted under another.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::exchange::{Answer, Request};

/// What stays as it is in a segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What is on the server, what was ever made, and whether there may be more.
#[derive(Debug, Default)]
pub struct Ledger {
    made: Mutex<BTreeSet<Entry>>,
    ids: Mutex<HashSet<String>>,
    unanswered: AtomicBool,
}

/// A resource on the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Below the base URL: `/Users`.
    endpoint: String,
    id: String,
}

impl Entry {
    /// From a path or URL that names one resource; `base` is the server's base URL.
    fn parse(base: &str, url: &str) -> Option<Self> {
        let path = below(base, url)?;
        let path = path.split(['?', '#']).next()?.trim_end_matches('/');
        let (endpoint, id) = path.rsplit_once('/')?;
        let id = percent_decode_str(id).decode_utf8().ok()?.into_owned();
        (!endpoint.is_empty() && !id.is_empty()).then(|| Self { endpoint: endpoint.to_owned(), id })
    }

    fn path(&self) -> String {
        path(&self.endpoint, &self.id)
    }
}

/// The path of a resource, below the base URL, with what is not of a path encoded.
pub fn path(endpoint: &str, id: &str) -> String {
    format!("{endpoint}/{}", utf8_percent_encode(id, SEGMENT))
}

/// What stands behind the base URL in a whole URL, an absolute path or a path that is below it already.
fn below(base: &str, url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix(base) {
        return Some(rest.to_owned());
    }
    let base_path = path_of(base);
    let path = if url.contains("://") { path_of(url) } else { url };
    match path.strip_prefix(base_path).filter(|rest| rest.starts_with('/')) {
        Some(rest) => Some(rest.to_owned()),
        None if url.contains("://") => None,
        None => Some(format!("/{}", path.trim_start_matches('/'))),
    }
}

/// The path of a URL, without a slash at its end.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/')
}

impl Ledger {
    /// Notes what an answer says of resources made and removed. `base` is the server's base URL.
    pub fn note(&self, base: &str, request: &Request, answer: &Answer) {
        let path = request.path(base);
        match (request.method.as_str(), answer.status) {
            ("DELETE", 200..=299 | 404) => self.strike(Entry::parse(base, path).as_ref()),
            ("POST", 200..=299) if path.starts_with("/Bulk") => {
                for operation in answer.json()["Operations"].as_array().into_iter().flatten() {
                    let Some(location) = operation["location"].as_str() else { continue };
                    let entry = Entry::parse(base, location);
                    match (operation["method"].as_str(), status_of(operation)) {
                        (Some("POST"), Some(201)) => self.enter(entry),
                        (Some("DELETE"), Some(200..=299 | 404)) => self.strike(entry.as_ref()),
                        _ => {}
                    }
                }
            }
            ("POST", 201) => self.enter(created(base, path, answer)),
            // A wrong status, which create-status is about.
            ("POST", 200..=299) if answer.json()["id"].is_string() && !path.ends_with("/.search") => {
                self.enter(created(base, path, answer));
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

    /// Notes that something may be there that nobody knows the path of.
    pub fn note_interruption(&self) {
        self.unanswered.store(true, Ordering::Relaxed);
    }

    /// Whether something may be there that nobody knows the path of, since the last time.
    pub fn take_unanswered(&self) -> bool {
        self.unanswered.swap(false, Ordering::Relaxed)
    }

    /// Whether a resource with that id was made, and be it gone again.
    pub fn has_made(&self, id: &str) -> bool {
        lock(&self.ids).contains(id)
    }

    /// Takes out everything that is noted: groups first, since they refer to users.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.made)).iter().map(Entry::path).collect()
    }

    fn enter(&self, entry: Option<Entry>) {
        if let Some(entry) = entry {
            lock(&self.ids).insert(entry.id.clone());
            lock(&self.made).insert(entry);
        }
    }

    fn strike(&self, entry: Option<&Entry>) {
        if let Some(entry) = entry {
            lock(&self.made).remove(entry);
        }
    }
}

/// A set of strings is whole after any panic.
fn lock<T>(set: &Mutex<T>) -> MutexGuard<'_, T> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

fn created(base: &str, path: &str, answer: &Answer) -> Option<Entry> {
    let endpoint = path.split('?').next()?.trim_end_matches('/').to_owned();
    let by_id = answer.json()["id"].as_str().map(|id| Entry { endpoint, id: id.to_owned() });
    by_id.or_else(|| Entry::parse(base, answer.header("location")?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<&str>) {
        let entry = Entry::parse("https://example.com/scim/v2", url);
        assert_eq!(entry.map(|entry| entry.path()).as_deref(), expect, "{url}");
    }

    #[test]
    fn one_resource_has_many_names() {
        check("https://example.com/scim/v2/Users/1", Some("/Users/1"));
        check("https://other.example/scim/v2/Users/1", Some("/Users/1"));
        check("/scim/v2/Users/1/", Some("/Users/1"));
        check("/Users/1?attributes=id", Some("/Users/1"));
        check("Users/1", Some("/Users/1"));
        check("/Users/anna%40example.com", Some("/Users/anna@example.com"));
        check("/Users/a%20b%2Fc", Some("/Users/a%20b%2Fc"));
        check("https://other.example/Users/1", None);
        check("/Users", None);
    }
}
