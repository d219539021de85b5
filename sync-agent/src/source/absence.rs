//! Absence needs proof.
//!
//! "Not in the answer" is not "gone": an account that has lost its rights gets result 0 and nothing,
//! exactly as from an empty directory. An entry is gone only when the directory showed its
//! tombstone, or when a read by identity answered that there is none on a connection on which
//! another entry, the canary, was readable in the same cycle.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryError, Key, SourceId};
use crate::dn::Dn;

/// That an entry is gone. Only this module and the readers of tombstones make one; a plan cannot
/// delete without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof(Evidence);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Evidence {
    Tombstone,
    NoSuchObject { canary: String },
}

impl Proof {
    /// The directory showed the entry as deleted.
    pub(in crate::source) const fn tombstone() -> Self {
        Self(Evidence::Tombstone)
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Evidence::Tombstone => f.write_str("the directory showed its tombstone"),
            Evidence::NoSuchObject { canary } => {
                write!(f, "the directory has no such object, and {canary} could be read at the same time")
            }
        }
    }
}

/// What became of an entry that a full reading did not report.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is gone.
    Gone(Proof),
    /// It exists, under this name, but not where the reading looks: in another base, or outside of
    /// the filter.
    Elsewhere(Dn),
    /// Nobody can say. It is treated as if it were still there.
    Unknown(String),
}

/// Looks for entries by identity, between two reads of the canary.
///
/// The canary is read in the same way as the entries, by its identity, since the right to read an
/// entry by its name says nothing about the right to search for an identity; and it is read before
/// and after, since rights that are lost in between prove nothing either. An error of the directory
/// ends the cycle: nothing can be proved now.
pub async fn examine(
    directory: &mut dyn Directory,
    canary: &Key,
    missing: &BTreeSet<SourceId>,
) -> Result<Vec<(SourceId, Verdict)>, DirectoryError> {
    let unknown = |reason: String| missing.iter().map(|id| (*id, Verdict::Unknown(reason.clone()))).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let Some(named) = directory.find(canary).await? else {
        return Ok(unknown("the canary could not be read: the account may have lost its rights".to_owned()));
    };
    let canary = Key::Id(named.id);
    if directory.find(&canary).await?.is_none() {
        return Ok(unknown(format!("{} could be read by its name and not by its identity", named.dn)));
    }
    let mut verdicts = Vec::new();
    for id in missing {
        let verdict = match directory.find(&Key::Id(*id)).await? {
            Some(entry) => Verdict::Elsewhere(entry.dn),
            None => Verdict::Gone(Proof(Evidence::NoSuchObject { canary: named.dn.to_string() })),
        };
        verdicts.push((*id, verdict));
    }
    if directory.find(&canary).await?.is_none() {
        return Ok(unknown(format!("{} could be read before and not after", named.dn)));
    }
    Ok(verdicts)
}
