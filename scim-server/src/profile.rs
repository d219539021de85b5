//! What a tenant's profile adds to the RFCs: nothing under `rfc`; the constraints, quotas and texts of AWS IAM
//! Identity Center under `identity-center`.
//!
//! The operations call these functions at fixed places and never test the profile themselves. So everything about a
//! profile is here, and the operations show the behaviour of the RFC.

mod identity_center;
mod ipsie;

use std::sync::Arc;

use scim_protocol::{
    Error, ErrorKind, Resource,
    discovery::AuthenticationScheme,
    message::Query,
    patch::Operation,
    schema::{ResourceType, SchemaRegistry},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{membership::MemberOperation, store::ResourceKey};

/// Which rules a tenant lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The RFCs, without any other limitation.
    #[default]
    Rfc,
    /// The constraints, quotas and error texts of AWS IAM Identity Center.
    IdentityCenter,
    /// The IPSIE profile, draft 00: account lifecycle.
    IpsieAl1,
    /// The same, with attributes.
    IpsieAl2,
}

impl Profile {
    fn is_identity_center(self) -> bool {
        self == Self::IdentityCenter
    }

    fn is_ipsie(self) -> bool {
        matches!(self, Self::IpsieAl1 | Self::IpsieAl2)
    }
}

/// The schemas that a tenant begins with.
pub fn registry(profile: Profile) -> Result<SchemaRegistry, Error> {
    match profile {
        Profile::Rfc | Profile::IpsieAl1 | Profile::IpsieAl2 => Ok(SchemaRegistry::core()),
        Profile::IdentityCenter => identity_center::schema::registry(),
    }
}

/// Checks a body as it was sent, before any dialect.
pub fn check_sent(profile: Profile, rt: &ResourceType, body: &Value) -> Result<(), Error> {
    let of_user = profile.is_identity_center() && rt.name == "User";
    if of_user { identity_center::blank_manager::check(body) } else { Ok(()) }
}

/// Checks a body before it is read as a resource.
pub fn check_body(profile: Profile, rt: &ResourceType, body: &Value) -> Result<(), Error> {
    match profile {
        Profile::IdentityCenter => identity_center::resource::check_body(rt, body),
        Profile::IpsieAl2 => ipsie::check_body(rt, body),
        Profile::IpsieAl1 | Profile::Rfc => Ok(()),
    }
}

/// Checks a resource that is about to be stored.
pub fn check_resource(profile: Profile, rt: &ResourceType, resource: &Resource) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::resource::check(rt, resource.document()) } else { Ok(()) }
}

/// Checks a PATCH body before it is read as operations.
pub fn check_patch_body(profile: Profile, body: &Value) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::patch::check_body(body) } else { Ok(()) }
}

/// Checks the operations of a PATCH.
pub fn check_patch(profile: Profile, rt: &ResourceType, operations: &[Operation]) -> Result<(), Error> {
    match profile {
        Profile::IdentityCenter => identity_center::patch::check(rt, operations),
        Profile::IpsieAl1 => ipsie::check_paths(operations),
        Profile::IpsieAl2 => ipsie::check_paths(operations).and_then(|()| ipsie::check_passwords(rt, operations)),
        Profile::Rfc => Ok(()),
    }
}

/// Checks what a PATCH does to the members of a group.
pub fn check_member_operations(profile: Profile, operations: &[MemberOperation]) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::patch::check_members(operations) } else { Ok(()) }
}

/// Checks how many members a new group has.
pub fn check_member_count(profile: Profile, count: usize) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::patch::check_member_count(count) } else { Ok(()) }
}

/// Checks what a group is to have as its member.
pub fn check_member(profile: Profile, member: &ResourceKey) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::resource::check_member(member) } else { Ok(()) }
}

pub fn check_query(profile: Profile, types: &[Arc<ResourceType>], query: &Query) -> Result<(), Error> {
    if profile.is_identity_center() { identity_center::filter::check(types, query) } else { Ok(()) }
}

/// How many resources of a type a tenant may have where nothing else was set for it.
pub fn quota(profile: Profile, rt: &ResourceType) -> Option<u64> {
    if profile.is_identity_center() { identity_center::quota(rt) } else { None }
}

/// The most resources on a page, where the profile says so.
pub fn max_page_size(profile: Profile) -> Option<u32> {
    match profile {
        Profile::IdentityCenter => Some(identity_center::PAGE),
        Profile::IpsieAl1 | Profile::IpsieAl2 => Some(ipsie::PAGE),
        Profile::Rfc => None,
    }
}

/// Whether requests are read by the letter, whatever else is set.
pub fn is_strict(profile: Profile) -> bool {
    profile.is_ipsie()
}

/// Whether nobody comes in but an OAuth client with an assertion, and for `scim` alone.
pub fn wants_assertions(profile: Profile) -> bool {
    profile.is_ipsie()
}

/// Whether users and groups come from the identity provider alone, also when an administrator insists.
pub fn forbids_local_edits(profile: Profile) -> bool {
    profile.is_ipsie()
}

/// The least requests a second that a client must be allowed, where the profile says so.
pub fn least_rate(profile: Profile) -> Option<u32> {
    profile.is_ipsie().then_some(ipsie::RATE)
}

/// Whether ServiceProviderConfig says that the interoperability profile is kept.
pub fn is_interoperable(profile: Profile) -> bool {
    profile.is_ipsie()
}

/// Whether pages by cursor say nothing of the total.
pub fn hides_totals(profile: Profile) -> bool {
    profile.is_identity_center()
}

/// Whether a user has at most one role, one email and so on.
pub fn has_lists_of_one(profile: Profile) -> bool {
    profile.is_identity_center()
}

/// Whether groups are shown with an empty list of members.
pub fn hides_members(profile: Profile) -> bool {
    profile.is_identity_center()
}

/// The most groups that are shown, and looked at, of one user.
pub fn max_groups(profile: Profile) -> usize {
    if profile.is_identity_center() { identity_center::GROUPS_OF_A_USER } else { usize::MAX }
}

/// Whether there is `/Bulk`.
pub fn has_bulk(profile: Profile) -> bool {
    !profile.is_identity_center()
}

/// Whether ServiceProviderConfig tells of security event tokens.
pub fn has_security_events(profile: Profile) -> bool {
    !profile.is_identity_center()
}

/// How clients may authenticate, the preferred way first.
pub fn authentication_schemes(profile: Profile) -> Vec<AuthenticationScheme> {
    let oauth = AuthenticationScheme::client_credentials;
    match profile {
        Profile::IdentityCenter => vec![AuthenticationScheme::bearer_token()],
        Profile::IpsieAl1 | Profile::IpsieAl2 => vec![AuthenticationScheme { primary: true, ..oauth() }],
        Profile::Rfc => vec![AuthenticationScheme::bearer_token(), oauth()],
    }
}

/// Whether passwords are taken.
pub fn has_passwords(profile: Profile) -> bool {
    !profile.is_identity_center() && profile != Profile::IpsieAl2
}

/// 501 where the profile has no `/.search`, and no query of the base URL.
pub fn require_search(profile: Profile) -> Result<(), Error> {
    offered(!profile.is_identity_center(), "A search over several resource types, and /.search,")
}

/// 501 where the profile has no `/Bulk`.
pub fn require_bulk(profile: Profile) -> Result<(), Error> {
    offered(has_bulk(profile), "/Bulk")
}

/// 501 where the profile has no PUT of groups.
pub fn require_replace(profile: Profile, rt: &ResourceType) -> Result<(), Error> {
    offered(!profile.is_identity_center() || rt.name != "Group", "PUT of groups")
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

/// The error with the text of the profile. Its kind and source say what went wrong, so the code that makes errors
/// need not know about profiles.
pub fn phrase(profile: Profile, error: Error) -> Error {
    if profile.is_identity_center() { identity_center::wording::phrase(error) } else { error }
}

/// The text of an error before [`phrase`] replaced it. For the logs.
pub fn explanation(error: &Error) -> Option<&str> {
    identity_center::wording::explanation(error)
}
