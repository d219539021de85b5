//! Where pages are.

use super::BASE;
use crate::web::form;

/// The path of a part of a tenant: `/console/t/acme/users`.
pub fn of_tenant(tenant: &str, part: &str) -> String {
    let slash = if part.is_empty() { "" } else { "/" };
    format!("{BASE}/t/{}{slash}{part}", form::encode(tenant))
}
