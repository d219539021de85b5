//! Limits on the size of one resource.
//!
//! Each value of an indexed attribute is a key of the store, and a change of the resource is one commit. So these
//! limits bound the cost of a commit, and how long other writers wait for it.

use scim_protocol::{Error, ErrorKind};
use serde_json::{Map, Value};

use super::{Limits, stored_form::StoredForm};

impl Limits {
    /// Refuses a resource in which an attribute has too many values. If it had as many before, it may keep them or
    /// have fewer.
    pub(super) fn check_values(
        &self,
        document: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
    ) -> Result<(), Error> {
        for (name, value) in document {
            let count = longest(value);
            let most = self.values.max(before.and_then(|before| before.get(name)).map_or(0, longest));
            if count > most {
                let limit = self.values;
                return Err(Error::value(format!(
                    "The attribute {name} has {count} values; at most {limit} are allowed. Send fewer, or ask the administrator to raise max_values."
                )));
            }
        }
        Ok(())
    }

    /// Refuses a resource that has more index entries than it may have, unless it had as many before.
    pub(super) fn check_entries(&self, form: &StoredForm, before: usize) -> Result<(), Error> {
        let (count, limit) = (form.entries.len(), self.index_entries);
        if count > limit.max(before) {
            return Err(Error::new(
                ErrorKind::PayloadTooLarge,
                format!(
                    "The resource has {count} indexed values; at most {limit} are allowed. Send fewer values of attributes such as emails, or ask the administrator to raise max_index_entries."
                ),
            ));
        }
        Ok(())
    }
}

/// How many elements the longest list in a value has. A document that was parsed is not deep.
fn longest(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.len().max(elements.iter().map(longest).max().unwrap_or(0)),
        Value::Object(attributes) => attributes.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: Option<usize>, after: usize, allowed: bool) {
        let document = |count: usize| {
            let emails: Vec<_> = (0..count).map(|number| json!({"value": format!("{number}@example.com")})).collect();
            let Value::Object(document) = json!({"userName": "a", "emails": emails}) else { panic!("an object") };
            document
        };
        let limits = Limits { values: 3, ..Limits::default() };
        let before = before.map(document);
        let outcome = limits.check_values(&document(after), before.as_ref());
        assert_eq!(outcome.is_ok(), allowed, "{before:?}, then {after}: {outcome:?}");
    }

    #[test]
    fn more_than_allowed_may_only_become_less() {
        check(None, 3, true);
        check(None, 4, false);
        check(Some(3), 4, false);
        check(Some(9), 9, true);
        check(Some(9), 8, true);
        check(Some(9), 10, false);
    }

    #[test]
    fn a_list_counts_wherever_it_is() {
        for (value, count) in [
            (json!("a"), 0),
            (json!(["a", "b"]), 2),
            (json!({"roles": [1, 2, 3]}), 3),
            (json!([{"parts": [1, 2, 3]}]), 3),
        ] {
            assert_eq!(longest(&value), count, "{value}");
        }
    }
}
