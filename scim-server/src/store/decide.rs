//! What a commit does: decided in one place for every engine.
//!
//! An engine supplies [`Facts`], the store as the commits before this one leave it, and applies the
//! [`Changes`] that come of it. Nothing is written before everything is known to hold, and a commit that
//! is refused leaves nothing.

mod decision;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use scim_protocol::Timestamp;

use self::decision::Decision;
use super::{
    Body, Commit, Committed, Edge, Header, IndexEntry, IndexKey, IndexValue, Item, Joined, ResourceId, ResourceKey,
    StoreError, TenantId, TypeName, Write,
};
use crate::event::Event;

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

impl LastEvent {
    /// The one behind it.
    fn next(self, at: Timestamp) -> Result<Self, StoreError> {
        let full = || StoreError::Corrupt("the log of events has no number left".into());
        Ok(Self { sequence: self.sequence.checked_add(1).ok_or_else(full)?, at })
    }
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

    /// Whether a tenant was erased. An engine that has looked before it decides says no.
    fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let _ = tenant;
        Ok(false)
    }
}

/// A resource that a commit looks at: how it was, and how it is to be.
#[derive(Default)]
pub(super) struct Changed {
    pub before: Option<Resource>,
    /// `None` when the resource is not there.
    pub header: Option<Header>,
    pub body: Option<Body>,
    pub entries: Entries,
    /// How it stood when it was deleted, if it returns.
    last: Option<Header>,
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
    /// When the edges of a commit come.
    pub joined: Option<Timestamp>,
    /// Since when an edge is there that was exported, where that is known.
    pub since: BTreeMap<EdgeKey, Timestamp>,
    /// Deleted groups whose edges are to be swept.
    pub dissolved: BTreeSet<(TenantId, ResourceId)>,
    /// How many resources more there are of a type; fewer when negative.
    pub growth: BTreeMap<(TenantId, TypeName), i64>,
    /// Who has joined a group, or has left it.
    pub moves: BTreeMap<ResourceKey, BTreeMap<ResourceId, bool>>,
    pub events: Vec<(TenantId, Event)>,
    pub last_events: BTreeMap<TenantId, LastEvent>,
    /// The resources that get a value, unique or not, and those that lose it.
    pub owners: HashMap<IndexKey, BTreeMap<ResourceId, Option<bool>>>,
}

impl Changes {
    /// Since when an edge that comes is there.
    pub fn since(&self, edge: &EdgeKey) -> Option<Timestamp> {
        self.joined.or_else(|| self.since.get(edge).copied())
    }
}

/// Decides on a commit. `clock` is the time; what is given never goes back behind the tenant's last event.
pub(super) fn commit(facts: &dyn Facts, commit: &Commit, clock: Timestamp) -> Result<(Changes, Committed), StoreError> {
    let told = commit.told.iter().map(|(log, _)| *log);
    require(facts, commit.writes.iter().map(Write::tenant).chain(told).chain([commit.target.tenant]))?;
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
    if let Some(work) = commit.work {
        decision.mark(work, &commit.target)?;
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
        for mut event in decision.events(&commit.target, event) {
            last = last.next(at)?;
            sequence = last.sequence;
            (event.sequence, event.at) = (sequence, at.as_millis());
            decision.changes.events.push((tenant, event));
        }
    }
    decision.changes.last_events.insert(tenant, last);
    for (log, event) in &commit.told {
        decision.tell(*log, event.clone(), clock)?;
    }
    decision.changes.joined = Some(at);
    Ok((decision.changes, Committed { changed, header, sequence }))
}

/// Decides on items as they were exported, all or none: versions, times and sequences stay theirs.
pub(super) fn load(facts: &dyn Facts, items: &[Item]) -> Result<Changes, StoreError> {
    require(facts, items.iter().map(Item::tenant))?;
    let mut decision = Decision { facts, changes: Changes::default() };
    for item in items {
        match item {
            Item::Resource(key, record, entries) => decision.restore(key, record, entries)?,
            Item::Members(group, members) => {
                for Joined { member, since } in members {
                    let is_new = decision.connect(&Edge { group: group.clone(), member: member.clone() })?;
                    let since = since.filter(|_| is_new).map(|since| ((group.tenant, member.id, group.id), since));
                    decision.changes.since.extend(since);
                }
            }
            Item::Event(tenant, event) => decision.log(*tenant, event)?,
        }
    }
    decision.count_growth();
    Ok(decision.changes)
}

/// Refuses to write for tenants that were erased.
fn require(facts: &dyn Facts, tenants: impl Iterator<Item = TenantId>) -> Result<(), StoreError> {
    for tenant in tenants.collect::<BTreeSet<_>>() {
        if facts.is_erased(tenant)? {
            return Err(StoreError::Erased(tenant));
        }
    }
    Ok(())
}

pub(super) fn owner(entry: &IndexEntry) -> ResourceKey {
    let IndexKey { tenant, resource_type, .. } = &entry.key;
    ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id: entry.id }
}

/// Where an index entry of a resource stands.
pub(super) fn index_key(owner: &ResourceKey, attribute: Arc<str>, value: IndexValue) -> IndexKey {
    IndexKey { tenant: owner.tenant, resource_type: owner.resource_type.clone(), attribute, value }
}
