//! What a reading says of those whom it does not show: where they stood, who may still name them, and
//! which members groups no longer have.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Observed, PopulationBuilder, Taken, Unresolved, names::Name};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    mode::Mode,
    source::{Entry, HeldAs},
};

/// Attributes that name people besides a group's own: what a directory rewrites when somebody is renamed.
const REFERENCES: [&str; 6] = ["manager", "secretary", "assistant", "owner", "seealso", "roleoccupant"];

/// Names that were read and lead to nobody who was read.
#[derive(Debug, Default)]
pub struct OpenNames {
    pub dangling: BTreeSet<Dn>,
    /// Those that were not there before, or could be the name of somebody who was moved.
    pub suspicious: Vec<Dn>,
}

/// A member whom a group no longer shows, and who is still there.
#[derive(Debug, Clone)]
pub struct Leaver {
    pub group: SourceId,
    /// Its name.
    pub dn: Dn,
    /// Who.
    pub member: SourceId,
    /// How the group may name the member now.
    pub held_as: Vec<HeldAs>,
    /// The name that the member had before: the group has it until the directory has rewritten it.
    pub formerly: Vec<HeldAs>,
    /// Under which name the member is known, where this reading did not read it: it may have another by now.
    pub unread: Option<Dn>,
    /// Somebody whom the group still shows, if anybody.
    pub shown: Option<HeldAs>,
}

impl PopulationBuilder {
    /// Where an entry stood before this reading.
    pub fn last(&self, id: SourceId) -> Option<&Dn> {
        self.before.get(id).map(|observed| &observed.entry.dn)
    }

    /// Entries that named any of these, and were not read anew: what they name now may say what became of
    /// these, and a directory that rewrites a reference reports no change.
    pub fn witnesses(&self, missing: &BTreeSet<SourceId>) -> BTreeSet<SourceId> {
        let names: HashSet<&Dn> = missing.iter().filter_map(|id| self.last(*id)).collect();
        let unread = self.before.iter().filter(|observed| {
            let id = observed.entry.id;
            !observed.outside && !self.upserts.contains_key(&id) && !missing.contains(&id)
        });
        let names_one = |observed: &&Observed| {
            observed.members.iter().any(|member| missing.contains(member))
                || references(&observed.entry).any(|dn| names.contains(&dn))
        };
        unread.filter(names_one).map(|observed| observed.entry.id).collect()
    }

    /// Names in groups and references that lead to nobody who will be in the population. `gone_from` is
    /// where the missing stood.
    pub fn open_names(&self, coverage: Mode, gone_from: &BTreeSet<Dn>) -> OpenNames {
        let old = self.before.iter().flat_map(|observed| &observed.unresolved).filter_map(Unresolved::dn);
        let old: HashSet<Dn> = old.collect();
        let mut open: BTreeSet<Dn> = self.unresolved(coverage).into_iter().collect();
        let mut fresh: BTreeSet<Dn> = open.iter().filter(|dn| !old.contains(*dn)).cloned().collect();
        let known: HashSet<&Dn> = self.before.iter().map(|observed| &observed.entry.dn).collect();
        let read: HashSet<&Dn> = self.upserts.values().map(|taken| &taken.entry.dn).collect();
        for Taken { entry, .. } in self.upserts.values() {
            let before: HashSet<Dn> =
                self.before.get(entry.id).into_iter().flat_map(|b| references(&b.entry)).collect();
            for dn in references(entry).filter(|dn| !read.contains(dn)) {
                let stays = known.contains(&dn) && !gone_from.contains(&dn);
                if !stays && open.insert(dn.clone()) && !before.contains(&dn) {
                    fresh.insert(dn);
                }
            }
        }
        let unread = self.before.iter().filter(|observed| !self.upserts.contains_key(&observed.entry.id));
        let kept = unread.flat_map(|observed| &observed.unresolved).filter_map(Unresolved::dn);
        open.extend(kept);
        let compared = !self.before.is_empty();
        let suspicious = open.iter().filter(|dn| {
            let other = !gone_from.contains(*dn) && !self.names.is_explained(dn);
            other && (compared && fresh.contains(*dn) || gone_from.iter().any(|gone| gone.has_rdn_of(dn)))
        });
        OpenNames { suspicious: suspicious.cloned().collect(), dangling: open }
    }

    /// The missing members of groups that are no longer read.
    pub fn unwitnessed(&self, missing: &BTreeSet<SourceId>, coverage: Mode) -> BTreeSet<SourceId> {
        let mut named = BTreeSet::new();
        let mut witnessed = BTreeSet::new();
        for group in self.before.iter() {
            let id = group.entry.id;
            let read = match self.upserts.get(&id) {
                Some(taken) => !taken.entry.hides_members,
                None => !group.partial && self.holds(id, missing, coverage),
            };
            let members = group.members.iter().filter(|member| missing.contains(member));
            if read { witnessed.extend(members.copied()) } else { named.extend(members.copied()) }
        }
        &named - &witnessed
    }

    /// Containers that held entries of the population before and show none of them now, with these.
    pub fn silent_containers(&self, seen: &HashSet<Dn>) -> BTreeMap<Dn, Vec<Dn>> {
        let mut containers: BTreeMap<Dn, (bool, Vec<Dn>)> = BTreeMap::new();
        for observed in self.before.iter().filter(|observed| !observed.outside) {
            let now = self.upserts.get(&observed.entry.id).map_or(&observed.entry.dn, |taken| &taken.entry.dn);
            let Some(container) = now.parent() else { continue };
            let (shows, children) = containers.entry(container).or_default();
            *shows |= seen.contains(now);
            children.push(now.clone());
        }
        let silent = containers.into_iter().filter(|(_, (shows, _))| !shows);
        silent.map(|(container, (_, children))| (container, children)).collect()
    }

    /// Members whom a group that was read no longer shows, and who will be in the population.
    pub fn leavers(&self, missing: &BTreeSet<SourceId>, coverage: Mode) -> Vec<Leaver> {
        let names = self.names.numbered();
        let mut leavers = Vec::new();
        for (id, Taken { entry, members, .. }) in &self.upserts {
            let Some(before) = self.before.get(*id).filter(|before| !before.members.is_empty()) else { continue };
            let shown: HashSet<&Name> = members.iter().filter_map(|number| *names.get(*number as usize)?).collect();
            let aliased: HashSet<SourceId> = shown.iter().filter_map(|name| self.names.alias(name)).collect();
            let by_login = shown.is_empty() || shown.iter().any(|name| matches!(name, Name::Login(_)));
            let (mut still, mut gone) = (None, Vec::new());
            for member in &before.members {
                if aliased.contains(member) || !self.holds(*member, missing, coverage) {
                    continue;
                }
                let held = self.as_held(*member, by_login);
                let now = held.iter().filter(|(_, _, now)| *now);
                match now.map(|(name, held, _)| (name, held)).find(|(name, _)| shown.contains(name)) {
                    Some((_, held)) => still = still.or_else(|| Some(held.clone())),
                    None => gone.push((*member, held)),
                }
            }
            leavers.extend(gone.into_iter().map(|(member, held)| {
                let (now, formerly): (Vec<_>, Vec<_>) = held.into_iter().partition(|(_, _, now)| *now);
                let names = |held: Vec<(Name, HeldAs, bool)>| held.into_iter().map(|(_, held, _)| held);
                Leaver {
                    group: *id,
                    dn: entry.dn.clone(),
                    member,
                    unread: if self.upserts.contains_key(&member) { None } else { self.last(member).cloned() },
                    held_as: names(now).chain(self.as_foreign(member)).collect(),
                    formerly: names(formerly).collect(),
                    shown: still.clone(),
                }
            }));
        }
        leavers
    }

    /// How a group may name an entry: as it is named now (then it is resolved), and by the DN that it had,
    /// until the directory has rewritten it. A login that was given up names nobody.
    fn as_held(&self, id: SourceId, by_login: bool) -> Vec<(Name, HeldAs, bool)> {
        let now = self.upserts.get(&id).map(|taken| &taken.entry);
        let before = self.before.get(id).map(|observed| &observed.entry);
        let mut held: Vec<(Name, HeldAs, bool)> = Vec::new();
        for (n, entry) in now.into_iter().chain(before).enumerate() {
            held.push((Name::Dn(entry.dn.clone()), HeldAs::Dn(entry.dn.as_str().to_owned()), n == 0));
            let logins = entry.attributes().texts("uid").filter(|_| n == 0 && by_login && entry.kind == Kind::User);
            held.extend(logins.map(|uid| (Name::login(uid), HeldAs::Login(uid.to_owned()), n == 0)));
        }
        let mut seen = HashSet::new();
        held.retain(|(name, ..)| seen.insert(name.clone()));
        held
    }

    /// How a group of another domain names an entry.
    fn as_foreign(&self, id: SourceId) -> Option<HeldAs> {
        let now = self.upserts.get(&id).map(|taken| &taken.entry);
        super::sid(now.or_else(|| self.before.get(id).map(|observed| &observed.entry))?)
    }

    /// Keeps somebody in a group that does not show the membership.
    pub fn keep_member(&mut self, group: SourceId, member: SourceId) {
        if let Some(taken) = self.upserts.get_mut(&group) {
            taken.kept.push(member);
        }
    }
}

/// The names to which an entry refers, besides its members.
fn references(entry: &Entry) -> impl Iterator<Item = Dn> {
    let texts = REFERENCES.iter().flat_map(|name| entry.attributes().texts(name));
    texts.filter_map(|text| Dn::parse(text).ok())
}
