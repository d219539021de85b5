//! Where it is noted that a provider has sent a resource without changing it: beside the resource, under its id.

use crate::ids::{ResourceKey, TypeName};

/// The type of the records. Names of resource types have no such character.
const KIND: &str = "~sent";

/// Where it is noted of a resource.
pub fn key(of: &ResourceKey) -> ResourceKey {
    ResourceKey { resource_type: TypeName::from(KIND), ..of.clone() }
}

/// Whether a record is one of these.
pub fn is_sent(key: &ResourceKey) -> bool {
    key.resource_type.as_str() == KIND
}
