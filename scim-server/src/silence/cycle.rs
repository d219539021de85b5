//! The usual cycle of a tenant's provider, learnt from its calls: how long it pauses at most.

use std::collections::{BTreeMap, HashMap};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    own,
    store::{Commit, ResourceId, ResourceKey, Store, StoreError, TenantId, TypeName, Write},
};

/// The kind of record.
const KIND: &str = "ProvisioningCycle";

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// How many days with calls count: two weeks, with their weekends.
const DAYS: usize = 14;
/// How long a provider is watched before anything is said of it: longer than a weekend.
const WATCHED: i64 = 4 * DAY;

/// What was learnt of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cycle {
    /// Since when it is watched, in milliseconds since the epoch.
    begun: i64,
    /// The longest pause that ended on each day, in milliseconds; the newest days.
    pauses: BTreeMap<i64, i64>,
}

impl Cycle {
    /// Notes that calls have returned after a pause. Whether that is anything new.
    fn note(&mut self, pause: i64, at: i64) -> bool {
        let longest = self.pauses.entry(at.div_euclid(DAY)).or_default();
        let is_longer = pause > *longest;
        *longest = pause.max(*longest);
        while self.pauses.len() > DAYS {
            self.pauses.pop_first();
        }
        is_longer
    }

    /// The pause that is longer than usual: twice the longest, and an hour at least. `None` while too little is known.
    fn limit(&self, now: Timestamp) -> Option<i64> {
        let longest = self.pauses.values().max()?;
        let is_watched = now.as_millis().saturating_sub(self.begun) >= WATCHED;
        is_watched.then(|| longest.saturating_mul(2).max(HOUR))
    }
}

/// The last calls of providers as of the last look.
#[derive(Debug, Default)]
pub struct Cycles(HashMap<TenantId, i64>);

impl Cycles {
    /// Learns from the last call of a tenant's provider. A pause that was told as silence is nothing to get used to.
    pub(super) async fn learn(
        &mut self,
        store: &dyn Store,
        tenant: TenantId,
        last: Timestamp,
        was_silent: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let last = last.as_millis();
        let pause = self.0.insert(tenant, last).map(|seen| last - seen).filter(|pause| *pause > 0 && !was_silent);
        let known = read(store, tenant).await?;
        let is_new = known.is_none();
        let mut cycle = known.unwrap_or_else(|| Cycle { begun: now.as_millis(), ..Cycle::default() });
        if !pause.is_some_and(|pause| cycle.note(pause, last)) && !is_new {
            return Ok(());
        }
        keep(store, tenant, Write::Put(key(tenant), own::body("", &cycle)?)).await
    }

    /// Forgets what was learnt of a tenant.
    pub(super) async fn forget(&mut self, store: &dyn Store, tenant: TenantId) -> Result<(), StoreError> {
        if self.0.remove(&tenant).is_none() {
            return Ok(());
        }
        match keep(store, tenant, Write::Delete(key(tenant))).await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done,
        }
    }
}

/// The pause, in milliseconds, that is longer than usual for a tenant's provider; `None` while too little is known.
pub(super) async fn limit(store: &dyn Store, tenant: TenantId, now: Timestamp) -> Result<Option<i64>, StoreError> {
    Ok(read(store, tenant).await?.and_then(|cycle| cycle.limit(now)))
}

async fn read(store: &dyn Store, tenant: TenantId) -> Result<Option<Cycle>, StoreError> {
    let Some(record) = store.get(&key(tenant)).await? else { return Ok(None) };
    own::read(&record, format_args!("the cycle of tenant {tenant}")).map(Some)
}

async fn keep(store: &dyn Store, tenant: TenantId, write: Write) -> Result<(), StoreError> {
    let mut commit = Commit::bookkeeping(TypeName::from(KIND), ResourceId(tenant.0));
    commit.writes.push(write);
    store.commit(commit).await.map(drop)
}

fn key(tenant: TenantId) -> ResourceKey {
    own::key(KIND, ResourceId(tenant.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::sled::SledStore;

    #[tokio::test]
    async fn twice_the_longest_pause_of_two_weeks_is_longer_than_usual() {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path(), Arc::new(crate::clock::ManualClock::default())).unwrap();
        let tenant = TenantId::random([7; 16]);
        let mut cycles = Cycles::default();
        let at = |hour: i64| Timestamp::from_millis(1_700_006_400_000 + hour * HOUR);
        let mut learn = async |hours: &[i64], was_silent: bool| {
            for hour in hours {
                cycles.learn(&store, tenant, at(*hour), was_silent, at(*hour)).await.unwrap();
            }
        };
        let limit = async |hour| limit(&store, tenant, at(hour)).await.unwrap().map(|limit| limit / HOUR);
        learn(&[0, 3, 6], false).await;
        assert_eq!(limit(6).await, None, "too little is known");
        learn(&[96, 97], false).await;
        assert_eq!(limit(97).await, Some(180));
        // An outage that was told is nothing to get used to.
        learn(&[400], true).await;
        assert_eq!(limit(400).await, Some(180));
        for day in 17..40 {
            learn(&[day * 24, day * 24 + 5], false).await;
        }
        assert_eq!(limit(40 * 24).await, Some(38));
    }
}
