//! What the odd server says of itself.

use serde_json::{Value, json};

pub const PERSON: &str = "urn:odd:params:scim:schemas:Person";
pub const TEAM: &str = "urn:odd:params:scim:schemas:Team";
pub const DESK: &str = "urn:odd:params:scim:schemas:Desk";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// An attribute: its name, its type, and what is not usual about it.
fn attribute(name: &str, kind: &str, more: &Value) -> Value {
    let mut attribute = json!({"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none", "description": name});
    for (name, value) in more.as_object().into_iter().flatten() {
        attribute[name] = value.clone();
    }
    attribute
}

fn plain(name: &str, kind: &str) -> Value {
    attribute(name, kind, &json!({}))
}

/// The attributes of a schema.
pub fn attributes(schema: &str) -> Vec<Value> {
    let required = json!({"required": true});
    match schema {
        PERSON => vec![
            attribute("userName", "string", &json!({"required": true, "uniqueness": "server"})),
            plain("motto", "string"),
            plain("rank", "string"),
            plain("language", "string"),
            plain("active", "boolean"),
            plain("badge", "integer"),
            attribute(
                "contacts",
                "complex",
                &json!({"multiValued": true, "subAttributes": [
                    attribute("address", "string", &required), attribute("kind", "string", &required)]}),
            ),
        ],
        DESK => vec![attribute("floor", "integer", &required), plain("desk", "string")],
        _ => vec![
            attribute("displayName", "string", &required),
            attribute(
                "members",
                "complex",
                &json!({"multiValued": true, "subAttributes": [
                    attribute("value", "string", &json!({"caseExact": true, "mutability": "immutable"})),
                    attribute("$ref", "reference",
                        &json!({"caseExact": true, "mutability": "immutable", "referenceTypes": ["User"]})),
                    attribute("type", "string", &json!({"mutability": "immutable", "canonicalValues": ["User"]}))]}),
            ),
        ],
    }
}

pub fn resource_types(origin: &str) -> Vec<Value> {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    vec![
        json!({"schemas": [urn], "id": "User", "name": "User", "endpoint": format!("{origin}/api/scim/people"),
            "schema": PERSON, "schemaExtensions": [{"schema": DESK, "required": true}],
            "meta": {"resourceType": "ResourceType", "location": "/api/scim/ResourceTypes/User"}}),
        json!({"schemas": [urn], "id": "Group", "name": "Group", "endpoint": "teams", "schema": TEAM,
            "meta": {"resourceType": "ResourceType", "location": "/api/scim/ResourceTypes/Group"}}),
    ]
}

pub fn schemas() -> Vec<Value> {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    let one = |id: &str| {
        json!({"schemas": [urn], "id": id, "name": id, "attributes": attributes(id),
            "meta": {"resourceType": "Schema", "location": format!("/api/scim/Schemas/{id}")}})
    };
    vec![one(PERSON), one(TEAM), one(DESK)]
}

pub fn config() -> Value {
    let no = json!({"supported": false});
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"], "patch": no,
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": 1000}, "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token."}],
        "meta": {"resourceType": "ServiceProviderConfig", "location": "/api/scim/ServiceProviderConfig"}})
}

/// A list, of which `resources` are on the page.
pub fn list(total: usize, start: usize, resources: &[Value]) -> Value {
    json!({"schemas": [LIST], "totalResults": total, "startIndex": start, "itemsPerPage": resources.len(),
        "Resources": resources})
}
