//! When providers of each tenant were last served: [noted](super::noted) in memory by every call, and stored, so that it
//! is known after a restart and when the token is gone.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Access;
use crate::{
    metrics::{Ends, Health},
    own,
    store::{Body, Commit, Record, ResourceId, ResourceKey, Start, Store, StoreError, TenantId, TypeName, Write},
};

/// The kind of record.
const KIND: &str = "TenantHealth";
/// How many records are read at a time, and stored in one commit.
const PAGE: usize = 500;

/// When a tenant's providers were last served, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The last call that was not refused.
    pub last_call: Option<i64>,
    /// The last of these that wrote.
    pub last_write: Option<i64>,
}

impl Served {
    /// The later of each.
    fn max(self, other: Self) -> Self {
        Self { last_call: self.last_call.max(other.last_call), last_write: self.last_write.max(other.last_write) }
    }

    fn of(health: &Health) -> Self {
        let (last_call, last_write) = health.last();
        Self { last_call, last_write }
    }

    fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        own::read(record, format_args!("the health of tenant {id}"))
    }

    fn body(self) -> Result<Body, StoreError> {
        own::body("", &self)
    }
}

impl Access {
    /// What this process has answered to the calls of a tenant; `None` where there is no such tenant.
    pub fn health(&self, tenant: TenantId) -> Option<Arc<Health>> {
        self.snapshot.load().health.get(&tenant).cloned()
    }

    /// When a tenant's providers were last served, by this process or another.
    pub async fn served(&self, tenant: TenantId) -> Result<Served, StoreError> {
        let stored = read(&**self.directory.store(), tenant).await?;
        Ok(self.health(tenant).map_or(stored, |health| Served::of(&health).max(stored)))
    }

    /// The same of all tenants.
    pub async fn all_served(&self) -> Result<HashMap<TenantId, Served>, StoreError> {
        let mut all = stored(&**self.directory.store()).await?;
        for (tenant, health) in &self.snapshot.load().health {
            let one = all.entry(*tenant).or_default();
            *one = one.max(Served::of(health));
        }
        Ok(all)
    }

    /// Stores what is not stored yet; or of that what is stored as something old.
    pub(super) async fn flush_served(&self, only_due: bool) -> Result<(), StoreError> {
        let (snapshot, store) = (self.snapshot.load_full(), self.directory.store());
        let is_meant = |health: &Health| health.unstored().is_some() && (!only_due || health.is_due());
        let unstored = snapshot.health.iter().filter(|(_, health)| is_meant(health));
        let unstored: Vec<_> = unstored.map(|(tenant, health)| (*tenant, health, Served::of(health))).collect();
        for portion in unstored.chunks(PAGE) {
            let Some((first, ..)) = portion.first() else { continue };
            let mut commit = Commit::bookkeeping(TypeName::from(KIND), ResourceId(first.0));
            for (tenant, _, served) in portion {
                // Another process may have stored a later one.
                let served = served.max(read(&**store, *tenant).await?);
                commit.writes.push(Write::Put(key(*tenant), served.body()?));
            }
            store.commit(commit).await?;
            for (_, health, served) in portion {
                health.stored(served.last_call.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Removes what is stored of tenants that are gone. Called now and then, by one process.
    pub async fn forget_gone(&self) -> Result<(), StoreError> {
        let store = &**self.directory.store();
        for tenant in stored(store).await?.into_keys().filter(|tenant| self.tenant_of(*tenant).is_none()) {
            let mut commit = Commit::bookkeeping(TypeName::from(KIND), ResourceId(tenant.0));
            commit.writes.push(Write::Delete(key(tenant)));
            match store.commit(commit).await {
                Ok(_) | Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// When each token and secret ends, of all tenants.
    pub fn ends(&self) -> HashMap<TenantId, Vec<Ends>> {
        let snapshot = self.snapshot.load();
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for token in snapshot.tokens.values() {
            let name = token.label.as_deref().unwrap_or_default().to_owned();
            let ends = Ends { name, id: token.id.to_string(), is_secret: false, at: token.expires.as_millis() };
            all.entry(token.tenant.id).or_default().push(ends);
        }
        for client in snapshot.clients.all() {
            let (name, tenant) = (&client.record.name, client.record.tenant);
            let secrets = client.record.secrets.iter().map(|secret| Ends {
                name: name.clone(),
                id: secret.id.to_string(),
                is_secret: true,
                at: secret.expires,
            });
            all.entry(tenant).or_default().extend(secrets);
        }
        for ends in all.values_mut() {
            ends.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        all
    }
}

async fn read(store: &dyn Store, tenant: TenantId) -> Result<Served, StoreError> {
    let record = store.get(&key(tenant)).await?;
    record.map_or_else(|| Ok(Served::default()), |record| Served::from_record(ResourceId(tenant.0), &record))
}

/// What is stored of all tenants.
async fn stored(store: &dyn Store) -> Result<HashMap<TenantId, Served>, StoreError> {
    let (mut all, mut from) = (HashMap::new(), Start::Offset(0));
    loop {
        let page = store.resources(TenantId::SYSTEM, &TypeName::from(KIND), from, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        from = Start::After(*last);
        for (id, record) in page.iter() {
            all.insert(TenantId(id.0), Served::from_record(*id, record)?);
        }
    }
}

fn key(tenant: TenantId) -> ResourceKey {
    own::key(KIND, ResourceId(tenant.0))
}
