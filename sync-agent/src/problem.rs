//! What is told to people: one record for each object that could not be brought to the target, or
//! only in part. One object's problem never stops the others.
//!
//! A [`Code`] is stable: the documentation lists them all, and a program may compare them. The JSON
//! Lines log in the form of the reference profile, and the quarantine with its growing pauses, are
//! made from these records; they have their place in `problem/log.rs` and `state/quarantine.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::{Kind, SourceId};

/// Which object something is about, named so that a person finds it in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its identity.
    pub id: SourceId,
    /// What it is.
    pub kind: Kind,
    /// `userName` or `displayName`, or the DN where the mapping gave none.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} ({})", self.kind, self.name, self.id)
    }
}

/// What kind of problem. The text of each is part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Code {
    /// A member that is neither a user nor a group we read: a computer, a contact, a foreign
    /// principal, or a name that leads nowhere.
    UnresolvedMember,
    /// The mapping gives no value to an attribute without which the target takes no resource.
    MissingAttribute,
    /// A name in the scope that no entry has.
    ScopeNotFound,
    /// An object was not seen, and nothing proves that it is gone.
    AbsenceNotProved,
    /// The target has another resource of the same unique value.
    ConflictError,
    /// The target refused the request.
    TargetRefused,
    /// The target could not be reached, or gave up.
    TargetUnavailable,
}

/// One error record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// The object, where it is about one.
    pub subject: Option<Subject>,
    /// What happened, and what to change.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{:?}: {subject}: {}", self.code, self.message),
            None => write!(f, "{:?}: {}", self.code, self.message),
        }
    }
}
