//! The `identity-center` profile: a tenant behaves towards identity providers as AWS IAM Identity Center does, with
//! the same limits and the same error texts.
//!
//! `docs/decisions/0015-identity-center-attributes.md` says what is refused, what is dropped, and what
//! is offered beyond that system, with the reasons.

pub mod blank_manager;
pub mod filter;
pub mod patch;
pub mod resource;
pub mod schema;
pub mod wording;

use scim_protocol::schema::ResourceType;

/// The most resources on a page.
pub const PAGE: u32 = 100;
/// The most groups that are looked at for one user.
pub const GROUPS_OF_A_USER: usize = 1000;
/// Users, and groups, that a directory may have unless the tenant's settings say otherwise.
const QUOTA: u64 = 100_000;
/// The most members that one request may add or remove.
const MEMBER_CHANGES: usize = 100;

const USER: &str = "User";
const GROUP: &str = "Group";

/// How many resources of that type a tenant may have.
pub fn quota(rt: &ResourceType) -> Option<u64> {
    matches!(rt.name.as_str(), USER | GROUP).then_some(QUOTA)
}
