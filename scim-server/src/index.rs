//! The index entries of a resource, and which of them a change adds and removes.
//!
//! Indexes are declared ([`crate::tenant::IndexSpec`]), not coded. The values are folded by the same
//! function as filters fold them, so that an index lookup and a filter never disagree.

use std::collections::BTreeSet;

use scim_protocol::value::fold;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    store::{IndexEntry, IndexKey, IndexValue, ResourceKey, Write},
    tenant::IndexSpec,
};

/// Longer values are truncated, and a digest is appended, so that keys stay short. Equality stays exact; prefixes and
/// order are exact up to this length.
pub const EXACT_BYTES: usize = 160;

/// Text as an index holds it.
pub fn text_value(text: &str, case_exact: bool) -> IndexValue {
    if case_exact { bounded(text) } else { bounded(&fold(text)) }
}

/// Text that is folded already (a filter's operand) as an index holds it.
pub fn bounded(text: &str) -> IndexValue {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() > EXACT_BYTES {
        let digest = Sha256::digest(&bytes);
        bytes.truncate(EXACT_BYTES);
        // No UTF-8 text has this byte, so a truncated value never equals a whole one.
        bytes.push(0xFF);
        bytes.extend_from_slice(&digest);
    }
    IndexValue(bytes)
}

/// Whether a prefix of this text can be looked for in an index without missing a cut value.
pub fn prefix_value(folded: &str) -> IndexValue {
    IndexValue(folded.bytes().take(EXACT_BYTES).collect())
}

/// A value of an attribute as an index holds it: text or a number. Nothing of another form is indexed.
pub fn held(value: &Value, case_exact: bool) -> Option<IndexValue> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text_value(text, case_exact)),
        Value::Number(number) => Some(text_value(&number.to_string(), true)),
        _ => None,
    }
}

/// The entries that a document has. Text and numbers are indexed; values of another form are not.
pub fn entries(key: &ResourceKey, document: &Map<String, Value>, specs: &[IndexSpec]) -> BTreeSet<IndexEntry> {
    let mut found = BTreeSet::new();
    for spec in specs {
        each_value(document, &spec.path, &mut |value| {
            let Some(value) = held(value, spec.case_exact) else { return };
            found.insert(IndexEntry {
                key: IndexKey {
                    tenant: key.tenant,
                    resource_type: key.resource_type.clone(),
                    attribute: spec.path.clone(),
                    value,
                },
                id: key.id,
                unique: spec.unique,
            });
        });
    }
    found
}

/// The writes that turn the old entries into the new ones; removals come first.
pub fn difference<'a>(
    old: &'a BTreeSet<IndexEntry>,
    new: &'a BTreeSet<IndexEntry>,
) -> impl Iterator<Item = Write> + 'a {
    let gone = old.difference(new).cloned().map(Write::Unindex);
    let come = new.difference(old).cloned().map(Write::Index);
    gone.chain(come)
}

/// Calls `found` with each value at a canonical path: `userName`, `emails.value`,
/// `urn:…:User:employeeNumber`.
pub fn each_value<'a>(document: &'a Map<String, Value>, path: &str, found: &mut impl FnMut(&'a Value)) {
    let (object, path) = match path.rsplit_once(':') {
        Some((urn, rest)) => match document.get(urn) {
            Some(Value::Object(extension)) => (extension, rest),
            _ => return,
        },
        None => (document, path),
    };
    let (attribute, sub) = match path.split_once('.') {
        Some((attribute, sub)) => (attribute, Some(sub)),
        None => (path, None),
    };
    let Some(value) = object.get(attribute) else { return };
    let mut leaf = |value: &'a Value| match (sub, value) {
        (None, value) => found(value),
        (Some(sub), Value::Object(element)) => {
            if let Some(value) = element.get(sub) {
                found(value);
            }
        }
        (Some(_), _) => {}
    };
    match value {
        Value::Array(elements) => elements.iter().for_each(leaf),
        value => leaf(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::store::{ResourceId, TenantId};

    fn spec(path: &str, case_exact: bool) -> IndexSpec {
        IndexSpec { path: path.into(), unique: false, case_exact, filled: true }
    }

    #[track_caller]
    fn check(path: &str, case_exact: bool, expect: &[&str]) {
        let document = json!({
            "userName": "BJensen",
            "emails": [{"value": "b@EXAMPLE.com"}, {"type": "home"}, {"value": "babs@jensen.org"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984"},
        });
        let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: "User".into(), id: ResourceId(Uuid::nil()) };
        let Value::Object(document) = document else { panic!("an object") };
        let found = entries(&key, &document, &[spec(path, case_exact)]);
        let mut values: Vec<_> = found.iter().map(|e| String::from_utf8_lossy(&e.key.value.0).into_owned()).collect();
        values.sort();
        assert_eq!(values, expect, "{path}");
    }

    #[test]
    fn values_are_found_at_each_form_of_path() {
        check("userName", false, &["bjensen"]);
        check("userName", true, &["BJensen"]);
        check("emails.value", false, &["b@example.com", "babs@jensen.org"]);
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", true, &["701984"]);
        check("title", false, &[]);
    }

    #[test]
    fn long_values_stay_short_and_distinct() {
        let long = "x".repeat(5000);
        let other = format!("{long}y");
        assert!(text_value(&long, true).0.len() < 200);
        assert_ne!(text_value(&long, true), text_value(&other, true));
    }
}
