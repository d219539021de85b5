//! JSON Schemas of resources, made of the schemas of SCIM: one of what a client sends, and one of what it is given.

use scim_protocol::schema::{
    Attribute, Mutability, ResourceType, Returned, Schema, SchemaRegistry, Type,
    core::{RESOURCE_TYPE, SCHEMA, SERVICE_PROVIDER_CONFIG},
};
use serde_json::{Map, Value, json};

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Without what is never returned.
    Answer,
    /// Without what only the server sets.
    Request,
}

impl Side {
    fn has(self, attribute: &Attribute) -> bool {
        match self {
            Self::Answer => attribute.returned != Returned::Never,
            Self::Request => attribute.mutability != Mutability::ReadOnly,
        }
    }

    fn name(self, of: &str) -> String {
        let name = of.replace(' ', "");
        if self == Self::Request { format!("{name}Request") } else { name }
    }

    /// What a resource always has: an answer what is always returned, a request what is required.
    fn requires(self, attribute: &Attribute) -> bool {
        match self {
            Self::Answer => attribute.returned == Returned::Always,
            Self::Request => attribute.required,
        }
    }
}

/// The schemas of all resources that every tenant has, and of those that describe a tenant, by their names.
pub fn all() -> Map<String, Value> {
    let registry = SchemaRegistry::core();
    let mut schemas = Map::new();
    for rt in registry.resource_types() {
        for side in [Side::Answer, Side::Request] {
            schemas.insert(side.name(&rt.name), of_type(rt, side));
            for extension in &rt.extensions {
                let schema = &extension.schema;
                let properties = properties(&schema.attributes, side);
                let extension = json!({"type": "object", "description": schema.description, "properties": properties});
                schemas.insert(side.name(&schema.name), extension);
            }
        }
    }
    for urn in [SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA] {
        let schema = registry.schema(urn).expect("a schema of the core");
        let name = urn.rsplit(':').next().unwrap_or_default();
        schemas.insert(name.to_owned(), discovery(schema));
    }
    schemas
}

fn of_type(rt: &ResourceType, side: Side) -> Value {
    let own = || ResourceType::common_attributes().iter().chain(&rt.schema.attributes).filter(|one| side.has(one));
    let mut properties: Map<String, Value> = own().map(|one| (one.name.clone(), attribute(one, side))).collect();
    let required: Vec<_> = own().filter(|one| side.requires(one)).map(|one| &one.name).collect();
    for extension in &rt.extensions {
        let name = side.name(&extension.schema.name);
        properties.insert(extension.schema.id.clone(), json!({"$ref": format!("#/components/schemas/{name}")}));
    }
    json!({
        "type": "object",
        "description": format!("{} A tenant may have extensions of its own beside these members.", rt.description),
        "required": required,
        "properties": properties,
        "additionalProperties": true,
    })
}

/// A resource that describes a tenant. What a tenant has beside the RFC is not in it.
fn discovery(schema: &Schema) -> Value {
    let common = ResourceType::common_attributes().iter().filter(|one| one.name != "externalId");
    let all = || common.clone().chain(&schema.attributes);
    let properties: Map<String, Value> = all().map(|one| (one.name.clone(), attribute(one, Side::Answer))).collect();
    json!({
        "type": "object",
        "description": schema.description,
        "required": ["schemas", "meta"],
        "properties": properties,
        "additionalProperties": true,
    })
}

fn properties(attributes: &[std::sync::Arc<Attribute>], side: Side) -> Map<String, Value> {
    let those = attributes.iter().filter(|one| side.has(one));
    those.map(|one| (one.name.clone(), attribute(one, side))).collect()
}

fn attribute(attribute: &Attribute, side: Side) -> Value {
    let mut value = match attribute.kind {
        Type::Boolean => json!({"type": "boolean"}),
        Type::Complex => json!({"type": "object", "properties": properties(&attribute.sub_attributes, side)}),
        Type::DateTime => json!({"type": "string", "format": "date-time"}),
        Type::Decimal => json!({"type": "number"}),
        Type::Integer => json!({"type": "integer"}),
        Type::Binary | Type::Reference | Type::String => json!({"type": "string"}),
    };
    if !attribute.canonical_values.is_empty() {
        value["examples"] = json!(attribute.canonical_values);
    }
    if attribute.multi_valued {
        value = json!({"type": "array", "items": value});
    }
    value["description"] = json!(attribute.description);
    value
}
