//! The schema, by numbered steps that are applied once each and in order.
//!
//! A process that changes the schema locks one row: of two processes that start at once, the second waits and
//! finds the steps done.

use scim_protocol::Timestamp;
use tokio_postgres::error::SqlState;

use super::{
    connections::Connection,
    error::{QueryError, unavailable},
};
use crate::store::StoreError;

/// A step: its number is its place, from 1.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { name: "tables", sql: include_str!("migrations/0001_tables.sql") },
    Migration { name: "key_changes", sql: include_str!("migrations/0002_key_changes.sql") },
    Migration { name: "since", sql: include_str!("migrations/0003_since.sql") },
    Migration { name: "spread", sql: include_str!("migrations/0004_spread.sql") },
];

/// The number of the last step that this program knows.
pub(super) const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64;

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_lock (only_row bigint NOT NULL PRIMARY KEY); \
    CREATE TABLE IF NOT EXISTS schema_migration \
    (number bigint NOT NULL PRIMARY KEY, name text NOT NULL, applied bigint NOT NULL); \
    INSERT INTO schema_lock (only_row) VALUES (1) ON CONFLICT (only_row) DO NOTHING";

/// How often a step is tried that another process was in the way of.
const TRIES: u32 = 20;

/// The number of the last step that was applied; 0 in an empty database.
pub(super) async fn current(connection: &Connection) -> Result<i64, StoreError> {
    match connection.query_opt("SELECT max(number) FROM schema_migration", &[]).await {
        Ok(row) => Ok(row.and_then(|row| row.get(0)).unwrap_or(0)),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
        Err(error) => Err(QueryError::from(error).into()),
    }
}

/// Applies what is missing; gives the names of the steps that were.
pub(super) async fn apply(connection: &mut Connection, now: Timestamp) -> Result<Vec<&'static str>, StoreError> {
    let mut failed = 0;
    loop {
        match attempt(connection, now).await {
            Ok(applied) => return Ok(applied),
            Err(QueryError::Contended(why)) if failed < TRIES => {
                failed += 1;
                tracing::debug!(why, "another process changes the schema at the same time");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Two processes may run `CREATE TABLE IF NOT EXISTS` at once, before there is a row to lock: then one of them
/// gets the error that the table, or a part of it, exists.
fn met(error: tokio_postgres::Error) -> QueryError {
    match error.code() {
        Some(code) if [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT].contains(code) => {
            QueryError::Contended(error.to_string())
        }
        _ => error.into(),
    }
}

async fn attempt(connection: &mut Connection, now: Timestamp) -> Result<Vec<&'static str>, QueryError> {
    connection.batch_execute(LEDGER).await.map_err(met)?;
    let transaction = connection.transaction().await?;
    transaction.query("SELECT only_row FROM schema_lock FOR UPDATE", &[]).await?;
    let row = transaction.query_one("SELECT coalesce(max(number), 0) FROM schema_migration", &[]).await?;
    let found: i64 = row.try_get(0)?;
    if found > NEWEST {
        return Err(unavailable(format!("the schema has version {found}, and this program knows {NEWEST}")).into());
    }
    let mut applied = Vec::new();
    for (number, migration) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        transaction.batch_execute(migration.sql).await?;
        let row = "INSERT INTO schema_migration (number, name, applied) VALUES ($1, $2, $3)";
        transaction.execute(row, &[&number, &migration.name, &now.as_millis()]).await?;
        applied.push(migration.name);
    }
    transaction.commit().await?;
    Ok(applied)
}
