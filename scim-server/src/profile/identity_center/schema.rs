//! The schemas of such a tenant: those of the RFC without the unsupported attributes, and with more required ones.
//! Discovery lists exactly these, and an attribute that is not in a schema is neither stored nor returned.

use std::sync::Arc;

use scim_protocol::{
    Error,
    schema::{Attribute, Mutability, Schema, SchemaRegistry},
};

use super::{GROUP, USER};

/// Attributes of users that are not supported.
pub const UNSUPPORTED: [&str; 5] = ["password", "ims", "photos", "x509Certificates", "entitlements"];
/// What a user must have beside a `userName`.
const REQUIRED: [&str; 2] = ["name", "displayName"];
/// What a user's name must have.
const REQUIRED_OF_NAME: [&str; 2] = ["familyName", "givenName"];

/// The core schemas as this profile has them.
pub fn registry() -> Result<SchemaRegistry, Error> {
    SchemaRegistry::core().with_core_schema(USER, user)?.with_core_schema(GROUP, without_display)
}

fn user(schema: &mut Schema) {
    schema.attributes.retain(|attribute| !UNSUPPORTED.contains(&attribute.name.as_str()));
    without_display(schema);
    for attribute in named(&mut schema.attributes, &REQUIRED) {
        attribute.required = true;
        if attribute.name == "name" {
            named(&mut attribute.sub_attributes, &REQUIRED_OF_NAME).for_each(|sub| sub.required = true);
        }
    }
}

/// `display` of a multi-valued attribute is not supported. What the server itself says of a user's
/// groups is no attribute that clients set, and stays.
fn without_display(schema: &mut Schema) {
    for attribute in &mut schema.attributes {
        if attribute.multi_valued && attribute.mutability != Mutability::ReadOnly {
            Arc::make_mut(attribute).sub_attributes.retain(|sub| sub.name != "display");
        }
    }
}

fn named<'a>(attributes: &'a mut [Arc<Attribute>], names: &'a [&str]) -> impl Iterator<Item = &'a mut Attribute> {
    attributes.iter_mut().filter(|attribute| names.contains(&attribute.name.as_str())).map(Arc::make_mut)
}
