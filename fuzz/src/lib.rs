//! What the fuzz targets share: the core resource types, and documents of them to act on.
//!
//! Each target reads one kind of input that comes from outside, and asserts a law beyond "it does
//! not panic": what was read and written again reads the same, what was accepted is accepted again.

use std::sync::{Arc, LazyLock};

use scim_protocol::{
    Resource,
    schema::{ResourceType, SchemaRegistry},
};
use serde_json::{Value, json};

static REGISTRY: LazyLock<SchemaRegistry> = LazyLock::new(SchemaRegistry::core);

/// User and Group of RFC 7643.
pub fn resource_types() -> &'static [Arc<ResourceType>] {
    REGISTRY.resource_types()
}

/// A user and a group with a value in each kind of attribute.
pub static RESOURCES: LazyLock<Vec<(Arc<ResourceType>, Resource)>> = LazyLock::new(|| {
    let user = json!({
        "userName": "bjensen",
        "externalId": "701984",
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "active": true,
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.example", "type": "home"},
        ],
        "roles": [{"value": "admin"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Tours",
            "manager": {"value": "26118915-6090-4610-87e4-49d8ca9f808d"},
        },
    });
    let group = json!({
        "displayName": "Tour Guides",
        "members": [{"value": "2819c223-7f76-453a-919d-413861904646"}],
    });
    [("User", user), ("Group", group)]
        .into_iter()
        .filter_map(|(name, body)| {
            let rt = REGISTRY.resource_type(name)?.clone();
            let resource = Resource::create(body, &rt).ok()?;
            Some((rt, resource))
        })
        .collect()
});

/// The input as JSON, where it is some.
pub fn json(input: &[u8]) -> Option<Value> {
    serde_json::from_slice(input).ok()
}

/// The input as text, where it is some.
pub fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
