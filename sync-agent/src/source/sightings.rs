//! What is remembered of the directory besides the population, so that an absence can be judged.
//!
//! An entry that left the population still belongs to a resource at the target, and where it stood last
//! must be known when it is no longer found there either. And a part of the tree that was seen once and
//! is hidden now is a place where anything may stand that is not seen.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::absence::Verdict;
use crate::{dn::Dn, identity::SourceId, source::absence::Stray};

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sightings {
    /// Objects that are at the target and not in the population.
    pub strays: BTreeMap<SourceId, Stray>,
    /// Containers that were seen once, and where they stood last. One that is seen no longer was deleted,
    /// or was hidden, perhaps under another name: LDAP does not say which.
    pub containers: BTreeMap<SourceId, Dn>,
}

impl Sightings {
    /// Takes the containers that are seen now.
    pub fn look(&mut self, seen: &[(Option<SourceId>, Dn)], ignored: &dyn Fn(&Dn) -> bool) -> Looked {
        let mut looked = Looked::default();
        self.containers.retain(|_, dn| !ignored(dn));
        for (id, dn) in seen {
            let Some(id) = id else { continue };
            if let Some(old) = self.containers.insert(*id, dn.clone()).filter(|old| old != dn) {
                looked.renamed.push((old, dn.clone()));
            }
        }
        // The innermost first: where it and one around it have new names, its own has both.
        looked.renamed.sort_by_key(|(old, _)| std::cmp::Reverse(old.as_str().len()));
        let names: HashSet<&Dn> = seen.iter().map(|(_, dn)| dn).collect();
        looked.lost = self.containers.values().filter(|dn| !names.contains(dn)).cloned().collect();
        looked
    }

    /// Brings the strays in line with what became of everybody who was not seen. `last` is where each
    /// stood, by the present names of the containers.
    pub fn judge(&mut self, verdicts: &[(SourceId, Verdict)], last: &BTreeMap<SourceId, Stray>) {
        let stray = |(id, verdict): &(SourceId, Verdict)| {
            let stood = last.get(id).cloned();
            let stray = match verdict {
                Verdict::Elsewhere(dn) => Some(Stray { dn: dn.clone(), out_of_sight: false }),
                Verdict::OutOfSight { lasting, .. } => stood.map(|stray| Stray { out_of_sight: *lasting, ..stray }),
                // The deletion of what is gone may be held back, and is proved again until it is done.
                Verdict::Unknown(_) | Verdict::Gone(_) => stood,
            };
            Some((*id, stray?))
        };
        self.strays = verdicts.iter().filter_map(stray).collect();
    }
}

/// What became of the containers.
#[derive(Debug, Default)]
pub struct Looked {
    /// Those that are seen no longer.
    pub lost: Vec<Dn>,
    /// Those that have another name: the old and the new one, the innermost first.
    pub renamed: Vec<(Dn, Dn)>,
}

impl Looked {
    /// The name that an entry has now if nothing but containers around it was renamed.
    pub fn now(&self, dn: &Dn) -> Dn {
        self.renamed.iter().find_map(|(old, new)| dn.rebased(old, new)).unwrap_or_else(|| dn.clone())
    }
}
