//! Which requests are being done: those of this process are known here, and those of others by a lease that each
//! process has while it does any.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use crate::store::{ResourceId, Store, StoreError};

/// How long the lease of a process lasts unless it is renewed, in milliseconds. It need not be long: the work of a
/// process that seems dead is ended before anybody goes on with it.
const LEASE: i64 = 5_000;
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(1);

/// A process, and the requests that it does.
#[derive(Debug)]
pub struct Process {
    pub(super) id: Uuid,
    running: Works,
}

type Works = Arc<Mutex<HashSet<ResourceId>>>;

/// A request that is being done here, until this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    work: ResourceId,
    works: Works,
}

impl Default for Process {
    fn default() -> Self {
        Self { id: Uuid::new_v4(), running: Works::default() }
    }
}

impl Process {
    pub(super) fn run(&self, work: ResourceId) -> Running {
        let works = Arc::clone(&self.running);
        works.lock().unwrap_or_else(PoisonError::into_inner).insert(work);
        Running { work, works }
    }

    /// Says to other processes that this one lives.
    pub(super) async fn renew(&self, store: &dyn Store) -> Result<(), StoreError> {
        store.lease(&chore(self.id), self.id, LEASE).await.map(drop)
    }

    /// The same for as long as it is polled.
    pub(super) async fn keep_renewing(&self, store: &dyn Store) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(error) = self.renew(store).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot renew the lease of commands");
            }
        }
    }

    /// Whether that process still does that work.
    pub(super) async fn has(
        &self,
        store: &dyn Store,
        process: Uuid,
        work: Option<ResourceId>,
    ) -> Result<bool, StoreError> {
        if process == self.id {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(work.is_some_and(|work| running.contains(&work)));
        }
        // Nobody else has a store that is not shared.
        Ok(store.is_shared() && !store.lease(&chore(process), self.id, LEASE).await?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.works.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.work);
    }
}

fn chore(process: Uuid) -> String {
    format!("commands of {process}")
}
