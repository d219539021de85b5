//! Roles and entitlements as resource types, so that a provider can offer those that the application knows.
//!
//! The definitions are data like those of a tenant's own schemas: of draft-ietf-scim-roles-entitlements-01, or with the
//! URNs by which Okta discovers them. The application writes the resources, for it alone knows which there are. So
//! their attributes are `readWrite`, where the draft has `readOnly`.

use scim_protocol::{Error, schema::SchemaRegistry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whose resource types they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RoleResources {
    /// Those of the draft.
    Scim,
    /// Those of Okta's entitlement management.
    Okta,
}

impl RoleResources {
    /// What their resource types are called.
    pub const TYPES: [&str; 2] = ["Role", "Entitlement"];

    /// The tenant's resource types, and `/Roles` and `/Entitlements`.
    pub fn add_to(self, registry: SchemaRegistry) -> Result<SchemaRegistry, Error> {
        self.definitions()?.iter().try_fold(registry, |registry, one| registry.with_definition(one))
    }

    /// The URN of the schema of one of the [types](Self::TYPES).
    pub fn schema_of(self, resource_type: &str) -> Result<Option<String>, Error> {
        let definitions = self.definitions()?;
        let text = |one: &Value, at: &str| one.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let of_type = |one: &&Value| text(one, "/resourceType/name").as_deref() == Some(resource_type);
        Ok(definitions.iter().find(of_type).and_then(|one| text(one, "/schema/id")))
    }

    fn definitions(self) -> Result<Vec<Value>, Error> {
        let text = match self {
            Self::Scim => include_str!("role_resources/scim.json"),
            Self::Okta => include_str!("role_resources/okta.json"),
        };
        serde_json::from_str(text).map_err(Error::internal)
    }

    /// The attribute of ServiceProviderConfig that says what there is, as its schema has it. It is no part of that
    /// schema elsewhere: a complex attribute in another contradicts RFC 7643 §2.3.8.
    pub fn declaration() -> Result<Value, Error> {
        serde_json::from_str(include_str!("role_resources/service-provider-config.json")).map_err(Error::internal)
    }

    /// What ServiceProviderConfig says of them (§2.1 of the draft). `several` says whether a user may have more than
    /// one.
    pub fn declared(several: bool) -> Value {
        let support =
            |name: &str| json!({"supported": true, name: several, "primarySupported": true, "typeSupported": true});
        json!({
            "roles": support("multipleRolesSupported"),
            "entitlements": support("multipleEntitlementsSupported"),
        })
    }
}
