//! What is removed in small steps: the edges of deleted groups, tenants, old events.
//!
//! A long transaction would hold its locks, and keep the database from cleaning up, for all that time.

use scim_protocol::Timestamp;
use tokio_postgres::types::ToSql;

use super::{
    connections::Turn,
    error::QueryError,
    prefetch::column,
    read::{Reader, event},
    row::BYTES,
    statement,
};
use crate::store::{ResourceId, StoreError, TenantId};

/// How many rows go in one step.
const STEP: i64 = 1000;
/// How often a step is tried that a commit was in the way of, or whose connection broke.
const TRIES: u32 = 8;

/// Removes the edges of a deleted group, and then that it was one.
pub(super) async fn sweep(reader: &Reader, tenant: TenantId, group: ResourceId) -> Result<(), StoreError> {
    while run(reader, statement::SWEEP, &[&tenant.0, &group.0, &STEP]).await? >= STEP.unsigned_abs() {}
    run(reader, statement::SWEPT, &[&tenant.0, &group.0]).await.map(drop)
}

/// Removes the edges that were left when a process ended.
pub(super) async fn sweep_all(reader: &Reader) -> Result<(), StoreError> {
    loop {
        let rows = reader.query(TenantId::SYSTEM, statement::DISSOLVED, &[]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            sweep(reader, TenantId(column(&row, 0)?), ResourceId(column(&row, 1)?)).await?;
        }
    }
}

/// Closes a tenant for good, and removes everything of it; gives how many resources went.
pub(super) async fn erase(reader: &Reader, tenant: TenantId) -> Result<u64, StoreError> {
    let mut gone = 0;
    let changes: i64 = rand::random_range(0..i64::MAX / 4);
    run(reader, statement::CLOSE_ERASED, &[&tenant.0, &i64::MIN, &changes]).await?;
    for sql in statement::ERASE {
        loop {
            let rows = run(reader, sql, &[&tenant.0, &STEP]).await?;
            run(reader, statement::CHANGE_UNTOLD, &[&tenant.0]).await?;
            if *sql == statement::ERASE_RESOURCES {
                gone += rows;
            }
            if rows < STEP.unsigned_abs() {
                break;
            }
        }
    }
    Ok(gone)
}

/// Removes events older than that instant from the beginnings of all logs; gives how many went.
pub(super) async fn forget(reader: &Reader, before: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    for row in reader.query(TenantId::SYSTEM, statement::TENANTS, &[]).await? {
        let tenant = TenantId(column(&row, 0)?);
        loop {
            let rows = reader.query(tenant, statement::EVENTS, &[&tenant.0, &-1_i64, &STEP, &BYTES]).await?;
            let mut last = None;
            let mut old = 0;
            for row in &rows {
                if event(column(row, 1)?)?.at() >= before {
                    break;
                }
                last = Some(column::<i64>(row, 0)?);
                old += 1;
            }
            let Some(last) = last else { break };
            gone += run(reader, statement::FORGET, &[&tenant.0, &last]).await?;
            if old < rows.len() {
                break;
            }
        }
    }
    Ok(gone)
}

/// One step; how many rows went. What a step removes can be removed again without harm.
async fn run(reader: &Reader, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let connection = reader.connections.get(Turn::Write).await?;
        let outcome = async { connection.execute(&connection.prepare_cached(sql).await?, parameters).await }.await;
        match outcome.map_err(QueryError::from) {
            Ok(rows) => return Ok(rows),
            Err(QueryError::Lost(_)) if tries < TRIES => connection.discard(),
            Err(QueryError::Contended(_)) if tries < TRIES => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}
