//! What differs between two documents, and between two lists of members.
//!
//! Only attributes that the mapping speaks of are compared: what it gives a value, and what it gives
//! none (`null`). Everything else at the target belongs to somebody else.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use crate::identity::SourceId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Its path (RFC 7644 §3.5.2): `name.givenName`, `urn:…:User:department`.
    pub path: String,
    /// What the target holds; `None` for nothing.
    pub old: Option<Value>,
    /// What it shall hold; `None` for nothing.
    pub new: Option<Value>,
}

/// What must change so that `held` says what `desired` says.
pub fn changes(desired: &Map<String, Value>, held: &Map<String, Value>) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    compare("", desired, held, &mut changes);
    changes
}

fn compare(prefix: &str, desired: &Map<String, Value>, held: &Map<String, Value>, changes: &mut Vec<AttributeChange>) {
    for (name, new) in desired {
        if name == "schemas" {
            continue;
        }
        let path = match prefix {
            "" => name.clone(),
            urn if urn.starts_with("urn:") => format!("{urn}:{name}"),
            parent => format!("{parent}.{name}"),
        };
        let old = held.get(name).filter(|old| !is_empty(old));
        match (new, old) {
            (Value::Object(new), Some(Value::Object(old))) => compare(&path, new, old, changes),
            (new, None) if is_empty(new) => {}
            // A schema's URN alone is no path: each attribute of the extension has its own.
            (Value::Object(new), None) if name.starts_with("urn:") => compare(&path, new, &Map::new(), changes),
            (new, Some(old)) if says(old, new) => {}
            (new, old) => {
                let new = Some(stripped(new)).filter(|new| !is_empty(new));
                changes.push(AttributeChange { path, old: old.cloned(), new });
            }
        }
    }
}

/// What a document holds at a path of the form that [`AttributeChange`] has; `None` for nothing.
pub fn at<'a>(document: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let inner = match path.rsplit_once(':') {
        Some((schema, attribute)) if path.starts_with("urn:") => document.get(schema)?.get(attribute),
        _ => document.get(path),
    };
    inner.filter(|value| !is_empty(value))
}

/// The document as it is sent when a resource is made: without what has no value.
pub fn without_empty(mut document: Map<String, Value>) -> Map<String, Value> {
    document.retain(|_, value| !is_empty(value));
    document.values_mut().for_each(|value| *value = stripped(value));
    document
}

/// Whether `held` holds what `desired` says. A target may add to it: a `type`, a `display`.
fn says(held: &Value, desired: &Value) -> bool {
    match (held, desired) {
        (Value::Object(held), Value::Object(desired)) => desired.iter().all(|(name, value)| match held.get(name) {
            Some(held) => says(held, value),
            None => is_empty(value),
        }),
        (Value::Array(held), Value::Array(desired)) => {
            held.len() == desired.len() && desired.iter().all(|value| held.iter().any(|held| says(held, value)))
        }
        (Value::String(held), Value::String(desired)) => held == desired || is_same_text(held, desired),
        _ => held == desired,
    }
}

/// Whether two texts differ only in their Unicode normalisation: no reason to write.
fn is_same_text(one: &str, other: &str) -> bool {
    !(one.is_ascii() && other.is_ascii()) && one.nfc().eq(other.nfc())
}

/// Whether this is no value (RFC 7643 §2.5).
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.values().all(is_empty),
        _ => false,
    }
}

fn stripped(value: &Value) -> Value {
    match value {
        Value::Object(values) => {
            let full = values.iter().filter(|(_, value)| !is_empty(value));
            Value::Object(full.map(|(name, value)| (name.clone(), stripped(value))).collect())
        }
        other => other.clone(),
    }
}

/// The members that join and that leave, from two sorted lists.
pub fn members(desired: &[SourceId], now: &[SourceId]) -> (Vec<SourceId>, Vec<SourceId>) {
    let without = |these: &[SourceId], those: &[SourceId]| {
        these.iter().filter(|id| those.binary_search(id).is_err()).copied().collect()
    };
    (without(desired, now), without(now, desired))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(desired: Value, held: Value, expect: &Value) {
        let (Value::Object(desired), Value::Object(held)) = (desired, held) else { panic!("documents are objects") };
        let found = changes(&desired, &held);
        let found = found.iter().map(|change| json!([change.path, change.old, change.new]));
        assert_eq!(Value::Array(found.collect()), *expect);
    }

    #[test]
    fn only_what_the_mapping_speaks_of_is_compared() {
        check(json!({"userName": "a"}), json!({"userName": "a", "title": "x", "id": "1"}), &json!([]));
        check(json!({"userName": "b"}), json!({"userName": "a"}), &json!([["userName", "a", "b"]]));
        check(json!({"title": "Jose\u{301}"}), json!({"title": "Jos\u{e9}"}), &json!([]));
        check(json!({"title": "Jose"}), json!({"title": "Jos\u{e9}"}), &json!([["title", "Jos\u{e9}", "Jose"]]));
        check(json!({"title": null}), json!({"title": "x"}), &json!([["title", "x", null]]));
        check(json!({"title": null, "emails": null, "name": {"givenName": null}}), json!({}), &json!([]));
    }

    #[test]
    fn complex_attributes_are_compared_part_by_part() {
        let held = json!({"name": {"givenName": "A", "familyName": "B", "formatted": "A B"}});
        check(
            json!({"name": {"givenName": "C", "familyName": null}}),
            held,
            &json!([["name.givenName", "A", "C"], ["name.familyName", "B", null]]),
        );
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(
            json!({urn: {"department": "x"}}),
            json!({urn: {"department": "y"}}),
            &json!([["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "y", "x"]]),
        );
        check(
            json!({urn: {"department": "x", "division": null}}),
            json!({}),
            &json!([["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", null, "x"]]),
        );
        check(
            json!({"name": {"givenName": "C", "middleName": null}}),
            json!({}),
            &json!([["name", null, {"givenName": "C"}]]),
        );
    }

    #[test]
    fn many_values_are_one_value() {
        let mail = json!([{"value": "a@x", "primary": true}]);
        check(
            json!({"emails": mail}),
            json!({"emails": [{"value": "a@x", "primary": true, "type": "work"}]}),
            &json!([]),
        );
        check(
            json!({"emails": mail}),
            json!({"emails": [{"value": "b@x"}]}),
            &json!([["emails", [{"value": "b@x"}], mail]]),
        );
        check(json!({"emails": null}), json!({"emails": mail}), &json!([["emails", mail, null]]));
    }
}
