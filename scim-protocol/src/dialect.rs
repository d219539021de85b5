//! What real providers send, turned into what the RFC says, by named rewrites.

use serde_json::Value;

use crate::schema::ResourceType;

/// The body of a POST or PUT of a resource, rewritten into a standard one.
pub fn standardise_resource(_body: &mut Value, _rt: &ResourceType) {
    todo!()
}

/// The body of a PATCH, rewritten into a standard one.
pub fn standardise_patch(_body: &mut Value, _rt: &ResourceType) {
    todo!()
}
