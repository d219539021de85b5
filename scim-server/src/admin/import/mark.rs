//! How far an import has come, stored so that it can be continued.
//!
//! The mark is written after each durable portion, so it may say less than the store has, but never more: lines after
//! it are loaded again, and replace themselves. Each import claims the mark, and checks before and after each portion
//! that it still owns it: of two imports at once, the one that started first stops.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{AdminError, archive::End};
use crate::{
    own,
    store::{Commit, Expect, Item, ResourceId, ResourceKey, Store, StoreError, TenantId, TypeName, Write},
};

/// The kind of the system's record that the mark is.
const KIND: &str = "Import";
/// There is at most one.
const ID: ResourceId = ResourceId(Uuid::from_u128(1));

/// An import that is not at its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The lines that the store holds: their number and their checksum.
    pub done: End,
    /// The tenants that they brought; of one that replaces another, the id beside it.
    pub tenants: BTreeSet<TenantId>,
    /// Whether the store had no tenant when the import began.
    pub fresh: bool,
    /// Whether tenants that are there are to be replaced.
    pub replace: bool,
    /// The record's version; 0 when it is not in the store.
    #[serde(skip)]
    version: u64,
}

impl Mark {
    /// That of an import which has brought nothing.
    pub fn new(done: End, fresh: bool, replace: bool) -> Self {
        Self { done, tenants: BTreeSet::new(), fresh, replace, version: 0 }
    }

    /// The one that is in the store.
    pub async fn read(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let Some(record) = store.get(&key()).await? else { return Ok(None) };
        let mark: Self = own::read(&record, "the mark of an import")?;
        Ok(Some(Self { version: record.header.version, ..mark }))
    }

    /// Whether it is in the store.
    pub fn is_kept(&self) -> bool {
        self.version > 0
    }

    /// Writes it, unless another import has taken it over.
    pub async fn write(&mut self, store: &dyn Store) -> Result<(), AdminError> {
        let header = self.change(store, Write::Put(key(), own::body("", self)?)).await?.header;
        self.version = header.map_or(0, |header| header.version);
        Ok(())
    }

    /// Makes sure that no other import has taken it over. If this import paused while another one completed, it must
    /// not overwrite what has changed since.
    pub async fn hold(&self, store: &dyn Store) -> Result<(), AdminError> {
        let found = store.get(&key()).await?.map_or(0, |record| record.header.version);
        if found == self.version { Ok(()) } else { Err(taken_over()) }
    }

    pub async fn remove(&mut self, store: &dyn Store) -> Result<(), AdminError> {
        if self.is_kept() {
            self.change(store, Write::Delete(key())).await?;
            self.version = 0;
        }
        Ok(())
    }

    /// Removes it in the commit that ends the import.
    pub async fn remove_with(&mut self, store: &dyn Store, mut commit: Commit) -> Result<(), AdminError> {
        if self.is_kept() {
            commit.expect.push(Expect::Version(key(), self.version));
            commit.writes.push(Write::Delete(key()));
        }
        match store.commit(commit).await {
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Err(AdminError::Refused(
                "another import has taken over from this one, or a tenant that it replaces was changed at the same moment"
                    .to_owned(),
            )),
            done => {
                done?;
                self.version = 0;
                Ok(())
            }
        }
    }

    async fn change(&self, store: &dyn Store, write: Write) -> Result<crate::store::Committed, AdminError> {
        let mut commit = Commit::bookkeeping(TypeName::from(KIND), ID);
        if self.is_kept() {
            commit.expect.push(Expect::Version(key(), self.version));
        }
        commit.writes.push(write);
        match store.commit(commit).await {
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Err(taken_over()),
            done => Ok(done?),
        }
    }
}

fn taken_over() -> AdminError {
    AdminError::Refused("another import was started and has taken over from this one".to_owned())
}

/// Whether an item of an export is the mark of an import.
pub(in super::super) fn is_mark(item: &Item) -> bool {
    matches!(item, Item::Resource(found, ..) if *found == key())
}

fn key() -> ResourceKey {
    own::key(KIND, ID)
}
