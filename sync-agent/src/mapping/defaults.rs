//! The rules for the enterprise extension. Each flavour of a directory has the other default rules.

use crate::source::flavour::DefaultRule;

/// What `mapping.enterprise = true` adds for users: the enterprise extension (RFC 7643 §4.3), by the
/// names that Active Directory and `inetOrgPerson` have for it. `costCenter` has a name in neither.
pub const ENTERPRISE: &[DefaultRule] = &[
    ("enterprise.employeeNumber", &["${employeeNumber}", "${employeeID}"]),
    ("enterprise.department", &["${department}", "${departmentNumber}"]),
    ("enterprise.organization", &["${company}", "${o}"]),
    ("enterprise.division", &["${division}"]),
    ("enterprise.manager", &["${manager}"]),
];
