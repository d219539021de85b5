//! Absence needs proof, and the proof has to be about the object.
//!
//! "Not in the answer" is not "gone": an account that has lost a right gets result 0 and nothing, for
//! the whole tree, a part of it or a single entry, exactly as if nothing were there. That another entry
//! can be read, the canary, shows only that the account has not lost everything. So an object is gone when
//! the directory showed its tombstone, or when the server answers that nothing has its identity; or when
//! nothing has its last name, in an answer that it would not give for something hidden
//! ([`super::trace`]), and it can be nowhere else: nothing that was read names it, and no part of the tree
//! that was seen once is out of sight now ([`Doubts`]).
//!
//! LDAP knows no more. An entry that is moved straight into a part of the tree that this account has never
//! seen, and that nothing names which the account reads, looks like one that was deleted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryError, Key, trace::Trace};
use crate::{dn::Dn, identity::SourceId};

/// Proof that an entry is gone. Only this module and the readers of tombstones make one; a plan cannot
/// delete without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof(Evidence);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Evidence {
    Tombstone,
    /// Proof by an earlier version of the agent, of a deletion that still waits for its time.
    NoSuchObject {
        canary: String,
    },
    Nowhere,
    Vacant {
        name: String,
    },
    /// Another entry has its name.
    Replaced {
        name: String,
    },
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
            Evidence::Nowhere => f.write_str("the directory says that nothing has its identity"),
            Evidence::Vacant { name } => {
                write!(f, "the directory says that nothing is left at {name}, and nothing that was read names it")
            }
            Evidence::Replaced { name } => {
                write!(f, "another entry stands at {name} by now, and nothing is left that has the old one's identity")
            }
        }
    }
}

/// What became of an entry that a reading did not report.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Gone(Proof),
    /// It exists, under this name, but not where the reading looks: in another base, or outside of
    /// the filter.
    Elsewhere(Dn),
    /// It left the place where it stood, and may stand where the account sees nothing.
    OutOfSight {
        /// Why, in words.
        reason: String,
        /// Whether that holds until it is seen again.
        lasting: bool,
    },
    /// Unknown. The object is treated as if it still existed.
    Unknown(String),
}

/// An object outside of the population.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Where it stood last.
    pub dn: Dn,
    /// Whether it went from there to where the account may see nothing. So it stays until it is seen
    /// again: that one run saw no sign of it proves nothing to the next.
    pub out_of_sight: bool,
}

/// Why something that left its place may not be gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doubts {
    /// Containers that were seen once, and are seen no longer.
    pub containers: Vec<Dn>,
    /// Entries that are shown without their identity; names in groups and references that lead to an entry
    /// which the account may not read, and led there for the first time.
    pub hidden: Vec<Dn>,
    /// Where those stood whom groups named of which none can be read any more: under another name they may
    /// be named still.
    pub unwitnessed: BTreeSet<Dn>,
    /// Names in groups and references that lead to nobody.
    pub dangling: BTreeSet<Dn>,
}

impl Doubts {
    /// About what stood here: why it may be out of sight, and whether that holds until it is seen again.
    fn about(&self, dn: &Dn, taken: bool) -> Option<(String, bool)> {
        if let Some(name) = self.hidden.first() {
            return Some((format!("{name} is there and cannot be read: it may be that"), true));
        }
        if let Some(container) = self.containers.first() {
            return Some((format!("{container} could be seen once and no longer can: it may be there"), true));
        }
        if !taken && self.unwitnessed.contains(dn) {
            return Some((format!("none of the groups that named {dn} can be read any more"), true));
        }
        let named = self.dangling.contains(dn);
        named.then(|| (format!("a group or a reference still names {dn}, although nothing can be seen there"), false))
    }
}

/// Looks for entries by identity, between two reads of the canary, and for their traces. `last` says where
/// each stood.
///
/// The canary is read in the same way as the entries, by its identity, since the right to read an
/// entry by its name says nothing about the right to search for an identity; and it is read before
/// and after, since rights that are lost in between prove nothing either. An error of the directory
/// ends the cycle: nothing can be proved now.
///
/// Each source has a canary of its own, which speaks for what belongs to that source.
pub async fn examine(
    directory: &mut dyn Directory,
    canaries: &[&Key],
    missing: &BTreeSet<SourceId>,
    last: &BTreeMap<SourceId, Stray>,
    doubts: &Doubts,
) -> Result<Vec<(SourceId, Verdict)>, DirectoryError> {
    let mut blind: BTreeMap<usize, String> = BTreeMap::new();
    let mut seen = Vec::new();
    let homes = |directory: &dyn Directory, id: &SourceId| directory.homes(last.get(id).map(|stray| &stray.dn));
    let needed: BTreeSet<usize> = missing.iter().flat_map(|id| homes(directory, id)).collect();
    for home in needed {
        let named = match canaries.get(home) {
            Some(canary) => directory.find_at(home, canary).await?,
            None => None,
        };
        match named {
            None => {
                blind.insert(home, "the canary could not be read: the account may have lost its rights".to_owned());
            }
            Some(named) if !is_seen(directory, home, &Key::Id(named.id)).await? => {
                blind.insert(home, format!("{} could be read by its name and not by its identity", named.dn));
            }
            Some(named) => seen.push((home, named)),
        }
    }
    let mut verdicts = Vec::new();
    for id in missing {
        let verdict = match homes(directory, id).iter().find_map(|home| blind.get(home)) {
            Some(reason) => Verdict::Unknown(reason.clone()),
            None => judge(directory, *id, last.get(id), doubts).await?,
        };
        verdicts.push((*id, verdict));
    }
    for (home, named) in seen {
        if !is_seen(directory, home, &Key::Id(named.id)).await? {
            let reason = format!("{} could be read before and not after", named.dn);
            for (id, verdict) in &mut verdicts {
                if homes(directory, id).contains(&home) {
                    *verdict = Verdict::Unknown(reason.clone());
                }
            }
        }
    }
    Ok(verdicts)
}

/// Whether an entry is shown, be it only in part.
async fn is_seen(directory: &mut dyn Directory, home: usize, key: &Key) -> Result<bool, DirectoryError> {
    match directory.find_at(home, key).await {
        Ok(found) => Ok(found.is_some()),
        Err(DirectoryError::Settings(_)) => Ok(true),
        Err(other) => Err(other),
    }
}

async fn judge(
    directory: &mut dyn Directory,
    id: SourceId,
    last: Option<&Stray>,
    doubts: &Doubts,
) -> Result<Verdict, DirectoryError> {
    match directory.find(&Key::Id(id)).await {
        Ok(Some(entry)) => return Ok(Verdict::Elsewhere(entry.dn)),
        Ok(None) => {}
        // It is shown, and its identity is not.
        Err(DirectoryError::Settings(reason)) => return Ok(Verdict::Unknown(reason)),
        Err(other) => return Err(other),
    }
    let out_of_sight = last.is_some_and(|stray| stray.out_of_sight);
    let still = || Verdict::OutOfSight {
        reason: "it went to where the account sees nothing, and was not seen since".to_owned(),
        lasting: true,
    };
    Ok(match directory.trace(id, last.map(|stray| &stray.dn)).await? {
        Trace::Deleted => Verdict::Gone(Proof::tombstone()),
        Trace::Nowhere => Verdict::Gone(Proof(Evidence::Nowhere)),
        _ if out_of_sight => still(),
        Trace::Foreign => {
            let name = last.map(|stray| stray.dn.to_string()).unwrap_or_default();
            let reason = format!("no source of the configuration holds {name}");
            Verdict::OutOfSight { reason, lasting: false }
        }
        Trace::Hidden(reason) | Trace::Silent(reason) => Verdict::Unknown(reason),
        found @ (Trace::Vacant | Trace::Taken) => {
            let taken = found == Trace::Taken;
            let gone = |stray: &Stray| {
                let name = stray.dn.to_string();
                let evidence = if taken { Evidence::Replaced { name } } else { Evidence::Vacant { name } };
                Verdict::Gone(Proof(evidence))
            };
            let doubtful = |stray: &Stray| {
                let (reason, lasting) = doubts.about(&stray.dn, taken)?;
                Some(Verdict::OutOfSight { reason, lasting })
            };
            let judged = last.map(|stray| doubtful(stray).unwrap_or_else(|| gone(stray)));
            judged.unwrap_or_else(|| Verdict::Unknown("nobody remembers where it stood".to_owned()))
        }
    })
}
