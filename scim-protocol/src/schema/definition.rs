//! Schemas that an administrator adds, checked before any resource is read with them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Attribute, Extension, ResourceType, Schema, SchemaRegistry, Strictness, Type,
    notation::{self, is_attribute_name},
};
use crate::Error;

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

impl SchemaRegistry {
    /// This registry with the schema added: as an extension of the resource type named in
    /// `extends`, or with a resource type of its own. The definition has one of two forms, where
    /// `schema` is the RFC's own JSON form of a schema (RFC 7643 §7):
    ///
    /// - `{"schema": {…}, "extends": "User", "required": false}`
    /// - `{"schema": {…}, "resourceType": {"name": "Device", "endpoint": "/Devices", "description": "…"}}`
    ///
    /// `ErrorKind::InvalidValue`, with a detail that names the attribute, when something is missing,
    /// unknown or taken.
    pub fn with_definition(&self, definition: &Value) -> Result<Self, Error> {
        add(self, definition)
    }
}

fn add(registry: &SchemaRegistry, definition: &Value) -> Result<SchemaRegistry, Error> {
    if definition.get("schema").is_none() && definition.get("attributes").is_some() {
        return Err(Error::value(
            "This is a schema by itself. Send it as \"schema\", beside \"extends\" with the resource type that it \
             extends, or \"resourceType\" with a new one.",
        ));
    }
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
    Ok(ResourceType { name, endpoint, description, schema, extensions: Vec::new(), strictness: Strictness::default() })
}

fn check_schema(schema: &Schema, registry: &SchemaRegistry) -> Result<(), Error> {
    let id = &schema.id;
    if !id.contains(':') || notation::fault(id).is_some() {
        return Err(Error::value(format!(
            "The schema's id \"{id}\" must be a URI of at most {} characters, such as \"urn:example:2.0:User\".",
            notation::MAX_LENGTH
        )));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(attributes: &Value) -> Value {
        json!({"id": "urn:example:2.0:Thing", "name": "Thing", "attributes": attributes})
    }

    fn device(name: &str, endpoint: &str) -> Value {
        json!({
            "schema": schema(&json!([{"name": "displayName"}])),
            "resourceType": {"name": name, "endpoint": endpoint}
        })
    }

    fn extension(attributes: &Value) -> Value {
        json!({"schema": schema(attributes), "extends": "User"})
    }

    #[test]
    fn a_new_resource_type() {
        // RFC 9944 §3, shortened.
        let registry = SchemaRegistry::core()
            .with_definition(&json!({
                "schema": {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                    "id": "urn:ietf:params:scim:schemas:core:2.0:Device",
                    "name": "Device",
                    "attributes": [
                        {"name": "displayName"},
                        {"name": "active", "type": "boolean", "required": true},
                        {"name": "groups", "type": "complex", "multiValued": true, "mutability": "readOnly",
                         "subAttributes": [{"name": "value"}, {"name": "$ref", "type": "reference"}]}
                    ],
                    "meta": {"resourceType": "Schema"}
                },
                "resourceType": {"name": "Device", "endpoint": "/Devices", "description": "Things"}
            }))
            .unwrap();
        let device = registry.endpoint("/Devices").unwrap();
        assert_eq!((device.name.as_str(), device.description.as_str()), ("Device", "Things"));
        assert!(device.attribute("ACTIVE").unwrap().required);
        assert!(device.attribute("externalId").is_some());
        assert_eq!(registry.schema("URN:ietf:params:scim:schemas:core:2.0:device").unwrap().name, "Device");
        assert_eq!(registry.resource_types().len(), 3);
    }

    #[test]
    fn an_extension() {
        let mut definition = extension(&json!([{"name": "badge", "returned": "request"}]));
        definition["required"] = true.into();
        let core = SchemaRegistry::core();
        let registry = core.with_definition(&definition).unwrap();
        let user = registry.resource_type("User").unwrap();
        assert!(user.extension("URN:example:2.0:thing").unwrap().required);
        assert_eq!(user.extensions.len(), 2);
        assert_eq!(core.resource_type("User").unwrap().extensions.len(), 1, "the old registry stays as it was");
    }

    #[track_caller]
    fn check_error(definition: &Value, detail: &str) {
        let error = SchemaRegistry::core().with_definition(definition).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (crate::ErrorKind::InvalidValue, detail), "{definition}");
    }

    #[test]
    fn attributes_that_are_refused() {
        check_error(
            &schema(&json!([{"name": "badge"}])),
            "This is a schema by itself. Send it as \"schema\", beside \"extends\" with the resource type that it \
             extends, or \"resourceType\" with a new one.",
        );
        check_error(
            &extension(&json!([{"name": "a", "multivalued": true}])),
            "The schema definition has the wrong form: unknown field `multivalued`, expected one of `name`, `type`, \
             `subAttributes`, `multiValued`, `description`, `required`, `canonicalValues`, `caseExact`, `mutability`, \
             `returned`, `uniqueness`, `referenceTypes`.",
        );
        check_error(
            &extension(&json!([{"name": "1st"}])),
            "The attribute name \"1st\" must be a letter followed by letters, digits, \"-\" and \"_\".",
        );
        check_error(
            &extension(&json!([{"name": "a", "type": "complex", "subAttributes": [{"name": "b.c"}]}])),
            "The attribute name \"a.b.c\" must be a letter followed by letters, digits, \"-\" and \"_\".",
        );
        check_error(
            &extension(&json!([{"name": "badge"}, {"name": "Badge"}])),
            "The attribute \"Badge\" is defined twice.",
        );
        check_error(
            &extension(&json!([{"name": "a", "type": "complex", "subAttributes": [
                {"name": "b", "type": "complex", "subAttributes": [{"name": "c"}]}
            ]}])),
            "The attribute \"a.b\" is complex inside a complex attribute; make it a simple one.",
        );
        check_error(
            &extension(&json!([{"name": "a", "type": "complex"}])),
            "The attribute \"a\" is complex; give it \"subAttributes\".",
        );
        check_error(
            &extension(&json!([{"name": "a", "subAttributes": [{"name": "b"}]}])),
            "The attribute \"a\" has \"subAttributes\"; make its \"type\" \"complex\".",
        );
        check_error(
            &extension(&json!([])),
            "The schema \"urn:example:2.0:Thing\" has no attributes; give it at least one.",
        );
    }

    #[test]
    fn names_that_are_taken_or_wrong() {
        let mut taken = extension(&json!([{"name": "a"}]));
        taken["schema"]["id"] = "urn:ietf:params:scim:schemas:core:2.0:group".into();
        check_error(&taken, "There is a schema \"urn:ietf:params:scim:schemas:core:2.0:group\" already.");
        taken["schema"]["id"] = "thing".into();
        check_error(
            &taken,
            "The schema's id \"thing\" must be a URI of at most 512 characters, such as \"urn:example:2.0:User\".",
        );
        check_error(&device("user", "/Devices"), "There is a resource type \"user\" already.");
        check_error(&device("Device", "/users"), "The endpoint \"/users\" is taken; choose another one.");
        for endpoint in ["/Schemas", "/resourcetypes", "/ServiceProviderConfig", "/Bulk", "/Me"] {
            check_error(
                &device("Device", endpoint),
                &format!("The endpoint \"{endpoint}\" is taken; choose another one."),
            );
        }
        for endpoint in ["Devices", "/.search", "/", "/a/b", "/$x"] {
            check_error(
                &device("Device", endpoint),
                &format!(
                    "The endpoint \"{endpoint}\" must be a slash and a letter followed by letters, digits, \"-\" and \"_\"."
                ),
            );
        }
        let mut id = device("Device", "/Devices");
        id["schema"]["attributes"][0]["name"] = "ID".into();
        check_error(&id, "Every resource has the attribute \"id\"; leave it out of the schema.");
        let mut nowhere = extension(&json!([{"name": "a"}]));
        nowhere["extends"] = "Robot".into();
        check_error(&nowhere, "\"extends\" names \"Robot\", which is not a resource type.");
        nowhere["resourceType"] = json!({"name": "Robot", "endpoint": "/Robots"});
        check_error(
            &nowhere,
            "A schema definition has either \"extends\", the resource type that it extends, or \"resourceType\", a new one.",
        );
    }
}
