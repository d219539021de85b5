//! Scans of everything that a tenant has: for exports, which need one state of it, and for checks, which may
//! repair it.

use scim_protocol::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    connections::{Connections, Turn},
    error::{QueryError, damaged},
    group_commit::Guarded,
    pipeline::{self, Step, columns},
    prefetch::{self, column},
    row::{BYTES, record, rows},
    statement::{self, FOR_GOOD},
};
use crate::store::{IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName, decide::Entries};

/// How many rows are read at a time.
pub(super) const PAGE: i64 = 500;

/// A transaction that reads everything.
pub(super) struct TenantScan {
    connection: Guarded,
    pub tenant: TenantId,
}

/// An edge, and whether its two ends exist.
pub(super) struct ScannedEdge {
    pub group: ResourceKey,
    pub member: ResourceKey,
    pub group_exists: bool,
    pub member_exists: bool,
    pub dissolved: bool,
    /// Since when it is there.
    pub since: Option<Timestamp>,
}

impl TenantScan {
    /// One state of the store, however long the scan takes: other transactions go on writing. It begins with
    /// this tenant, and may go on with others by [`Self::turn_to`].
    pub async fn snapshot(connections: &std::sync::Arc<Connections>, tenant: TenantId) -> Result<Self, StoreError> {
        Self::begin(connections, tenant, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// Every tenant of the same state, also copies of tenants that are kept in another database.
    pub async fn tenants(&mut self) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.query(statement::ALL_TENANTS, &[]).await?;
        rows.iter().map(|row| column(row, 0).map(TenantId)).collect()
    }

    /// Goes on with another tenant.
    pub fn turn_to(&mut self, tenant: TenantId) {
        self.tenant = tenant;
    }

    /// A tenant to which no other transaction writes while the scan lasts, and which the scan may put right.
    pub async fn alone(connections: &std::sync::Arc<Connections>, tenant: TenantId) -> Result<Self, StoreError> {
        let mut scan = Self::begin(connections, tenant, "BEGIN").await?;
        let rows = scan.query(statement::LOCK, &[&vec![tenant.0]]).await?;
        for row in &rows {
            // It is kept elsewhere, or what is repaired here would not be copied.
            if column::<Option<i64>>(row, 4)? == Some(FOR_GOOD) || column::<Option<i64>>(row, 5)?.is_some() {
                return Err(StoreError::Closed(tenant));
            }
        }
        // What is put right leaves no note of itself.
        scan.query(statement::CHANGE_UNTOLD, &[&tenant.0]).await?;
        Ok(scan)
    }

    /// The copy of a tenant which the move of that number has made or left behind; `Closed` if there is none.
    pub async fn copy(
        connections: &std::sync::Arc<Connections>,
        tenant: TenantId,
        number: i64,
    ) -> Result<Self, StoreError> {
        let mut scan = Self::begin(connections, tenant, "BEGIN").await?;
        let held = scan.query(statement::spread::HOLD, &[&tenant.0, &FOR_GOOD, &number]).await?;
        if held.is_empty() { Err(StoreError::Closed(tenant)) } else { Ok(scan) }
    }

    /// Runs a statement; how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let connection = self.connection.get()?;
        let changed = async { connection.execute(&connection.prepare_cached(sql).await?, parameters).await }.await;
        Ok(changed.map_err(QueryError::from)?)
    }

    async fn begin(
        connections: &std::sync::Arc<Connections>,
        tenant: TenantId,
        begin: &'static str,
    ) -> Result<Self, StoreError> {
        let mut connection = Guarded(Some(connections.get(Turn::Scan).await?));
        // The sink may be slow between two pages.
        let patient = Step::Plain("SET LOCAL idle_in_transaction_session_timeout = 0");
        pipeline::run(connection.get()?, &[Step::Plain(begin), patient]).await?;
        Ok(Self { connection, tenant })
    }

    /// Ends the scan; what was put right is so from now on.
    pub async fn end(mut self) -> Result<(), StoreError> {
        self.connection.get()?.batch_execute("COMMIT").await.map_err(QueryError::from)?;
        self.connection.give_back();
        Ok(())
    }

    pub async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        Ok(rows(self.connection.get()?, sql, parameters, |row| Ok(row.clone())).await?)
    }

    /// The resources behind a key, with the index entries of each.
    pub async fn resources(
        &mut self,
        after: Option<&ResourceKey>,
    ) -> Result<Vec<(ResourceKey, Record, Entries)>, StoreError> {
        let (name, id) = after.map_or(("", Uuid::nil()), |key| (key.resource_type.as_str(), key.id.0));
        let tenant = self.tenant;
        self.records(statement::SCAN_RESOURCES, &[&tenant.0, &name, &id, &PAGE, &BYTES]).await
    }

    /// These resources, of those that are there, with the index entries of each.
    pub async fn these(
        &mut self,
        types: &[&str],
        ids: &[Uuid],
    ) -> Result<Vec<(ResourceKey, Record, Entries)>, StoreError> {
        let tenant = self.tenant;
        self.records(statement::spread::RECORDS, &[&tenant.0, &types, &ids]).await
    }

    async fn records(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<(ResourceKey, Record, Entries)>, StoreError> {
        let tenant = self.tenant;
        let one = |row: &Row| {
            let resource_type = column::<&str>(row, 8)?.into();
            let key = ResourceKey { tenant, resource_type, id: ResourceId(column(row, 7)?) };
            Ok((key, record(row)?, Entries::new()))
        };
        let mut found = rows(self.connection.get()?, sql, parameters, one).await?;
        self.add_entries(&mut found).await?;
        Ok(found)
    }

    async fn add_entries(&mut self, found: &mut [(ResourceKey, Record, Entries)]) -> Result<(), StoreError> {
        let tenants: Vec<_> = found.iter().map(|(key, ..)| key.tenant.0).collect();
        let types: Vec<_> = found.iter().map(|(key, ..)| key.resource_type.as_str().to_owned()).collect();
        let ids: Vec<_> = found.iter().map(|(key, ..)| key.id.0).collect();
        let rows = self.query(statement::HELD, &[&tenants, &types, &ids]).await?;
        let places: std::collections::HashMap<_, _> =
            found.iter().enumerate().map(|(place, (key, ..))| (key.clone(), place)).collect();
        for row in &rows {
            let place = places.get(&prefetch::resource_key(row, 0)?);
            let entries = place.and_then(|place| found.get_mut(*place)).ok_or_else(|| damaged("an index entry"))?;
            entries.2.insert((column::<&str>(row, 3)?.into(), IndexValue(column(row, 4)?)), column(row, 5)?);
        }
        Ok(())
    }

    /// The edges behind one.
    pub async fn edges(&mut self, after: Option<(ResourceId, ResourceId)>) -> Result<Vec<ScannedEdge>, StoreError> {
        let (group, member) = after.map_or((Uuid::nil(), Uuid::nil()), |(group, member)| (group.0, member.0));
        let tenant = self.tenant;
        let rows = self.query(statement::SCAN_EDGES, &[&tenant.0, &group, &member, &PAGE]).await?;
        let key = |id: ResourceId, name: &str| ResourceKey { tenant, resource_type: TypeName::from(name), id };
        rows.iter()
            .map(|row| {
                Ok(ScannedEdge {
                    group: key(ResourceId(column(row, 0)?), column(row, 2)?),
                    member: key(ResourceId(column(row, 1)?), column(row, 3)?),
                    group_exists: column(row, 4)?,
                    member_exists: column(row, 5)?,
                    dissolved: column(row, 6)?,
                    since: column::<Option<i64>>(row, 7)?.map(Timestamp::from_millis),
                })
            })
            .collect()
    }

    /// The events behind a sequence: each with its sequence and its bytes.
    pub async fn events(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let tenant = self.tenant;
        let rows = self.query(statement::EVENTS, &[&tenant.0, &after, &PAGE, &BYTES]).await?;
        rows.iter().map(|row| Ok((column(row, 0)?, column(row, 1)?))).collect()
    }

    /// Runs a statement that changes many rows.
    pub async fn change(&mut self, sql: &'static str, parameters: Vec<pipeline::Parameter>) -> Result<(), StoreError> {
        self.run(&[Step::Query(sql, parameters)]).await
    }

    /// The same with several.
    pub async fn run(&mut self, steps: &[Step]) -> Result<(), StoreError> {
        pipeline::run(self.connection.get()?, steps).await?;
        Ok(())
    }

    /// How many members each of these groups has.
    pub async fn members(&mut self, groups: Vec<Uuid>) -> Result<Vec<(ResourceId, i64)>, StoreError> {
        let tenant = self.tenant;
        let rows = self.query(statement::COUNTED_MEMBERS, &[&tenant.0, &groups]).await?;
        rows.iter().map(|row| Ok((ResourceId(column(row, 0)?), column(row, 1)?))).collect()
    }

    /// Removes an edge.
    pub async fn leave(&mut self, edge: &ScannedEdge) -> Result<(), StoreError> {
        let columns = columns![vec![self.tenant.0], vec![edge.group.id.0], vec![edge.member.id.0]];
        self.change(statement::LEAVE, columns).await
    }
}
