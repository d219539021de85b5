//! Commits in the making: what they read was read at once ([`super::gather`]), what they change is
//! written at once ([`super::save`]), and in between nothing waits.
//!
//! A group of commits is decided on one after the other, each on what those before it have left.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use scim_protocol::Timestamp;

use super::layers::Layers;
use crate::{
    event::Event,
    store::{
        Body, Commit, Committed, Edge, Expect, Header, IndexEntry, IndexKey, IndexValue, Item, Record, ResourceId,
        ResourceKey, StoreError, TenantId, TypeName, Write,
    },
};

/// A resource: its header, and its body when that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub header: Header,
    pub body: Option<Body>,
}

/// The index entries of a resource: attribute and value, and whether it is unique.
pub(super) type Held = BTreeMap<(Arc<str>, IndexValue), bool>;

/// Group and member.
pub(super) type EdgeKey = (TenantId, ResourceId, ResourceId);

/// The types of group and member.
pub(super) type EdgeTypes = (TypeName, TypeName);

/// The last sequence that a tenant has given, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub sequence: u64,
    pub at: Timestamp,
}

/// What a commit has done to a resource.
#[derive(Debug, Clone, Copy, Default)]
struct Touch {
    newer: bool,
    reindexed: bool,
}

/// What a group of commits stands on, and what it makes of it.
#[derive(Default)]
pub(super) struct Draft {
    pub resources: Layers<ResourceKey, Option<Stored>>,
    pub held: Layers<ResourceKey, Held>,
    /// Who has a value; only values that a commit wants to be unique.
    pub owners: Layers<IndexKey, BTreeMap<ResourceId, bool>>,
    pub edges: Layers<EdgeKey, Option<EdgeTypes>>,
    /// The groups of a member; only of members that a commit deletes.
    pub groups: Layers<(TenantId, ResourceId), BTreeMap<ResourceId, TypeName>>,
    /// How many resources there were; only where a commit asks.
    pub counts: HashMap<(TenantId, TypeName), u64>,
    /// How many came, less how many went.
    pub growth: Layers<(TenantId, TypeName), i64>,
    pub logs: Layers<TenantId, Last>,
    pub dissolved: Layers<(TenantId, ResourceId), ()>,
    pub events: Layers<(TenantId, u64), Event>,
    touched: HashMap<ResourceKey, Touch>,
}

impl Draft {
    /// Decides on a commit. When it is refused, the draft stays as it was.
    pub fn commit(&mut self, commit: &Commit, clock: Timestamp) -> Result<Committed, StoreError> {
        let outcome = self.attempt(commit, clock);
        self.settle(matches!(&outcome, Ok(done) if done.changed || done.sequence > 0));
        outcome
    }

    /// Takes items as they were exported, all or none.
    pub fn load(&mut self, items: &[Item]) -> Result<(), StoreError> {
        let outcome = items.iter().try_for_each(|item| self.item(item));
        self.count_growth();
        self.settle(outcome.is_ok());
        outcome
    }

    fn settle(&mut self, keep: bool) {
        /// Each layer, by one of two verbs.
        macro_rules! each {
            ($verb:ident) => {{
                self.resources.$verb();
                self.held.$verb();
                self.owners.$verb();
                self.edges.$verb();
                self.groups.$verb();
                self.growth.$verb();
                self.logs.$verb();
                self.dissolved.$verb();
                self.events.$verb();
            }};
        }
        if keep {
            each!(keep);
        } else {
            each!(drop_top);
        }
        self.touched.clear();
    }

    fn attempt(&mut self, commit: &Commit, clock: Timestamp) -> Result<Committed, StoreError> {
        for expect in &commit.expect {
            self.expect(expect)?;
        }
        for write in &commit.writes {
            self.write(write)?;
        }
        self.no_orphans()?;
        let changed = self.is_change();
        // A note: an event that stands for itself.
        let noted = commit.writes.is_empty() && commit.event.is_some();
        if !changed && !noted {
            return Ok(Committed { changed, header: self.header(&commit.target), sequence: 0 });
        }
        let tenant = commit.target.tenant;
        let last = self.logs.get(&tenant).copied();
        let now = last.map_or(clock, |last| clock.max(last.at));
        self.give_versions(now);
        self.count_growth();
        let header = self.header(&commit.target);
        let mut sequence = last.map_or(0, |last| last.sequence);
        if let Some(event) = &commit.event {
            sequence += 1;
            let version = header.map_or(0, |header| header.version);
            self.events.set((tenant, sequence), Event { sequence, at: now.as_millis(), version, ..event.clone() });
        }
        self.logs.set(tenant, Last { sequence, at: now });
        Ok(Committed { changed, header, sequence: if commit.event.is_some() { sequence } else { 0 } })
    }

    fn expect(&self, expect: &Expect) -> Result<(), StoreError> {
        let (key, version) = match expect {
            Expect::Fewer(tenant, resource_type, limit) => {
                let place = (*tenant, resource_type.clone());
                let grown = self.growth.get(&place).copied().unwrap_or(0);
                let count = self.counts.get(&place).copied().unwrap_or(0).saturating_add_signed(grown);
                if count < *limit {
                    return Ok(());
                }
                return Err(StoreError::Full { resource_type: resource_type.clone(), limit: *limit });
            }
            Expect::Present(key) => (key, None),
            Expect::Version(key, version) => (key, Some(*version)),
        };
        match (self.header(key), version) {
            (None, _) => Err(StoreError::Missing(key.clone())),
            (Some(header), Some(version)) if header.version != version => Err(StoreError::Conflict(key.clone())),
            _ => Ok(()),
        }
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Delete(key) => self.delete(key),
            Write::Index(entry) => self.index(entry),
            Write::Join(edge) => {
                if self.connect(edge)? {
                    self.touch(&edge.group).newer = true;
                }
                Ok(())
            }
            Write::Leave(Edge { group, member }) => {
                let there = (group.tenant, group.id, member.id);
                if self.header(group).is_some() && self.edges.get(&there).is_some_and(Option::is_some) {
                    self.disconnect(group, member.id);
                }
                Ok(())
            }
            Write::Put(key, body) => {
                let header = self.header(key).unwrap_or_default();
                self.resources.set(key.clone(), Some(Stored { header, body: Some(body.clone()) }));
                self.touch(key).newer = true;
                Ok(())
            }
            Write::Unindex(entry) => {
                self.unindex(entry);
                Ok(())
            }
        }
    }

    fn delete(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let Some(gone) = self.header(key) else { return Err(StoreError::Missing(key.clone())) };
        self.resources.set(key.clone(), None);
        self.touch(key).newer = true;
        // The caller names its entries, too; but what was forgotten must not stay behind.
        for (attribute, value) in self.held_of(key).into_keys() {
            self.disown(&index_key(key, attribute, value), key.id);
        }
        self.held.set(key.clone(), Held::new());
        if gone.members > 0 {
            self.dissolved.set((key.tenant, key.id), ());
        }
        for (group, resource_type) in self.groups.get(&(key.tenant, key.id)).cloned().unwrap_or_default() {
            self.disconnect(&ResourceKey { tenant: key.tenant, resource_type, id: group }, key.id);
        }
        Ok(())
    }

    /// Adds an edge; false when it is there already. The group keeps its version.
    fn connect(&mut self, edge: &Edge) -> Result<bool, StoreError> {
        let Edge { group, member } = edge;
        let Some(Some(stored)) = self.resources.get(group) else { return Err(StoreError::Missing(group.clone())) };
        let mut stored = stored.clone();
        if group.tenant != member.tenant || self.header(member).is_none() {
            return Err(StoreError::Missing(member.clone()));
        }
        let there = (group.tenant, group.id, member.id);
        if self.edges.get(&there).is_some_and(Option::is_some) {
            return Ok(false);
        }
        self.edges.set(there, Some((group.resource_type.clone(), member.resource_type.clone())));
        self.in_groups(group.tenant, member.id, |groups| {
            groups.insert(group.id, group.resource_type.clone());
        });
        stored.header.members += 1;
        self.resources.set(group.clone(), Some(stored));
        Ok(true)
    }

    /// Removes an edge that is there. The group changes, unless it is gone itself.
    fn disconnect(&mut self, group: &ResourceKey, member: ResourceId) {
        self.edges.set((group.tenant, group.id, member), None);
        self.in_groups(group.tenant, member, |groups| {
            groups.remove(&group.id);
        });
        if let Some(Some(stored)) = self.resources.get(group) {
            let mut stored = stored.clone();
            stored.header.members = stored.header.members.saturating_sub(1);
            self.resources.set(group.clone(), Some(stored));
            self.touch(group).newer = true;
        }
    }

    /// Changes the groups of a member, when somebody wants to know them.
    fn in_groups(
        &mut self,
        tenant: TenantId,
        member: ResourceId,
        change: impl FnOnce(&mut BTreeMap<ResourceId, TypeName>),
    ) {
        if let Some(mut groups) = self.groups.get(&(tenant, member)).cloned() {
            change(&mut groups);
            self.groups.set((tenant, member), groups);
        }
    }

    fn index(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        let taken = || self.owners.get(&entry.key).is_some_and(|owners| owners.keys().any(|id| *id != entry.id));
        if entry.unique && taken() {
            return Err(StoreError::Taken(entry.clone()));
        }
        self.enter(entry);
        Ok(())
    }

    fn enter(&mut self, entry: &IndexEntry) {
        let owner = owner(entry);
        let mut held = self.held_of(&owner);
        held.insert((entry.key.attribute.clone(), entry.key.value.clone()), entry.unique);
        self.held.set(owner.clone(), held);
        self.touch(&owner).reindexed = true;
        if let Some(mut owners) = self.owners.get(&entry.key).cloned() {
            owners.insert(entry.id, entry.unique);
            self.owners.set(entry.key.clone(), owners);
        }
    }

    fn unindex(&mut self, entry: &IndexEntry) {
        let owner = owner(entry);
        let mut held = self.held_of(&owner);
        if held.remove(&(entry.key.attribute.clone(), entry.key.value.clone())).is_some() {
            self.held.set(owner.clone(), held);
            self.touch(&owner).reindexed = true;
            self.disown(&entry.key, entry.id);
        }
    }

    fn disown(&mut self, key: &IndexKey, id: ResourceId) {
        if let Some(mut owners) = self.owners.get(key).cloned() {
            owners.remove(&id);
            self.owners.set(key.clone(), owners);
        }
    }

    fn item(&mut self, item: &Item) -> Result<(), StoreError> {
        match item {
            Item::Resource(key, record, entries) => self.restore(key, record, entries),
            Item::Members(group, members) => members
                .iter()
                .try_for_each(|member| self.connect(&Edge { group: group.clone(), member: member.clone() }).map(drop)),
            Item::Event(tenant, event) => {
                let (sequence, at) = (event.sequence, event.at());
                let last = self.logs.get(tenant).copied().unwrap_or(Last { sequence, at });
                let last = Last { sequence: last.sequence.max(sequence), at: last.at.max(at) };
                self.logs.set(*tenant, last);
                self.events.set((*tenant, sequence), event.clone());
                Ok(())
            }
        }
    }

    /// Sets a resource with its version and times, and the entries that it is to have. How many
    /// members it has is what the store knows.
    fn restore(&mut self, key: &ResourceKey, record: &Record, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let wanted: BTreeSet<_> = entries.iter().collect();
        for ((attribute, value), unique) in self.held_of(key) {
            let entry = IndexEntry { key: index_key(key, attribute, value), id: key.id, unique };
            if !wanted.contains(&entry) {
                self.unindex(&entry);
            }
        }
        let members = self.header(key).map_or(0, |before| before.members);
        let header = Header { members, ..record.header };
        self.resources.set(key.clone(), Some(Stored { header, body: Some(record.body.clone()) }));
        self.touch(key);
        for entry in entries {
            // Not as strict as a commit, which also refuses a value that another has as one of many:
            // that may have come later, and then whoever is loaded first would decide.
            let another = |owners: &BTreeMap<_, _>| owners.iter().any(|(id, unique)| *unique && *id != entry.id);
            if entry.unique && self.owners.get(&entry.key).is_some_and(another) {
                return Err(StoreError::Taken(entry.clone()));
            }
            self.enter(entry);
        }
        Ok(())
    }

    /// Index entries of a resource that is not there make the commit impossible.
    fn no_orphans(&self) -> Result<(), StoreError> {
        let orphan =
            |key: &&ResourceKey| self.header(key).is_none() && self.held.get(key).is_some_and(|h| !h.is_empty());
        match self.touched.keys().find(orphan) {
            Some(key) => Err(StoreError::Missing(key.clone())),
            None => Ok(()),
        }
    }

    fn is_change(&self) -> bool {
        let empty = Held::new();
        self.touched.iter().any(|(key, touch)| {
            let differs = || self.held.get(key).unwrap_or(&empty) != self.held.before(key).unwrap_or(&empty);
            touch.newer || (touch.reindexed && differs())
        })
    }

    fn give_versions(&mut self, now: Timestamp) {
        for (key, _) in self.touched.iter().filter(|(_, touch)| touch.newer) {
            let Some(Some(stored)) = self.resources.get(key) else { continue };
            let mut stored = stored.clone();
            let before = self.resources.before(key).and_then(|before| before.as_ref()).map(|before| before.header);
            stored.header.version = before.map_or(0, |before| before.version) + 1;
            stored.header.created = before.map_or(now, |before| before.created);
            stored.header.last_modified = before.map_or(now, |before| before.last_modified.max(now));
            self.resources.set(key.clone(), Some(stored));
        }
    }

    fn count_growth(&mut self) {
        for key in self.touched.keys() {
            let is = self.resources.get(key).is_some_and(Option::is_some);
            let was = self.resources.before(key).is_some_and(Option::is_some);
            if is != was {
                let place = (key.tenant, key.resource_type.clone());
                let grown = self.growth.get(&place).copied().unwrap_or(0) + if is { 1 } else { -1 };
                self.growth.set(place, grown);
            }
        }
    }

    fn header(&self, key: &ResourceKey) -> Option<Header> {
        self.resources.get(key).and_then(Option::as_ref).map(|stored| stored.header)
    }

    fn held_of(&self, key: &ResourceKey) -> Held {
        self.held.get(key).cloned().unwrap_or_default()
    }

    fn touch(&mut self, key: &ResourceKey) -> &mut Touch {
        self.touched.entry(key.clone()).or_default()
    }
}

/// Whose entry it is.
pub(super) fn owner(entry: &IndexEntry) -> ResourceKey {
    let IndexKey { tenant, resource_type, .. } = &entry.key;
    ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id: entry.id }
}

pub(super) fn index_key(owner: &ResourceKey, attribute: Arc<str>, value: IndexValue) -> IndexKey {
    IndexKey { tenant: owner.tenant, resource_type: owner.resource_type.clone(), attribute, value }
}
