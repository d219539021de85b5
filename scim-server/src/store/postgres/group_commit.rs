//! Group commit: the commits that wait for one tenant are decided and written together.
//!
//! A tenant's log is one row, and each transaction that writes to the tenant locks it. So the commits of all
//! processes happen one after the other, in the order of their sequences, and no other transaction changes
//! the facts that a commit is decided on. A lock and a flush for each commit would be slow. While one group
//! is written the next gathers, and a group costs two round trips and one flush, however many commits it
//! has: begin, lock and read; write and commit.
//!
//! When the connection breaks before the answer to `COMMIT`, the outcome is unknown. The group is then run
//! again, and looks first, under the lock, whether its event is there.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    connections::{Connection, Connections, Turn},
    error::{QueryError, unavailable},
    overlay::Overlay,
    pipeline::{self, Step, columns},
    prefetch::{self, Wanted, column},
    row::signed,
    statement, write,
};
use crate::{
    clock::Clock,
    metrics::StoreMetrics,
    store::{Commit, Committed, Item, ResourceId, StoreError, TenantId, decide},
    turns::Turns,
};

/// How many commits may wait, and how many of one tenant. A caller behind them waits for its turn.
const QUEUE: usize = 4096;
const QUEUE_OF_A_TENANT: usize = QUEUE / 4;
/// How many commits, and how many writes of them, are decided together.
const GROUP: usize = 256;
const WRITES: usize = 4096;
/// How often a group is repeated because of a conflict with another transaction.
const CONTENDED: u32 = 10;
/// How often it is repeated because its connection broke.
const LOST: u32 = 4;

type Outcomes = Vec<Result<Committed, StoreError>>;

/// A waiting commit, and the channel for its result.
struct Pending {
    commit: Commit,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
    _room: [OwnedSemaphorePermit; 2],
}

/// Writes groups of commits.
pub(super) struct Writer {
    pub connections: Arc<Connections>,
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
    room: Arc<Semaphore>,
    room_of_tenants: Turns,
    waiting: Mutex<HashMap<TenantId, VecDeque<Pending>>>,
    /// Where groups go whose edges are to be swept away.
    sweeps: tokio::sync::mpsc::UnboundedSender<(TenantId, ResourceId)>,
}

/// What is decided together.
enum Work<'a> {
    Commits(Vec<&'a Commit>),
    Load(&'a [Item]),
}

/// A transaction that may have been committed: its first event, and what was decided.
struct Unresolved {
    tenant: Uuid,
    sequence: i64,
    document: Vec<u8>,
    outcomes: Outcomes,
}

impl Writer {
    pub fn new(
        connections: Arc<Connections>,
        clock: Arc<dyn Clock>,
        metrics: Arc<StoreMetrics>,
        sweeps: tokio::sync::mpsc::UnboundedSender<(TenantId, ResourceId)>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(QUEUE));
        let room_of_tenants = Turns::of_each(QUEUE_OF_A_TENANT);
        Self { connections, clock, metrics, room, room_of_tenants, waiting: Mutex::default(), sweeps }
    }

    /// Applies a commit together with others that wait, even if the caller has gone.
    pub async fn commit(self: &Arc<Self>, commit: Commit) -> Result<Committed, StoreError> {
        if self.connections.is_away() {
            return Err(self.connections.out_of_reach());
        }
        let closed = || unavailable("the store is closed");
        let tenant = commit.target.tenant;
        let of_tenant = self.room_of_tenants.of(tenant).acquire_owned().await.map_err(|_| closed())?;
        let of_all = Arc::clone(&self.room).acquire_owned().await.map_err(|_| closed())?;
        let room = [of_tenant, of_all];
        let (answer, answered) = oneshot::channel();
        let mut begins = false;
        self.queues()
            .entry(tenant)
            .or_insert_with(|| {
                begins = true;
                VecDeque::new()
            })
            .push_back(Pending { commit, answer, _room: room });
        if begins {
            tokio::spawn(Arc::clone(self).serve(tenant));
        }
        answered.await.map_err(|_| closed())?
    }

    /// Takes items, all or none.
    pub async fn load(&self, items: &[Item]) -> Result<(), StoreError> {
        self.run(&Work::Load(items)).await?.into_iter().try_for_each(|outcome| outcome.map(drop))
    }

    /// Waits until every commit is done, and takes no more.
    pub async fn finish(&self) {
        if let Ok(all) = self.room.acquire_many(u32::try_from(QUEUE).unwrap_or(u32::MAX)).await {
            self.room.close();
            drop(all);
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<TenantId, VecDeque<Pending>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until a tenant's queue is empty.
    async fn serve(self: Arc<Self>, tenant: TenantId) {
        while let Some(group) = self.next(tenant) {
            let commits = group.iter().map(|pending| &pending.commit).collect();
            let outcomes = match self.run(&Work::Commits(commits)).await {
                // Only some of them tell something in the log of the tenant that is closed.
                Ok(outcomes) if group.len() > 1 && outcomes.iter().any(is_of_another(tenant)) => {
                    self.one_by_one(&group).await
                }
                Ok(outcomes) => outcomes,
                Err(error) if group.len() == 1 || self.connections.is_away() => {
                    let why = error.to_string();
                    let mut outcomes = vec![Err(error)];
                    outcomes.resize_with(group.len(), || Err(unavailable(why.clone())));
                    outcomes
                }
                // One of them may be the cause: the others must not fail with it.
                Err(_) => self.one_by_one(&group).await,
            };
            for (pending, outcome) in group.into_iter().zip(outcomes) {
                match &outcome {
                    Err(StoreError::Conflict(_)) => drop(self.metrics.conflicts.inc()),
                    Err(StoreError::Taken(_)) => drop(self.metrics.taken.inc()),
                    _ => {}
                }
                // If the caller has gone, its commit is valid nevertheless.
                let _ = pending.answer.send(outcome);
            }
        }
    }

    async fn one_by_one(&self, group: &[Pending]) -> Outcomes {
        let mut outcomes = Vec::with_capacity(group.len());
        for pending in group {
            let outcome = self.run(&Work::Commits(vec![&pending.commit])).await;
            outcomes.push(outcome.and_then(|mut only| only.pop().unwrap_or_else(|| Err(unavailable("no outcome")))));
        }
        outcomes
    }

    /// The commits that are next; none when the queue is empty, which is then removed.
    fn next(&self, tenant: TenantId) -> Option<Vec<Pending>> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&tenant)?;
        let mut writes = 0;
        let mut group = Vec::new();
        while let Some(next) = queue.front() {
            writes += next.commit.writes.len();
            if group.len() >= GROUP || (writes > WRITES && !group.is_empty()) {
                break;
            }
            group.extend(queue.pop_front());
        }
        if group.is_empty() {
            queues.remove(&tenant);
            return None;
        }
        Some(group)
    }

    /// Runs work until it succeeds, or until it makes no sense to try again.
    async fn run(&self, work: &Work<'_>) -> Result<Outcomes, StoreError> {
        let (mut contended, mut lost) = (0, 0);
        let mut unresolved = None;
        loop {
            let mut connection = Guarded(Some(self.connections.get(Turn::Write).await?));
            match self.attempt(work, connection.get()?, &mut unresolved).await {
                Ok(Some(outcomes)) => {
                    connection.give_back();
                    return Ok(outcomes);
                }
                Ok(None) => connection.give_back(),
                Err(QueryError::Contended(why)) if contended < CONTENDED => {
                    contended += 1;
                    self.metrics.retries.inc();
                    tracing::debug!(why, contended, "a transaction was in the way");
                    let wait = rand::random_range(0..1_u64 << contended.min(7));
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                Err(QueryError::Lost(why)) if lost < LOST => {
                    lost += 1;
                    self.metrics.retries.inc();
                    tracing::debug!(why, lost, "the connection broke");
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// One transaction. `None` when a tenant was new and its log had to be made: try again.
    async fn attempt(
        &self,
        work: &Work<'_>,
        connection: &Connection,
        unresolved: &mut Option<Unresolved>,
    ) -> Result<Option<Outcomes>, QueryError> {
        let begun = Instant::now();
        let wanted = work.wanted();
        let tenants = wanted.tenants();
        let mut steps = vec![Step::Plain("BEGIN"), Step::Query(statement::LOCK, columns![tenants.clone()])];
        let mut parts = Vec::new();
        for (part, step) in wanted.steps() {
            parts.push(part);
            steps.push(step);
        }
        if let Some(Unresolved { tenant, sequence, .. }) = unresolved {
            steps.push(Step::Query(statement::EVENT, columns![*tenant, *sequence]));
        }
        let rows = pipeline::run(connection, &steps).await?;
        let (locked, read) = rows.get(1..).and_then(<[_]>::split_first).unwrap_or((const { &Vec::new() }, &[]));
        if let Some(seen) = unresolved.take()
            && read.last().is_some_and(|rows| found(rows, &seen.document))
        {
            connection.batch_execute("ROLLBACK").await?;
            return Ok(Some(seen.outcomes));
        }
        let mut overlay = wanted.overlay();
        let logs = prefetch::take_logs(&mut overlay, locked, tenants.len(), self.clock.now());
        if let Err(StoreError::Closed(tenant)) = logs {
            connection.batch_execute("ROLLBACK").await?;
            return Ok(Some(work.refused(|| StoreError::Closed(tenant))));
        }
        if let Err(StoreError::Erased(tenant)) = logs {
            connection.batch_execute("ROLLBACK").await?;
            return Ok(Some(work.refused(|| StoreError::Erased(tenant))));
        }
        if !logs? {
            let rollback = Step::Plain("ROLLBACK");
            let open =
                Step::Query(statement::OPEN_LOGS, columns![tenants, i64::MIN, rand::random_range(0..i64::MAX / 4)]);
            pipeline::run(connection, &[rollback, open]).await?;
            return Ok(None);
        }
        for (part, rows) in parts.into_iter().zip(read) {
            prefetch::take(&mut overlay, part, rows)?;
        }
        let outcomes = work.decide(&mut overlay, &*self.clock);
        let mut steps = write::steps(&overlay)?;
        if steps.is_empty() {
            connection.batch_execute("ROLLBACK").await?;
            return Ok(Some(outcomes));
        }
        steps.push(Step::Plain("COMMIT"));
        if let Err(fault) = pipeline::run(connection, &steps).await {
            if matches!(fault, QueryError::Lost(_)) {
                *unresolved = unknown(&overlay, outcomes)?;
            }
            return Err(fault);
        }
        let changes = outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(|done| done.changed)).count();
        self.metrics.flushed(changes as u64, begun.elapsed());
        for group in overlay.dissolved {
            let _ = self.sweeps.send(group);
        }
        Ok(Some(outcomes))
    }
}

impl Work<'_> {
    fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        match self {
            Self::Commits(commits) => commits.iter().for_each(|commit| wanted.by_commit(commit)),
            Self::Load(items) => items.iter().for_each(|item| wanted.by_item(item)),
        }
        wanted
    }

    /// The outcome of each while a tenant is closed.
    fn refused(&self, why: impl Fn() -> StoreError) -> Outcomes {
        let many = match self {
            Self::Commits(commits) => commits.len(),
            Self::Load(_) => 1,
        };
        std::iter::repeat_with(|| Err(why())).take(many).collect()
    }

    /// Decides on one after the other, each on what those before it have left.
    fn decide(&self, overlay: &mut Overlay, clock: &dyn Clock) -> Outcomes {
        match self {
            Self::Commits(commits) => {
                let decide = |commit: &&Commit| {
                    let (changes, committed) = decide::commit(&*overlay, commit, clock.now())?;
                    overlay.keep(changes);
                    Ok(committed)
                };
                commits.iter().map(decide).collect()
            }
            Self::Load(items) => match decide::load(&*overlay, items) {
                Ok(changes) => {
                    overlay.keep(changes);
                    Vec::new()
                }
                Err(error) => vec![Err(error)],
            },
        }
    }
}

/// Whether a commit of a tenant was refused because another tenant is closed.
fn is_of_another(tenant: TenantId) -> impl Fn(&Result<Committed, StoreError>) -> bool {
    move |outcome| matches!(outcome, Err(StoreError::Closed(closed) | StoreError::Erased(closed)) if *closed != tenant)
}

fn found(rows: &[Row], document: &[u8]) -> bool {
    rows.first().is_some_and(|row| column::<&[u8]>(row, 0).is_ok_and(|found| found == document))
}

/// What tells whether a transaction was committed when its outcome is unknown. Without an event there is
/// nothing, and such work (bookkeeping, a load) can be done twice.
fn unknown(overlay: &Overlay, outcomes: Outcomes) -> Result<Option<Unresolved>, StoreError> {
    let Some(((tenant, sequence), event)) = overlay.events.iter().next() else { return Ok(None) };
    let document = write::document(event)?;
    Ok(Some(Unresolved { tenant: tenant.0, sequence: signed(*sequence)?, document, outcomes }))
}

/// A connection that is closed unless it is given back: it may be in the middle of a transaction.
pub(super) struct Guarded(pub Option<Connection>);

impl Guarded {
    pub fn get(&mut self) -> Result<&mut Connection, StoreError> {
        self.0.as_mut().ok_or_else(|| unavailable("the connection was given back"))
    }

    pub fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.discard();
        }
    }
}
