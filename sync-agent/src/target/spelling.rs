//! Attribute names as the schema spells them.
//!
//! Names of attributes have no case (RFC 7643 §2.1), and some targets answer `externalid` or
//! `Emails`. Documents are spelled the schema's way once, when they come in; nothing behind this
//! compares names without regard to case.

use std::sync::{Arc, LazyLock};

use scim_protocol::schema::{Attribute, ResourceType, SchemaRegistry};
use serde_json::{Map, Value};

use crate::identity::Kind;

static SCHEMAS: LazyLock<SchemaRegistry> = LazyLock::new(SchemaRegistry::core);

/// The document with the names of its attributes as the schemas of RFC 7643 spell them. A name that
/// they do not have stays as it is.
pub fn canonical(kind: Kind, document: Map<String, Value>) -> Map<String, Value> {
    let name = match kind {
        Kind::User => "User",
        Kind::Group => "Group",
    };
    let Some(schema) = SCHEMAS.resource_type(name) else { return document };
    document.into_iter().map(|(name, value)| top(schema, name, value)).collect()
}

fn top(schema: &ResourceType, name: String, value: Value) -> (String, Value) {
    if let Some(attribute) = schema.attribute(&name) {
        return (attribute.name.clone(), inner(&attribute.sub_attributes, value));
    }
    match schema.extension(&name) {
        Some(extension) => (extension.schema.id.clone(), inner(&extension.schema.attributes, value)),
        None => (name, value),
    }
}

fn inner(attributes: &[Arc<Attribute>], value: Value) -> Value {
    match value {
        Value::Object(parts) => Value::Object(
            parts
                .into_iter()
                .map(|(name, value)| {
                    match attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(&name)) {
                        Some(attribute) => (attribute.name.clone(), inner(&attribute.sub_attributes, value)),
                        None => (name, value),
                    }
                })
                .collect(),
        ),
        // Values of a multi-valued attribute; they hold objects and no further lists.
        Value::Array(values) => values.into_iter().map(|value| inner(attributes, value)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_spelled_as_the_schema_does() {
        let Value::Object(document) = json!({
            "ID": "1", "USERNAME": "Ann", "externalid": "x", "Name": {"GivenName": "Ann"},
            "emails": [{"VALUE": "A@x", "Primary": true}], "shoeSize": {"EU": 40},
            "urn:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:user": {"Department": "d", "manager": {"VALUE": "2"}},
        }) else {
            panic!("an object")
        };
        let expect = json!({
            "id": "1", "userName": "Ann", "externalId": "x", "name": {"givenName": "Ann"},
            "emails": [{"value": "A@x", "primary": true}], "shoeSize": {"EU": 40},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "d", "manager": {"value": "2"}},
        });
        assert_eq!(Value::Object(canonical(Kind::User, document)), expect);
    }
}
