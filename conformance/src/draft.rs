//! Generates resources that a server's own schemas accept.
//!
//! A draft holds what its resource type requires and nothing more, so that a case adds only what it
//! is about. Required attributes that no RFC knows get values generated from their characteristics.

mod complete;
mod value;

pub use complete::complete;
use serde_json::{Map, Value, json};
pub use value::value;

use crate::discovery::{Discovery, GROUP, USER};

/// The body of a resource of that type. `mark` names it: it becomes the `userName` of users, the
/// `displayName` of groups, and each generated text holds it, so that leftovers can be found and
/// unique attributes stay unique.
pub fn body(discovery: &Discovery, resource_type: &str, mark: &str) -> Value {
    let core = discovery.resource_type(resource_type).and_then(|one| one["schema"].as_str());
    let core = core.unwrap_or(if resource_type == "Group" { GROUP } else { USER });
    let mut body = Map::new();
    let mut schemas = vec![json!(core)];
    if let Some(schema) = discovery.schema(core) {
        body.extend(required(&schema["attributes"], "", mark, 0));
    }
    for (urn, is_required) in discovery.extensions(resource_type) {
        if !is_required {
            continue;
        }
        let attributes = discovery.schema(urn).map(|schema| required(&schema["attributes"], "", mark, 0));
        body.insert(urn.to_owned(), Value::Object(attributes.unwrap_or_default()));
        schemas.push(json!(urn));
    }
    match resource_type {
        // Many servers want an address there.
        "User" => body.insert("userName".to_owned(), json!(format!("{mark}@example.com"))),
        "Group" => body.insert("displayName".to_owned(), json!(mark)),
        _ => None,
    };
    let mut whole = Map::new();
    whole.insert("schemas".to_owned(), Value::Array(schemas));
    whole.extend(body);
    Value::Object(whole)
}

/// How deep attributes may lie in each other: SCIM has two levels, a hostile schema may have more.
const MOST_DEPTH: usize = 3;

/// A value for each required attribute that clients may write.
fn required(attributes: &Value, parent: &str, mark: &str, depth: usize) -> Map<String, Value> {
    let attributes = attributes.as_array().into_iter().flatten().filter(|_| depth < MOST_DEPTH);
    attributes
        .filter(|attribute| attribute["required"] == true && attribute["mutability"] != "readOnly")
        .filter_map(|attribute| {
            let name = attribute["name"].as_str()?;
            let known = value::known(parent, name, mark, 0).filter(|_| attribute["canonicalValues"][0].is_null());
            let value = known.unwrap_or_else(|| sample(attribute, mark, depth));
            let value = if attribute["multiValued"] == true { json!([value]) } else { value };
            Some((name.to_owned(), value))
        })
        .collect()
}

/// One value that fits an attribute's characteristics (RFC 7643 §2.3).
pub(crate) fn sample(attribute: &Value, mark: &str, depth: usize) -> Value {
    if let Some(first) = attribute["canonicalValues"].get(0) {
        return first.clone();
    }
    match attribute["type"].as_str() {
        Some("binary") => json!("c2NpbQ=="),
        Some("boolean") => json!(true),
        Some("complex") => {
            let parent = attribute["name"].as_str().unwrap_or_default();
            let mut value = required(&attribute["subAttributes"], parent, mark, depth + 1);
            if value.is_empty() {
                let subs = attribute["subAttributes"].as_array().into_iter().flatten();
                let simple = subs.filter(|sub| sub["type"] != "complex" && sub["mutability"] != "readOnly");
                let chosen = simple.clone().find(|sub| sub["name"] == "value").or_else(|| simple.clone().next());
                value.extend(chosen.and_then(|sub| {
                    let name = sub["name"].as_str()?;
                    let known = value::known(parent, name, mark, 0);
                    Some((name.to_owned(), known.unwrap_or_else(|| sample(sub, mark, depth))))
                }));
            }
            Value::Object(value)
        }
        Some("dateTime") => json!("2026-01-01T00:00:00Z"),
        Some("decimal") => json!(1.5),
        Some("integer") => json!(1),
        Some("reference") => json!(format!("https://example.com/{mark}")),
        _ => json!(mark),
    }
}

/// `more` laid over `body`: members of objects are merged, everything else is replaced; null takes
/// a member away. The URN of each extension in it is added to `schemas`.
pub fn lay_over(body: &mut Value, more: Value) {
    let (Value::Object(members), Value::Object(more)) = (body, more) else { return };
    for (name, value) in more {
        if name.starts_with("urn:")
            && value.is_object()
            && let Some(Value::Array(schemas)) = members.get_mut("schemas")
            && !schemas.iter().any(|one| one.as_str() == Some(&name))
        {
            schemas.push(json!(name));
        }
        if value.is_null() {
            members.shift_remove(&name);
            continue;
        }
        match members.get_mut(&name) {
            Some(Value::Object(old)) if value.is_object() => {
                old.extend(value.as_object().cloned().unwrap_or_default());
            }
            _ => {
                members.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::ENTERPRISE;

    #[test]
    fn required_attributes_of_unknown_extensions_get_values() {
        let urn = "urn:example:params:scim:schemas:2.0:Badge";
        let types = json!({"Resources": [{"name": "User", "endpoint": "/Users", "schema": USER,
            "schemaExtensions": [{"schema": urn, "required": true}]}]});
        let schemas = json!({"Resources": [
            {"id": USER, "attributes": [{"name": "userName", "required": true},
                {"name": "emails", "type": "complex", "multiValued": true, "required": true,
                 "subAttributes": [{"name": "value", "type": "string"}]}]},
            {"id": urn, "attributes": [{"name": "colour", "required": true, "canonicalValues": ["red"]},
                {"name": "number", "type": "integer", "required": true},
                {"name": "seen", "type": "dateTime", "required": true, "mutability": "readOnly"}]}]});
        let discovery = Discovery::new(None, Some(&types), Some(&schemas));
        let mut user = body(&discovery, "User", "mark");
        assert_eq!(user["schemas"], json!([USER, urn]));
        assert_eq!(user["emails"], json!([{"value": "mark0@example.com"}]));
        assert_eq!(user[urn], json!({"colour": "red", "number": 1}));
        lay_over(&mut user, json!({"emails": null, ENTERPRISE: {"department": "x"}}));
        assert_eq!(user["schemas"], json!([USER, urn, ENTERPRISE]));
        assert_eq!(user.get("emails"), None);
    }
}
