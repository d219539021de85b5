//! What stands in a directory beside users and groups.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Attributes;

/// What an entry is that is neither a user nor a group of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOver {
    /// A machine's account.
    Computer,
    /// An address without an account.
    Contact,
    /// Another name for an entry (RFC 4512 §2.6).
    Alias,
    /// An entry that stands for somebody of another domain.
    ForeignPrincipal,
    /// The account by which another domain signs in.
    Trust,
    /// The entry that replication renamed because another one has the same name.
    ConflictLoser,
    /// A user or group beneath the bases that the configured filter leaves out.
    Filtered,
    /// Anything else.
    Other,
}

impl PassedOver {
    /// By the object classes of an entry that is neither a user nor a group.
    pub fn of(attributes: &Attributes) -> Self {
        let is = |name: &str| attributes.texts("objectClass").any(|class| class.eq_ignore_ascii_case(name));
        match () {
            () if is("computer") => Self::Computer,
            () if is("contact") => Self::Contact,
            () if is("alias") => Self::Alias,
            () if is("foreignSecurityPrincipal") => Self::ForeignPrincipal,
            () => Self::Other,
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Computer => "a computer",
            Self::Contact => "a contact",
            Self::Alias => "an alias, which is not followed",
            Self::ForeignPrincipal => "a principal of another domain",
            Self::Trust => "the account of a trust between domains",
            Self::ConflictLoser => "the loser of a replication conflict",
            Self::Filtered => "left out by the filter",
            Self::Other => "neither a user nor a group",
        })
    }
}
