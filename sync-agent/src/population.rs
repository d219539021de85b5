//! The directory as it was last read: every user and group, each group with its direct members.
//!
//! A population is built by an [`Intake`] while a reading runs and is there only when the reading is
//! finished. Members are resolved to identities once, at the end of the reading: from then on a
//! renamed member needs no change of its groups, and a deleted one has left them all, although a
//! directory reports neither on the group.
//!
//! While a reading runs a member is a number of four bytes, and each name is held once: a million
//! memberships cost four megabytes and not a hundred.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    dn::Dn,
    source::{Change, Coverage, Entry, Kind, Member, Proof, SourceId},
};

/// An entry of the population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The entry; its own list of members is empty, the resolved ones follow.
    pub entry: Entry,
    /// Direct members that are in the population, sorted, each once.
    pub members: Vec<SourceId>,
    /// Direct members that are not, as the directory writes them.
    pub unresolved: Vec<String>,
}

/// Every entry that a finished reading showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Population {
    entries: BTreeMap<SourceId, Observed>,
}

impl Population {
    /// The entry of this identity.
    pub fn get(&self, id: SourceId) -> Option<&Observed> {
        self.entries.get(&id)
    }

    /// All entries, in the order of their identities.
    pub fn iter(&self) -> impl Iterator<Item = &Observed> {
        self.entries.values()
    }

    /// All entries of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Observed> {
        self.iter().filter(move |observed| observed.entry.kind == kind)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What the end of a reading shows.
#[derive(Debug)]
pub struct Finished {
    /// The population now.
    pub population: Population,
    /// Entries that the directory showed as deleted.
    pub deleted: Vec<(SourceId, Proof)>,
    /// Entries of the population before that a reading of everything did not report. Whether they
    /// are gone is for [`crate::source::absence`] to prove.
    pub missing: Vec<SourceId>,
}

/// Takes the changes of a reading.
#[derive(Debug, Default)]
pub struct Intake {
    before: Population,
    upserts: BTreeMap<SourceId, (Entry, Vec<u32>)>,
    amendments: Vec<Entry>,
    present: HashSet<SourceId>,
    deleted: Vec<(SourceId, Proof)>,
    names: HashMap<MemberName, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum MemberName {
    Dn(Dn),
    Uid(String),
    /// What the directory wrote is no DN; kept to be reported.
    Broken(String),
}

impl Intake {
    /// For a reading that continues from `before`; empty for the first.
    pub fn new(before: Population) -> Self {
        Self { before, ..Self::default() }
    }

    /// Takes one change.
    pub fn take(&mut self, change: Change) {
        match change {
            Change::Upsert(mut entry) => {
                let members = std::mem::take(&mut entry.members);
                let members = members.into_iter().map(|member| self.number(member)).collect();
                self.upserts.insert(entry.id, (entry, members));
            }
            Change::Amend(entry) => self.amendments.push(entry),
            Change::Present(id) => {
                self.present.insert(id);
            }
            Change::Delete(id, proof) => self.deleted.push((id, proof)),
        }
    }

    /// How many entries were taken so far: for a progress bar.
    pub fn len(&self) -> usize {
        self.upserts.len()
    }

    /// Whether nothing was taken yet.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.amendments.is_empty() && self.present.is_empty() && self.deleted.is_empty()
    }

    /// The population after the reading. Call it only with the [`Coverage`] of a finished one.
    pub fn finish(mut self, coverage: Coverage) -> Finished {
        let mut entries = std::mem::take(&mut self.before.entries);
        let mut missing = Vec::new();
        if coverage == Coverage::Everything {
            entries.retain(|id, _| {
                let seen = self.present.contains(id) || self.upserts.contains_key(id);
                if !seen {
                    missing.push(*id);
                }
                seen
            });
        }
        let mut unresolved = HashMap::new();
        for (id, (entry, members)) in std::mem::take(&mut self.upserts) {
            unresolved.insert(id, members);
            entries.insert(id, Observed { entry, members: Vec::new(), unresolved: Vec::new() });
        }
        for amendment in std::mem::take(&mut self.amendments) {
            // Members in amendments (DirSync with incremental values) are resolved here when that
            // reader comes; until then an amendment changes attributes only.
            if let Some(observed) = entries.get_mut(&amendment.id) {
                observed.entry.amend(amendment);
            }
        }
        for (id, _) in &self.deleted {
            entries.remove(id);
        }
        let resolved = self.resolve(&entries);
        for (id, members) in unresolved {
            let Some(observed) = entries.get_mut(&id) else { continue };
            for number in members {
                match resolved.get(number as usize) {
                    Some(Ok(member)) => observed.members.push(*member),
                    Some(Err(text)) => observed.unresolved.push(text.clone()),
                    None => {}
                }
            }
        }
        let ids: HashSet<SourceId> = entries.keys().copied().collect();
        for observed in entries.values_mut() {
            observed.members.retain(|member| ids.contains(member));
            observed.members.sort_unstable();
            observed.members.dedup();
        }
        Finished { population: Population { entries }, deleted: self.deleted, missing }
    }

    fn number(&mut self, member: Member) -> u32 {
        let name = match member {
            Member::Dn(text) => Dn::parse(&text).map_or(MemberName::Broken(text), MemberName::Dn),
            Member::Uid(uid) => MemberName::Uid(uid),
        };
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.names.entry(name).or_insert(next)
    }

    /// For each member number the identity, or the text that could not be resolved.
    fn resolve(&mut self, entries: &BTreeMap<SourceId, Observed>) -> Vec<Result<SourceId, String>> {
        let mut by_dn = HashMap::with_capacity(entries.len());
        let mut by_uid = HashMap::new();
        for observed in entries.values() {
            by_dn.insert(&observed.entry.dn, observed.entry.id);
            if observed.entry.kind == Kind::User {
                by_uid.extend(observed.entry.attributes().texts("uid").map(|uid| (uid, observed.entry.id)));
            }
        }
        let mut resolved: Vec<_> = (0..self.names.len()).map(|_| Err(String::new())).collect();
        for (name, number) in std::mem::take(&mut self.names) {
            let found = match &name {
                MemberName::Dn(dn) => by_dn.get(dn),
                MemberName::Uid(uid) => by_uid.get(uid.as_str()),
                MemberName::Broken(_) => None,
            };
            if let Some(slot) = resolved.get_mut(number as usize) {
                *slot = found.copied().ok_or_else(|| match name {
                    MemberName::Dn(dn) => dn.as_str().to_owned(),
                    MemberName::Uid(text) | MemberName::Broken(text) => text,
                });
            }
        }
        resolved
    }
}
