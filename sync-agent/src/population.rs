//! The directory as it was last read: every user and group, each group with its direct members.
//!
//! A [`PopulationBuilder`] takes the entries of a reading, and gives a population when the reading is finished. At that
//! point it resolves members to identities. So the groups of a renamed member do not change, and a deleted member
//! leaves all groups, although the directory reports neither of it on the group. References to other people, such as
//! `manager`, are resolved in the same way. [`names`] resolves; [`withheld`] keeps the attributes that the account may no
//! longer read.

pub mod absent;
mod names;
pub mod unresolved;
pub mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    mode::Mode,
    sid,
    source::{Change, Entry, HeldAs, PassedOver, Proof},
    spaces::insignificant_removed,
};

use names::{Meaning, Names};
use withheld::Watched;

pub use unresolved::Unresolved;

/// An entry of the population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The entry; its own list of members is empty, the resolved ones follow.
    pub entry: Entry,
    /// Direct members that are in the population, sorted, without repetition.
    pub members: Vec<SourceId>,
    /// Direct members that are not in the population, sorted, without repetition.
    pub unresolved: Vec<Unresolved>,
    /// The entry is outside of the bases, and was read because a group contains it.
    pub outside: bool,
    /// Direct members whose name is that of several people.
    pub ambiguous: Vec<Ambiguous>,
    /// The people to whom attributes refer: the value as written, and the entry that had this name when the value was
    /// read.
    pub references: BTreeMap<String, SourceId>,
    /// The account may not read the members of this group, so there may be others.
    pub partial: bool,
    /// Attributes that are hidden as far as the agent knows, in lower case. The entry keeps the values that were read
    /// before.
    pub withheld: BTreeSet<String>,
}

/// A member whose name several people have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ambiguous {
    pub login: String,
    /// The people with this name, sorted.
    pub people: Vec<SourceId>,
}

impl Observed {
    fn new(entry: Entry, outside: bool) -> Self {
        let (members, unresolved, ambiguous, references, withheld) = Default::default();
        let partial = entry.hides_members;
        Self { entry, members, unresolved, outside, ambiguous, references, partial, withheld }
    }

    /// Gives it its members.
    fn resolve<'a>(&mut self, members: impl Iterator<Item = &'a Meaning>) {
        for meaning in members {
            match meaning {
                Meaning::One(member) => self.members.push(*member),
                Meaning::Nobody(unresolved) => self.unresolved.push(unresolved.clone()),
                Meaning::Several(login, people) => {
                    self.ambiguous.push(Ambiguous { login: login.clone(), people: people.clone() });
                }
            }
        }
        self.members.sort_unstable();
        self.members.dedup();
        self.unresolved.sort_unstable();
        self.unresolved.dedup();
        self.ambiguous.sort_unstable_by(|one, other| one.login.cmp(&other.login));
        self.ambiguous.dedup();
    }

    /// Whether two readings of an entry are the same for the target. The order of values does not count, and neither do
    /// names that no entry has.
    fn amounts_to(&self, other: &Self) -> bool {
        self.entry.kind == other.entry.kind
            && self.entry.dn.as_str() == other.entry.dn.as_str()
            && self.members == other.members
            && self.outside == other.outside
            && self.ambiguous == other.ambiguous
            && self.references == other.references
            && self.partial == other.partial
            && self.withheld == other.withheld
            && self.entry.attributes().same_values(other.entry.attributes())
    }
}

/// Every entry that a finished reading showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Population {
    entries: BTreeMap<SourceId, Observed>,
    /// Names in the configuration that the server resolved to an entry with another spelling.
    called: BTreeMap<Dn, SourceId>,
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

    /// The entry that the server found under a name, if the entry spells its own name in another way.
    pub fn called(&self, dn: &Dn) -> Option<SourceId> {
        self.called.get(dn).copied()
    }

    /// The names that no entry has, as text.
    pub fn unknown(&self, names: impl IntoIterator<Item = Dn>) -> BTreeSet<Dn> {
        let mut unknown: BTreeSet<Dn> = names.into_iter().collect();
        if !unknown.is_empty() {
            for observed in self.iter() {
                unknown.remove(&observed.entry.dn);
            }
        }
        unknown
    }

    /// Notes that the server finds this entry under a name.
    pub fn call(&mut self, id: SourceId, dn: Dn) {
        if self.entries.contains_key(&id) {
            self.called.insert(dn, id);
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry as it was saved.
    pub(crate) fn insert(&mut self, observed: Observed) {
        self.entries.insert(observed.entry.id, observed);
    }
}

/// The name by which a group of another domain can contain an entry.
fn sid(entry: &Entry) -> Option<HeldAs> {
    sid::to_text(entry.attributes().bytes("objectSid").first()?).map(HeldAs::Sid)
}

/// The result of a reading.
#[derive(Debug)]
pub struct Finished {
    /// The population now.
    pub population: Population,
    /// Entries that the directory showed as deleted, and how that is proved.
    pub deleted: Vec<(SourceId, Proof)>,
    /// Entries that are new, changed or gone, and must be saved.
    pub changed: BTreeSet<SourceId>,
    /// Those of them that can make a difference at the target.
    pub matters: BTreeSet<SourceId>,
}

/// Takes the changes of a reading.
#[derive(Debug, Default)]
pub struct PopulationBuilder {
    before: Population,
    upserts: BTreeMap<SourceId, Taken>,
    present: HashSet<SourceId>,
    missing: BTreeSet<SourceId>,
    swept: Vec<(Kind, Dn)>,
    deleted: BTreeMap<SourceId, Proof>,
    names: Names,
    /// The attributes of people that refer to others, in lower case.
    referring: Vec<String>,
    /// The attributes whose loss must be proved.
    watched: Watched,
    /// Entries whose attributes were not yet compared with the earlier ones.
    fresh: BTreeSet<SourceId>,
    /// Attributes that entries have and hide.
    kept_values: BTreeMap<SourceId, BTreeSet<String>>,
}

#[derive(Debug)]
struct Taken {
    entry: Entry,
    members: Vec<u32>,
    references: Vec<(String, u32)>,
    /// Members that the group may have, and does not show.
    kept: Vec<SourceId>,
    outside: bool,
    withheld: BTreeSet<String>,
}

impl PopulationBuilder {
    /// For a reading that continues from `before`; empty for the first.
    pub fn new(before: Population) -> Self {
        Self { before, ..Self::default() }
    }

    /// Sets the attributes of people that refer to other people.
    #[must_use]
    pub fn referring(self, attributes: &[String]) -> Self {
        Self { referring: attributes.to_vec(), ..self }
    }

    /// Takes one change of an entry that was read because it contains somebody. Only a reading of changes says that an
    /// entry is no longer a person.
    pub fn take_holder(&mut self, change: Change) {
        let is_person = |id| self.before.get(id).is_some_and(|observed| observed.entry.kind == Kind::User);
        if !matches!(&change, Change::Upsert(entry) if entry.kind == Kind::Group && is_person(entry.id)) {
            self.take(change);
        }
    }

    pub fn take(&mut self, change: Change) {
        match change {
            Change::Upsert(entry) => self.upsert(entry, false),
            Change::Present(id) => {
                self.present.insert(id);
            }
            Change::Missing(id) => {
                self.missing.insert(id);
            }
            Change::Swept { kind, base } => self.swept.push((kind, base)),
            Change::Delete(id, proof) => {
                self.deleted.insert(id, proof);
            }
        }
    }

    /// Takes a member that stands outside of the bases.
    pub fn take_outside(&mut self, entry: Entry) {
        if !self.upserts.contains_key(&entry.id) {
            self.upsert(entry, true);
        }
    }

    /// Notes what a member is that is neither a user nor a group.
    pub fn is_other(&mut self, member: Dn, what: PassedOver) {
        self.names.is_other(member, what);
    }

    /// Notes that the server finds this entry under a name in another spelling.
    pub fn is_called(&mut self, id: SourceId, dn: Dn) {
        self.names.is_called(id, dn);
    }

    /// Groups whose members the directory computes from a search (`memberURL`), and that this reading has not read: no
    /// change of such a group reports a change of its members.
    pub fn dynamic_groups(&self) -> BTreeSet<SourceId> {
        let groups = self.before.of(Kind::Group).map(|observed| &observed.entry);
        let dynamic = groups.filter(|entry| !entry.attributes().bytes("memberURL").is_empty());
        dynamic
            .map(|entry| entry.id)
            .filter(|id| !self.upserts.contains_key(id) && !self.deleted.contains_key(id))
            .collect()
    }

    /// Whether a group contains this name. References of people do not count.
    pub fn is_member(&self, dn: &Dn) -> bool {
        self.names.holds(dn)
    }

    fn upsert(&mut self, mut entry: Entry, outside: bool) {
        // An entry that was found as a person stays one, even if it is a group too.
        let found = self.upserts.get(&entry.id).map(|taken| taken.entry.kind);
        if entry.kind == Kind::Group && found == Some(Kind::User) {
            return;
        }
        let members = std::mem::take(&mut entry.members);
        let members = members.into_iter().map(|member| self.names.member(member)).collect();
        let mut references = Vec::new();
        for attribute in self.referring.iter().filter(|_| entry.kind == Kind::User) {
            let texts = entry.attributes().texts(attribute);
            references.extend(texts.filter_map(|text| Some((text.to_owned(), self.names.reference(text)?))));
        }
        let id = entry.id;
        let (kept, withheld) = Default::default();
        self.upserts.insert(id, Taken { entry, members, references, kept, outside, withheld });
        self.fresh.insert(id);
        self.restore(id);
    }

    /// How many entries were taken so far: for a progress bar.
    pub fn len(&self) -> usize {
        self.upserts.len()
    }

    /// Whether nothing was taken yet.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.missing.is_empty() && self.swept.is_empty() && self.deleted.is_empty()
    }

    /// The population before the reading, after an error in it.
    pub fn into_before(self) -> Population {
        self.before
    }

    /// Whether this entry stood outside of the bases before.
    pub fn was_outside(&self, id: SourceId) -> bool {
        self.before.get(id).is_some_and(|observed| observed.outside)
    }

    /// Entries of the population before that are no longer seen. Whether they are gone is for
    /// [`crate::source::absence`] to prove.
    pub fn missing(&self, coverage: Mode) -> BTreeSet<SourceId> {
        let lost = |observed: &&Observed| {
            let id = observed.entry.id;
            let accounted =
                self.present.contains(&id) || self.upserts.contains_key(&id) || self.deleted.contains_key(&id);
            let looked_for = coverage == Mode::Full && !observed.outside
                || self.missing.contains(&id)
                || self.swept.iter().any(|(kind, base)| {
                    !observed.outside && *kind == observed.entry.kind && observed.entry.dn.is_within(base)
                });
            !accounted && looked_for
        };
        self.before.iter().filter(lost).map(|observed| observed.entry.id).collect()
    }

    /// The proof that an entry is gone, where the directory showed it.
    pub fn proof(&self, id: SourceId) -> Option<Proof> {
        self.deleted.get(&id).cloned()
    }

    /// Whether this entry will be in the population.
    pub fn holds(&self, id: SourceId, missing: &BTreeSet<SourceId>, coverage: Mode) -> bool {
        let kept = |observed: &Observed| !missing.contains(&id) && (coverage == Mode::Incremental || !observed.outside);
        self.upserts.contains_key(&id)
            || !self.deleted.contains_key(&id) && (self.present.contains(&id) || self.before.get(id).is_some_and(kept))
    }

    /// The names, old and new, under which groups may hold entries that are new, renamed or gone.
    pub fn held_as(&self, missing: &BTreeSet<SourceId>) -> Vec<HeldAs> {
        let mut names = BTreeSet::new();
        let login = |entry: &Entry| -> BTreeSet<HeldAs> {
            entry.attributes().texts("uid").map(|uid| HeldAs::Login(uid.to_owned())).collect()
        };
        for Taken { entry, .. } in self.upserts.values() {
            let old = self.before.get(entry.id).map(|observed| &observed.entry);
            if old.is_none_or(|old| old.dn != entry.dn) {
                names.extend([old, Some(entry)].into_iter().flatten().map(|e| HeldAs::Dn(e.dn.as_str().to_owned())));
            }
            if old.is_none_or(|old| login(old) != login(entry)) {
                names.extend([old, Some(entry)].into_iter().flatten().flat_map(login));
            }
        }
        // A group of another domain holds whoever appears here by SID; the SID itself never changes.
        let new = self.upserts.values().map(|taken| &taken.entry).filter(|entry| self.before.get(entry.id).is_none());
        names.extend(new.filter_map(sid));
        let gone = self.deleted.keys().chain(missing).filter_map(|id| self.before.get(*id));
        for Observed { entry, .. } in gone {
            names.insert(HeldAs::Dn(entry.dn.as_str().to_owned()));
            names.extend(login(entry));
        }
        names.into_iter().collect()
    }

    /// Names of members that will not be in the population.
    pub fn unresolved(&self, coverage: Mode) -> Vec<Dn> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let missing = self.missing(coverage);
        let read = self.upserts.values().map(|taken| &taken.entry);
        let kept = self.before.iter().map(|observed| &observed.entry);
        let all: Vec<&Entry> = read.chain(kept.filter(|entry| self.holds(entry.id, &missing, coverage))).collect();
        let known: HashSet<&Dn> = all.iter().map(|entry| &entry.dn).collect();
        let logins = all.iter().flat_map(|entry| entry.attributes().texts("uid")).map(insignificant_removed).collect();
        self.names.unknown(&known, &logins)
    }

    /// The population after the reading. Call it only with the [`Mode`] of a finished one, and
    /// when those of [`Self::missing`] that may still be there were taken as [`Change::Present`].
    pub fn finish(mut self, coverage: Mode) -> Finished {
        if coverage == Mode::Incremental && self.is_empty() {
            let (deleted, changed, matters) = Default::default();
            return Finished { population: self.before, deleted, changed, matters };
        }
        let missing = self.missing(coverage);
        let before = std::mem::take(&mut self.before.entries);
        let mut changed = BTreeSet::new();
        let mut entries = BTreeMap::new();
        let mut replaced = BTreeMap::new();
        for (id, observed) in before {
            let gone = missing.contains(&id) || self.deleted.contains_key(&id) && !self.upserts.contains_key(&id);
            let again = self.upserts.contains_key(&id) || observed.outside && coverage == Mode::Full;
            if again {
                replaced.insert(id, observed);
            } else if gone {
                changed.insert(id);
            } else {
                entries.insert(id, observed);
            }
        }
        let mut unresolved = Vec::new();
        for (id, Taken { entry, members, references, kept, outside, withheld }) in std::mem::take(&mut self.upserts) {
            unresolved.push((id, members, references));
            if !replaced.contains_key(&id) {
                changed.insert(id);
            }
            entries.insert(id, Observed { members: kept, withheld, ..Observed::new(entry, outside) });
        }
        let resolved = self.names.resolve(&entries);
        for (id, members, references) in unresolved {
            // A name that now leads nowhere still means whom it meant: the entry was renamed, and its
            // directory does not look after the names that others have for it.
            let old = replaced.get(&id).map(|old: &Observed| &old.references);
            let meant = |text: &str| old.and_then(|old| old.get(text)).copied().filter(|to| entries.contains_key(to));
            let references = references.into_iter().filter_map(|(text, number)| match resolved.get(number as usize) {
                Some(Meaning::One(to)) => Some((text, *to)),
                _ => meant(&text).map(|to| (text, to)),
            });
            let references = references.collect();
            let Some(observed) = entries.get_mut(&id) else { continue };
            observed.references = references;
            observed.resolve(members.into_iter().filter_map(|number| resolved.get(number as usize)));
        }
        drop_unheld(&mut entries, &mut changed);
        changed.extend(drop_lost_members(&mut entries));
        let mut matters = changed.clone();
        for (id, observed) in &entries {
            let Some(old) = replaced.remove(id) else { continue };
            if !old.amounts_to(observed) {
                matters.insert(*id);
            } else if old.unresolved != observed.unresolved {
                changed.insert(*id);
            }
        }
        matters.extend(replaced.into_keys());
        changed.extend(&matters);
        let deleted = self.deleted.into_iter().collect();
        Finished { population: Population { entries, ..Population::default() }, deleted, changed, matters }
    }
}

/// Removes entries outside of the bases that no group contains any more.
fn drop_unheld(entries: &mut BTreeMap<SourceId, Observed>, changed: &mut BTreeSet<SourceId>) {
    if !entries.values().any(|observed| observed.outside) {
        return;
    }
    let inside = entries.values().filter(|observed| !observed.outside);
    let mut open: Vec<SourceId> = inside.flat_map(|observed| observed.members.iter().copied()).collect();
    let mut held = HashSet::new();
    while let Some(id) = open.pop() {
        if held.insert(id)
            && let Some(observed) = entries.get(&id).filter(|observed| observed.outside)
        {
            open.extend(&observed.members);
        }
    }
    entries.retain(|id, observed| {
        let kept = !observed.outside || held.contains(id);
        if !kept {
            changed.insert(*id);
        }
        kept
    });
}

/// Removes members that no longer exist from all groups, and returns the groups that it changed.
fn drop_lost_members(entries: &mut BTreeMap<SourceId, Observed>) -> Vec<SourceId> {
    let ids: HashSet<SourceId> = entries.keys().copied().collect();
    let mut changed = Vec::new();
    for (id, observed) in entries {
        let before = observed.members.len();
        observed.members.retain(|member| ids.contains(member));
        if observed.members.len() != before {
            changed.push(*id);
        }
    }
    changed
}
