//! Whether a value came back: a server may write it in a canonical form (RFC 7643 §2.4, §4.1), and add to it.

use jiff::Timestamp;
use serde_json::Value;

/// Whether what came holds what was sent: each element, each member.
pub(super) fn keeps(sent: &Value, came: &Value) -> bool {
    match (sent, came) {
        (Value::Array(sent), Value::Array(came)) => sent.iter().all(|one| came.iter().any(|other| keeps(one, other))),
        (Value::Object(sent), Value::Object(came)) => {
            sent.iter().all(|(name, value)| came.get(name).is_some_and(|other| keeps(value, other)))
        }
        (Value::String(sent), Value::String(came)) => same_text(sent, came),
        (Value::Number(sent), Value::Number(came)) => sent.as_f64() == came.as_f64(),
        _ => sent == came,
    }
}

/// The same, with nothing more in a list.
pub(super) fn is_all(sent: &Value, came: &Value) -> bool {
    let as_many = match (sent.as_array(), came.as_array()) {
        (Some(sent), Some(came)) => sent.len() == came.len(),
        _ => true,
    };
    as_many && keeps(sent, came)
}

fn same_text(sent: &str, came: &str) -> bool {
    let letters = |text: &str| -> String {
        let text = text.trim_start_matches("tel:");
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let time = |text: &str| text.parse::<Timestamp>().ok();
    letters(sent) == letters(came) || time(sent).is_some_and(|sent| time(came) == Some(sent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_forms_are_the_same() {
        assert!(keeps(&json!("tel:+1-201-555-0123"), &json!("+1 (201) 555 0123")));
        assert!(keeps(&json!("2026-01-01T00:00:00Z"), &json!("2026-01-01T01:00:00.000+01:00")));
        assert!(keeps(&json!({"value": "a"}), &json!({"value": "A", "primary": true})));
        assert!(!keeps(&json!([{"value": "a"}]), &json!([{"value": "b"}])));
        assert!(!keeps(&json!("a"), &json!(null)));
        assert!(keeps(&json!(["a"]), &json!(["a", "b"])) && !is_all(&json!(["a"]), &json!(["a", "b"])));
    }
}
