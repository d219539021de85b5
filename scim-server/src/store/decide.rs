//! What a commit does: decided in one place for every engine.
//!
//! An engine supplies [`Facts`], the store as the commits before this one leave it, and applies the
//! [`Changes`] that come of it. Nothing is written before everything is known to hold, and a commit that
//! is refused leaves nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    Body, Commit, Committed, Edge, Event, Expect, Header, IndexEntry, IndexKey, IndexValue, Item, Record, ResourceId,
    ResourceKey, StoreError, TenantId, TypeName, Write,
};

/// The index entries of a resource: attribute and value, and whether the value is unique.
pub(super) type Entries = BTreeMap<(Arc<str>, IndexValue), bool>;

/// Tenant, member and group of an edge, in the order in which the groups of a member lie together.
pub(super) type EdgeKey = (TenantId, ResourceId, ResourceId);

/// The types of group and member.
pub(super) type EdgeTypes = (TypeName, TypeName);

/// A resource as an engine knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resource {
    pub header: Header,
    /// `None` when the engine can change the header without the body.
    pub body: Option<Body>,
    /// May be empty where the commit names no index entry of the resource and does not delete it.
    pub entries: Entries,
}

/// The last sequence that a tenant has given, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastEvent {
    pub sequence: u64,
    pub at: Timestamp,
}

/// What a commit is decided on.
pub(super) trait Facts {
    fn resource(&self, key: &ResourceKey) -> Result<Option<Resource>, StoreError>;

    fn exists(&self, key: &ResourceKey) -> Result<bool, StoreError> {
        Ok(self.resource(key)?.is_some())
    }

    /// Shows each resource that has a value, and whether it is unique, until one is what is sought.
    fn any_owner(&self, key: &IndexKey, sought: &mut dyn FnMut(ResourceId, bool) -> bool) -> Result<bool, StoreError>;

    fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError>;

    /// The groups of a resource, and their types.
    fn groups_of(&self, tenant: TenantId, member: ResourceId) -> Result<BTreeMap<ResourceId, TypeName>, StoreError>;

    /// Whether edges of a deleted group with that id may still be there.
    fn is_being_swept(&self, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError>;

    fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError>;

    fn last_event(&self, tenant: TenantId) -> Result<Option<LastEvent>, StoreError>;
}

/// A resource that a commit looks at: how it was, and how it is to be.
#[derive(Default)]
pub(super) struct Changed {
    pub before: Option<Resource>,
    /// `None` when the resource is not there.
    pub header: Option<Header>,
    pub body: Option<Body>,
    pub entries: Entries,
    /// Whether it gets a new version.
    newer: bool,
    /// Whether it changes and keeps its version.
    rewritten: bool,
}

impl Changed {
    fn of(before: Option<Resource>) -> Self {
        let Resource { header, body, entries } = before.clone().unwrap_or_default();
        Self { header: before.is_some().then_some(header), body, entries, before, ..Self::default() }
    }

    /// Whether anything is different from before.
    pub fn differs(&self) -> bool {
        self.newer || self.rewritten || self.entries != *self.entries_before()
    }

    pub fn entries_before(&self) -> &Entries {
        const NONE: &Entries = &Entries::new();
        self.before.as_ref().map_or(NONE, |before| &before.entries)
    }

    /// The entries that go.
    pub fn left(&self) -> impl Iterator<Item = &(Arc<str>, IndexValue)> {
        self.entries_before().keys().filter(|place| !self.entries.contains_key(*place))
    }

    /// The entries that come, or become unique, or cease to be.
    pub fn entered(&self) -> impl Iterator<Item = (&(Arc<str>, IndexValue), bool)> {
        let before = self.entries_before();
        let entries = self.entries.iter().map(|(place, unique)| (place, *unique));
        entries.filter(|(place, unique)| before.get(*place) != Some(unique))
    }
}

/// What is to be written, all of it or nothing.
#[derive(Default)]
pub(super) struct Changes {
    /// What was looked at; only what [`Changed::differs`] is to be written.
    pub resources: HashMap<ResourceKey, Changed>,
    /// Edges that come with their types, and edges that go.
    pub edges: BTreeMap<EdgeKey, Option<EdgeTypes>>,
    /// Deleted groups whose edges are to be swept.
    pub dissolved: BTreeSet<(TenantId, ResourceId)>,
    /// How many resources more there are of a type; fewer when negative.
    pub growth: BTreeMap<(TenantId, TypeName), i64>,
    pub events: Vec<(TenantId, Event)>,
    pub last_events: BTreeMap<TenantId, LastEvent>,
    /// Who gets a value, unique or not, and who loses it.
    owners: HashMap<IndexKey, BTreeMap<ResourceId, Option<bool>>>,
}

impl Changes {
    /// Who gets a value, unique or not, and who loses it.
    pub fn owners(&self) -> impl Iterator<Item = (&IndexKey, &BTreeMap<ResourceId, Option<bool>>)> {
        self.owners.iter()
    }
}

/// Decides on a commit. `clock` is the time; what is given never goes back behind the tenant's last event.
pub(super) fn commit(facts: &dyn Facts, commit: &Commit, clock: Timestamp) -> Result<(Changes, Committed), StoreError> {
    let mut decision = Decision { facts, changes: Changes::default() };
    for expect in &commit.expect {
        decision.expect(expect)?;
    }
    for write in &commit.writes {
        decision.write(write)?;
    }
    decision.no_orphans()?;
    let changed = decision.changes.resources.values().any(Changed::differs);
    // A commit without writes is a note: an event that stands for itself.
    let noted = commit.writes.is_empty() && commit.event.is_some();
    if !changed && !noted {
        let header = decision.header(&commit.target)?;
        return Ok((Changes::default(), Committed { changed, header, sequence: 0 }));
    }
    let tenant = commit.target.tenant;
    let last = facts.last_event(tenant)?;
    let at = last.map_or(clock, |last| clock.max(last.at));
    decision.give_versions(at);
    decision.count_growth();
    let header = decision.header(&commit.target)?;
    let mut last = LastEvent { sequence: last.map_or(0, |last| last.sequence), at };
    let mut sequence = 0;
    if let Some(event) = &commit.event {
        last.sequence += 1;
        sequence = last.sequence;
        let version = header.map_or(0, |header| header.version);
        let event = Event { sequence, at: at.as_millis(), version, ..event.clone() };
        decision.changes.events.push((tenant, event));
    }
    decision.changes.last_events.insert(tenant, last);
    Ok((decision.changes, Committed { changed, header, sequence }))
}

/// Decides on items as they were exported, all or none: versions, times and sequences stay theirs.
pub(super) fn load(facts: &dyn Facts, items: &[Item]) -> Result<Changes, StoreError> {
    let mut decision = Decision { facts, changes: Changes::default() };
    for item in items {
        match item {
            Item::Resource(key, record, entries) => decision.restore(key, record, entries)?,
            Item::Members(group, members) => {
                for member in members {
                    decision.connect(&Edge { group: group.clone(), member: member.clone() })?;
                }
            }
            Item::Event(tenant, event) => decision.log(*tenant, event)?,
        }
    }
    decision.count_growth();
    Ok(decision.changes)
}

/// A commit while it is decided.
struct Decision<'a> {
    facts: &'a dyn Facts,
    changes: Changes,
}

impl Decision<'_> {
    fn expect(&mut self, expect: &Expect) -> Result<(), StoreError> {
        let (key, version) = match expect {
            Expect::Fewer(tenant, resource_type, limit) => {
                if self.facts.count(*tenant, resource_type)? < *limit {
                    return Ok(());
                }
                return Err(StoreError::Full { resource_type: resource_type.clone(), limit: *limit });
            }
            Expect::Present(key) => (key, None),
            Expect::Version(key, version) => (key, Some(*version)),
        };
        match (self.header(key)?, version) {
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
                    self.changed(&edge.group)?.newer = true;
                }
                Ok(())
            }
            Write::Leave(Edge { group, member }) => {
                if self.exists(group)? && self.is_member(group, member.id)? {
                    self.disconnect(group, member.id)?;
                }
                Ok(())
            }
            Write::Put(key, body) => self.put(key, body),
            Write::Unindex(entry) => self.unindex(entry),
        }
    }

    fn put(&mut self, key: &ResourceKey, body: &Body) -> Result<(), StoreError> {
        if self.header(key)?.is_none() && self.is_being_swept(key)? {
            // The id would return with the members that it had.
            return Err(StoreError::Conflict(key.clone()));
        }
        let one = self.changed(key)?;
        one.header.get_or_insert_default();
        one.body = Some(body.clone());
        one.newer = true;
        Ok(())
    }

    fn delete(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let one = self.changed(key)?;
        let Some(gone) = one.header.take() else { return Err(StoreError::Missing(key.clone())) };
        (one.body, one.newer) = (None, true);
        // The caller removes its entries, too; but what it forgot must not stay behind.
        for (attribute, value) in std::mem::take(&mut one.entries).into_keys() {
            self.own(&index_key(key, attribute, value), key.id, None);
        }
        if gone.members > 0 {
            self.changes.dissolved.insert((key.tenant, key.id));
        }
        for (group, resource_type) in self.groups_of(key.tenant, key.id)? {
            self.disconnect(&ResourceKey { tenant: key.tenant, resource_type, id: group }, key.id)?;
        }
        Ok(())
    }

    /// Adds an edge; false when it is there already. The group keeps its version.
    fn connect(&mut self, edge: &Edge) -> Result<bool, StoreError> {
        let Edge { group, member } = edge;
        if self.header(group)?.is_none() {
            return Err(StoreError::Missing(group.clone()));
        }
        if group.tenant != member.tenant || !self.exists(member)? {
            return Err(StoreError::Missing(member.clone()));
        }
        if self.is_member(group, member.id)? {
            return Ok(false);
        }
        let types = (group.resource_type.clone(), member.resource_type.clone());
        self.changes.edges.insert((group.tenant, member.id, group.id), Some(types));
        let one = self.changed(group)?;
        if let Some(header) = &mut one.header {
            header.members += 1;
        }
        one.rewritten = true;
        Ok(true)
    }

    /// Removes an edge that is there. The group changes, unless it is gone itself.
    fn disconnect(&mut self, group: &ResourceKey, member: ResourceId) -> Result<(), StoreError> {
        self.changes.edges.insert((group.tenant, member, group.id), None);
        let one = self.changed(group)?;
        if let Some(header) = &mut one.header {
            header.members = header.members.saturating_sub(1);
            one.newer = true;
        }
        Ok(())
    }

    fn index(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        if entry.unique && self.has_owner(&entry.key, |id, _| id != entry.id)? {
            return Err(StoreError::Taken(entry.clone()));
        }
        self.enter(entry)
    }

    fn enter(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        let place = (entry.key.attribute.clone(), entry.key.value.clone());
        if self.changed(&owner(entry))?.entries.insert(place, entry.unique) != Some(entry.unique) {
            self.own(&entry.key, entry.id, Some(entry.unique));
        }
        Ok(())
    }

    fn unindex(&mut self, entry: &IndexEntry) -> Result<(), StoreError> {
        let place = (entry.key.attribute.clone(), entry.key.value.clone());
        if self.changed(&owner(entry))?.entries.remove(&place).is_some() {
            self.own(&entry.key, entry.id, None);
        }
        Ok(())
    }

    /// Sets a resource with its version and times, and the entries that it is to have. The store itself knows
    /// how many members it has.
    fn restore(&mut self, key: &ResourceKey, record: &Record, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let wanted: BTreeSet<_> = entries.iter().collect();
        for ((attribute, value), unique) in self.changed(key)?.entries.clone() {
            let entry = IndexEntry { key: index_key(key, attribute, value), id: key.id, unique };
            if !wanted.contains(&entry) {
                self.unindex(&entry)?;
            }
        }
        let one = self.changed(key)?;
        let members = one.header.map_or(0, |before| before.members);
        one.header = Some(Header { members, ..record.header });
        one.body = Some(record.body.clone());
        one.rewritten = true;
        for entry in entries {
            // Not as strict as a commit, which also refuses a value that another has as one of many:
            // that may have come later, and then whoever is loaded first would decide.
            if entry.unique && self.has_owner(&entry.key, |id, unique| unique && id != entry.id)? {
                return Err(StoreError::Taken(entry.clone()));
            }
            self.enter(entry)?;
        }
        Ok(())
    }

    /// Adds an event with the sequence and the instant that it has.
    fn log(&mut self, tenant: TenantId, event: &Event) -> Result<(), StoreError> {
        let (sequence, at) = (event.sequence, event.at());
        let known = self.changes.last_events.get(&tenant).copied();
        let last = known.map_or_else(|| self.facts.last_event(tenant), |known| Ok(Some(known)))?;
        let last = last.unwrap_or(LastEvent { sequence, at });
        let last = LastEvent { sequence: last.sequence.max(sequence), at: last.at.max(at) };
        self.changes.last_events.insert(tenant, last);
        self.changes.events.push((tenant, event.clone()));
        Ok(())
    }

    /// A resource must be there that has index entries.
    fn no_orphans(&self) -> Result<(), StoreError> {
        let orphan = |(_, one): &(&ResourceKey, &Changed)| one.header.is_none() && !one.entries.is_empty();
        match self.changes.resources.iter().find(orphan) {
            Some((key, _)) => Err(StoreError::Missing(key.clone())),
            None => Ok(()),
        }
    }

    fn give_versions(&mut self, at: Timestamp) {
        for one in self.changes.resources.values_mut().filter(|one| one.newer) {
            let before = one.before.as_ref().map(|before| before.header);
            let Some(header) = &mut one.header else { continue };
            header.version = before.map_or(0, |before| before.version) + 1;
            header.created = before.map_or(at, |before| before.created);
            header.last_modified = before.map_or(at, |before| before.last_modified.max(at));
        }
    }

    fn count_growth(&mut self) {
        for (key, one) in &self.changes.resources {
            let grown = i64::from(one.header.is_some()) - i64::from(one.before.is_some());
            if grown != 0 {
                *self.changes.growth.entry((key.tenant, key.resource_type.clone())).or_default() += grown;
            }
        }
    }

    /// How the resource stands now.
    fn header(&mut self, key: &ResourceKey) -> Result<Option<Header>, StoreError> {
        Ok(self.changed(key)?.header)
    }

    fn exists(&self, key: &ResourceKey) -> Result<bool, StoreError> {
        match self.changes.resources.get(key) {
            Some(one) => Ok(one.header.is_some()),
            None => self.facts.exists(key),
        }
    }

    fn changed(&mut self, key: &ResourceKey) -> Result<&mut Changed, StoreError> {
        if !self.changes.resources.contains_key(key) {
            let one = Changed::of(self.facts.resource(key)?);
            self.changes.resources.insert(key.clone(), one);
        }
        Ok(self.changes.resources.entry(key.clone()).or_default())
    }

    fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        match self.changes.edges.get(&(group.tenant, member, group.id)) {
            Some(types) => Ok(types.is_some()),
            None => self.facts.is_member(group, member),
        }
    }

    fn groups_of(&self, tenant: TenantId, member: ResourceId) -> Result<BTreeMap<ResourceId, TypeName>, StoreError> {
        let mut groups = self.facts.groups_of(tenant, member)?;
        let [first, last] = [Uuid::nil(), Uuid::max()].map(|group| (tenant, member, ResourceId(group)));
        for ((.., group), types) in self.changes.edges.range(first..=last) {
            match types {
                Some((group_type, _)) => groups.insert(*group, group_type.clone()),
                None => groups.remove(group),
            };
        }
        Ok(groups)
    }

    fn is_being_swept(&self, key: &ResourceKey) -> Result<bool, StoreError> {
        Ok(self.changes.dissolved.contains(&(key.tenant, key.id)) || self.facts.is_being_swept(key.tenant, key.id)?)
    }

    fn has_owner(&self, key: &IndexKey, sought: impl Fn(ResourceId, bool) -> bool) -> Result<bool, StoreError> {
        let changed = self.changes.owners.get(key);
        let mut owners = changed.into_iter().flatten();
        if owners.any(|(id, unique)| unique.is_some_and(|unique| sought(*id, unique))) {
            return Ok(true);
        }
        let is_changed = |id: ResourceId| changed.is_some_and(|changed| changed.contains_key(&id));
        self.facts.any_owner(key, &mut |id, unique| !is_changed(id) && sought(id, unique))
    }

    fn own(&mut self, key: &IndexKey, id: ResourceId, unique: Option<bool>) {
        self.changes.owners.entry(key.clone()).or_default().insert(id, unique);
    }
}

/// Whose entry it is.
pub(super) fn owner(entry: &IndexEntry) -> ResourceKey {
    let IndexKey { tenant, resource_type, .. } = &entry.key;
    ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id: entry.id }
}

/// Where an index entry of a resource stands.
pub(super) fn index_key(owner: &ResourceKey, attribute: Arc<str>, value: IndexValue) -> IndexKey {
    IndexKey { tenant: owner.tenant, resource_type: owner.resource_type.clone(), attribute, value }
}
