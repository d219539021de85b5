//! Whether an answer is as a dialogue expects it: partial comparison with a few matchers.
//!
//! The words are those of `conformance/profiles`, but that an array has these elements in this order.

use serde_json::{Map, Value};

/// `None` when `got` is as expected; otherwise where it is not, and how.
pub fn mismatch(expected: &Value, got: Option<&Value>) -> Option<String> {
    at("", expected, got)
}

fn at(place: &str, expected: &Value, got: Option<&Value>) -> Option<String> {
    if let Value::String(word) = expected
        && let Some(verdict) = word_matcher(word, got)
    {
        return (!verdict).then(|| differs(place, expected, got));
    }
    if let Value::Object(fields) = expected
        && !fields.is_empty()
        && fields.keys().all(|key| OPERATORS.contains(&key.as_str()))
    {
        return fields.iter().find_map(|(operator, operand)| apply(place, operator, operand, got));
    }
    match (expected, got) {
        (Value::Object(expected), Some(Value::Object(got))) => object(place, expected, got),
        (Value::Array(expected), Some(Value::Array(got))) if expected.len() == got.len() => {
            let pairs = expected.iter().zip(got).enumerate();
            pairs.into_iter().find_map(|(n, (expected, got))| at(&format!("{place}/{n}"), expected, Some(got)))
        }
        (expected, Some(got)) if expected == got => None,
        (expected, got) => Some(differs(place, expected, got)),
    }
}

fn object(place: &str, expected: &Map<String, Value>, got: &Map<String, Value>) -> Option<String> {
    expected.iter().find_map(|(key, value)| at(&format!("{place}/{key}"), value, got.get(key)))
}

/// The words that stand for more than themselves; `None` for every other text.
fn word_matcher(word: &str, got: Option<&Value>) -> Option<bool> {
    Some(match word {
        "*any*" => got.is_some_and(|value| !value.is_null()),
        "*absent*" => got.is_none(),
        "*unassigned*" => match got {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(elements)) => elements.is_empty(),
            Some(_) => false,
        },
        "*number*" => got.is_some_and(Value::is_number),
        _ => return None,
    })
}

const OPERATORS: [&str; 7] = ["$contains", "$exact", "$least", "$length", "$not", "$oneOf", "$set"];

fn apply(place: &str, operator: &str, operand: &Value, got: Option<&Value>) -> Option<String> {
    let holds = match (operator, operand, got) {
        ("$contains", Value::String(part), Some(Value::String(text))) => text.contains(part.as_str()),
        ("$contains", Value::Array(wanted), Some(Value::Array(elements))) => contains(wanted, elements),
        ("$exact", exact, got) => got == Some(exact),
        ("$least", Value::Number(least), Some(Value::Number(number))) => number.as_f64() >= least.as_f64(),
        ("$length", length, Some(Value::Array(elements))) => *length == elements.len(),
        ("$not", unwanted, got) => at(place, unwanted, got).is_some(),
        ("$oneOf", Value::Array(choices), got) => choices.iter().any(|choice| at(place, choice, got).is_none()),
        ("$set", Value::Array(wanted), Some(Value::Array(elements))) => {
            wanted.len() == elements.len() && contains(wanted, elements)
        }
        _ => false,
    };
    (!holds).then(|| differs(place, &serde_json::json!({ operator: operand }), got))
}

fn contains(wanted: &[Value], elements: &[Value]) -> bool {
    wanted.iter().all(|one| elements.iter().any(|element| at("", one, Some(element)).is_none()))
}

fn differs(place: &str, expected: &Value, got: Option<&Value>) -> String {
    let place = if place.is_empty() { "the body" } else { place };
    let got = got.map_or("nothing".to_owned(), Value::to_string);
    format!("at {place}: expected {expected}, got {got}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(expected: &Value, got: &Value, verdict: bool) {
        let found = mismatch(expected, Some(got));
        assert_eq!(found.is_none(), verdict, "{found:?}");
    }

    #[test]
    fn the_language() {
        let user = json!({"id": "7", "active": true, "title": "", "emails": [{"value": "a"}, {"value": "b"}]});
        check(&json!({"id": "7"}), &user, true);
        check(&json!({"id": 7}), &user, false);
        check(&json!({"id": "*any*", "nickName": "*absent*"}), &user, true);
        check(&json!({"id": "*absent*"}), &user, false);
        check(&json!({"title": "*unassigned*", "nickName": "*unassigned*"}), &user, true);
        check(&json!({"active": "*unassigned*"}), &user, false);
        check(&json!({"emails": [{"value": "a"}]}), &user, false);
        check(&json!({"emails": [{"value": "a"}, {}]}), &user, true);
        check(&json!({"emails": {"$contains": [{"value": "b"}]}}), &user, true);
        check(&json!({"emails": {"$contains": [{"value": "c"}]}}), &user, false);
        check(&json!({"emails": {"$set": [{"value": "b"}, {"value": "a"}]}}), &user, true);
        check(&json!({"emails": {"$set": [{"value": "b"}]}}), &user, false);
        check(&json!({"emails": {"$length": 2}}), &user, true);
        check(&json!({"emails": {"$length": 3}}), &user, false);
        check(&json!({"active": {"$oneOf": [true, "*absent*"]}}), &user, true);
        check(&json!({"active": {"$not": true}}), &user, false);
        check(&json!({"nickName": {"$not": "x"}}), &user, true);
        check(&json!({"emails": {"$exact": [{"value": "a"}]}}), &user, false);
        check(&json!({"$ref": "x"}), &json!({"$ref": "x"}), true);
        check(&json!({"n": {"$least": 2}}), &json!({"n": 3}), true);
        check(&json!({"n": {"$least": 4}}), &json!({"n": 3}), false);
        check(&json!({"s": {"$contains": "ell"}}), &json!({"s": "hello"}), true);
    }

    #[test]
    fn a_mismatch_names_its_place() {
        let found = mismatch(&json!({"a": [{"b": 1}]}), Some(&json!({"a": [{"b": 2}]})));
        assert_eq!(found.as_deref(), Some("at /a/0/b: expected 1, got 2"));
    }
}
