//! Absence needs proof.
//!
//! "Not in the answer" is not "gone": an account that has lost its rights gets result 0 and nothing,
//! exactly as from an empty directory. An entry is gone only when the directory showed its
//! tombstone, or when a read by identity answered that there is none on a connection on which
//! another entry, the canary, was readable in the same cycle.

use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryError, Key, SourceId};

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
    #[expect(dead_code, reason = "made by the readers of DirSync and of RFC 4533")]
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
    /// It exists, but no longer where the reading looks: another base, or outside of the filter.
    Elsewhere,
    /// Nobody can say. It is treated as if it were still there.
    Unknown(String),
}

/// Looks for entries by identity, between two reads of the canary.
///
/// The canary is read before and after: rights that are lost in between prove nothing either. An
/// error of the directory ends the cycle, since it says that nothing can be proved now.
pub async fn examine(
    directory: &mut dyn Directory,
    canary: &Key,
    missing: impl IntoIterator<Item = SourceId>,
) -> Result<Vec<(SourceId, Verdict)>, DirectoryError> {
    let Some(before) = directory.find(canary).await? else {
        let reason = "the canary could not be read: the account may have lost its rights".to_owned();
        return Ok(missing.into_iter().map(|id| (id, Verdict::Unknown(reason.clone()))).collect());
    };
    let mut found = Vec::new();
    for id in missing {
        let entry = directory.find(&Key::Id(id)).await?;
        found.push((id, entry.is_some()));
    }
    let alive = directory.find(canary).await?.is_some();
    let canary = before.dn.to_string();
    let verdict = |exists| match (exists, alive) {
        (true, _) => Verdict::Elsewhere,
        (false, true) => Verdict::Gone(Proof(Evidence::NoSuchObject { canary: canary.clone() })),
        (false, false) => Verdict::Unknown(format!("{canary} could be read before and not after")),
    };
    Ok(found.into_iter().map(|(id, exists)| (id, verdict(exists))).collect())
}
