//! What rows are read as, and numbers as the database takes them.

use std::pin::pin;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tokio_postgres::{Row, types::ToSql};

use super::{
    connections::Connection,
    error::{QueryError, damaged},
    prefetch::{column, header},
};
use crate::store::{Body, IndexValue, PAGE_BYTES, Position, Record, ResourceId, StoreError};

/// Reads rows, and makes something of each as it comes: what stands in memory is what is made of them, and the
/// row that came last.
pub(super) async fn rows<T>(
    connection: &Connection,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    make: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, QueryError> {
    let statement = connection.prepare_cached(sql).await?;
    let mut rows = pin!(connection.query_raw(&statement, parameters.iter().copied()).await?);
    let mut made = Vec::new();
    while let Some(row) = rows.try_next().await? {
        made.push(make(&row)?);
    }
    Ok(made)
}

/// [`PAGE_BYTES`] as a parameter.
pub(super) const BYTES: i64 = PAGE_BYTES.cast_signed() as i64;

/// A number as the database takes it. No store has so many of anything that the bound matters.
pub(super) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The first seven columns: header and body.
pub(super) fn record(row: &Row) -> Result<Record, StoreError> {
    let part = |at| column::<Vec<u8>>(row, at).map(Bytes::from);
    let body = Body { display: part(4)?, visible: part(5)?, hidden: part(6)? };
    Ok(Record { header: header(row, 0)?, body })
}

/// A value and an id, in two columns.
pub(super) fn position(row: &Row, from: usize) -> Result<Position, StoreError> {
    Ok(Position { value: IndexValue(column(row, from)?), id: ResourceId(column(row, from + 1)?) })
}

pub(super) fn instant_position(row: &Row, at: usize, id: usize) -> Result<Position, StoreError> {
    let at = scim_protocol::Timestamp::from_millis(column(row, at)?);
    Ok(Position { value: IndexValue::instant(at), id: ResourceId(column(row, id)?) })
}

/// A number that cannot be as large as the database could not keep it.
pub(super) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| damaged("a number"))
}
