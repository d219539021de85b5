//! A manager without an id. Elsewhere a blank text means "no value", and a dialect makes it a removal. AWS IAM
//! Identity Center refuses it, so the body is checked before any dialect changes it.

use scim_protocol::{Error, schema::core::ENTERPRISE_USER, value};
use serde_json::{Map, Value};

use super::wording::{self, Constraint};

/// Refuses a blank manager in a body of POST, PUT or PATCH.
pub fn check(body: &Value) -> Result<(), Error> {
    let Value::Object(body) = body else { return Ok(()) };
    let operations = member(body, "Operations").and_then(Value::as_array).into_iter().flatten();
    let mut operations = operations.filter_map(Value::as_object);
    if names_blank(body) || operations.any(sets_blank) {
        let at = format!("{ENTERPRISE_USER}.manager.value");
        return wording::violations(&[(at.clone(), Constraint::Length), (at, Constraint::NameCharacters)]);
    }
    Ok(())
}

fn sets_blank(operation: &Map<String, Value>) -> bool {
    let Some(value) = member(operation, "value") else { return false };
    let removes = member(operation, "op").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("remove"));
    match member(operation, "path").and_then(Value::as_str) {
        _ if removes => false,
        Some(path) if path.eq_ignore_ascii_case(ENTERPRISE_USER) => value.as_object().is_some_and(names_blank),
        Some(path) => is_manager(path) && is_blank(value),
        None => value.as_object().is_some_and(names_blank),
    }
}

/// Whether an object of attributes has a blank manager, in the extension or under its whole name.
fn names_blank(attributes: &Map<String, Value>) -> bool {
    attributes.iter().any(|(name, value)| {
        let extension = name.eq_ignore_ascii_case(ENTERPRISE_USER);
        let within = value.as_object().filter(|_| extension).into_iter().flatten();
        (is_manager(name) && is_blank(value))
            || within.into_iter().any(|(name, value)| is_manager(name) && is_blank(value))
    })
}

fn is_manager(path: &str) -> bool {
    let prefix = path.get(..ENTERPRISE_USER.len()).filter(|prefix| prefix.eq_ignore_ascii_case(ENTERPRISE_USER));
    let plain = prefix.and_then(|prefix| path.get(prefix.len()..)?.strip_prefix(':')).unwrap_or(path);
    plain.eq_ignore_ascii_case("manager") || plain.eq_ignore_ascii_case("manager.value")
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::String(id) => value::is_blank(id),
        Value::Object(manager) => member(manager, "value").and_then(Value::as_str).is_some_and(value::is_blank),
        _ => false,
    }
}

/// A member of an object by its name, in any case.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
