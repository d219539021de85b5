//! Settings as people give them: whoever writes a value of another type is told how it is written.

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::Settings;

/// Each setting with a value as it is written.
const WRITTEN: [(&str, &str); 25] = [
    ("access_attributes", r#"{"CostCenter": "${path:enterprise.costCenter}"}"#),
    ("adopt", r#""externalId""#),
    ("announce_security_events", "true"),
    ("brake", r#"{"users": 50, "window": "1h", "mode": "hold"}"#),
    ("call_values_until", r#""2026-12-01T09:00:00Z""#),
    ("discovery_needs_token", "true"),
    ("duplicate_group_names", "true"),
    ("event_values", "false"),
    ("indexes", r#"{"User": ["title"]}"#),
    ("mapping", r#"[{"name": "mail", "rewrite": "lower-case", "attribute": "emails.value"}]"#),
    ("max_tokens", "10"),
    ("operator", r##"{"name": "Example", "colour": "#1d58b0"}"##),
    ("profile", r#""rfc""#),
    ("protected", r#"{"ids": ["anna"], "members_of": "Break glass"}"#),
    ("quotas", r#"{"User": 500}"#),
    ("rate_limit", "50"),
    ("restore_by", r#""externalId""#),
    ("restore_window", r#""30d""#),
    ("role_resources", r#""scim""#),
    ("roles", r#"{"default": "guest", "rules": [{"name": "staff", "role": "reader", "externalId": "g-1"}]}"#),
    ("schemas", "[]"),
    ("silence_after", r#""24h""#),
    ("source", r#"{"kind": "scim"}"#),
    ("stale_after", r#""28d""#),
    ("strict", "true"),
];

/// Reads settings that stand in something larger, and says of them what is said of settings anywhere.
pub fn read_settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Settings>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(given) => Settings::read(given).map(Box::new).map_err(D::Error::custom),
        other => Err(D::Error::custom(format!("the tenant's settings are a JSON object, not {other}"))),
    }
}

/// Says what is wrong with the value of a setting.
pub(super) fn check(name: &str, value: &Value) -> Result<(), String> {
    if WRITTEN.iter().all(|(known, _)| *known != name) {
        let known: Vec<_> = WRITTEN.iter().map(|(known, _)| *known).collect();
        return Err(format!("there is no tenant setting {name:?}; there are: {}", known.join(", ")));
    }
    // Alone, because the reason does not say where in the whole it stands.
    let alone = Map::from_iter([(name.to_owned(), value.clone())]);
    let why = match serde_json::from_value::<Settings>(alone.into()) {
        Err(error) => error.to_string(),
        Ok(settings) => {
            let read = serde_json::to_value(settings).unwrap_or_default();
            match read.get(name) {
                Some(read) if has_list_for_object(value, read) => "invalid type: sequence".to_owned(),
                _ => return Ok(()),
            }
        }
    };
    let wrong = of_wrong_type(&why).map(|found| format!("{found} is not what belongs there")).or_else(|| of_name(&why));
    let why = match (wrong, WRITTEN.iter().find(|(known, _)| *known == name)) {
        (Some(wrong), Some((_, written))) => format!("{wrong}. Write it like this: {{{name:?}: {written}}}"),
        _ => why,
    };
    Err(format!("the tenant's setting {name:?} cannot be used: {why}"))
}

/// Whether a list stands where an object was read from it, which serde does by the order of the members.
fn has_list_for_object(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Array(_), Value::Object(_)) => true,
        (Value::Array(given), Value::Array(read)) => {
            given.iter().zip(read).any(|(given, read)| has_list_for_object(given, read))
        }
        (Value::Object(given), Value::Object(read)) => {
            given.iter().any(|(name, given)| read.get(name).is_some_and(|read| has_list_for_object(given, read)))
        }
        _ => false,
    }
}

/// What was found where a value of another type belongs. What was expected is told in words of this program, so it is
/// left out.
fn of_wrong_type(error: &str) -> Option<String> {
    let starts = ["invalid type: ", "invalid value: ", "invalid length "];
    let found = starts.iter().find_map(|start| error.strip_prefix(start))?;
    let found = found.split(", expected").next().unwrap_or(found);
    Some(match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        // integer `5`, string "x"
        other => other.find(['`', '"']).map_or(other, |at| other.split_at(at).1).replace('`', ""),
    })
}

/// What is wrong with a name within a setting, or with a word.
fn of_name(error: &str) -> Option<String> {
    let plain = |list: &str| list.replace('`', "\"").replace("one of ", "");
    if let Some(name) = error.strip_prefix("missing field ") {
        return Some(format!("{} is missing", plain(name)));
    }
    let (unknown, expected) = error.split_once(", expected ")?;
    if let Some(name) = unknown.strip_prefix("unknown field ") {
        return Some(format!("{} is not known there; known are {}", plain(name), plain(expected)));
    }
    let word = unknown.strip_prefix("unknown variant ")?;
    Some(format!("{} is not one of {}", plain(word), plain(expected)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_setting_is_shown_as_it_is_written() {
        let settings = schemars::schema_for!(Settings);
        let mut known: Vec<_> = settings.get("properties").unwrap().as_object().unwrap().keys().cloned().collect();
        known.sort();
        assert_eq!(known, WRITTEN.map(|(name, _)| name));
        for (name, written) in WRITTEN {
            assert_eq!(check(name, &serde_json::from_str(written).unwrap()), Ok(()), "{name}");
        }
    }

    #[track_caller]
    fn refused(name: &str, value: &Value, expect: &str) {
        let error = check(name, value).unwrap_err();
        assert!(error.contains(expect) && !error.contains("struct"), "{error}");
    }

    #[test]
    fn what_is_of_another_type_is_told_with_how_it_is_written() {
        refused("brake", &json!(5), r#"5 is not what belongs there. Write it like this: {"brake": {"users": 50"#);
        refused("brake", &json!([5]), "a list is not what belongs there");
        refused("brake", &json!({"users": "many"}), "\"many\" is not what belongs there");
        refused("brake", &json!({"users": -1}), "-1 is not what belongs there");
        refused("brake", &json!({"user": 1}), "\"user\" is not known there; known are \"users\", ");
        refused("source", &json!({}), "\"kind\" is missing. Write it like this");
        refused("source", &json!({"kind": "x"}), "\"x\" is not one of \"");
        refused("protected", &json!([]), "a list is not what belongs there");
        refused("mapping", &json!([["a", "copy", "title"]]), "is not what belongs there");
        refused("strict", &json!("yes"), r#""yes" is not what belongs there. Write it like this: {"strict": true}"#);
        refused("restore_window", &json!({}), "an object is not what belongs there");
        refused("restore_by", &json!("email"), "\"email\" is not one of");
        refused("call_values_until", &json!("tomorrow"), "\"tomorrow\" is no date with a time");
        refused("brakes", &json!(5), "there is no tenant setting \"brakes\"; there are: access_attributes, ");
    }
}
