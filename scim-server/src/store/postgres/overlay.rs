//! The facts on which a group of commits is decided: as they were read, and with the changes of the commits decided
//! so far. What has changed is written at the end, all at once ([`super::write`]).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::Hash,
};

use scim_protocol::Timestamp;

use crate::{
    event::Event,
    store::{
        IndexKey, ResourceId, ResourceKey, StoreError, TenantId, TypeName,
        decide::{Changes, EdgeKey, EdgeTypes, Facts, LastEvent, Resource},
    },
};

/// Facts as they were read, and as they are now.
pub(super) struct LayeredFacts<K, V> {
    read: HashMap<K, V>,
    now: HashMap<K, V>,
}

impl<K, V> Default for LayeredFacts<K, V> {
    fn default() -> Self {
        Self { read: HashMap::new(), now: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> LayeredFacts<K, V> {
    /// Notes a fact as the database has it.
    pub fn read(&mut self, key: K) -> std::collections::hash_map::Entry<'_, K, V> {
        self.read.entry(key)
    }

    /// A fact as the database has it.
    pub fn as_read(&self, key: &K) -> Option<&V> {
        self.read.get(key)
    }

    /// A fact as it is now.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key).or_else(|| self.read.get(key))
    }

    /// Notes a fact as it becomes.
    pub fn set(&mut self, key: K, value: V) {
        self.now.insert(key, value);
    }

    /// Every change: the key, the value in the database, and the new value.
    pub fn changes(&self) -> impl Iterator<Item = (&K, Option<&V>, &V)> {
        self.now.iter().map(|(key, now)| (key, self.read.get(key), now))
    }
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Overlay {
    pub resources: LayeredFacts<ResourceKey, Option<Resource>>,
    pub edges: LayeredFacts<EdgeKey, Option<EdgeTypes>>,
    /// Since when edges are there, of those that come.
    pub joined: HashMap<EdgeKey, Timestamp>,
    pub last_events: LayeredFacts<TenantId, LastEvent>,
    /// The number of each tenant's last change of keys, as read.
    pub changes: HashMap<TenantId, i64>,
    /// The tenants that are being copied, and the number under which is noted what changes in them.
    pub watched: HashMap<TenantId, i64>,
    /// Who has a value; only values that a commit wants to be unique.
    pub owners: HashMap<IndexKey, BTreeMap<ResourceId, bool>>,
    /// The groups of a member; only of members that a commit deletes.
    pub groups: HashMap<(TenantId, ResourceId), BTreeMap<ResourceId, TypeName>>,
    /// How many resources there were; only where a commit asks.
    pub counts: HashMap<(TenantId, TypeName), u64>,
    /// How many were added, minus how many were removed.
    pub growth: BTreeMap<(TenantId, TypeName), i64>,
    /// Deleted groups whose edges are still to be swept: as read, and those of this group of commits.
    pub being_swept: HashSet<(TenantId, ResourceId)>,
    pub dissolved: BTreeSet<(TenantId, ResourceId)>,
    pub events: BTreeMap<(TenantId, u64), Event>,
}

impl Overlay {
    /// Takes over what a commit changes.
    pub fn keep(&mut self, changes: Changes) {
        for (key, who) in changes.owners {
            let Some(owners) = self.owners.get_mut(&key) else { continue };
            for (id, unique) in who {
                match unique {
                    Some(unique) => owners.insert(id, unique),
                    None => owners.remove(&id),
                };
            }
        }
        for (key, one) in changes.resources {
            if one.differs() {
                let (body, entries) = (one.body, one.entries);
                self.resources.set(key, one.header.map(|header| Resource { header, body, entries }));
            }
        }
        for (edge, types) in changes.edges {
            let (tenant, member, group) = edge;
            if let Some(groups) = self.groups.get_mut(&(tenant, member)) {
                match &types {
                    Some((group_type, _)) => groups.insert(group, group_type.clone()),
                    None => groups.remove(&group),
                };
            }
            if let (Some(_), Some(at)) = (&types, changes.joined.or_else(|| changes.since.get(&edge).copied())) {
                self.joined.insert(edge, at);
            }
            self.edges.set(edge, types);
        }
        for (of, grown) in changes.growth {
            *self.growth.entry(of).or_default() += grown;
        }
        for (tenant, event) in changes.events {
            self.events.insert((tenant, event.sequence), event);
        }
        for (tenant, last) in changes.last_events {
            self.last_events.set(tenant, last);
        }
        self.dissolved.extend(changes.dissolved);
    }
}

impl Facts for Overlay {
    fn resource(&self, key: &ResourceKey) -> Result<Option<Resource>, StoreError> {
        Ok(self.resources.get(key).cloned().flatten())
    }

    fn exists(&self, key: &ResourceKey) -> Result<bool, StoreError> {
        Ok(self.resources.get(key).is_some_and(Option::is_some))
    }

    fn any_owner(&self, key: &IndexKey, sought: &mut dyn FnMut(ResourceId, bool) -> bool) -> Result<bool, StoreError> {
        Ok(self.owners.get(key).is_some_and(|owners| owners.iter().any(|(id, unique)| sought(*id, *unique))))
    }

    fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        Ok(self.edges.get(&(group.tenant, member, group.id)).is_some_and(Option::is_some))
    }

    fn groups_of(&self, tenant: TenantId, member: ResourceId) -> Result<BTreeMap<ResourceId, TypeName>, StoreError> {
        Ok(self.groups.get(&(tenant, member)).cloned().unwrap_or_default())
    }

    fn is_being_swept(&self, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError> {
        Ok(self.being_swept.contains(&(tenant, group)) || self.dissolved.contains(&(tenant, group)))
    }

    fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        let of = (tenant, resource_type.clone());
        let grown = self.growth.get(&of).copied().unwrap_or(0);
        Ok(self.counts.get(&of).copied().unwrap_or(0).saturating_add_signed(grown))
    }

    fn last_event(&self, tenant: TenantId) -> Result<Option<LastEvent>, StoreError> {
        Ok(self.last_events.get(&tenant).copied())
    }
}
