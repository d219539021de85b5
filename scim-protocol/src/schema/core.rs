//! The schemas of RFC 7643 §8.7, read from `schemas/*.json`.
//!
//! They are data and not code, so that a reader can compare them with the RFC. They follow its verified errata, and
//! its §2.3 where the RFC's own listing contradicts it: a reference and a binary value are case exact, a complex
//! attribute has no uniqueness.

use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;

use super::{Attribute, Schema};

/// The URN of the User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the Group schema (§4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension of User (§4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The URN of the ServiceProviderConfig schema (§5).
pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// The URN of the ResourceType schema (§6).
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The URN of the Schema schema (§7).
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// Every schema of the RFC, in the order in which `/Schemas` lists them.
pub(super) fn schemas() -> &'static [Arc<Schema>] {
    static SCHEMAS: LazyLock<Vec<Arc<Schema>>> = LazyLock::new(|| {
        [
            include_str!("../../schemas/user.json"),
            include_str!("../../schemas/enterprise-user.json"),
            include_str!("../../schemas/group.json"),
            include_str!("../../schemas/service-provider-config.json"),
            include_str!("../../schemas/resource-type.json"),
            include_str!("../../schemas/schema.json"),
        ]
        .into_iter()
        .map(embedded::<Schema>)
        .map(|schema| Arc::new(if schema.id == USER { with_status(schema) } else { schema }))
        .collect()
    });
    &SCHEMAS
}

/// The User schema, in which the absence of `active` means that the user is: RFC 7643 §4.1.1 leaves it to
/// the service provider (decision 31).
fn with_status(mut user: Schema) -> Schema {
    for attribute in user.attributes.iter_mut().filter(|attribute| attribute.name == "active") {
        Arc::make_mut(attribute).absent_means = Some(true);
    }
    user
}

/// The attributes that every resource has (RFC 7643 §3.1), in writing order.
pub(super) fn common_attributes() -> &'static [Arc<Attribute>] {
    static COMMON: LazyLock<Vec<Arc<Attribute>>> =
        LazyLock::new(|| embedded(include_str!("../../schemas/common.json")));
    &COMMON
}

#[allow(clippy::expect_used, reason = "the text is a constant, and a test parses each of them")]
fn embedded<T: DeserializeOwned>(text: &'static str) -> T {
    serde_json::from_str(text).expect("schemas compiled into the program are valid")
}

#[cfg(test)]
mod tests;
