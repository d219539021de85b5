//! A commit in the making: what it reads is the tree as it will be, and nothing is written until
//! everything is known to hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use scim_protocol::Timestamp;
use sled::IVec;

use super::{
    backlog::Changes,
    ground::Ground,
    key,
    record::{self, Held},
    value::{last_event, number, read_last_event, type_name},
};
use crate::{
    event::Event,
    store::{
        Body, Edge, Expect, Header, IndexEntry, IndexKey, IndexValue, LAST_MODIFIED, Record, ResourceId, ResourceKey,
        StoreError, TenantId, TypeName, Write,
    },
};

/// A resource that a draft touches.
#[derive(Default)]
struct Slot {
    before: Option<Record>,
    after: Option<Record>,
    /// What the indexes hold of it: a set, since a client decides how many entries a resource has.
    held: BTreeSet<Held>,
    /// Whether it gets a new version.
    newer: bool,
    /// Whether it is written again with the version that it has.
    rewritten: bool,
    /// Whether index entries of it came or went, and perhaps came back.
    reindexed: bool,
}

/// A commit in the making.
pub(super) struct Draft<'a> {
    ground: &'a Ground,
    changes: Changes,
    slots: HashMap<ResourceKey, Slot>,
    /// Groups whose edges are to be swept when this is done.
    pub dissolved: Vec<(TenantId, ResourceId)>,
}

impl<'a> Draft<'a> {
    pub fn new(ground: &'a Ground) -> Self {
        Self { ground, changes: Changes::new(), slots: HashMap::new(), dissolved: Vec::new() }
    }

    pub fn expect(&mut self, expect: &Expect) -> Result<(), StoreError> {
        let (key, version) = match expect {
            Expect::Fewer(tenant, resource_type, limit) => {
                if self.count(*tenant, resource_type)? < *limit {
                    return Ok(());
                }
                return Err(StoreError::Full { resource_type: resource_type.clone(), limit: *limit });
            }
            Expect::Present(key) => (key, None),
            Expect::Version(key, version) => (key, Some(*version)),
        };
        match (&self.slot(key)?.after, version) {
            (None, _) => Err(StoreError::Missing(key.clone())),
            (Some(record), Some(version)) if record.header.version != version => Err(StoreError::Conflict(key.clone())),
            _ => Ok(()),
        }
    }

    pub fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Delete(key) => self.delete(key),
            Write::Index(entry) => self.index(entry),
            Write::Join(edge) => self.join(edge),
            Write::Leave(edge) => self.leave(edge),
            Write::Put(key, body) => self.put(key, body),
            Write::Unindex(entry) => self.unindex(entry),
        }
    }

    /// Whether anything is different from before.
    pub fn is_change(&self) -> Result<bool, StoreError> {
        if self.slots.values().any(|slot| slot.newer || slot.rewritten) {
            return Ok(true);
        }
        for (key, slot) in self.slots.iter().filter(|(_, slot)| slot.reindexed) {
            let before: BTreeSet<_> = match self.ground.value(&key::resource(key))? {
                Some(bytes) => record::decode_all(&bytes)?.1.into_iter().collect(),
                None => BTreeSet::new(),
            };
            if before != slot.held {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How the resource stands now.
    pub fn header(&mut self, key: &ResourceKey) -> Result<Option<Header>, StoreError> {
        Ok(self.slot(key)?.after.as_ref().map(|record| record.header))
    }

    fn put(&mut self, key: &ResourceKey, body: &Body) -> Result<(), StoreError> {
        if self.slot(key)?.after.is_none() && self.value(&key::sweep(key.tenant, key.id))?.is_some() {
            // An id must not return, and its old members are not even swept away yet.
            return Err(StoreError::Conflict(key.clone()));
        }
        let slot = self.slot(key)?;
        slot.after.get_or_insert_default().body = body.clone();
        slot.newer = true;
        Ok(())
    }

    /// Sets a resource with its version and times, and the entries that it is to have. How many
    /// members it has is what the store knows.
    pub fn restore(&mut self, key: &ResourceKey, record: &Record, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let wanted: BTreeSet<_> = entries.iter().collect();
        for held in self.slot(key)?.held.clone() {
            let entry = held.entry(key);
            if !wanted.contains(&entry) {
                self.unindex(&entry)?;
            }
        }
        let slot = self.slot(key)?;
        let members = slot.after.as_ref().map_or(0, |before| before.header.members);
        slot.after = Some(Record { header: Header { members, ..record.header }, body: record.body.clone() });
        slot.rewritten = true;
        for entry in entries {
            // Not as strict as a commit, which also refuses a value that another has as one of many:
            // that may have come later, and then whoever is loaded first would decide.
            let other = |key: &[u8], mark: &[u8]| key::is_unique(mark) && key::last_id(key) != Some(entry.id);
            if entry.unique && self.ground.any(key::index_equal(&entry.key), &self.changes, other)? {
                return Err(StoreError::Taken(entry.clone()));
            }
            self.enter(entry)?;
        }
        Ok(())
    }

    fn delete(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let slot = self.slot(key)?;
        let Some(gone) = slot.after.take() else { return Err(StoreError::Missing(key.clone())) };
        slot.newer = true;
        // The caller names them, too; but what was forgotten must not stay behind.
        for held in std::mem::take(&mut slot.held) {
            self.strike(&held.entry(key));
        }
        if gone.header.members > 0 {
            self.set(key::sweep(key.tenant, key.id), &[]);
            self.dissolved.push((key.tenant, key.id));
        }
        for (group, group_type) in self.groups(key.tenant, key.id)? {
            let group = ResourceKey { tenant: key.tenant, resource_type: group_type, id: group };
            self.disconnect(&group, key.id)?;
        }
        Ok(())
    }

    fn join(&mut self, edge: &Edge) -> Result<(), StoreError> {
        if self.connect(edge)? {
            self.slot(&edge.group)?.newer = true;
        }
        Ok(())
    }

    /// Adds an edge; false when it is there already. The group keeps its version.
    pub fn connect(&mut self, edge: &Edge) -> Result<bool, StoreError> {
        let Edge { group, member } = edge;
        if !self.exists(group)? {
            return Err(StoreError::Missing(group.clone()));
        }
        if group.tenant != member.tenant || !self.exists(member)? {
            return Err(StoreError::Missing(member.clone()));
        }
        let there = key::member(group.tenant, group.id, member.id);
        if self.value(&there)?.is_some() {
            return Ok(false);
        }
        self.set(there, member.resource_type.as_str());
        self.set(key::group(group.tenant, member.id, group.id), group.resource_type.as_str());
        let slot = self.slot(group)?;
        if let Some(record) = &mut slot.after {
            record.header.members += 1;
        }
        slot.rewritten = true;
        Ok(true)
    }

    fn leave(&mut self, edge: &Edge) -> Result<(), StoreError> {
        let Edge { group, member } = edge;
        let there = key::member(group.tenant, group.id, member.id);
        if self.exists(group)? && self.value(&there)?.is_some() {
            self.disconnect(group, member.id)?;
        }
        Ok(())
    }

    /// Removes an edge that is there. The group changes, unless it is gone itself.
    fn disconnect(&mut self, group: &ResourceKey, member: ResourceId) -> Result<(), StoreError> {
        self.unset(key::member(group.tenant, group.id, member));
        self.unset(key::group(group.tenant, member, group.id));
        let slot = self.slot(group)?;
        if let Some(record) = &mut slot.after {
            record.header.members = record.header.members.saturating_sub(1);
            slot.newer = true;
        }
        Ok(())
    }

    fn index(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        if entry.unique && self.is_taken(entry)? {
            return Err(StoreError::Taken(entry.clone()));
        }
        self.enter(entry)
    }

    fn unindex(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        let held = Held::of(entry);
        let slot = self.slot(&owner(entry))?;
        // It may be there as one of the other sort.
        let other = Held { unique: !held.unique, ..held.clone() };
        if slot.held.remove(&held) || slot.held.remove(&other) {
            slot.reindexed = true;
            self.strike(entry);
        }
        Ok(())
    }

    fn enter(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        let held = Held::of(entry);
        let slot = self.slot(&owner(entry))?;
        if slot.held.contains(&held) {
            return Ok(());
        }
        // It may have been there as one of the other sort.
        slot.held.remove(&Held { unique: !held.unique, ..held.clone() });
        slot.held.insert(held);
        slot.reindexed = true;
        self.set(key::index(&entry.key, entry.id), key::mark(entry.unique));
        Ok(())
    }

    fn strike(&mut self, entry: &IndexEntry) {
        self.unset(key::index(&entry.key, entry.id));
    }

    /// Whether another resource has the value, be it as a unique one or not.
    fn is_taken(&self, entry: &IndexEntry) -> Result<bool, StoreError> {
        let another = |key: &[u8], _: &[u8]| key::last_id(key) != Some(entry.id);
        self.ground.any(key::index_equal(&entry.key), &self.changes, another)
    }

    fn exists(&mut self, key: &ResourceKey) -> Result<bool, StoreError> {
        match self.slots.get(key) {
            Some(slot) => Ok(slot.after.is_some()),
            None => Ok(self.ground.value(&key::resource(key))?.is_some()),
        }
    }

    fn slot(&mut self, key: &ResourceKey) -> Result<&mut Slot, StoreError> {
        if !self.slots.contains_key(key) {
            let slot = match self.ground.value(&key::resource(key))? {
                None => Slot::default(),
                Some(bytes) => {
                    let (record, held) = record::decode_all(&bytes)?;
                    let held = held.into_iter().collect();
                    Slot { before: Some(record.clone()), after: Some(record), held, ..Slot::default() }
                }
            };
            self.slots.insert(key.clone(), slot);
        }
        Ok(self.slots.entry(key.clone()).or_default())
    }

    fn groups(&self, tenant: TenantId, member: ResourceId) -> Result<Vec<(ResourceId, TypeName)>, StoreError> {
        let mut edges: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        self.ground.any(key::groups(tenant, member), &self.changes, |key, name| {
            edges.push((key.to_vec(), name.to_vec()));
            false
        })?;
        let group = |(key, name): &(Vec<u8>, Vec<u8>)| {
            let (_, group) = key::parse_edge(key).ok_or_else(|| StoreError::Corrupt("an edge's key".into()))?;
            Ok((group, type_name(name)?))
        };
        edges.iter().map(group).collect()
    }

    /// The value of a key as it will be.
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.ground.value(key),
        }
    }

    fn set(&mut self, key: Vec<u8>, value: impl Into<IVec>) {
        self.changes.insert(key, Some(value.into()));
    }

    fn unset(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// Gives versions and times, and everything that the store itself keeps.
    pub fn settle(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut slots = std::mem::take(&mut self.slots);
        let mut counts: BTreeMap<(TenantId, TypeName), i64> = BTreeMap::new();
        for (key, slot) in &mut slots {
            self.settle_slot(key, slot, now)?;
            let change = i64::from(slot.after.is_some()) - i64::from(slot.before.is_some());
            if change != 0 {
                *counts.entry((key.tenant, key.resource_type.clone())).or_default() += change;
            }
        }
        self.slots = slots;
        for ((tenant, resource_type), change) in counts {
            let count = self.count(tenant, &resource_type)?;
            self.set(key::count(tenant, &resource_type), count.saturating_add_signed(change).to_be_bytes().as_slice());
        }
        Ok(())
    }

    fn settle_slot(&mut self, key: &ResourceKey, slot: &mut Slot, now: Timestamp) -> Result<(), StoreError> {
        let before = slot.before.as_ref().map(|record| record.header);
        let Some(record) = &mut slot.after else {
            if !slot.held.is_empty() {
                return Err(StoreError::Missing(key.clone()));
            }
            if let Some(before) = before {
                self.unset(modified(key, before.last_modified));
                self.unset(key::resource(key));
            }
            return Ok(());
        };
        if slot.newer {
            let header = &mut record.header;
            header.version = before.map_or(0, |before| before.version) + 1;
            header.created = before.map_or(now, |before| before.created);
            header.last_modified = before.map_or(now, |before| before.last_modified.max(now));
        }
        if slot.newer || slot.rewritten || slot.reindexed {
            let stored = record::encode(record, &slot.held);
            let at = record.header.last_modified;
            if let Some(before) = before.filter(|before| before.last_modified != at) {
                self.unset(modified(key, before.last_modified));
            }
            self.set(modified(key, at), &[]);
            self.set(key::resource(key), stored);
        }
        Ok(())
    }

    fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.value(&key::count(tenant, resource_type))?.map_or(Ok(0), |bytes| number(&bytes))
    }

    /// The last sequence that a tenant has given, and when.
    pub fn last_event(&self, tenant: TenantId) -> Result<Option<(u64, Timestamp)>, StoreError> {
        self.value(&key::sequence(tenant))?.map(|bytes| read_last_event(&bytes)).transpose()
    }

    /// Adds an event, with the sequence and the instant that are its.
    pub fn log(&mut self, tenant: TenantId, event: &Event) -> Result<(), StoreError> {
        let stored = serde_json::to_vec(event).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let last = self.last_event(tenant)?.unwrap_or((0, event.at()));
        self.set(key::event(tenant, event.sequence), stored);
        self.set(key::sequence(tenant), last_event(last.0.max(event.sequence), last.1.max(event.at())));
        Ok(())
    }

    pub fn into_changes(self) -> Changes {
        self.changes
    }
}

/// Whose entry it is.
fn owner(entry: &IndexEntry) -> ResourceKey {
    let IndexKey { tenant, resource_type, .. } = &entry.key;
    ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id: entry.id }
}

/// The entry of a resource in the index over `meta.lastModified`.
pub(super) fn modified(key: &ResourceKey, at: Timestamp) -> Vec<u8> {
    let place = IndexKey {
        tenant: key.tenant,
        resource_type: key.resource_type.clone(),
        attribute: LAST_MODIFIED.into(),
        value: IndexValue::instant(at),
    };
    key::index(&place, key.id)
}
