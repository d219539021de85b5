//! How far a sink has come with a tenant's events: a record of the system's own.

use serde::{Deserialize, Serialize};

use crate::{
    own,
    store::{Body, Commit, ResourceId, ResourceKey, Start, Store, StoreError, TenantId, TypeName, Write},
    tenant::Tenant,
};

/// The kind of record.
const KIND: &str = "SinkPlace";
/// How many records are read at a time.
const PAGE: usize = 500;

/// How far a sink has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The sink's name.
    pub sink: String,
    pub tenant: TenantId,
    /// The log that the number is of: the tenant's home.
    pub log: TenantId,
    /// The last number that is durable there.
    pub sequence: u64,
}

impl Place {
    fn read(body: &Body) -> Result<Self, StoreError> {
        serde_json::from_slice(&body.visible)
            .map_err(|error| StoreError::Corrupt(format!("the place of a sink: {error}")))
    }
}

/// The place of a sink in a tenant's log.
pub(super) async fn find(store: &dyn Store, sink: &str, tenant: TenantId) -> Result<Option<Place>, StoreError> {
    store.get(&key(sink, tenant)).await?.map(|record| Place::read(&record.body)).transpose()
}

/// The last number of a tenant's log that is durable at a sink; `None` of a tenant whose log it has not begun.
pub async fn position(store: &dyn Store, sink: &str, tenant: &Tenant) -> Result<Option<u64>, StoreError> {
    let place = find(store, sink, tenant.id).await?;
    Ok(place.map(|place| if place.log == tenant.home { place.sequence } else { tenant.begun }))
}

/// Keeps places, in one commit.
pub(super) async fn keep(store: &dyn Store, places: &[Place]) -> Result<(), StoreError> {
    let Some(first) = places.first() else { return Ok(()) };
    let mut commit = Commit::bookkeeping(TypeName::from(KIND), key(&first.sink, first.tenant).id);
    for place in places {
        commit.writes.push(Write::Put(key(&place.sink, place.tenant), own::body("", place)?));
    }
    store.commit(commit).await.map(drop)
}

/// Removes the places of all sinks in the log of a tenant that is deleted.
pub async fn forget(store: &dyn Store, tenant: TenantId) -> Result<(), StoreError> {
    let (kind, mut from) = (TypeName::from(KIND), Start::Offset(0));
    loop {
        let page = store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = Start::After(*last);
        for (id, record) in page.iter() {
            if Place::read(&record.body)?.tenant != tenant {
                continue;
            }
            let mut commit = Commit::bookkeeping(kind.clone(), *id);
            commit.writes.push(Write::Delete(ResourceKey {
                tenant: TenantId::SYSTEM,
                resource_type: kind.clone(),
                id: *id,
            }));
            match store.commit(commit).await {
                Ok(_) | Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn key(sink: &str, tenant: TenantId) -> ResourceKey {
    let id = ResourceId::derived(&[tenant.0.as_bytes(), sink.as_bytes()]);
    own::key(KIND, id)
}
