//! Members of groups that are nobody who was read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{dn::Dn, source::PassedOver};

/// A member that is neither a user nor a group of the population.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unresolved {
    /// A name under which nothing can be read.
    Dn(Dn),
    /// The name of an entry that is no user and no group.
    Other(Dn, PassedOver),
    /// A login (`memberUid`) that nobody has.
    Login(String),
    /// Text that is no name.
    Malformed(String),
}

impl Unresolved {
    /// The name, where it is one. Some tools write DNs into `memberUid`.
    pub fn dn(&self) -> Option<Dn> {
        match self {
            Self::Dn(dn) | Self::Other(dn, _) => Some(dn.clone()),
            Self::Login(login) => as_dn(login),
            Self::Malformed(_) => None,
        }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dn(dn) => dn.fmt(f),
            Self::Other(dn, what) => write!(f, "{dn} ({what})"),
            Self::Login(login) => {
                write!(f, "{login} (memberUid holds logins, letter by letter, and nobody who was read has this uid)")
            }
            Self::Malformed(text) if text.is_empty() => f.write_str("with an empty name"),
            Self::Malformed(text) => f.write_str(text),
        }
    }
}

/// A login that is in truth a DN: some tools fill `memberUid` so.
pub(super) fn as_dn(login: &str) -> Option<Dn> {
    Dn::parse(login).ok().filter(|_| login.contains('='))
}
