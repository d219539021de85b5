//! Reading: one statement for each method of the store.

use std::sync::Arc;

use bytes::Bytes;
use deadpool_postgres::Object;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    connections::Connections,
    fault::{Fault, damaged},
    gather::{column, header, unsigned},
    range::{Instants, Places, next},
    statement,
};
use crate::{
    event::Event,
    store::{
        Body, IndexKey, IndexRange, IndexValue, LAST_MODIFIED, Position, Record, Reference, ResourceId, ResourceKey,
        Start, StoreError, TenantId, TypeName,
    },
};

/// How often a read is tried whose connection broke, or that another transaction was in the way of.
const TRIES: u32 = 4;

/// Reads, on any connection of the pool. What fails for want of a sound connection is tried on
/// another one.
pub(super) struct Reader(pub Arc<Connections>);

impl Reader {
    pub async fn query(&self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.0.get().await?;
            let outcome = async { connection.query(&connection.prepare_cached(sql).await?, parameters).await }.await;
            match outcome.map_err(Fault::from) {
                Ok(rows) => return Ok(rows),
                Err(Fault::Lost(_)) if tries < TRIES => drop(Object::take(connection)),
                Err(Fault::Contended(_)) if tries < TRIES => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Whether the database looks for damage whenever it reads a page.
    pub async fn has_checksums(&self) -> Result<bool, StoreError> {
        let rows = self.query(statement::CHECKSUMS, &[]).await?;
        Ok(rows.first().is_some_and(|row| column(row, 0).is_ok_and(|value: String| value == "on")))
    }

    pub async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        let rows = self.query(statement::GET, &[&key.tenant.0, &key.resource_type.as_str(), &key.id.0]).await?;
        rows.first().map(record).transpose()
    }

    pub async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        let IndexKey { tenant, resource_type, attribute, value } = key;
        let rows =
            self.query(statement::LOOKUP, &[&tenant.0, &resource_type.as_str(), &&**attribute, &value.0]).await?;
        rows.first().map(|row| column(row, 0).map(ResourceId)).transpose()
    }

    pub async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Vec<(ResourceId, Record)>, StoreError> {
        let (resource_type, limit) = (resource_type.as_str(), bounded(limit as u64));
        let rows = match from {
            Start::After(id) => {
                let Some(id) = next(id) else { return Ok(Vec::new()) };
                self.query(statement::RESOURCES_FROM, &[&tenant.0, &resource_type, &id, &limit]).await?
            }
            Start::Before(id) => {
                let before = statement::RESOURCES_BEFORE;
                let mut rows = self.query(before, &[&tenant.0, &resource_type, &id.0, &limit]).await?;
                rows.reverse();
                rows
            }
            Start::Offset(0) => {
                self.query(statement::RESOURCES_FROM, &[&tenant.0, &resource_type, &Uuid::nil(), &limit]).await?
            }
            Start::Offset(offset) => {
                let offset = bounded(offset);
                self.query(statement::RESOURCES_AT, &[&tenant.0, &resource_type, &offset, &limit]).await?
            }
        };
        rows.iter().map(|row| Ok((ResourceId(column(row, 7)?), record(row)?))).collect()
    }

    pub async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        let rows = self.query(statement::COUNT, &[&tenant.0, &resource_type.as_str()]).await?;
        rows.first().map_or(Ok(0), |row| unsigned(column(row, 0)?))
    }

    pub async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.positions(range, after, limit as u64, 0).await
    }

    pub async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
        Ok(self.positions(range, None, 1, offset).await?.pop())
    }

    async fn positions(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: u64,
        offset: u64,
    ) -> Result<Vec<Position>, StoreError> {
        let offset = bounded(offset);
        if *range.attribute == *LAST_MODIFIED {
            let sql = if range.descending { statement::MODIFIED_POSITIONS_DOWN } else { statement::MODIFIED_POSITIONS };
            let rows = self.modified(sql, range, after, limit, Some(&offset)).await?;
            return rows.iter().map(|row| instant_position(row, 0, 1)).collect();
        }
        let sql = if range.descending { statement::POSITIONS_DOWN } else { statement::POSITIONS };
        let rows = self.places(sql, range, after, limit, Some(&offset)).await?;
        rows.iter().map(|row| position(row, 0)).collect()
    }

    pub async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Option<Record>)>, StoreError> {
        if *range.attribute == *LAST_MODIFIED {
            let sql = if range.descending { statement::MODIFIED_DOWN } else { statement::MODIFIED };
            let rows = self.modified(sql, range, after, limit as u64, None).await?;
            return rows.iter().map(|row| Ok((instant_position(row, 2, 7)?, Some(record(row)?)))).collect();
        }
        let sql = if range.descending { statement::INDEXED_DOWN } else { statement::INDEXED };
        let rows = self.places(sql, range, after, limit as u64, None).await?;
        let with_record = |row: &Row| {
            // Entry and record come from one snapshot, so the record has the value if it is there.
            let there = column::<Option<i64>>(row, 0)?.is_some();
            Ok((position(row, 7)?, if there { Some(record(row)?) } else { None }))
        };
        rows.iter().map(with_record).collect()
    }

    pub async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        let rows = if *range.attribute == *LAST_MODIFIED {
            self.modified(statement::MODIFIED_COUNT, range, None, limit, None).await?
        } else {
            self.places(statement::INDEX_COUNT, range, None, limit, None).await?
        };
        rows.first().map_or(Ok(0), |row| unsigned(column(row, 0)?))
    }

    async fn places(
        &self,
        sql: &'static str,
        range: &IndexRange,
        after: Option<&Position>,
        limit: u64,
        offset: Option<&i64>,
    ) -> Result<Vec<Row>, StoreError> {
        let Places { first, end } = Places::of(range, after);
        let (name, attribute) = (range.resource_type.as_str(), &*range.attribute);
        let limit = bounded(limit);
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&range.tenant.0, &name, &attribute, &first.0, &first.1, &end.0, &end.1, &limit];
        parameters.extend(offset.map(|offset| offset as &(dyn ToSql + Sync)));
        self.query(sql, &parameters).await
    }

    async fn modified(
        &self,
        sql: &'static str,
        range: &IndexRange,
        after: Option<&Position>,
        limit: u64,
        offset: Option<&i64>,
    ) -> Result<Vec<Row>, StoreError> {
        let Some(Instants { first, last }) = Instants::of(range, after) else { return Ok(Vec::new()) };
        let name = range.resource_type.as_str();
        let limit = bounded(limit);
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&range.tenant.0, &name, &first.0, &first.1, &last.0, &last.1, &limit];
        parameters.extend(offset.map(|offset| offset as &(dyn ToSql + Sync)));
        self.query(sql, &parameters).await
    }

    pub async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Vec<Reference>, StoreError> {
        let Some(from) = after.map_or(Some(Uuid::nil()), next) else { return Ok(Vec::new()) };
        let sql = if names { statement::MEMBERS } else { statement::MEMBER_IDS };
        let (name, limit) = (group.resource_type.as_str(), bounded(limit as u64));
        let rows = self.query(sql, &[&group.tenant.0, &group.id.0, &from, &name, &limit]).await?;
        let reference = |row: &Row| {
            let display = if names { column::<Vec<u8>>(row, 2)?.into() } else { Bytes::new() };
            Ok(Reference { resource_type: column::<&str>(row, 0)?.into(), id: ResourceId(column(row, 1)?), display })
        };
        rows.iter().map(reference).collect()
    }

    pub async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        let name = group.resource_type.as_str();
        let rows = self.query(statement::IS_MEMBER, &[&group.tenant.0, &group.id.0, &member.0, &name]).await?;
        Ok(!rows.is_empty())
    }

    pub async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        let mut groups = vec![Vec::new(); members.len()];
        if members.is_empty() {
            return Ok(groups);
        }
        let ids: Vec<_> = members.iter().map(|member| member.0).collect();
        for row in self.query(statement::GROUPS_OF, &[&tenant.0, &ids]).await? {
            // Places are counted from 1.
            let place = usize::try_from(column::<i64>(&row, 0)? - 1).map_err(|_| damaged("a place"))?;
            let display = column::<Vec<u8>>(&row, 3)?.into();
            let (resource_type, id) = (column::<&str>(&row, 1)?.into(), ResourceId(column(&row, 2)?));
            if let Some(found) = groups.get_mut(place) {
                found.push(Reference { resource_type, id, display });
            }
        }
        Ok(groups)
    }

    pub async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let rows = self.query(statement::EVENTS, &[&tenant.0, &bounded(after), &bounded(limit as u64)]).await?;
        rows.iter().map(|row| event(column(row, 1)?)).collect()
    }
}

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

pub(super) fn event(document: &[u8]) -> Result<Event, StoreError> {
    serde_json::from_slice(document).map_err(|_| damaged("an event"))
}

/// A value and an id, in two columns.
fn position(row: &Row, from: usize) -> Result<Position, StoreError> {
    Ok(Position { value: IndexValue(column(row, from)?), id: ResourceId(column(row, from + 1)?) })
}

fn instant_position(row: &Row, at: usize, id: usize) -> Result<Position, StoreError> {
    let at = scim_protocol::Timestamp::from_millis(column(row, at)?);
    Ok(Position { value: IndexValue::instant(at), id: ResourceId(column(row, id)?) })
}
