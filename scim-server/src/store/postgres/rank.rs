//! Which key of a run is the n-th, without having the database walk over all that stand before it.
//!
//! Each process counts for itself, with the arithmetic of [`crate::store::rank`]. What it has counted stands at
//! one number of the tenant's changes of keys ([`super::key_changes`]). A question is a transaction that sees one
//! state of the database: first it brings the counts to that state, by what has changed since or by forgetting
//! them; then it asks them, and reads from the place that they name. So an answer is that of one state, whatever
//! others write meanwhile. Where the counts are brought to another state in the middle of it, the question is
//! asked again, and at last the database counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    connections::{Connections, Turn},
    error::QueryError,
    group_commit::Guarded,
    key_changes::{self, IDS, KEPT, KeyChange, Since, Standing},
    pipeline::{self, Step, columns},
    prefetch::{column, unsigned},
    range::{Instants, Places, behind},
    row::{self, BYTES, bounded, instant_position, position, record},
    statement,
};
use crate::store::{
    IndexRange, IndexValue, LAST_MODIFIED, Position, Record, ResourceId, StoreError, TenantId, TypeName, Values,
    rank::{self, Block, Place},
};

/// So many keys the database passes over before the counts are asked.
pub(super) const FEW: u64 = if cfg!(test) { 2 } else { 1024 };
/// How many keys are counted into one block. The database walks over the rest, in the round trip that reads the page.
const BLOCK: usize = if cfg!(test) { 4 } else { 512 };
/// How many blocks are counted by one statement.
const AHEAD: usize = 64;
/// A block of so many keys is split.
const LARGE: usize = 4 * BLOCK;
/// How often a question is asked again before the database counts.
const TRIES: u32 = 4;

/// Far before all numbers of changes.
const UNKNOWN: i64 = i64::MIN / 2;

type Run = rank::Run<Position>;

/// All keys of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RunName {
    tenant: TenantId,
    resource_type: TypeName,
    /// The attribute of the index, or [`IDS`].
    attribute: Arc<str>,
}

/// What this process has counted.
#[derive(Default)]
pub(super) struct Ranks(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// At which state of the tenant its runs are counted.
    standing: HashMap<TenantId, Standing>,
    runs: rank::Runs<RunName, Position>,
}

/// Why a question has no answer.
enum Miss {
    /// The counts were brought to another state.
    Moved,
    Fault(QueryError),
}

impl<E: Into<QueryError>> From<E> for Miss {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// A place: so many keys behind this one.
struct Anchor {
    first: Position,
    behind: u64,
}

/// One question: a transaction that sees one state, at which the counts stood when it began.
struct Question<'a> {
    ranks: &'a Ranks,
    connection: Guarded,
    run: RunName,
    standing: Standing,
    /// Whether the transaction is over.
    ended: bool,
}

impl Ranks {
    /// The position of a range before which `offset` others of it stand. `None` when the database must count.
    pub async fn at(
        &self,
        connections: &Arc<Connections>,
        range: &IndexRange,
        offset: u64,
    ) -> Result<Option<Option<Position>>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut question) = self.begin(connections, RunName::of(range)).await? else { continue };
            let answer = question.at(range, offset).await;
            if let Some(answer) = question.end(answer).await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// How many positions a range has. `None` when the database must count.
    pub async fn count(&self, connections: &Arc<Connections>, range: &IndexRange) -> Result<Option<u64>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut question) = self.begin(connections, RunName::of(range)).await? else { continue };
            let answer = question.count(range).await;
            if let Some(answer) = question.end(answer).await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Resources behind so many others. `None` when the database must count.
    pub async fn resources(
        &self,
        connections: &Arc<Connections>,
        (tenant, resource_type): (TenantId, &TypeName),
        offset: u64,
        limit: i64,
    ) -> Result<Option<Vec<(ResourceId, Record)>>, StoreError> {
        for _ in 0..TRIES {
            let run = RunName { tenant, resource_type: resource_type.clone(), attribute: IDS.into() };
            let Some(mut question) = self.begin(connections, run).await? else { continue };
            let answer = question.resources(offset, limit).await;
            if let Some(answer) = question.end(answer).await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Begins a question, and brings the counts to the state that it sees.
    async fn begin(&self, connections: &Arc<Connections>, run: RunName) -> Result<Option<Question<'_>>, StoreError> {
        let mut connection = Guarded(Some(connections.get(Turn::Read(run.tenant)).await?));
        let known = self.counts().standing.get(&run.tenant).copied();
        let after = known.map_or(UNKNOWN, |known| known.changes);
        let steps = [
            Step::Plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Step::Query(statement::KEY_CHANGES, columns![run.tenant.0, after, KEPT]),
        ];
        let rows = match pipeline::run(connection.get()?, &steps).await {
            Ok(rows) => rows,
            Err(QueryError::Final(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let since = key_changes::since(known, rows.last().map_or(&[], Vec::as_slice))?;
        let Some(standing) = since.and_then(|since| self.bring(run.tenant, known, since)) else {
            connection.get()?.batch_execute("ROLLBACK").await.map_err(QueryError::from)?;
            connection.give_back();
            return Ok(None);
        };
        Ok(Some(Question { ranks: self, connection, run, standing, ended: false }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a tenant's counts from one state to another; `None` when they do not stand there any more.
    fn bring(&self, tenant: TenantId, known: Option<Standing>, since: Since) -> Option<Standing> {
        let Since { now, changes } = since;
        let mut counts = self.counts();
        let at = counts.standing.get(&tenant).copied();
        if at == Some(now) {
            return Some(now);
        }
        if at != known {
            return None;
        }
        match changes {
            Some(changes) => {
                for KeyChange { resource_type, attribute, key, comes } in changes {
                    if let Some(run) = counts.runs.known(&RunName { tenant, resource_type, attribute }) {
                        run.change(&key, comes, BLOCK);
                    }
                }
            }
            None => counts.runs.retain(|run| run.tenant != tenant),
        }
        counts.standing.insert(tenant, now);
        Some(now)
    }
}

impl RunName {
    fn of(range: &IndexRange) -> Self {
        let IndexRange { tenant, resource_type, attribute, .. } = range;
        Self { tenant: *tenant, resource_type: resource_type.clone(), attribute: Arc::clone(attribute) }
    }

    /// All of it as a range of an index.
    fn whole(&self) -> IndexRange {
        let (tenant, resource_type, attribute) = (self.tenant, self.resource_type.clone(), Arc::clone(&self.attribute));
        IndexRange { tenant, resource_type, attribute, values: Values::All, descending: false }
    }
}

impl Question<'_> {
    async fn at(&mut self, range: &IndexRange, offset: u64) -> Result<Option<Position>, Miss> {
        let Places { first, end } = Places::of(range, None);
        let (first, end) = (place(first), place(end));
        let rank = if range.descending {
            let end = self.before(&end).await?;
            end.checked_sub(1).and_then(|last| last.checked_sub(offset))
        } else {
            self.before(&first).await?.checked_add(offset)
        };
        let Some(rank) = rank else { return Ok(None) };
        let Some(Anchor { first: from, behind }) = self.anchor(rank).await? else { return Ok(None) };
        let found = self.position(&from, behind).await?;
        Ok(found.filter(|found| (&first..&end).contains(&found)))
    }

    async fn count(&mut self, range: &IndexRange) -> Result<u64, Miss> {
        let Places { first, end } = Places::of(range, None);
        let (first, end) = (self.before(&place(first)).await?, self.before(&place(end)).await?);
        Ok(end.saturating_sub(first))
    }

    async fn resources(&mut self, offset: u64, limit: i64) -> Result<Vec<(ResourceId, Record)>, Miss> {
        let Some(Anchor { first, behind }) = self.anchor(offset).await? else { return Ok(Vec::new()) };
        let (run, name) = (self.run.clone(), self.run.resource_type.as_str().to_owned());
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&run.tenant.0, &name, &bounded(behind), &limit, &BYTES, &first.id.0];
        let one = |row: &Row| Ok((ResourceId(column(row, 7)?), record(row)?));
        let connection = self.connection.get()?;
        // So that the two that follow are sent together.
        connection.prepare_cached(statement::RESOURCES_AT).await?;
        let page = row::rows(connection, statement::RESOURCES_AT, &parameters, one);
        let (page, ended) = futures_util::future::join(page, connection.batch_execute("COMMIT")).await;
        ended?;
        self.ended = true;
        Ok(page?)
    }

    /// How many keys of the run stand before this one.
    async fn before(&mut self, key: &Position) -> Result<u64, Miss> {
        loop {
            let found = self.ask(|run| match run.place_of(key) {
                Place::Block { at, before } => match run.block(at) {
                    Some(block) if block.first >= *key => Some((before, None)),
                    Some(block) if run.frontier().is_none_or(|last| last < key) => {
                        Some((before + block.keys as u64, None))
                    }
                    Some(block) => Some((before, Some(block.first.clone()))),
                    None => Some((before, None)),
                },
                Place::Uncounted | Place::Beyond => None,
            })?;
            match found {
                Some((before, None)) => return Ok(before),
                Some((before, Some(first))) => return Ok(before + self.between(&first, key).await?),
                None => self.extend().await?,
            }
        }
    }

    /// Where to read from to find the key that so many others stand before.
    async fn anchor(&mut self, rank: u64) -> Result<Option<Anchor>, Miss> {
        loop {
            let (place, block) = self.ask(|run| {
                let place = run.place_at(rank);
                let at = if let Place::Block { at, .. } = place { run.block(at).cloned() } else { None };
                (place, at)
            })?;
            match (place, block) {
                (Place::Beyond, _) => return Ok(None),
                (Place::Block { at, .. }, Some(block)) if block.keys > LARGE => self.split(at, block).await?,
                (Place::Block { before, .. }, Some(block)) => {
                    return Ok(Some(Anchor { first: block.first, behind: rank - before }));
                }
                _ => self.extend().await?,
            }
        }
    }

    /// Asks the counts, if they still stand at the state that the question sees.
    fn ask<T>(&self, what: impl FnOnce(&mut Run) -> T) -> Result<T, Miss> {
        let mut counts = self.ranks.counts();
        if counts.standing.get(&self.run.tenant) != Some(&self.standing) {
            return Err(Miss::Moved);
        }
        let answer = what(counts.runs.asked(&self.run));
        counts.runs.bound();
        Ok(answer)
    }

    /// Counts some more blocks.
    async fn extend(&mut self) -> Result<(), Miss> {
        let frontier = self.ask(|run| run.frontier().cloned())?;
        let from = frontier.as_ref().map_or((Vec::new(), Uuid::nil()), behind);
        let (blocks, done) = self.blocks(from, AHEAD * BLOCK).await?;
        self.ask(|run| {
            // Somebody else may have counted the same meanwhile.
            if run.frontier() != frontier.as_ref() {
                return;
            }
            for (block, last) in blocks {
                run.count(block, last);
            }
            if done {
                run.end();
            }
        })
    }

    async fn split(&mut self, at: usize, block: Block<Position>) -> Result<(), Miss> {
        let (blocks, _) = self.blocks((block.first.value.0.clone(), block.first.id.0), block.keys).await?;
        self.ask(|run| {
            if run.block(at) == Some(&block) {
                run.replace(at, blocks.into_iter().map(|(block, _)| block));
            }
        })
    }

    /// The keys from a place on, `most` of them, in blocks with the last key of each; and whether there are no more.
    async fn blocks(
        &mut self,
        (value, id): (Vec<u8>, Uuid),
        most: usize,
    ) -> Result<(Vec<(Block<Position>, Position)>, bool), Miss> {
        let RunName { tenant, resource_type, attribute } = self.run.clone();
        let (name, attribute) = (resource_type.as_str(), &*attribute);
        let (limit, size) = (bounded(most as u64), bounded(BLOCK as u64));
        let rows = match attribute {
            IDS => self.rows(statement::BLOCKS_OF_IDS, &[&tenant.0, &name, &id, &limit, &size]).await?,
            LAST_MODIFIED => match Instants::at_least((value, id)) {
                Some((at, id)) => {
                    self.rows(statement::BLOCKS_OF_INSTANTS, &[&tenant.0, &name, &at, &id, &limit, &size]).await?
                }
                None => Vec::new(),
            },
            _ => {
                let parameters: [&(dyn ToSql + Sync); 7] = [&tenant.0, &name, &attribute, &value, &id, &limit, &size];
                self.rows(statement::BLOCKS_OF_VALUES, &parameters).await?
            }
        };
        let mut blocks = Vec::new();
        let mut first = None;
        let mut counted = 0;
        for (at, row) in rows.iter().enumerate() {
            let number: i64 = column(row, 0)?;
            let key = match attribute {
                IDS => Position { value: IndexValue(Vec::new()), id: ResourceId(column(row, 1)?) },
                LAST_MODIFIED => instant_position(row, 1, 2)?,
                _ => position(row, 1)?,
            };
            let (begun, start) = first.take().unwrap_or_else(|| (number, key.clone()));
            if number % size == 0 || at + 1 == rows.len() {
                let keys = usize::try_from(number - begun + 1).unwrap_or(usize::MAX);
                blocks.push((Block { first: start, keys }, key));
                counted = unsigned(number)?;
            } else {
                first = Some((begun, start));
            }
        }
        Ok((blocks, counted < most as u64))
    }

    /// How many keys stand from one on up to, and without, another.
    async fn between(&mut self, first: &Position, end: &Position) -> Result<u64, Miss> {
        let whole = self.run.whole();
        let (name, attribute, most) = (whole.resource_type.as_str(), &*whole.attribute, i64::MAX);
        let place = |at: &Position| (at.value.0.clone(), at.id.0);
        let rows = if attribute == LAST_MODIFIED {
            let ends = (Instants::at_least(place(first)), Instants::before(place(end)));
            let (Some(first), Some(last)) = ends else { return Ok(0) };
            let parameters: [&(dyn ToSql + Sync); 7] =
                [&whole.tenant.0, &name, &first.0, &first.1, &last.0, &last.1, &most];
            self.rows(statement::MODIFIED_COUNT, &parameters).await?
        } else {
            let parameters: [&(dyn ToSql + Sync); 8] =
                [&whole.tenant.0, &name, &attribute, &first.value.0, &first.id.0, &end.value.0, &end.id.0, &most];
            self.rows(statement::INDEX_COUNT, &parameters).await?
        };
        Ok(rows.first().map_or(Ok(0), |row| unsigned(column(row, 0)?))?)
    }

    /// The position so many behind another.
    async fn position(&mut self, from: &Position, behind: u64) -> Result<Option<Position>, Miss> {
        let whole = self.run.whole();
        let (name, attribute) = (whole.resource_type.as_str(), &*whole.attribute);
        let (one, behind) = (1_i64, bounded(behind));
        let first = (from.value.0.clone(), from.id.0);
        if attribute == LAST_MODIFIED {
            let Some(first) = Instants::at_least(first) else { return Ok(None) };
            let parameters: [&(dyn ToSql + Sync); 8] =
                [&whole.tenant.0, &name, &first.0, &first.1, &i64::MAX, &Uuid::max(), &one, &behind];
            let rows = self.rows(statement::MODIFIED_POSITIONS, &parameters).await?;
            return Ok(rows.first().map(|row| instant_position(row, 0, 1)).transpose()?);
        }
        let end = Places::of(&whole, None).end;
        let parameters: [&(dyn ToSql + Sync); 9] =
            [&whole.tenant.0, &name, &attribute, &first.0, &first.1, &end.0, &end.1, &one, &behind];
        let rows = self.rows(statement::POSITIONS, &parameters).await?;
        Ok(rows.first().map(|row| position(row, 0)).transpose()?)
    }

    async fn rows(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Miss> {
        Ok(row::rows(self.connection.get()?, sql, parameters, |row| Ok(row.clone())).await?)
    }

    /// Ends the transaction; `None` when the question must be asked again.
    async fn end<T>(mut self, answer: Result<T, Miss>) -> Result<Option<T>, StoreError> {
        let answer = match answer {
            Ok(answer) => Some(answer),
            Err(Miss::Moved) => None,
            Err(Miss::Fault(QueryError::Final(error))) => return Err(error),
            // The connection is closed.
            Err(Miss::Fault(_)) => return Ok(None),
        };
        if self.ended || self.connection.get()?.batch_execute("COMMIT").await.is_ok() {
            self.connection.give_back();
        }
        Ok(answer)
    }
}

fn place((value, id): (Vec<u8>, Uuid)) -> Position {
    Position { value: IndexValue(value), id: ResourceId(id) }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, PostgresStore, database::shared};
    use crate::{
        clock::SystemClock,
        store::{Store, contract::listing::places_are_those_of_one_state},
    };

    use std::sync::Arc;

    /// Two processes that know nothing of each other.
    #[tokio::test]
    async fn what_others_write_is_counted() {
        let options = Options { connections: 4, ..Options::new(shared().schema()) };
        PostgresStore::migrate(&options, &SystemClock).await.unwrap();
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for _ in 0..2 {
            stores.push(Arc::new(PostgresStore::open(&options, Arc::new(SystemClock)).await.unwrap()));
        }
        places_are_those_of_one_state(&stores[0], &stores[1]).await;
        places_are_those_of_one_state(&stores[1], &stores[1]).await;
    }
}
