//! The last refusals of each client, for the administrator who sets it up.
//!
//! A refusal is noted in memory and written down some seconds later, so that a client that is refused a
//! thousand times a second makes one commit of it, and the same refusal is one line with a count.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Check, client};
use crate::{
    own,
    store::{Commit, Expect, Record, ResourceId, ResourceKey, Store, StoreError, Write},
};

/// The kind of record. It has the id of its client.
pub const KIND: &str = "ClientTrace";
/// The most refusals of a client that are kept.
const MOST: usize = 20;

/// A refusal, or the same one several times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// When it was last, in milliseconds since the epoch.
    pub at: i64,
    /// How often.
    pub count: u64,
    /// What failed.
    pub checks: Vec<Check>,
}

/// Refusals that are not written down yet.
#[derive(Debug, Default)]
pub struct Traces(Mutex<HashMap<ResourceId, VecDeque<Traced>>>);

impl Traces {
    /// Notes a refusal of a client.
    pub fn note(&self, client: ResourceId, checks: &[Check], now: Timestamp) {
        let traced = Traced { at: now.as_millis(), count: 1, checks: checks.to_vec() };
        add(self.pending().entry(client).or_default(), traced);
    }

    /// Writes down what was noted.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.pending());
        for (client, refusals) in noted {
            write(store, client, &refusals).await?;
        }
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<ResourceId, VecDeque<Traced>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the refusals of a client are stored.
pub fn key(client: ResourceId) -> ResourceKey {
    own::key(KIND, client)
}

/// The refusals of a client that are written down, the newest last.
pub async fn read(store: &dyn Store, client: ResourceId) -> Result<VecDeque<Traced>, StoreError> {
    store.get(&key(client)).await?.map_or_else(|| Ok(VecDeque::new()), |record| parse(&record))
}

fn parse(record: &Record) -> Result<VecDeque<Traced>, StoreError> {
    own::read(record, "the trace of a client")
}

/// Adds refusals to those that are written down; again when another process did the same meanwhile. Those of a
/// client that is gone go, too.
async fn write(store: &dyn Store, client: ResourceId, refusals: &VecDeque<Traced>) -> Result<(), StoreError> {
    loop {
        let record = store.get(&key(client)).await?;
        let mut all = record.as_ref().map_or_else(|| Ok(VecDeque::new()), parse)?;
        for traced in refusals {
            add(&mut all, traced.clone());
        }
        let mut commit = Commit::bookkeeping(KIND.into(), client);
        commit.expect.push(Expect::Present(client::key(client)));
        commit.expect.extend(record.map(|record| Expect::Version(key(client), record.header.version)));
        commit.writes.push(Write::Put(key(client), own::body("", &all)?));
        match store.commit(commit).await {
            Ok(_) | Err(StoreError::Missing(_)) => return Ok(()),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The writes that remove what is written down of a client.
pub async fn removal(store: &dyn Store, client: ResourceId) -> Result<Vec<Write>, StoreError> {
    Ok(store.get(&key(client)).await?.map(|_| Write::Delete(key(client))).into_iter().collect())
}

fn add(all: &mut VecDeque<Traced>, traced: Traced) {
    if let Some(at) = all.iter().position(|known| known.checks == traced.checks)
        && let Some(known) = all.remove(at)
    {
        all.push_back(Traced { count: known.count + traced.count, ..traced });
    } else {
        all.push_back(traced);
    }
    while all.len() > MOST {
        all.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_one_with_a_count_and_the_oldest_go() {
        let mut all = VecDeque::new();
        let traced = |at, came: &str| Traced { at, count: 1, checks: vec![Check::new("audience", "a", came)] };
        for at in 0..100 {
            add(&mut all, traced(at, "b"));
        }
        add(&mut all, traced(100, "c"));
        add(&mut all, traced(101, "b"));
        let seen: Vec<_> = all.iter().map(|one| (one.at, one.count)).collect();
        assert_eq!(seen, [(100, 1), (101, 101)]);
        for at in 0..50 {
            add(&mut all, traced(at, &at.to_string()));
        }
        assert_eq!(all.len(), MOST);
        assert_eq!(all.back().map(|one| one.at), Some(49));
    }
}
