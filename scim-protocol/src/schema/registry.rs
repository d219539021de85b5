//! Which resource types and schemas a tenant has.

use std::sync::{Arc, LazyLock};

use super::{Attribute, Schema, Strictness, Uniqueness, core};
use crate::Error;

/// A schema that a resource type adds to its core schema (RFC 7643 §6, `schemaExtensions`).
#[derive(Debug, Clone)]
pub struct Extension {
    /// What the extension adds; its URN is the key in the document.
    pub schema: Arc<Schema>,
    /// Whether each resource must carry it.
    pub required: bool,
}

/// A resource type: its endpoint, core schema and extensions (RFC 7643 §6).
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// Its name, which is also its id: `User`.
    pub name: String,
    /// Its endpoint below the base URL, with the slash: `/Users`.
    pub endpoint: String,
    /// A description for readers of `/ResourceTypes`.
    pub description: String,
    /// The schema whose attributes are at the top level of the document.
    pub schema: Arc<Schema>,
    /// The schemas that extend it, in the order in which documents carry them.
    pub extensions: Vec<Extension>,
    /// How strictly requests for its resources are read.
    pub strictness: Strictness,
}

impl ResourceType {
    /// The common attributes of every resource: `schemas`, `id`, `externalId`, `meta`
    /// (RFC 7643 §3.1), in the order in which they are written (`meta` is written last).
    pub fn common_attributes() -> &'static [Arc<Attribute>] {
        core::common_attributes()
    }

    /// A core or common attribute by name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        let common = || Self::common_attributes().iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
        self.schema.attribute(name).or_else(common)
    }

    /// The extension with that URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }
}

/// All schemas and resource types of a tenant. Immutable: a change builds a new one.
#[derive(Debug, Clone)]
pub struct SchemaRegistry {
    pub(super) schemas: Vec<Arc<Schema>>,
    pub(super) resource_types: Vec<Arc<ResourceType>>,
}

impl SchemaRegistry {
    /// User (with the enterprise extension) and Group, as RFC 7643 defines them, and the schemas of
    /// the discovery resources.
    pub fn core() -> Self {
        static CORE: LazyLock<SchemaRegistry> = LazyLock::new(|| {
            let mut registry = SchemaRegistry { schemas: core::schemas().to_vec(), resource_types: Vec::new() };
            let user = registry.resource_type_of(core::USER, "User", "/Users", "User Account");
            let group = registry.resource_type_of(core::GROUP, "Group", "/Groups", "Group");
            let enterprise = registry.schema(core::ENTERPRISE_USER).cloned();
            registry.resource_types.extend(user.map(|user| {
                let extensions = enterprise.map(|schema| Extension { schema, required: false }).into_iter().collect();
                Arc::new(ResourceType { extensions, ..user })
            }));
            registry.resource_types.extend(group.map(Arc::new));
            registry
        });
        CORE.clone()
    }

    fn resource_type_of(&self, urn: &str, name: &str, endpoint: &str, description: &str) -> Option<ResourceType> {
        Some(ResourceType {
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            description: description.to_owned(),
            schema: Arc::clone(self.schema(urn)?),
            extensions: Vec::new(),
            strictness: Strictness::default(),
        })
    }

    /// This registry with another `uniqueness` for one core attribute of a resource type: whether
    /// two groups may have one name is a decision of each tenant. `ErrorKind::InvalidValue` when
    /// there is no such resource type or attribute.
    pub fn with_uniqueness(&self, resource_type: &str, attribute: &str, uniqueness: Uniqueness) -> Result<Self, Error> {
        let mut known = false;
        let registry = self.with_core_schema(resource_type, |schema| {
            let found = schema.attributes.iter_mut().find(|found| found.name.eq_ignore_ascii_case(attribute));
            if let Some(found) = found {
                Arc::make_mut(found).uniqueness = uniqueness;
                known = true;
            }
        })?;
        if known {
            return Ok(registry);
        }
        Err(Error::value(format!("There is no attribute \"{attribute}\" in the core schema of {resource_type}.")))
    }

    /// This registry with all requests read so strictly.
    #[must_use]
    pub fn with_strictness(&self, strictness: Strictness) -> Self {
        let mut registry = self.clone();
        for resource_type in &mut registry.resource_types {
            Arc::make_mut(resource_type).strictness = strictness;
        }
        registry
    }

    /// This registry with the core schema of a resource type changed: for a server that has less
    /// than the RFC's schema, or requires more. `ErrorKind::InvalidValue` when there is no such
    /// resource type.
    pub fn with_core_schema(&self, resource_type: &str, change: impl FnOnce(&mut Schema)) -> Result<Self, Error> {
        let old = self
            .resource_type(resource_type)
            .ok_or_else(|| Error::value(format!("There is no resource type \"{resource_type}\".")))?;
        let mut schema = Schema::clone(&old.schema);
        change(&mut schema);
        let schema = Arc::new(schema);

        let mut registry = self.clone();
        for known in registry.schemas.iter_mut().filter(|known| known.id == old.schema.id) {
            *known = Arc::clone(&schema);
        }
        for known in registry.resource_types.iter_mut().filter(|known| known.schema.id == old.schema.id) {
            Arc::make_mut(known).schema = Arc::clone(&schema);
        }
        Ok(registry)
    }

    /// All schemas, in the order of `/Schemas`.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// All resource types, in order.
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The schema with that URN, in any case.
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// The resource type of that name (exact).
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name == name)
    }

    /// The resource type served at that endpoint, given with its slash: `/Users`.
    pub fn endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.endpoint == endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_has_user_and_group() {
        let registry = SchemaRegistry::core();
        let user = registry.endpoint("/Users").unwrap();
        assert_eq!(user.schema.id, core::USER);
        assert!(user.extension(&core::ENTERPRISE_USER.to_uppercase()).is_some_and(|extension| !extension.required));
        assert_eq!(registry.endpoint("/Groups").unwrap().name, "Group");
        assert!(registry.endpoint("/groups").is_none());
        assert!(registry.resource_type("user").is_none());
        assert_eq!(registry.schemas().len(), 6);
        assert_eq!(user.attribute("USERNAME").unwrap().name, "userName");
        assert_eq!(user.attribute("externalid").unwrap().name, "externalId");
        assert!(user.attribute("department").is_none());
    }

    #[test]
    fn uniqueness_can_be_decided_by_the_tenant() {
        let core = SchemaRegistry::core();
        let registry = core.with_uniqueness("Group", "DISPLAYNAME", Uniqueness::Server).unwrap();
        let of = |registry: &SchemaRegistry| {
            let served = registry.schema(core::GROUP).unwrap().attribute("displayName").unwrap().uniqueness;
            let used = registry.resource_type("Group").unwrap().attribute("displayName").unwrap().uniqueness;
            assert_eq!(served, used);
            used
        };
        assert_eq!((of(&core), of(&registry)), (Uniqueness::None, Uniqueness::Server));
        let detail = |result: Result<SchemaRegistry, Error>| result.unwrap_err().detail().to_owned();
        assert_eq!(
            detail(core.with_uniqueness("Group", "name", Uniqueness::Server)),
            "There is no attribute \"name\" in the core schema of Group."
        );
        assert_eq!(
            detail(core.with_uniqueness("Robot", "name", Uniqueness::Server)),
            "There is no resource type \"Robot\"."
        );
    }
}
