//! What the server has beside the RFC's own schemas: attributes of each type and with each
//! characteristic, and a resource type that no RFC knows.

use serde_json::{Value, json};

/// The URN of the extension of User.
pub const KIT: &str = "urn:example:params:scim:schemas:extension:kit:2.0:User";

/// An extension of User that nobody has to use.
pub fn kit() -> Value {
    json!({"extends": "User", "required": false, "schema": {"id": KIT, "name": "Kit", "attributes": [
        {"name": "number", "type": "integer"},
        {"name": "weight", "type": "decimal"},
        {"name": "valid", "type": "boolean"},
        {"name": "issued", "type": "dateTime"},
        {"name": "key", "type": "binary"},
        {"name": "page", "type": "reference", "referenceTypes": ["external"]},
        {"name": "code", "type": "string", "caseExact": true, "uniqueness": "server"},
        {"name": "serial", "type": "string", "mutability": "immutable"},
        {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
        {"name": "notes", "type": "string", "returned": "request"},
        {"name": "issuer", "type": "string", "mutability": "readOnly"},
        {"name": "emblem", "type": "string", "returned": "always"}]}})
}

/// A resource type of its own.
pub fn device() -> Value {
    json!({"resourceType": {"name": "Device", "endpoint": "/Devices", "description": "Devices"}, "schema": {
        "id": "urn:example:params:scim:schemas:core:2.0:Device", "name": "Device", "attributes": [
            {"name": "model", "type": "string", "required": true},
            {"name": "ports", "type": "integer"}]}})
}
