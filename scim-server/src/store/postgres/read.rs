//! Reading: one statement for each method of the store.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use scim_protocol::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    connections::{Connections, Turn},
    error::{QueryError, damaged},
    prefetch::{column, unsigned},
    range::{Instants, Places, next},
    rank::{FEW, Ranks},
    row::{BYTES, bounded, instant_position, position, record, rows},
    statement,
};
use crate::{
    event::Event,
    store::{
        EventsAbout, IndexKey, IndexRange, LAST_MODIFIED, Log, Memberships, PAGE_BYTES, Page, Position, Record,
        Reference, ResourceId, ResourceKey, Start, StoreError, TenantId, TypeName, Values,
    },
};

/// How often a read is tried whose connection broke, or that another transaction was in the way of.
const TRIES: u32 = 4;

/// Reads, on any connection of the pool. What fails for want of a sound connection is tried on
/// another one.
pub(super) struct Reader {
    pub connections: Arc<Connections>,
    ranks: Ranks,
}

impl Reader {
    pub fn new(connections: Arc<Connections>) -> Self {
        Self { connections, ranks: Ranks::default() }
    }

    /// Reads rows for a tenant.
    pub async fn query(
        &self,
        tenant: TenantId,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.read(tenant, sql, parameters, |row| Ok(row.clone())).await
    }

    /// Reads rows for a tenant, and makes something of each as it comes.
    async fn read<T>(
        &self,
        tenant: TenantId,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
        make: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.connections.get(Turn::Read(tenant)).await?;
            match rows(&connection, sql, parameters, &make).await {
                Ok(rows) => return Ok(rows),
                Err(QueryError::Lost(_)) if tries < TRIES => connection.discard(),
                Err(QueryError::Contended(_)) if tries < TRIES => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Reads the rows of two statements, in one round trip.
    async fn read_both<A, B>(
        &self,
        tenant: TenantId,
        one: (&'static str, &[&(dyn ToSql + Sync)], impl Fn(&Row) -> Result<A, StoreError>),
        other: (&'static str, &[&(dyn ToSql + Sync)], impl Fn(&Row) -> Result<B, StoreError>),
    ) -> Result<(Vec<A>, Vec<B>), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.connections.get(Turn::Read(tenant)).await?;
            let both = async {
                // What is not prepared yet would be prepared between the two.
                connection.prepare_cached(one.0).await?;
                connection.prepare_cached(other.0).await?;
                let one = rows(&connection, one.0, one.1, &one.2);
                let other = rows(&connection, other.0, other.1, &other.2);
                futures_util::future::try_join(one, other).await
            };
            match both.await {
                Ok(both) => return Ok(both),
                Err(QueryError::Lost(_)) if tries < TRIES => connection.discard(),
                Err(QueryError::Contended(_)) if tries < TRIES => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Whether the database looks for damage whenever it reads a page.
    pub async fn has_checksums(&self) -> Result<bool, StoreError> {
        let rows = self.query(TenantId::SYSTEM, statement::CHECKSUMS, &[]).await?;
        Ok(rows.first().is_some_and(|row| column(row, 0).is_ok_and(|value: String| value == "on")))
    }

    pub async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 3] = [&key.tenant.0, &key.resource_type.as_str(), &key.id.0];
        Ok(self.read(key.tenant, statement::GET, &parameters, record).await?.pop())
    }

    pub async fn get_in_groups(&self, key: &ResourceKey) -> Result<Option<(Record, Vec<Reference>)>, StoreError> {
        let this: [&(dyn ToSql + Sync); 3] = [&key.tenant.0, &key.resource_type.as_str(), &key.id.0];
        let ids = vec![key.id.0];
        let of_it: [&(dyn ToSql + Sync); 2] = [&key.tenant.0, &ids];
        let group = |row: &Row| group(row);
        let both = self.read_both(key.tenant, (statement::GET, &this, record), (statement::GROUPS_OF, &of_it, group));
        let (mut records, groups) = both.await?;
        Ok(records.pop().map(|record| (record, groups)))
    }

    pub async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        let IndexKey { tenant, resource_type, attribute, value } = key;
        let parameters: [&(dyn ToSql + Sync); 4] = [&tenant.0, &resource_type.as_str(), &&**attribute, &value.0];
        Ok(self.read(*tenant, statement::LOOKUP, &parameters, |row| column(row, 0).map(ResourceId)).await?.pop())
    }

    pub async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        let (name, most) = (resource_type.as_str(), bounded(limit as u64));
        if let Start::Offset(offset) = from
            && offset > 0
        {
            return self.resources_at(tenant, resource_type, offset, limit).await;
        }
        let one = |row: &Row| Ok((ResourceId(column(row, 7)?), record(row)?));
        let (sql, id) = match from {
            Start::After(id) => (statement::RESOURCES_FROM, next(id)),
            Start::Before(id) => (statement::RESOURCES_BEFORE, Some(id.0)),
            Start::Offset(_) => (statement::RESOURCES_FROM, Some(Uuid::nil())),
        };
        let Some(id) = id else { return Ok(Page { items: Vec::new(), done: true }) };
        let items = self.read(tenant, sql, &[&tenant.0, &name, &id, &most, &BYTES], one).await?;
        let mut page = page(items, limit, |(_, record)| record.bytes());
        if matches!(from, Start::Before(_)) {
            page.items.reverse();
        }
        Ok(page)
    }

    /// Resources behind so many others.
    async fn resources_at(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        offset: u64,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        let most = bounded(limit as u64);
        if offset >= FEW
            && let Some(items) = self.ranks.resources(&self.connections, (tenant, resource_type), offset, most).await?
        {
            return Ok(page(items, limit, |(_, record)| record.bytes()));
        }
        let one = |row: &Row| Ok((ResourceId(column(row, 7)?), record(row)?));
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&tenant.0, &resource_type.as_str(), &bounded(offset), &most, &BYTES, &Uuid::nil()];
        let items = self.read(tenant, statement::RESOURCES_AT, &parameters, one).await?;
        Ok(page(items, limit, |(_, record)| record.bytes()))
    }

    pub async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&tenant.0, &resource_type.as_str()];
        let counts = self.read(tenant, statement::COUNT, &parameters, |row| unsigned(column(row, 0)?)).await?;
        Ok(counts.first().copied().unwrap_or(0))
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
        if offset >= FEW
            && let Some(found) = self.ranks.at(&self.connections, range, offset).await?
        {
            return Ok(found);
        }
        Ok(self.positions(range, None, 1, offset).await?.pop())
    }

    async fn positions(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: u64,
        offset: u64,
    ) -> Result<Vec<Position>, StoreError> {
        let (limit, offset) = (bounded(limit), bounded(offset));
        let bounds: [&(dyn ToSql + Sync); 2] = [&limit, &offset];
        if *range.attribute == *LAST_MODIFIED {
            let sql = if range.descending { statement::MODIFIED_POSITIONS_DOWN } else { statement::MODIFIED_POSITIONS };
            return self.modified(sql, range, after, &bounds, |row| instant_position(row, 0, 1)).await;
        }
        let sql = if range.descending { statement::POSITIONS_DOWN } else { statement::POSITIONS };
        self.places(sql, range, after, &bounds, |row| position(row, 0)).await
    }

    pub async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError> {
        let most = bounded(limit as u64);
        let items = if *range.attribute == *LAST_MODIFIED {
            let sql = if range.descending { statement::MODIFIED_DOWN } else { statement::MODIFIED };
            let with_record = |row: &Row| Ok((instant_position(row, 2, 7)?, Some(record(row)?)));
            self.modified(sql, range, after, &[&most, &BYTES], with_record).await?
        } else {
            let sql = if range.descending { statement::INDEXED_DOWN } else { statement::INDEXED };
            self.places(sql, range, after, &[&most, &BYTES], indexed).await?
        };
        Ok(page(items, limit, |(_, record)| record.as_ref().map_or(0, Record::bytes)))
    }

    /// With groups, where so few are found that theirs are few, too.
    pub async fn indexed_in_groups(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Page<(Position, Option<Record>)>, Option<Vec<Vec<Reference>>>), StoreError> {
        if !matches!(range.values, Values::Equal(_)) || range.descending || *range.attribute == *LAST_MODIFIED {
            return Ok((self.indexed(range, after, limit).await?, None));
        }
        let Places { first, end } = Places::of(range, after);
        let (name, attribute, most) = (range.resource_type.as_str(), &*range.attribute, bounded(limit as u64));
        let parameters: [&(dyn ToSql + Sync); 9] =
            [&range.tenant.0, &name, &attribute, &first.0, &first.1, &end.0, &end.1, &most, &BYTES];
        let of_them = parameters.get(..8).unwrap_or_default();
        let group = |row: &Row| Ok((ResourceId(column(row, 0)?), group(row)?));
        let found = (statement::INDEXED, &parameters[..], indexed);
        let (items, groups) =
            self.read_both(range.tenant, found, (statement::GROUPS_OF_INDEXED, of_them, group)).await?;
        let page = page(items, limit, |(_, record)| record.as_ref().map_or(0, Record::bytes));
        let mut of_each: HashMap<ResourceId, Vec<Reference>> = HashMap::new();
        for (member, group) in groups {
            of_each.entry(member).or_default().push(group);
        }
        let groups = page.iter().map(|(position, _)| of_each.remove(&position.id).unwrap_or_default()).collect();
        Ok((page, Some(groups)))
    }

    pub async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        let few = self.counted(range, limit.min(FEW)).await?;
        if few < FEW || limit <= FEW {
            return Ok(few);
        }
        match self.ranks.count(&self.connections, range).await? {
            Some(count) => Ok(count.min(limit)),
            None => self.counted(range, limit).await,
        }
    }

    /// The same, counted by the database.
    async fn counted(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        let count = |row: &Row| unsigned(column(row, 0)?);
        let counts = if *range.attribute == *LAST_MODIFIED {
            self.modified(statement::MODIFIED_COUNT, range, None, &[&bounded(limit)], count).await?
        } else {
            self.places(statement::INDEX_COUNT, range, None, &[&bounded(limit)], count).await?
        };
        Ok(counts.first().copied().unwrap_or(0))
    }

    /// Reads a run of an index; `bounds` are the last parameters of the statement.
    async fn places<T>(
        &self,
        sql: &'static str,
        range: &IndexRange,
        after: Option<&Position>,
        bounds: &[&(dyn ToSql + Sync)],
        make: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let Places { first, end } = Places::of(range, after);
        let (name, attribute) = (range.resource_type.as_str(), &*range.attribute);
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&range.tenant.0, &name, &attribute, &first.0, &first.1, &end.0, &end.1];
        parameters.extend(bounds);
        self.read(range.tenant, sql, &parameters, make).await
    }

    /// The same in the order of `meta.lastModified`.
    async fn modified<T>(
        &self,
        sql: &'static str,
        range: &IndexRange,
        after: Option<&Position>,
        bounds: &[&(dyn ToSql + Sync)],
        make: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(Instants { first, last }) = Instants::of(range, after) else { return Ok(Vec::new()) };
        let name = range.resource_type.as_str();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&range.tenant.0, &name, &first.0, &first.1, &last.0, &last.1];
        parameters.extend(bounds);
        self.read(range.tenant, sql, &parameters, make).await
    }

    pub async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError> {
        let Some(from) = after.map_or(Some(Uuid::nil()), next) else {
            return Ok(Page { items: Vec::new(), done: true });
        };
        let (name, most) = (group.resource_type.as_str(), bounded(limit as u64));
        let parameters: [&(dyn ToSql + Sync); 6] = [&group.tenant.0, &group.id.0, &from, &name, &most, &BYTES];
        let reference = |row: &Row| {
            let display = if names { column::<Vec<u8>>(row, 2)?.into() } else { Bytes::new() };
            Ok(Reference { resource_type: column::<&str>(row, 0)?.into(), id: ResourceId(column(row, 1)?), display })
        };
        let items = if names {
            self.read(group.tenant, statement::MEMBERS, &parameters, reference).await?
        } else {
            // Without names there are no bytes to bound.
            self.read(group.tenant, statement::MEMBER_IDS, parameters.get(..5).unwrap_or_default(), reference).await?
        };
        Ok(page(items, limit, |member| member.display.len()))
    }

    pub async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        let name = group.resource_type.as_str();
        let parameters: [&(dyn ToSql + Sync); 4] = [&group.tenant.0, &group.id.0, &member.0, &name];
        Ok(!self.query(group.tenant, statement::IS_MEMBER, &parameters).await?.is_empty())
    }

    pub async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        let mut groups = vec![Vec::new(); members.len()];
        if members.is_empty() {
            return Ok(groups);
        }
        let ids: Vec<_> = members.iter().map(|member| member.0).collect();
        let of_place = |row: &Row| {
            // Places are counted from 1.
            let place = usize::try_from(column::<i64>(row, 0)? - 1).map_err(|_| damaged("a place"))?;
            Ok((place, group(row)?))
        };
        for (place, reference) in self.read(tenant, statement::GROUPS_OF, &[&tenant.0, &ids], of_place).await? {
            if let Some(found) = groups.get_mut(place) {
                found.push(reference);
            }
        }
        Ok(groups)
    }

    pub async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        let mut groups = vec![Memberships::new(); members.len()];
        let ids: Vec<_> = members.iter().map(|member| member.0).collect();
        let of_place = |row: &Row| {
            let place = usize::try_from(column::<i64>(row, 0)? - 1).map_err(|_| damaged("a place"))?;
            let joined = column::<Option<i64>>(row, 2)?.map(Timestamp::from_millis);
            Ok((place, (ResourceId(column(row, 1)?), joined)))
        };
        for (place, membership) in self.read(tenant, statement::MEMBERSHIPS, &[&tenant.0, &ids], of_place).await? {
            if let Some(found) = groups.get_mut(place) {
                found.push(membership);
            }
        }
        Ok(groups)
    }

    pub async fn log(&self, tenant: TenantId) -> Result<Log, StoreError> {
        let ends = |row: &Row| Ok((unsigned(column(row, 0)?)?, column::<Option<i64>>(row, 1)?));
        let ends = self.read(tenant, statement::LOG_ENDS, &[&tenant.0], ends).await?;
        let (newest, oldest) = ends.first().copied().unwrap_or_default();
        let oldest = oldest.map_or(Ok(newest + 1), unsigned)?;
        Ok(Log { oldest, newest })
    }

    pub async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 4] = [&tenant.0, &bounded(after), &bounded(limit as u64), &BYTES];
        self.read(tenant, statement::EVENTS, &parameters, |row| event(column(row, 1)?)).await
    }

    pub async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError> {
        let id = resource.to_string().into_bytes();
        let parameters: [&(dyn ToSql + Sync); 5] = [&tenant.0, &bounded(after), &bounded(until), &id, &BYTES];
        let sized = |row: &Row| column::<&[u8]>(row, 1).and_then(|document| Ok((document.len(), event(document)?)));
        let found = self.read(tenant, statement::EVENTS_ABOUT, &parameters, sized).await?;
        let is_whole = found.iter().map(|(bytes, _)| bytes).sum::<usize>() < PAGE_BYTES;
        let events: Vec<_> = found.into_iter().map(|(_, event)| event).collect();
        let last = events.last().map(|event| event.sequence).filter(|_| !is_whole);
        Ok(EventsAbout { events, until: last.unwrap_or(until) })
    }
}

/// What was read of at most so many, and of [`PAGE_BYTES`].
fn page<T>(items: Vec<T>, limit: usize, bytes_of: impl Fn(&T) -> usize) -> Page<T> {
    let done = items.len() < limit && items.iter().map(bytes_of).sum::<usize>() < PAGE_BYTES;
    Page { items, done }
}

/// An entry with its record, which come from one snapshot: the record has the value if it is there.
fn indexed(row: &Row) -> Result<(Position, Option<Record>), StoreError> {
    let there = column::<Option<i64>>(row, 0)?.is_some();
    Ok((position(row, 7)?, if there { Some(record(row)?) } else { None }))
}

/// A group, behind the column that says whose it is.
fn group(row: &Row) -> Result<Reference, StoreError> {
    let display = column::<Vec<u8>>(row, 3)?.into();
    Ok(Reference { resource_type: column::<&str>(row, 1)?.into(), id: ResourceId(column(row, 2)?), display })
}

pub(super) fn event(document: &[u8]) -> Result<Event, StoreError> {
    serde_json::from_slice(document).map_err(|_| damaged("an event"))
}
