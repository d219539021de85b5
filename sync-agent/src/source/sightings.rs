//! What is remembered of the directory besides the population, so that an absence can be judged.
//!
//! An entry that left the population still belongs to a resource at the target, and where it stood last
//! must be known when it is no longer found there either. And a part of the tree that was seen once and
//! is hidden now is a place where anything may stand that is not seen.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{SourceId, absence::Verdict};
use crate::dn::Dn;

/// An object outside of the population.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Where it stood last.
    pub dn: Dn,
    /// Whether it went from there to where the account may see nothing. So it stays until it is seen
    /// again: that one run saw no sign of it proves nothing to the next.
    pub out_of_sight: bool,
}

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
    /// Takes the containers that are seen now, and says which are seen no longer.
    pub fn look(&mut self, seen: &[(Option<SourceId>, Dn)], ignored: &dyn Fn(&Dn) -> bool) -> Vec<Dn> {
        self.containers.retain(|_, dn| !ignored(dn));
        self.containers.extend(seen.iter().filter_map(|(id, dn)| Some(((*id)?, dn.clone()))));
        let names: HashSet<&Dn> = seen.iter().map(|(_, dn)| dn).collect();
        self.containers.values().filter(|dn| !names.contains(dn)).cloned().collect()
    }

    /// Brings the strays in line with what became of everybody who is not in the population. `last` is
    /// where an object stood when it still was.
    pub fn judge(&mut self, departed: &[(SourceId, Verdict)], last: &dyn Fn(SourceId) -> Option<Dn>) {
        let before = std::mem::take(&mut self.strays);
        for (id, verdict) in departed {
            let stray = match verdict {
                Verdict::Elsewhere(dn) => Some(Stray { dn: dn.clone(), out_of_sight: false }),
                Verdict::OutOfSight { lasting, .. } => {
                    let dn = before.get(id).map(|stray| stray.dn.clone()).or_else(|| last(*id));
                    dn.map(|dn| Stray { dn, out_of_sight: *lasting })
                }
                Verdict::Unknown(_) => before.get(id).cloned(),
                // Its deletion at the target may be held back, and is proved again until it is done.
                Verdict::Gone(_) => {
                    let dn = before.get(id).map(|stray| stray.dn.clone()).or_else(|| last(*id));
                    dn.map(|dn| Stray { dn, out_of_sight: false })
                }
            };
            self.strays.extend(stray.map(|stray| (*id, stray)));
        }
    }
}
