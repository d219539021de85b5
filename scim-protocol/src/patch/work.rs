//! Measures the work of reading the values of an attribute.
//!
//! The unit is an element of the usual size. Text is read byte by byte, and an element may contain a list, so an
//! element of a megabyte is as much work as thousands of others.

use serde_json::{Map, Value};

/// How many bytes of text are as much work as one element.
const BYTES: usize = 256;

/// What the value of an attribute comes to, in elements. One value of the usual size, which is no list,
/// is none: each operation has one such.
pub(super) fn elements(value: &Value) -> usize {
    match value {
        Value::Array(all) => all.iter().map(|element| 1 + beyond_one(element)).sum(),
        single => beyond_one(single),
    }
}

/// The work of this value in elements, minus one.
pub(super) fn beyond_one(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() / BYTES,
        Value::Array(_) => elements(value),
        Value::Object(members) => of_members(members),
    }
}

// As deep as the document, whose depth the JSON parser bounds.
fn of_members(members: &Map<String, Value>) -> usize {
    members.values().map(beyond_one).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expect: usize) {
        assert_eq!(elements(value), expect, "{value}");
    }

    #[test]
    fn long_elements_count_as_several() {
        check(&json!("short"), 0);
        check(&json!({"familyName": "Jensen"}), 0);
        check(&json!({"familyName": "x".repeat(1024)}), 4);
        check(&json!([{"value": "a@b", "type": "work"}, {"value": "c@d"}]), 2);
        check(&json!([{"value": "x".repeat(2560)}, {"value": "c@d"}]), 12);
        check(&json!([{"tags": ["a", "b", "c"]}]), 4);
    }
}
