//! What a tenant's profile adds to the RFCs. Under `rfc` nothing; under `identity-center` the
//! constraints, quotas and texts of the system that the profile is named after.

use std::sync::Arc;

use scim_protocol::{Error, ErrorKind, Resource, message::Query, patch::Operation, schema::ResourceType};
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

/// Whether `/Bulk`, `/.search` and PUT of groups are offered.
pub fn has_bulk(tenant: &Tenant) -> bool {
    tenant.settings.profile != Profile::IdentityCenter
}

/// Whether passwords are taken.
pub fn has_passwords(tenant: &Tenant) -> bool {
    tenant.settings.profile != Profile::IdentityCenter
}

/// 501 where the profile has no `/.search`.
pub fn require_search(tenant: &Tenant) -> Result<(), Error> {
    offered(has_bulk(tenant), "/.search")
}

/// 501 where the profile has no `/Bulk`.
pub fn require_bulk(tenant: &Tenant) -> Result<(), Error> {
    offered(has_bulk(tenant), "/Bulk")
}

/// 501 where the profile has no PUT of groups.
pub fn require_replace(tenant: &Tenant, rt: &ResourceType) -> Result<(), Error> {
    offered(has_bulk(tenant) || rt.name != "Group", "PUT of groups")
}

fn offered(offered: bool, what: &str) -> Result<(), Error> {
    if offered {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotImplemented,
        format!("{what} is not offered under the identity-center profile of this tenant."),
    ))
}
