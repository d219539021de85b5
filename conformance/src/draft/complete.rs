//! Fills in what a server's schemas require within a value that a case gives: an address with a value and a type
//! lacks nothing by the RFC, but a server may require its `display` too.

use serde_json::{Map, Value};

use super::value;
use crate::discovery::{Discovery, named};

/// Adds the required sub-attributes that the complex values in a body lack.
pub fn complete(discovery: &Discovery, resource_type: &str, body: &mut Value, mark: &str) {
    let Some(members) = body.as_object_mut() else { return };
    for (name, inner) in members.iter_mut() {
        if name.starts_with("urn:") {
            let schema = discovery.schema(name).map(|schema| &schema["attributes"]);
            if let (Some(attributes), Some(members)) = (schema, inner.as_object_mut()) {
                fill_all(attributes, members, mark);
            }
        } else if let Some(attribute) = discovery.attribute(resource_type, name) {
            fill(attribute, inner, mark);
        }
    }
}

fn fill_all(attributes: &Value, members: &mut Map<String, Value>, mark: &str) {
    for (name, inner) in members.iter_mut() {
        if let Some(attribute) = named(attributes, name) {
            fill(attribute, inner, mark);
        }
    }
}

fn fill(attribute: &Value, given: &mut Value, mark: &str) {
    match given {
        Value::Array(elements) => elements.iter_mut().for_each(|one| fill(attribute, one, mark)),
        // An empty object is what a case means by it.
        Value::Object(members) if !members.is_empty() => {
            for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
                let Some(name) = sub["name"].as_str() else { continue };
                let is_there = members.keys().any(|known| known.eq_ignore_ascii_case(name));
                if !is_there && sub["required"] == true && sub["mutability"] != "readOnly" {
                    members.insert(name.to_owned(), value(sub, "", mark, 0));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discovery::USER;

    #[test]
    fn required_parts_are_added() {
        let types = json!({"Resources": [{"name": "User", "endpoint": "/Users", "schema": USER}]});
        let schemas = json!({"Resources": [{"id": USER, "attributes": [{"name": "emails", "type": "complex",
            "multiValued": true, "subAttributes": [{"name": "value"}, {"name": "display", "required": true}]}]}]});
        let discovery = Discovery::new(None, Some(&types), Some(&schemas));
        let mut body = json!({"emails": [{"value": "a@b"}], "title": "x"});
        complete(&discovery, "User", &mut body, "mark-");
        assert_eq!(body, json!({"emails": [{"value": "a@b", "display": "mark-0"}], "title": "x"}));
    }
}
