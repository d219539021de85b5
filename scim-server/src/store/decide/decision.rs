//! A commit while it is decided: each change is made on the facts as the changes before it leave them.

use std::collections::{BTreeMap, BTreeSet};

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{Changed, Changes, Facts, LastEvent, index_key, owner};
use crate::{
    event::{Event, Membership},
    membership::MEMBERS,
    store::{
        Body, Edge, Expect, Header, IndexEntry, IndexKey, Record, ResourceId, ResourceKey, StoreError, TenantId,
        TypeName, Write, mark,
    },
};

/// A commit while it is decided.
pub(super) struct Decision<'a> {
    pub facts: &'a dyn Facts,
    pub changes: Changes,
}

impl Decision<'_> {
    pub fn expect(&mut self, expect: &Expect) -> Result<(), StoreError> {
        let (key, version) = match expect {
            Expect::Fewer(tenant, resource_type, limit) => {
                if self.facts.count(*tenant, resource_type)? < *limit {
                    return Ok(());
                }
                return Err(StoreError::Full { resource_type: resource_type.clone(), limit: *limit });
            }
            Expect::Groups(member, known) => return self.same_groups(member, known),
            Expect::Owners(key, known) => return self.no_other_owners(key, known),
            Expect::Present(key) => (key, None),
            Expect::Version(key, version) => (key, Some(*version)),
        };
        match (self.header(key)?, version) {
            (None, _) => Err(StoreError::Missing(key.clone())),
            (Some(header), Some(version)) if header.version != version => Err(StoreError::Conflict(key.clone())),
            _ => Ok(()),
        }
    }

    pub fn write(&mut self, write: &Write) -> Result<(), StoreError> {
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
            Write::Return(key, body, header) => self.bring_back(key, body, *header),
            Write::Unindex(entry) => self.unindex(entry),
        }
    }

    /// Notes that something was done of a piece of work, unless it was ended.
    pub fn mark(&mut self, work: ResourceId, target: &ResourceKey) -> Result<(), StoreError> {
        if self.exists(&mark::fence_key(target.tenant, work))? {
            return Err(StoreError::Unavailable("this work was ended, and taken over by whoever asked again".into()));
        }
        let mark = mark::mark_key(target.tenant, work);
        if self.exists(&mark)? { Ok(()) } else { self.put(&mark, &mark::body(target)?) }
    }

    fn put(&mut self, key: &ResourceKey, body: &Body) -> Result<(), StoreError> {
        if !key.resource_type.is_aside() && self.header(key)?.is_none() && self.is_being_swept(key)? {
            // The id would return with the members that it had.
            return Err(StoreError::Conflict(key.clone()));
        }
        let one = self.changed(key)?;
        one.header.get_or_insert_default();
        one.body = Some(body.clone());
        one.newer = true;
        Ok(())
    }

    fn bring_back(&mut self, key: &ResourceKey, body: &Body, last: Header) -> Result<(), StoreError> {
        if self.header(key)?.is_some() {
            return Err(StoreError::Conflict(key.clone()));
        }
        self.put(key, body)?;
        self.changed(key)?.last = Some(last);
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
        if key.resource_type.is_aside() {
            return Ok(());
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
    pub fn connect(&mut self, edge: &Edge) -> Result<bool, StoreError> {
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
        self.note_move(group, member.id, true);
        Ok(true)
    }

    /// Removes an edge that is there. The group changes, unless it is gone itself.
    fn disconnect(&mut self, group: &ResourceKey, member: ResourceId) -> Result<(), StoreError> {
        self.changes.edges.insert((group.tenant, member, group.id), None);
        let one = self.changed(group)?;
        if let Some(header) = &mut one.header {
            header.members = header.members.saturating_sub(1);
            one.newer = true;
            self.note_move(group, member, false);
        }
        Ok(())
    }

    /// Who comes and goes, or goes and comes, has not moved.
    fn note_move(&mut self, group: &ResourceKey, member: ResourceId, joined: bool) {
        let moves = self.changes.moves.entry(group.clone()).or_default();
        if moves.remove(&member).is_none() {
            moves.insert(member, joined);
        }
    }

    /// The events of a commit, without their numbers. A member that is deleted leaves its groups before, and one that
    /// returns joins them after: each of these groups is written for it, so each has an event.
    pub fn events(&self, target: &ResourceKey, event: &Event) -> Vec<Event> {
        let is_there = |group: &ResourceKey| self.changes.resources.get(group).is_some_and(|one| one.header.is_some());
        let others = self.changes.moves.iter().filter(|(group, _)| *group != target && is_there(group));
        let (after, before): (Vec<_>, Vec<_>) = others.partition(|(_, moves)| moves.values().any(|joined| *joined));
        let consequence = |(group, _): (&ResourceKey, _)| {
            let event = event.consequence(group.resource_type.as_str(), group.id, MEMBERS);
            self.completed(group, event)
        };
        let told = before.into_iter().map(consequence).chain([self.completed(target, event.clone())]);
        told.chain(after.into_iter().map(consequence)).collect()
    }

    /// What only the store knows of a change.
    fn completed(&self, key: &ResourceKey, event: Event) -> Event {
        let one = self.changes.resources.get(key);
        let version = one.and_then(|one| one.header).map_or(0, |header| header.version);
        let before = one.and_then(|one| one.before.as_ref()).map_or(0, |before| before.header.version);
        let moves = self.changes.moves.get(key).filter(|moves| version > 0 && !moves.is_empty());
        let members = moves.map(|moves| {
            let of = |joined| moves.iter().filter(|(_, is)| **is == joined).map(|(id, _)| *id).collect();
            Box::new(Membership { joined: of(true), left: of(false) })
        });
        // Who was in a group that is gone, the caller has read.
        Event { version, previous_version: Some(before), members: members.or(event.members), ..event }
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
    pub fn restore(&mut self, key: &ResourceKey, record: &Record, entries: &[IndexEntry]) -> Result<(), StoreError> {
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
            // that may have come later, and then the order of loading would decide.
            if entry.unique && self.has_owner(&entry.key, |id, unique| unique && id != entry.id)? {
                return Err(StoreError::Taken(entry.clone()));
            }
            self.enter(entry)?;
        }
        Ok(())
    }

    /// Adds an event with the sequence and the instant that it has.
    pub fn log(&mut self, tenant: TenantId, event: &Event) -> Result<(), StoreError> {
        let (sequence, at) = (event.sequence, event.at());
        let known = self.changes.last_events.get(&tenant).copied();
        let last = known.map_or_else(|| self.facts.last_event(tenant), |known| Ok(Some(known)))?;
        let last = last.unwrap_or(LastEvent { sequence, at });
        let last = LastEvent { sequence: last.sequence.max(sequence), at: last.at.max(at) };
        self.changes.last_events.insert(tenant, last);
        self.changes.events.push((tenant, event.clone()));
        Ok(())
    }

    /// Adds an event that stands for itself in a log.
    pub fn tell(&mut self, log: TenantId, event: Event, clock: Timestamp) -> Result<(), StoreError> {
        let known = self.changes.last_events.get(&log).copied();
        let last = known.map_or_else(|| self.facts.last_event(log), |known| Ok(Some(known)))?;
        let last = last.unwrap_or(LastEvent { sequence: 0, at: clock });
        let next = last.next(clock.max(last.at))?;
        let told = Event { sequence: next.sequence, at: next.at.as_millis(), previous_version: Some(0), ..event };
        self.changes.last_events.insert(log, next);
        self.changes.events.push((log, told));
        Ok(())
    }

    /// A resource must be there that has index entries.
    pub fn no_orphans(&self) -> Result<(), StoreError> {
        let orphan = |(_, one): &(&ResourceKey, &Changed)| one.header.is_none() && !one.entries.is_empty();
        match self.changes.resources.iter().find(orphan) {
            Some((key, _)) => Err(StoreError::Missing(key.clone())),
            None => Ok(()),
        }
    }

    pub fn give_versions(&mut self, at: Timestamp) {
        for one in self.changes.resources.values_mut().filter(|one| one.newer) {
            let before = one.before.as_ref().map(|before| before.header).or(one.last);
            let Some(header) = &mut one.header else { continue };
            header.version = before.map_or(0, |before| before.version) + 1;
            header.created = before.map_or(at, |before| before.created);
            header.last_modified = before.map_or(at, |before| before.last_modified.max(at));
        }
    }

    pub fn count_growth(&mut self) {
        for (key, one) in &self.changes.resources {
            let grown = i64::from(one.header.is_some()) - i64::from(one.before.is_some());
            if grown != 0 {
                *self.changes.growth.entry((key.tenant, key.resource_type.clone())).or_default() += grown;
            }
        }
    }

    /// How the resource stands now.
    pub fn header(&mut self, key: &ResourceKey) -> Result<Option<Header>, StoreError> {
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

    fn no_other_owners(&self, key: &IndexKey, known: &[ResourceId]) -> Result<(), StoreError> {
        let mut other = None;
        self.facts.any_owner(key, &mut |id, _| {
            other = Some(id).filter(|id| !known.contains(id));
            other.is_some()
        })?;
        let (tenant, resource_type) = (key.tenant, key.resource_type.clone());
        other.map_or(Ok(()), |id| Err(StoreError::Conflict(ResourceKey { tenant, resource_type, id })))
    }

    fn same_groups(&self, member: &ResourceKey, known: &[ResourceKey]) -> Result<(), StoreError> {
        let mut there = BTreeSet::new();
        for (id, resource_type) in self.groups_of(member.tenant, member.id)? {
            let group = ResourceKey { tenant: member.tenant, resource_type, id };
            // The edges of a deleted group may still be there.
            if self.exists(&group)? {
                there.insert(group);
            }
        }
        let known = known.iter().cloned().collect();
        there.symmetric_difference(&known).next().map_or(Ok(()), |other| Err(StoreError::Conflict(other.clone())))
    }

    fn own(&mut self, key: &IndexKey, id: ResourceId, unique: Option<bool>) {
        self.changes.owners.entry(key.clone()).or_default().insert(id, unique);
    }
}
