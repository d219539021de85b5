//! The columns of a table of users: which attribute each names, and what a value in it sets.

use std::collections::{BTreeMap, BTreeSet};

use scim_protocol::{Error, path::AttributePath, schema::Mutability};
use serde_json::{Map, Value, json};

use super::{AdminError, USER, USER_NAME};
use crate::caller::Caller;

/// Lists of which a column sets one element: that for work, which is the primary one.
const LISTS: [&str; 2] = ["emails", "phoneNumbers"];
const WORK: &str = "work";

/// By what people are told apart and found: one line, which looks like what it is compared with.
const NAMES: [&str; 6] = [USER_NAME, "externalId", "displayName", "emails", "phoneNumbers", "employeeNumber"];

/// The attribute that each column names, in any case (RFC 7643 §2.1). Refuses a table with a column that cannot be
/// written, before its first row.
pub(super) fn columns(
    caller: &Caller,
    rows: &[(usize, Map<String, Value>)],
) -> Result<BTreeMap<String, String>, AdminError> {
    let columns: BTreeSet<&str> = rows.iter().flat_map(|(_, row)| row.keys()).map(String::as_str).collect();
    let rt = caller.tenant().registry.resource_type(USER);
    let rt = rt.ok_or_else(|| AdminError::Refused("the tenant has no users".to_owned()))?;
    let mut named = BTreeMap::new();
    for column in columns {
        let wrong = |why: &str| AdminError::Invalid(format!("the column {column:?} cannot be written: {why}"));
        let bound = AttributePath::parse(column).and_then(|path| path.bind(rt));
        let bound = bound.map_err(|error| wrong(error.detail()))?;
        let parts = || bound.attribute.iter().chain(bound.leaf());
        if column.eq_ignore_ascii_case("schemas") {
            return Err(wrong("it follows from the other columns. Leave it out."));
        }
        if parts().any(|part| part.mutability == Mutability::ReadOnly) {
            return Err(wrong("it is the server's own. Leave it out."));
        }
        let attribute = bound.to_string();
        if bound.attribute.as_ref().is_some_and(|list| list.multi_valued) && !LISTS.contains(&attribute.as_str()) {
            return Err(wrong("it may have several values. Columns of that kind are emails and phoneNumbers."));
        }
        if let Some((other, _)) = named.iter().find(|(_, known)| **known == attribute) {
            return Err(wrong(&format!("the column {other:?} is the same attribute. Leave one of them out.")));
        }
        named.insert(column.to_owned(), attribute);
    }
    Ok(named)
}

/// The values of a row by their attributes. Refuses control characters, which nobody types. Lines may end in what is read as a
/// whole, such as an address, and not in a name.
pub(super) fn values(row: Map<String, Value>) -> Result<Vec<(String, Value)>, Error> {
    for (path, value) in &row {
        require_text(path, value.as_str().unwrap_or_default())?;
    }
    Ok(row.into_iter().map(typed).collect())
}

fn require_text(path: &str, text: &str) -> Result<(), Error> {
    let is_end = |c| matches!(c, '\n' | '\r');
    if text.chars().any(|c| c.is_control() && !is_end(c)) {
        return Err(Error::value(format!("{path} has control characters, such as a tab. Take them out of the table.")));
    }
    let steps = steps(path);
    let is_name = path.starts_with("name.") || steps.last().is_some_and(|last| NAMES.contains(&last.as_str()));
    if is_name && text.contains(is_end) {
        return Err(Error::value(format!("{path} must be one line. Take the line ends out of the table.")));
    }
    Ok(())
}

/// The value of a column: true or false for `active`.
fn typed((path, value): (String, Value)) -> (String, Value) {
    let value = match (path.as_str(), value.as_str()) {
        ("active", Some(text)) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        ("active", Some(text)) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        _ => value,
    };
    (path, value)
}

/// Sets the value of a column in a user who is made.
pub(super) fn put(user: &mut Map<String, Value>, path: &str, value: Value) {
    let value = if LISTS.contains(&path) { json!([of_work(&value)]) } else { value };
    set(user, &steps(path), value);
}

fn set(object: &mut Map<String, Value>, names: &[String], value: Value) {
    match names {
        [] => {}
        [name] => drop(object.insert(name.clone(), value)),
        [name, rest @ ..] => {
            if let Value::Object(inner) = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())) {
                set(inner, rest, value);
            }
        }
    }
}

/// The operation of a PATCH that gives a user the value of a column; `None` if the user has it. `one_only`: lists have one
/// element at most, by the tenant's profile.
pub(super) fn change(known: &Value, path: &str, value: &Value, one_only: bool) -> Option<Value> {
    let now = steps(path).iter().try_fold(known, |value, name| value.get(name.as_str()));
    if LISTS.contains(&path) {
        return work_change(now, path, value, one_only);
    }
    // A name in other capitals is the same name.
    (path != USER_NAME && now != Some(value)).then(|| json!({"op": "replace", "path": path, "value": value}))
}

/// The same of an element of a list: that with the value, that for work, or one of which nothing says what it is for. The others
/// stay, and none of them is primary any longer. What the element is for stays, unless nothing says it.
fn work_change(now: Option<&Value>, path: &str, value: &Value, one_only: bool) -> Option<Value> {
    let all: Vec<&Value> = now.and_then(Value::as_array).into_iter().flatten().collect();
    let kind = |element: &Value| element.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let is_work = |element: &Value| kind(element).as_deref() == Some(WORK);
    let has_value = |element: &Value| element.get("value") == Some(value);
    let known = chosen(&all, |element| has_value(element) && is_work(element))
        .or_else(|| chosen(&all, has_value))
        .or_else(|| chosen(&all, is_work))
        .or_else(|| chosen(&all, |element| one_only || kind(element).is_none()));
    let Some(known) = known else {
        return Some(json!({"op": "add", "path": path, "value": [of_work(value)]}));
    };
    let mut new = of_work(value);
    new["type"] = known.get("type").cloned().unwrap_or(new["type"].take());
    let others_are_primary = all.iter().any(|element| is_primary(element)) && !is_primary(known);
    if has_value(known) && !others_are_primary {
        return None;
    }
    if known.get("display").is_some() && !has_value(known) {
        // It was that of the value before.
        new["display"] = Value::Null;
    }
    let kind = known.get("type").map(|kind| format!("type eq {kind} and ")).unwrap_or_default();
    let path = format!("{path}[{kind}value eq {}]", known.get("value").unwrap_or(&Value::Null));
    Some(json!({"op": "replace", "path": path, "value": new}))
}

/// The primary one of some elements with a value, or the first.
fn chosen<'a>(all: &[&'a Value], is_one: impl Fn(&Value) -> bool) -> Option<&'a Value> {
    let has_value = |element: &Value| element.get("value").is_some_and(Value::is_string);
    let some: Vec<&'a Value> = all.iter().copied().filter(|element| is_one(element) && has_value(element)).collect();
    some.iter().copied().find(|element| is_primary(element)).or_else(|| some.first().copied())
}

fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

fn of_work(value: &Value) -> Value {
    json!({"value": value, "type": WORK, "primary": true})
}

/// The names that lead to a value: of the extension, of the attribute and of the sub-attribute.
fn steps(path: &str) -> Vec<String> {
    let (urn, rest) = match path.rsplit_once(':') {
        Some((urn, rest)) => (Some(urn.to_owned()), rest),
        None => (None, path),
    };
    urn.into_iter().chain(rest.split('.').map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &Value, expect: Option<&str>) {
        check_of(now, false, expect);
    }

    #[track_caller]
    fn check_of(now: &Value, one_only: bool, expect: Option<&str>) {
        let known = json!({ "emails": now });
        let made = change(&known, "emails", &json!("a@w"), one_only);
        let path = made.as_ref().map(|made| made["path"].as_str().unwrap());
        assert_eq!(path, expect, "{now}");
    }

    #[test]
    fn a_column_of_a_list_sets_the_element_for_work_alone() {
        let work = |value: &str, primary: bool| json!({"value": value, "type": "work", "primary": primary});
        let home = |primary: bool| json!({"value": "a@h", "type": "home", "primary": primary});
        check(&json!([work("a@w", true), home(false)]), None);
        check(&json!([work("a@w", false), home(false)]), None);
        check(&json!([{"value": "a@w"}]), None);
        check(&json!([work("a@w", false), home(true)]), Some("emails[type eq \"work\" and value eq \"a@w\"]"));
        check(&json!([home(true), work("b@w", false)]), Some("emails[type eq \"work\" and value eq \"b@w\"]"));
        check(&json!([work("a@w", false), work("b@w", true)]), Some("emails[type eq \"work\" and value eq \"a@w\"]"));
        check(&json!([home(true), {"value": "b@w"}]), Some("emails[value eq \"b@w\"]"));
        check(&json!([home(true)]), Some("emails"));
        check(&Value::Null, Some("emails"));
        // Who has the value already has it once, whatever it is for, and loses no other.
        check(&json!([{"value": "b@w"}, {"value": "a@w"}]), None);
        let home_too = json!([{"value": "a@w", "type": "home"}, work("b@w", true)]);
        check(&home_too, Some("emails[type eq \"home\" and value eq \"a@w\"]"));
        assert_eq!(
            change(&json!({"emails": home_too}), "emails", &json!("a@w"), false).unwrap()["value"]["type"],
            "home"
        );
        check_of(&json!([home(true)]), true, Some("emails[type eq \"home\" and value eq \"a@h\"]"));
    }
}
