//! Where pages are.

use super::BASE;
use crate::web::form;

/// The path of a part of a tenant: `/console/t/acme/users`.
pub fn of_tenant(tenant: &str, part: &str) -> String {
    let slash = if part.is_empty() { "" } else { "/" };
    format!("{BASE}/t/{}{slash}{part}", form::encode(tenant))
}

/// The page of one call.
pub fn of_call(tenant: &str, id: &str) -> String {
    of_tenant(tenant, &format!("requests/{}", form::encode(id)))
}

/// The calls about a user or group.
pub fn calls_about(tenant: &str, id: &str) -> String {
    of_tenant(tenant, &format!("requests?resource={}", form::encode(id)))
}
