//! Schemas that an administrator adds, checked before any resource is read with them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{Attribute, Extension, ResourceType, Schema, SchemaRegistry, Type};
use crate::{Error, path::AttributePath};

/// Endpoints of the protocol itself (RFC 7644 §3.2 table 2), which no resource type may take.
const RESERVED_ENDPOINTS: [&str; 6] =
    ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Bulk", "/Me", "/.search"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Definition {
    schema: Schema,
    extends: Option<String>,
    required: Option<bool>,
    resource_type: Option<NewResourceType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewResourceType {
    name: String,
    endpoint: String,
    #[serde(default)]
    description: String,
}

pub(super) fn add(registry: &SchemaRegistry, definition: &Value) -> Result<SchemaRegistry, Error> {
    let Definition { schema, extends, required, resource_type } = Definition::deserialize(definition)
        .map_err(|cause| Error::value(format!("The schema definition has the wrong form: {cause}.")))?;
    check_schema(&schema, registry)?;
    let schema = Arc::new(schema);

    let mut registry = registry.clone();
    match (extends, resource_type) {
        (Some(name), None) => {
            let known = registry.resource_types.iter_mut().find(|known| known.name == name);
            let known = known
                .ok_or_else(|| Error::value(format!("\"extends\" names \"{name}\", which is not a resource type.")))?;
            let extension = Extension { schema: Arc::clone(&schema), required: required.unwrap_or(false) };
            Arc::make_mut(known).extensions.push(extension);
        }
        (None, Some(new)) => {
            if required.is_some() {
                return Err(Error::value(
                    "\"required\" belongs to an extension; leave it out beside \"resourceType\".",
                ));
            }
            let resource_type = new_resource_type(new, Arc::clone(&schema), &registry)?;
            registry.resource_types.push(Arc::new(resource_type));
        }
        _ => {
            return Err(Error::value(
                "A schema definition has either \"extends\", the resource type that it extends, or \"resourceType\", \
                 a new one.",
            ));
        }
    }
    registry.schemas.push(schema);
    Ok(registry)
}

fn new_resource_type(
    new: NewResourceType,
    schema: Arc<Schema>,
    registry: &SchemaRegistry,
) -> Result<ResourceType, Error> {
    let NewResourceType { name, endpoint, description } = new;
    if !is_attribute_name(&name) || name.starts_with('$') {
        return Err(Error::value(format!(
            "The resource type's name \"{name}\" must be a letter followed by letters, digits, \"-\" and \"_\"."
        )));
    }
    if registry.resource_types.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
        return Err(Error::value(format!("There is a resource type \"{name}\" already.")));
    }
    if !endpoint.strip_prefix('/').is_some_and(is_attribute_name) || endpoint.contains('$') {
        return Err(Error::value(format!(
            "The endpoint \"{endpoint}\" must be a slash and a letter followed by letters, digits, \"-\" and \"_\"."
        )));
    }
    let taken = |known: &str| known.eq_ignore_ascii_case(&endpoint);
    if RESERVED_ENDPOINTS.into_iter().any(taken) || registry.resource_types.iter().any(|known| taken(&known.endpoint)) {
        return Err(Error::value(format!("The endpoint \"{endpoint}\" is taken; choose another one.")));
    }
    for attribute in ResourceType::common_attributes() {
        if schema.attribute(&attribute.name).is_some() {
            return Err(Error::value(format!(
                "Every resource has the attribute \"{}\"; leave it out of the schema.",
                attribute.name
            )));
        }
    }
    Ok(ResourceType { name, endpoint, description, schema, extensions: Vec::new() })
}

fn check_schema(schema: &Schema, registry: &SchemaRegistry) -> Result<(), Error> {
    let id = &schema.id;
    if !id.contains(':') || AttributePath::parse(id).is_err() {
        return Err(Error::value(format!("The schema's id \"{id}\" must be a URI, such as \"urn:example:2.0:User\".")));
    }
    if registry.schema(id).is_some() {
        return Err(Error::value(format!("There is a schema \"{id}\" already.")));
    }
    if schema.attributes.is_empty() {
        return Err(Error::value(format!("The schema \"{id}\" has no attributes; give it at least one.")));
    }
    check_attributes(&schema.attributes, "")?;
    for attribute in &schema.attributes {
        let prefix = format!("{}.", attribute.name);
        check_attributes(&attribute.sub_attributes, &prefix)?;
        if let Some(complex) = attribute.sub_attributes.iter().find(|sub| sub.is_complex()) {
            return Err(Error::value(format!(
                "The attribute \"{prefix}{}\" is complex inside a complex attribute; make it a simple one.",
                complex.name
            )));
        }
    }
    Ok(())
}

fn check_attributes(attributes: &[Arc<Attribute>], prefix: &str) -> Result<(), Error> {
    for (position, attribute) in attributes.iter().enumerate() {
        let name = &attribute.name;
        if !is_attribute_name(name) {
            return Err(Error::value(format!(
                "The attribute name \"{prefix}{name}\" must be a letter followed by letters, digits, \"-\" and \"_\"."
            )));
        }
        if attributes.iter().take(position).any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
            return Err(Error::value(format!("The attribute \"{prefix}{name}\" is defined twice.")));
        }
        match (attribute.kind, attribute.sub_attributes.is_empty()) {
            (Type::Complex, true) => {
                return Err(Error::value(format!(
                    "The attribute \"{prefix}{name}\" is complex; give it \"subAttributes\"."
                )));
            }
            (Type::Complex, false) | (_, true) => {}
            (_, false) => {
                return Err(Error::value(format!(
                    "The attribute \"{prefix}{name}\" has \"subAttributes\"; make its \"type\" \"complex\"."
                )));
            }
        }
    }
    Ok(())
}

/// `ATTRNAME` of RFC 7643 §2.1, and names such as `$ref`, which the RFC uses itself.
fn is_attribute_name(name: &str) -> bool {
    let name = name.strip_prefix('$').unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
