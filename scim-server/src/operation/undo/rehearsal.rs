//! A dry run writes nothing, so it notes which unique values would change hands, and sees what would be in the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use scim_protocol::{Error, schema::ResourceType};
use serde_json::{Map, Value};

use super::{Context, Undo};
use crate::{
    index,
    render::stored_document,
    store::{IndexEntry, IndexKey, ResourceId, ResourceKey, Store, StoreError},
};

/// Who would have which unique value; nobody would have those that are `None`.
#[derive(Default)]
pub(super) struct Rehearsal(Mutex<BTreeMap<IndexKey, Option<ResourceId>>>);

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
        owners.extend(before.difference(after).filter(|entry| entry.unique).map(|entry| (entry.key.clone(), None)));
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IndexKey, Option<ResourceId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Undo<'_> {
    /// Whether a deleted resource could return.
    pub(super) async fn rehearse_restore(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
    ) -> Result<(), Error> {
        let kept = self.operations.kept(context, rt, id).await?;
        let document = stored_document(&kept.deleted.record())?;
        let (store, entries) = (&*self.operations.store, entries_of(context, &kept.key, &document));
        match self.rehearsal.change(store, kept.key.id, &BTreeSet::new(), &entries).await {
            Err(StoreError::Taken(entry)) => Err(self.operations.name_taken(&kept, entry).await),
            done => Ok(done?),
        }
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

fn entries_of(context: &Context, key: &ResourceKey, document: &Map<String, Value>) -> BTreeSet<IndexEntry> {
    index::entries(key, document, context.caller.tenant().index_specs(key.resource_type.as_str()))
}
