//! Which resource types and schemas a tenant has.

use std::sync::Arc;

use super::{Attribute, Schema};
use crate::Error;

/// A schema that a resource type adds to its core schema (RFC 7643 §6, `schemaExtensions`).
#[derive(Debug, Clone)]
pub struct Extension {
    /// The extension's schema.
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
    /// What it is for.
    pub description: String,
    /// The core schema.
    pub schema: Arc<Schema>,
    /// The extensions, in order.
    pub extensions: Vec<Extension>,
}

impl ResourceType {
    /// The common attributes of every resource: `schemas`, `id`, `externalId`, `meta`
    /// (RFC 7643 §3.1), in the order in which they are written (`meta` is written last).
    pub fn common_attributes() -> &'static [Arc<Attribute>] {
        todo!()
    }

    /// A core or common attribute by name, in any case.
    pub fn attribute(&self, _name: &str) -> Option<&Arc<Attribute>> {
        todo!()
    }

    /// The extension with that URN, in any case.
    pub fn extension(&self, _urn: &str) -> Option<&Extension> {
        todo!()
    }
}

/// All schemas and resource types of a tenant. Immutable: a change builds a new one.
#[derive(Debug, Clone)]
pub struct SchemaRegistry {
    schemas: Vec<Arc<Schema>>,
    resource_types: Vec<Arc<ResourceType>>,
}

impl SchemaRegistry {
    /// User (with the enterprise extension) and Group, as RFC 7643 defines them.
    pub fn core() -> Self {
        todo!()
    }

    /// This registry with the schema added: as an extension of the resource type named in
    /// `extends`, or with a resource type of its own. See the guide for the file's form.
    pub fn with_definition(&self, _definition: &serde_json::Value) -> Result<Self, Error> {
        todo!()
    }

    /// All schemas, in order.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// All resource types, in order.
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The schema with that URN, in any case.
    pub fn schema(&self, _urn: &str) -> Option<&Arc<Schema>> {
        todo!()
    }

    /// The resource type of that name (exact).
    pub fn resource_type(&self, _name: &str) -> Option<&Arc<ResourceType>> {
        todo!()
    }

    /// The resource type served at that endpoint, given with its slash: `/Users`.
    pub fn endpoint(&self, _endpoint: &str) -> Option<&Arc<ResourceType>> {
        todo!()
    }
}
