//! The discovery documents of a server (RFC 7644 §4), read once before the first case.
//!
//! Reading is lenient: the discovery cases test whether these documents are valid. If one is missing, nothing counts
//! as declared, except that users and groups have the endpoints of RFC 7644 §3.2.

use serde_json::{Value, json};

#[derive(Debug, Clone, Default)]
pub struct Discovery {
    config: Value,
    resource_types: Vec<Value>,
    schemas: Vec<Value>,
}

/// The URN of the User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension of User (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Discovery {
    /// From the bodies of `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas`; `None` where
    /// there was no usable answer.
    pub fn new(config: Option<Value>, resource_types: Option<&Value>, schemas: Option<&Value>) -> Self {
        let resources = |list: Option<&Value>| list.and_then(|list| list["Resources"].as_array().cloned());
        let presumed = || {
            vec![
                json!({"name": "User", "endpoint": "/Users", "schema": USER}),
                json!({"name": "Group", "endpoint": "/Groups", "schema": GROUP}),
            ]
        };
        Self {
            config: config.unwrap_or_default(),
            resource_types: resources(resource_types).unwrap_or_else(presumed),
            schemas: resources(schemas).unwrap_or_default(),
        }
    }

    /// `/ServiceProviderConfig`, or null.
    pub fn config(&self) -> &Value {
        &self.config
    }

    pub fn resource_types(&self) -> &[Value] {
        &self.resource_types
    }

    pub fn schemas(&self) -> &[Value] {
        &self.schemas
    }

    /// Whether a feature is declared: `patch`, `bulk`, `filter`, `sort`, `etag`, `changePassword`.
    pub fn supports(&self, feature: &str) -> bool {
        self.config[feature]["supported"] == true
    }

    /// A resource type by name.
    pub fn resource_type(&self, name: &str) -> Option<&Value> {
        self.resource_types.iter().find(|one| one["name"].as_str() == Some(name))
    }

    /// The endpoint of a resource type, with its slash: `/Users`.
    pub fn endpoint(&self, name: &str) -> Option<String> {
        let endpoint = self.resource_type(name)?["endpoint"].as_str()?;
        Some(format!("/{}", endpoint.trim_matches('/')))
    }

    /// A schema by URN, in any case.
    pub fn schema(&self, urn: &str) -> Option<&Value> {
        self.schemas.iter().find(|schema| schema["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(urn)))
    }

    /// The URNs of the extensions of a resource type, and whether each is required.
    pub fn extensions(&self, resource_type: &str) -> Vec<(&str, bool)> {
        let extensions = self.resource_type(resource_type).and_then(|one| one["schemaExtensions"].as_array());
        let extensions = extensions.into_iter().flatten();
        extensions.filter_map(|one| Some((one["schema"].as_str()?, one["required"] == true))).collect()
    }

    /// The core schema of a resource type.
    pub fn core_schema(&self, resource_type: &str) -> Option<&Value> {
        self.schema(self.resource_type(resource_type)?["schema"].as_str()?)
    }

    /// An attribute by resource type and path: `name.familyName`, `urn:…:User:manager.value`.
    pub fn attribute(&self, resource_type: &str, path: &str) -> Option<&Value> {
        let (schema, path) = match path.rsplit_once(':') {
            Some((urn, path)) => {
                let known = self.extensions(resource_type).iter().any(|(one, _)| one.eq_ignore_ascii_case(urn));
                (self.schema(urn).filter(|_| known)?, path)
            }
            None => (self.core_schema(resource_type)?, path),
        };
        let mut names = path.split('.');
        let first = named(&schema["attributes"], names.next()?)?;
        names.try_fold(first, |attribute, name| named(&attribute["subAttributes"], name))
    }
}

/// The attribute of that name, in any case, in a list of attributes.
pub fn named<'a>(attributes: &'a Value, name: &str) -> Option<&'a Value> {
    let mut attributes = attributes.as_array()?.iter();
    attributes.find(|one| one["name"].as_str().is_some_and(|one| one.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_path() {
        let types = json!({"Resources": [{"name": "User", "endpoint": "Users", "schema": USER,
            "schemaExtensions": [{"schema": ENTERPRISE, "required": false}]}]});
        let schemas = json!({"Resources": [
            {"id": USER, "attributes": [{"name": "name", "subAttributes": [{"name": "givenName"}]}]},
            {"id": ENTERPRISE, "attributes": [{"name": "department"}]}]});
        let discovery = Discovery::new(None, Some(&types), Some(&schemas));
        assert_eq!(discovery.endpoint("User").as_deref(), Some("/Users"));
        assert!(discovery.attribute("User", "NAME.givenname").is_some());
        assert!(discovery.attribute("User", &format!("{ENTERPRISE}:department")).is_some());
        assert!(discovery.attribute("User", "name.middleName").is_none());
        assert!(discovery.attribute("Group", "name").is_none());
    }
}
