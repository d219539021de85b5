//! What is mapped where the configuration says nothing.

use crate::source::settings::Flavour;

/// A slot and its alternatives.
pub type Default = (&'static str, &'static [&'static str]);

/// Users of Active Directory, as the reference profile has it.
const AD_USER: &[Default] = &[
    ("userName", &["${userPrincipalName}", "${sAMAccountName}@${domain}"]),
    ("displayName", &["${displayName}"]),
    ("name.givenName", &["${givenName}"]),
    ("name.familyName", &["${sn}"]),
    ("name.middleName", &["${initials}"]),
    ("emails[work,primary].value", &["${mail}"]),
];

/// Groups of Active Directory. Within a domain the name is unique. SCIM's own group has no description; a
/// target that has one gets it.
const AD_GROUP: &[Default] = &[("displayName", &["${sAMAccountName}"]), ("description", &["${description}"])];

/// The name of such a group where another one in scope has the same: the domain tells them apart.
pub const AD_GROUP_APART: &str = "${sAMAccountName}@${associatedDomain}";

/// Users of a directory with `inetOrgPerson` (RFC 2798).
const LDAP_USER: &[Default] = &[
    ("userName", &["${uid}"]),
    ("displayName", &["${displayName}", "${cn}"]),
    ("name.givenName", &["${givenName}"]),
    ("name.familyName", &["${sn}"]),
    ("name.middleName", &["${initials}"]),
    ("emails[work,primary].value", &["${mail}"]),
];

/// Groups of such a directory (RFC 4519).
const LDAP_GROUP: &[Default] = &[("displayName", &["${cn}"]), ("description", &["${description}"])];

/// What `mapping.enterprise = true` adds for users: the enterprise extension (RFC 7643 §4.3), by the
/// names that Active Directory and `inetOrgPerson` have for it. `costCenter` has a name in neither.
pub const ENTERPRISE: &[Default] = &[
    ("enterprise.employeeNumber", &["${employeeNumber}", "${employeeID}"]),
    ("enterprise.department", &["${department}", "${departmentNumber}"]),
    ("enterprise.organization", &["${company}", "${o}"]),
    ("enterprise.division", &["${division}"]),
    ("enterprise.manager", &["${manager}"]),
];

/// The default rules for users.
pub const fn user(flavour: Flavour) -> &'static [Default] {
    match flavour {
        Flavour::ActiveDirectory => AD_USER,
        Flavour::OpenLdap | Flavour::Ds389 | Flavour::Generic => LDAP_USER,
    }
}

/// The default rules for groups.
pub const fn group(flavour: Flavour) -> &'static [Default] {
    match flavour {
        Flavour::ActiveDirectory => AD_GROUP,
        Flavour::OpenLdap | Flavour::Ds389 | Flavour::Generic => LDAP_GROUP,
    }
}
