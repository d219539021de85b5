//! Records that are kept until an instant, and then are of no use: what was revoked, what was spent.

use scim_protocol::Timestamp;

use crate::{
    own,
    store::{Commit, IndexEntry, Record, ResourceId, ResourceKey, Start, Store, StoreError, TenantId, TypeName, Write},
};

/// The id of such a record: a UUIDv7 of the instant, so that they stand in the order in which they go.
pub fn id(until: i64, random: [u8; 16]) -> ResourceId {
    let mut tail = [0; 10];
    tail.copy_from_slice(&random[..10]);
    let millis = u64::try_from(until).unwrap_or_default();
    ResourceId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

/// Where such a record is stored.
pub fn key(kind: &str, id: ResourceId) -> ResourceKey {
    own::key(kind, id)
}

/// Removes those of a kind whose instant is over; `entries` are the index entries of one.
pub async fn forget(
    store: &dyn Store,
    kind: &str,
    now: Timestamp,
    entries: impl Fn(ResourceId, &Record) -> Result<Vec<IndexEntry>, StoreError>,
) -> Result<(), StoreError> {
    const PAGE: usize = 200;
    loop {
        let page = store.resources(TenantId::SYSTEM, &TypeName::from(kind), Start::Offset(0), PAGE).await?;
        let mut removed = 0;
        for (id, record) in page.iter().take_while(|(id, _)| until(*id) <= now.as_millis()) {
            let mut commit = Commit::bookkeeping(kind.into(), *id);
            commit.writes.extend(entries(*id, record)?.into_iter().map(Write::Unindex));
            commit.writes.push(Write::Delete(key(kind, *id)));
            match store.commit(commit).await {
                Ok(_) | Err(StoreError::Missing(_)) => removed += 1,
                Err(error) => return Err(error),
            }
        }
        if removed < PAGE {
            return Ok(());
        }
    }
}

/// The instant of a record with that id, in milliseconds since the epoch.
pub fn until(id: ResourceId) -> i64 {
    let (seconds, nanos) = id.0.get_timestamp().map_or((0, 0), |at| at.to_unix());
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000).saturating_add(i64::from(nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_in_the_order_in_which_they_go() {
        let instants = [5, 70_000, 1_800_000_000_000];
        let ids = instants.map(|at| id(at, [9; 16]));
        assert!(ids.is_sorted());
        assert_eq!(ids.map(until), instants);
    }
}
