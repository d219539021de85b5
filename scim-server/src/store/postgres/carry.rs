//! A tenant is carried from one database to another while it is served.
//!
//! What is there is copied as it stood at one moment. From that moment on, writers note what they touch, in their own
//! transactions ([`super::touched`]), under a number. Each further pass gives them the next number, and copies what stands under
//! the last one as it stood when the number changed: so the copy is, after each pass, a state that the tenant had. When
//! little is left, the tenant is closed, and the last pass copies the rest.
//!
//! Rows are copied as they are: versions, times, index entries, since when somebody is a member, events with their
//! sequences. Who is killed in between leaves a copy that nobody reads and a tenant that goes on where it was;
//! [`give_up`] removes both.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use scim_protocol::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    PostgresStore,
    connections::{Connections, Turn},
    error::unavailable,
    group_commit::Guarded,
    overlay::Overlay,
    pipeline::{self, Step, columns},
    prefetch::column,
    scan::{PAGE, TenantScan},
    statement::{self, FOR_GOOD, spread},
    touched::Touched,
    write,
};
use crate::store::{
    Record, ResourceId, ResourceKey, StoreError, TenantId,
    decide::{EdgeKey, EdgeTypes, Entries, Resource},
};

/// By how much the numbers of two moves differ at least.
pub(in crate::store) const TURNS: i64 = 1 << 20;
/// How many rows of a copy are removed at a time.
const STEP: i64 = 1000;

/// A tenant on its way.
pub(in crate::store) struct Carriage<'a> {
    from: &'a PostgresStore,
    to: &'a PostgresStore,
    tenant: TenantId,
    /// That of the move, larger than that of the tenant's last one by more than there are turns.
    number: i64,
    /// The number under which writers note what they touch now.
    turn: i64,
    /// The last event that was copied.
    sequence: i64,
    /// How many rows were copied, for whoever waits.
    copied: &'a AtomicU64,
}

impl<'a> Carriage<'a> {
    /// Copies everything, as the move of that number. What is there of an earlier one is removed first.
    pub async fn begin(
        from: &'a PostgresStore,
        to: &'a PostgresStore,
        tenant: TenantId,
        number: i64,
        copied: &'a AtomicU64,
    ) -> Result<Self, StoreError> {
        let changes = rand::random_range(0..i64::MAX / 4);
        let parameters: [&(dyn ToSql + Sync); 5] = [&tenant.0, &i64::MIN, &changes, &FOR_GOOD, &number];
        granted(tenant, &to.reader.query(tenant, spread::AWAIT, &parameters).await?)?;
        forget(to, tenant, number).await?;
        from.reader.query(tenant, statement::OPEN_LOGS, &[&vec![tenant.0], &i64::MIN, &changes]).await?;
        let mut carriage = Self { from, to, tenant, number, turn: number, sequence: -1, copied };
        let mut there = carriage.boundary().await?;
        carriage.resources(&mut there).await?;
        let mut here = carriage.here().await?;
        carriage.edges(&mut there, &mut here).await?;
        carriage.events(&mut there, &mut here).await?;
        carriage.counts(&mut there, &mut here).await?;
        here.end().await?;
        there.end().await?;
        Ok(carriage)
    }

    /// Copies what was written since the last pass began; gives how much that was.
    pub async fn follow(&mut self) -> Result<usize, StoreError> {
        let last = self.turn;
        self.turn += 1;
        let mut there = self.boundary().await?;
        let many = self.catch_up(&mut there, last).await?;
        there.end().await?;
        self.from.reader.query(self.tenant, spread::FORGET_TOUCHED, &[&self.tenant.0, &last]).await?;
        Ok(many)
    }

    /// Closes the tenant where it was, and copies the rest. There it opens at that instant.
    pub async fn finish(mut self, opens: Timestamp) -> Result<(), StoreError> {
        let (tenant, last) = (self.tenant.0, self.turn);
        let parameters: [&(dyn ToSql + Sync); 3] = [&tenant, &FOR_GOOD, &self.number];
        granted(self.tenant, &self.from.reader.query(self.tenant, spread::CLOSE, &parameters).await?)?;
        let mut there = TenantScan::snapshot(&self.from.connections, self.tenant).await?;
        self.catch_up(&mut there, last).await?;
        let rows = there.query(statement::SEQUENCE, &[&tenant]).await?;
        let log = rows.first().ok_or_else(|| unavailable("the tenant has no log"))?;
        let (sequence, at) = (column::<i64>(log, 0)?, column::<i64>(log, 1)?);
        let rows = there.query(spread::OLDEST, &[&tenant]).await?;
        let oldest = rows.first().map_or(Ok(None), |row| column::<Option<i64>>(row, 0))?;
        there.end().await?;
        let mut here = self.here().await?;
        here.change(spread::FORGET_BEFORE, columns![tenant, oldest.unwrap_or(i64::MAX)]).await?;
        here.change(spread::OPEN, columns![tenant, sequence, at, opens.as_millis()]).await?;
        here.end().await?;
        self.from.reader.query(self.tenant, spread::FORGET_TOUCHED, &[&tenant, &last]).await?;
        Ok(())
    }

    /// Gives writers the next number, and a view of the tenant as it stands at that moment: they wait for it.
    async fn boundary(&mut self) -> Result<TenantScan, StoreError> {
        let connections: &Arc<Connections> = &self.from.connections;
        let mut there = TenantScan::snapshot(connections, self.tenant).await?;
        let mut locked = Guarded(Some(connections.get(Turn::Write).await?));
        let watch = Step::Query(spread::WATCH, columns![self.tenant.0, self.turn, FOR_GOOD, self.number]);
        let rows = pipeline::run(locked.get()?, &[Step::Plain("BEGIN"), watch]).await?;
        granted(self.tenant, rows.last().map_or(&[], Vec::as_slice))?;
        // The first look fixes what is seen.
        there.query(statement::SEQUENCE, &[&self.tenant.0]).await?;
        pipeline::run(locked.get()?, &[Step::Plain("COMMIT")]).await?;
        locked.give_back();
        Ok(there)
    }

    /// A transaction on the copy.
    async fn here(&self) -> Result<TenantScan, StoreError> {
        TenantScan::copy(&self.to.connections, self.tenant, self.number).await
    }

    async fn resources(&self, there: &mut TenantScan) -> Result<(), StoreError> {
        let mut after: Option<ResourceKey> = None;
        loop {
            let page = there.resources(after.as_ref()).await?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let (mut here, many) = (self.here().await?, page.len());
            put(&mut here, page).await?;
            here.end().await?;
            self.note(many);
        }
    }

    fn note(&self, rows: usize) {
        self.copied.fetch_add(rows as u64, Ordering::Relaxed);
    }

    async fn edges(&self, there: &mut TenantScan, here: &mut TenantScan) -> Result<(), StoreError> {
        let (mut group, mut member) = (Uuid::nil(), Uuid::nil());
        loop {
            let rows = there.query(spread::EDGES_OF_ALL, &[&self.tenant.0, &group, &member, &PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            (group, member) = (column(last, 0)?, column(last, 1)?);
            self.join(here, &rows).await?;
        }
    }

    /// The edges of one group, if it is there.
    async fn edges_of(&self, there: &mut TenantScan, here: &mut TenantScan, group: Uuid) -> Result<(), StoreError> {
        let mut member = Uuid::nil();
        loop {
            let rows = there.query(spread::EDGES_OF_GROUP, &[&self.tenant.0, &group, &member, &PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            member = column(last, 1)?;
            self.join(here, &rows).await?;
        }
    }

    async fn join(&self, here: &mut TenantScan, rows: &[Row]) -> Result<(), StoreError> {
        let mut overlay = Overlay::default();
        for row in rows {
            let edge: EdgeKey = (self.tenant, ResourceId(column(row, 1)?), ResourceId(column(row, 0)?));
            let types: EdgeTypes = (column::<&str>(row, 2)?.into(), column::<&str>(row, 3)?.into());
            if let Some(at) = column::<Option<i64>>(row, 4)? {
                overlay.joined.insert(edge, Timestamp::from_millis(at));
            }
            overlay.edges.set(edge, Some(types));
        }
        self.note(rows.len());
        here.run(&write::content(&overlay)?).await
    }

    async fn events(&mut self, there: &mut TenantScan, here: &mut TenantScan) -> Result<usize, StoreError> {
        let mut many = 0;
        loop {
            let page = there.events(self.sequence).await?;
            let Some((last, _)) = page.last() else { return Ok(many) };
            self.sequence = *last;
            many += page.len();
            self.note(page.len());
            let (sequences, documents): (Vec<_>, Vec<_>) = page.into_iter().unzip();
            here.change(statement::LOG, columns![vec![self.tenant.0; sequences.len()], sequences, documents]).await?;
        }
    }

    async fn counts(&self, there: &mut TenantScan, here: &mut TenantScan) -> Result<(), StoreError> {
        here.change(spread::FORGET_COUNTS, columns![self.tenant.0]).await?;
        for row in there.query(statement::ALL_COUNTS, &[&self.tenant.0]).await? {
            let (name, resources): (String, i64) = (column(&row, 0)?, column(&row, 1)?);
            here.change(statement::SET_COUNT, columns![self.tenant.0, name, resources]).await?;
        }
        Ok(())
    }

    /// Copies what was noted under a number, in one transaction: first everything goes that may be other now, so that
    /// no unique value is in the way of another.
    async fn catch_up(&mut self, there: &mut TenantScan, turn: i64) -> Result<usize, StoreError> {
        let mut touched: Vec<Touched> = Vec::new();
        loop {
            let (name, id, member) = touched.last().cloned().unwrap_or_default();
            let behind: [&(dyn ToSql + Sync); 6] = [&self.tenant.0, &turn, &name, &id, &member, &PAGE];
            let rows = there.query(spread::TOUCHED, &behind).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                touched.push((column(row, 0)?, column(row, 1)?, column(row, 2)?));
            }
        }
        // In the order of the rows: groups that were deleted and edges have an empty type.
        let (edges, resources) = touched.split_at(touched.partition_point(|(name, ..)| name.is_empty()));
        let groups: Vec<_> = edges.iter().filter(|(.., member)| member.is_nil()).map(|(_, id, _)| *id).collect();
        let edges: Vec<_> = edges.iter().filter(|(.., member)| !member.is_nil()).collect();
        let page = usize::try_from(PAGE).unwrap_or(1);
        let mut here = self.here().await?;
        for part in resources.chunks(page) {
            let (types, ids) = keys(part);
            here.change(spread::UNINDEX_ALL, columns![self.tenant.0, types.clone(), ids.clone()]).await?;
            here.change(statement::DELETE, columns![vec![self.tenant.0; ids.len()], types, ids]).await?;
        }
        for part in edges.chunks(page) {
            let (groups, members) = (ids_of(part, |edge| edge.1), ids_of(part, |edge| edge.2));
            here.change(statement::LEAVE, columns![vec![self.tenant.0; part.len()], groups, members]).await?;
        }
        here.change(spread::LEAVE_GROUPS, columns![self.tenant.0, groups.clone()]).await?;
        for part in resources.chunks(page) {
            let types: Vec<_> = part.iter().map(|(name, ..)| name.as_str()).collect();
            let found = there.these(&types, &keys(part).1).await?;
            put(&mut here, found).await?;
        }
        for part in edges.chunks(page) {
            let (groups, members) = (ids_of(part, |edge| edge.1), ids_of(part, |edge| edge.2));
            let rows = there.query(spread::THESE_EDGES, &[&self.tenant.0, &groups, &members]).await?;
            self.join(&mut here, &rows).await?;
        }
        for group in groups {
            self.edges_of(there, &mut here, group).await?;
        }
        let events = self.events(there, &mut here).await?;
        self.counts(there, &mut here).await?;
        here.end().await?;
        Ok(touched.len().max(events))
    }
}

/// Ends a move: lets the tenant go on where it is, and removes the copy.
pub(in crate::store) async fn give_up(
    from: &PostgresStore,
    to: &PostgresStore,
    tenant: TenantId,
    number: i64,
) -> Result<(), StoreError> {
    from.reader.query(tenant, spread::REOPEN, &[&tenant.0, &number]).await?;
    from.reader.query(tenant, spread::FORGET_TOUCHED, &[&tenant.0, &(number + TURNS)]).await?;
    to.reader.query(tenant, spread::DISOWN, &[&tenant.0, &FOR_GOOD, &number]).await?;
    forget(to, tenant, number + 1).await
}

/// Closes a tenant for good where it is not kept, and removes what is there. The number is that of the newest move.
pub(in crate::store) async fn close_stray(
    store: &PostgresStore,
    tenant: TenantId,
    number: i64,
) -> Result<(), StoreError> {
    let closed = store.reader.query(tenant, spread::CLOSE_STRAY, &[&tenant.0, &FOR_GOOD, &number]).await?;
    match closed.first() {
        Some(row) => forget(store, tenant, column(row, 0)?).await,
        None => Ok(()),
    }
}

/// What a statement says that an older move is refused.
fn granted(tenant: TenantId, rows: &[Row]) -> Result<(), StoreError> {
    if rows.is_empty() { Err(StoreError::Closed(tenant)) } else { Ok(()) }
}

/// Removes the copy of a tenant that the move of that number has made, or left behind. Does nothing if that is not what
/// is there.
pub(in crate::store) async fn forget(store: &PostgresStore, tenant: TenantId, number: i64) -> Result<(), StoreError> {
    for sql in statement::ERASE {
        loop {
            let mut here = match TenantScan::copy(&store.connections, tenant, number).await {
                Err(StoreError::Closed(_)) => return Ok(()),
                copy => copy?,
            };
            let gone = here.execute(sql, &[&tenant.0, &STEP]).await?;
            here.end().await?;
            if gone < STEP.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

async fn put(here: &mut TenantScan, found: Vec<(ResourceKey, Record, Entries)>) -> Result<(), StoreError> {
    let mut overlay = Overlay::default();
    for (key, Record { header, body }, entries) in found {
        overlay.resources.set(key, Some(Resource { header, body: Some(body), entries }));
    }
    here.run(&write::content(&overlay)?).await
}

fn keys(touched: &[Touched]) -> (Vec<String>, Vec<Uuid>) {
    touched.iter().map(|(name, id, _)| (name.clone(), *id)).unzip()
}

fn ids_of(touched: &[&Touched], id: impl Fn(&Touched) -> Uuid) -> Vec<Uuid> {
    touched.iter().map(|one| id(one)).collect()
}
