//! A dry run writes nothing, so it notes what would change of unique values, memberships and numbers, and sees what would
//! be in the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use scim_protocol::{Error, schema::ResourceType};
use serde_json::{Map, Value};

use super::{Context, Undo};
use crate::{
    index,
    operation::{
        disable::Switch,
        restore::{Decide, name_taken},
    },
    render::stored_document,
    store::{IndexEntry, IndexKey, Record, ResourceId, ResourceKey, Store, StoreError, TypeName},
};

/// What would be different.
#[derive(Default)]
pub(super) struct Rehearsal {
    /// Who would have which unique value; nobody would have those that are `None`.
    owners: Mutex<BTreeMap<IndexKey, Option<ResourceId>>>,
    /// Groups and members that were together before one of the two was deleted.
    together: Mutex<BTreeSet<(ResourceId, ResourceId)>>,
    /// How many more of each type there would be.
    more: Mutex<BTreeMap<TypeName, i64>>,
}

impl Rehearsal {
    /// Notes that a resource would have other index entries than before. `Taken` if another would have one of them.
    pub async fn change(
        &self,
        store: &dyn Store,
        id: ResourceId,
        before: &BTreeSet<IndexEntry>,
        after: &BTreeSet<IndexEntry>,
    ) -> Result<(), StoreError> {
        let comes: Vec<_> = after.difference(before).filter(|entry| entry.unique).collect();
        for entry in &comes {
            if !self.lock().contains_key(&entry.key) {
                let owner = store.lookup(&entry.key).await?;
                self.lock().entry(entry.key.clone()).or_insert(owner);
            }
        }
        let mut owners = self.lock();
        for entry in &comes {
            if owners.get(&entry.key).copied().flatten().is_some_and(|owner| owner != id) {
                return Err(StoreError::Taken((*entry).clone()));
            }
        }
        for gone in before.difference(after).filter(|entry| entry.unique) {
            // It may have given it up before, and another has it by now.
            let owner = owners.entry(gone.key.clone()).or_insert(Some(id));
            if *owner == Some(id) {
                *owner = None;
            }
        }
        owners.extend(comes.into_iter().map(|entry| (entry.key.clone(), Some(id))));
        Ok(())
    }

    /// Who would have a value.
    pub async fn owner(&self, store: &dyn Store, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        let known = self.lock().get(key).copied();
        match known {
            Some(owner) => Ok(owner),
            None => store.lookup(key).await,
        }
    }

    /// Whether a membership returns when both its ends are there again.
    pub fn returns(&self, group: ResourceId, member: ResourceId) -> bool {
        locked(&self.together).contains(&(group, member))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IndexKey, Option<ResourceId>>> {
        locked(&self.owners)
    }
}

impl Undo<'_> {
    /// Whether a deleted resource could return.
    pub(super) async fn rehearse_restore(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        decide: &Decide<'_>,
    ) -> Result<(), Error> {
        let kept = self.operations.kept(context, rt, id).await?;
        let members = self.operations.kept_members(context, &kept).await?;
        self.rehearse_number(context, rt).await?;
        let store = &*self.operations.store;
        let entries = self.operations.returning(context, rt, &kept, Switch::Stay, decide).await?.0.entries;
        match self.rehearsal.change(store, kept.key.id, &BTreeSet::new(), &entries).await {
            Err(StoreError::Taken(entry)) => {
                self.count(&kept.key.resource_type, -1);
                let owner = self.rehearsal.owner(store, &entry.key).await?;
                return Err(name_taken(&kept, entry, owner));
            }
            done => done?,
        }
        let id = kept.key.id;
        let groups = kept.deleted.groups.iter().map(|group| (group.id, id));
        locked(&self.rehearsal.together).extend(groups.chain(members.iter().map(|member| (id, member.id))));
        Ok(())
    }

    /// Counts one more, and refuses it above the quota.
    async fn rehearse_number(&self, context: &Context, rt: &ResourceType) -> Result<(), Error> {
        let tenant = context.caller.tenant();
        let resource_type = TypeName::from(rt.name.as_str());
        let there = self.operations.store.count(tenant.home, &resource_type).await?;
        let more = self.count(&resource_type, 1);
        if let Some(limit) = tenant.quota(rt).filter(|limit| there.saturating_add_signed(more) > *limit) {
            self.count(&resource_type, -1);
            return Err(StoreError::Full { resource_type, limit }.into());
        }
        Ok(())
    }

    /// How many more of a type there would be, with that change.
    fn count(&self, resource_type: &TypeName, change: i64) -> i64 {
        let mut more = locked(&self.rehearsal.more);
        let more = more.entry(resource_type.clone()).or_default();
        *more += change;
        *more
    }

    /// Notes in a dry run that a resource would go.
    pub(super) async fn rehearse_removal(
        &self,
        context: &Context,
        key: &ResourceKey,
        record: &Record,
    ) -> Result<(), Error> {
        self.operations.keep_protecting(context, key).await?;
        self.rehearse(context, key, Some(&stored_document(record)?), None).await?;
        self.count(&key.resource_type, -1);
        Ok(())
    }

    /// Notes in a dry run what would come of a document.
    pub(super) async fn rehearse(
        &self,
        context: &Context,
        key: &ResourceKey,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) -> Result<(), Error> {
        let entries = |document: Option<&Map<String, Value>>| {
            document.map(|one| entries_of(context, key, one)).unwrap_or_default()
        };
        let (before, after) = (entries(before), entries(after));
        Ok(self.rehearsal.change(&*self.operations.store, key.id, &before, &after).await?)
    }
}

fn locked<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

fn entries_of(context: &Context, key: &ResourceKey, document: &Map<String, Value>) -> BTreeSet<IndexEntry> {
    index::entries(key, document, context.caller.tenant().index_specs(key.resource_type.as_str()))
}
