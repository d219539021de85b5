//! The only thread that decides on commits.
//!
//! It takes commits from a bounded queue, decides on each with the earlier pending commits in view, and passes it to
//! the [group commit](super::group_commit), which makes it durable together with others and answers it. sled applies
//! batches one after the other anyway; with a single writer, "check, then apply" is correct without a lock.
//!
//! Between commits it runs tasks: work during which nothing may change (an export, a check), or that is divided into
//! steps (a load, an erasure). When the queue is empty it sweeps the edges of deleted groups, and reopens the tree
//! after many writes ([`reopen`]).

mod reopen;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use scim_protocol::Timestamp;
use tokio::sync::{mpsc, mpsc::error::TryRecvError, oneshot};

pub use self::reopen::Reopen;
use super::{
    group_commit::Reply,
    handle::Handle,
    overlay::Overlay,
    sweep::{self, Removal, Sweeps},
    transaction,
    tree::{Batch, KeyChanges, Tree, unavailable},
};
use crate::{
    clock::Clock,
    metrics::StoreMetrics,
    store::{Commit, Committed, Item, ResourceId, StoreError, TenantId, decide},
};

/// How many jobs may wait. Further callers wait for a place in the queue.
const QUEUE: usize = 4096;

/// How long the writer pauses between two steps of a sweep, so that it does not delay readers.
const PAUSE: Duration = Duration::from_millis(1);

type Task = Box<dyn FnOnce(&mut Writer) + Send>;

/// A job for the writer.
pub(super) enum Job {
    Commit(Box<Commit>, Reply),
    Task(Task),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// What only the writing thread has.
pub(super) struct Writer {
    overlay: Overlay,
    clock: Arc<dyn Clock>,
    /// The latest time that was assigned; later ones are never earlier.
    last: Timestamp,
    sweeps: Sweeps,
    /// Whether something was applied that is not durable yet.
    dirty: bool,
    /// Where readers get the tree.
    handle: Arc<Handle>,
    reopen: Reopen,
    /// Until then the writer does not reopen the tree.
    not_before: Instant,
    /// How long the writer waits before it reopens a store that could not write.
    patience: Duration,
    metrics: Arc<StoreMetrics>,
}

/// What the writer does next.
enum Next {
    Job(Job),
    Reopen,
    /// No sender is left.
    End,
}

/// Starts the thread. It ends after a request to close, or when the last sender is dropped and all jobs are done.
pub(super) fn start(
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    reopen: Reopen,
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
) -> Result<(mpsc::Sender<Job>, thread::JoinHandle<()>), StoreError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let writer = Writer {
        sweeps: Sweeps::pending(&tree)?,
        overlay: Overlay::start(tree, &metrics)?,
        clock,
        last: Timestamp::from_millis(i64::MIN),
        dirty: false,
        handle,
        reopen,
        not_before: Instant::now(),
        patience: reopen::PAUSE,
        metrics,
    };
    let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writer.run(receiver));
    Ok((sender, thread.map_err(unavailable)?))
}

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            match self.next(&mut jobs) {
                Next::Job(job) => {
                    if let Some(closed) = self.work(job, &mut jobs) {
                        let _ = closed.send(self.close());
                        return;
                    }
                }
                Next::Reopen => match self.reopen(&mut jobs) {
                    Some(reopened) => self = reopened,
                    None => return,
                },
                Next::End => break,
            }
        }
        let outcome = self.flush();
        self.overlay.end();
        if outcome.is_err() {
            tracing::error!("the last changes to the store could not be flushed");
        }
    }

    /// The next job; sweeps while there is none.
    fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Next {
        while !self.sweeps.is_empty() && self.overlay.group_commit.whole().is_ok() {
            match jobs.try_recv() {
                Ok(job) => return Next::Job(job),
                Err(TryRecvError::Disconnected) => return Next::End,
                Err(TryRecvError::Empty) => {
                    self.sweep_a_little();
                    thread::sleep(PAUSE);
                }
            }
        }
        self.overlay.group_commit.linger();
        self.wait(jobs)
    }

    /// Closes the files, and does what the next start would have to do.
    fn close(mut self) -> Result<(), StoreError> {
        let outcome = self.flush();
        let again = (self.overlay.tree.written() >= self.reopen.after).then(|| self.overlay.tree.again());
        // sled closes the files when the last handle of the tree is dropped.
        self.overlay.end();
        if let Some(again) = again
            && let Err(error) = again.open(false)
        {
            tracing::info!(error = &error as &dyn std::error::Error, "the next start will take longer");
        }
        outcome
    }

    /// Runs a job and those that wait behind it. Returns a request to close.
    fn work(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        let mut job = Some(first);
        while let Some(now) = job {
            match now {
                Job::Commit(commit, reply) => {
                    let (changes, outcome) = match self.commit(&commit) {
                        Ok((changes, committed)) => (changes, Ok(committed)),
                        Err(error) => (KeyChanges::new(), Err(error)),
                    };
                    match &outcome {
                        Err(StoreError::Conflict(_)) => drop(self.metrics.conflicts.inc()),
                        Err(StoreError::Taken(_)) => drop(self.metrics.taken.inc()),
                        _ => {}
                    }
                    self.overlay.group_commit.add(changes, outcome, reply);
                }
                Job::Task(task) => {
                    // When a write has failed, the task fails, too.
                    let _ = self.stand_still();
                    task(self);
                }
                Job::Close(closed) => return Some(closed),
            }
            job = jobs.try_recv().ok();
        }
        self.overlay.group_commit.release();
        None
    }

    fn commit(&mut self, commit: &Commit) -> Result<(KeyChanges, Committed), StoreError> {
        let now = self.clock.now().max(self.last);
        let (decided, committed) = decide::commit(&self.overlay, commit, now)?;
        let at = decided.last_events.values().map(|last| last.at).max();
        let dissolved = decided.dissolved.clone();
        let changes = transaction::changes(&self.overlay, decided)?;
        self.last = self.last.max(at.unwrap_or(self.last));
        self.sweeps.extend(dissolved);
        Ok((changes, committed))
    }

    /// Loads items, all of them or none. They are durable after the next [`Self::flush`].
    pub fn load(&mut self, items: &[Item]) -> Result<(), StoreError> {
        for item in items {
            if let Item::Resource(key, ..) = item {
                self.sweep_all(key.tenant, key.id)?;
            }
        }
        let decided = decide::load(&self.overlay, items)?;
        let changes = transaction::changes(&self.overlay, decided)?;
        self.apply(Batch::from(&changes))
    }

    /// Does one step of a removal.
    pub fn remove(
        &mut self,
        step: impl FnOnce(&Tree, &mut Sweeps) -> Result<Removal, StoreError>,
    ) -> Result<(u64, bool), StoreError> {
        let Removal { batch, gone, done } = step(&self.overlay.tree, &mut self.sweeps)?;
        self.apply(batch)?;
        if done {
            self.flush()?;
        }
        Ok((gone, done))
    }

    /// Removes some edges of the first group in the queue. After a failure the next start tries again.
    fn sweep_a_little(&mut self) {
        let Some((tenant, group)) = self.sweeps.first() else { return };
        if let Err(error) = self.sweep(tenant, group) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the edges of a deleted group could not be removed"
            );
            self.sweeps.clear();
        }
    }

    /// Removes all edges of a deleted group now, because its id is about to return.
    fn sweep_all(&mut self, tenant: TenantId, group: ResourceId) -> Result<(), StoreError> {
        if self.overlay.tree.contains(&super::key::sweep(tenant, group))? {
            while !self.sweep(tenant, group)? {}
        }
        Ok(())
    }

    /// Removes some edges of a deleted group; true when none is left.
    fn sweep(&mut self, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError> {
        // The deletion must be durable before its edges go, and every edge be in the tree.
        self.stand_still()?;
        let Removal { batch, done, .. } = sweep::edges(&self.overlay.tree, tenant, group)?;
        // Not flushed: the log is in order, so what survives of it is a beginning of the work.
        self.apply(batch)?;
        if done {
            self.sweeps.remove(tenant, group);
        }
        Ok(done)
    }

    /// The tree, for a task that reads: it contains every commit when a task begins.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.overlay.tree
    }

    /// Waits until every commit is in the tree, and durable.
    pub fn stand_still(&self) -> Result<(), StoreError> {
        self.overlay.group_commit.drain()
    }

    /// Applies a batch that is no commit. It is durable after the next [`Self::flush`].
    pub fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.len() == 0 {
            return Ok(());
        }
        self.stand_still()?;
        self.dirty = true;
        self.overlay.tree.apply(batch).inspect_err(|error| self.overlay.group_commit.fail(error))
    }

    /// Makes durable every commit and every batch.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.stand_still()?;
        if self.dirty {
            self.overlay.tree.flush().inspect_err(|error| self.overlay.group_commit.fail(error))?;
            self.dirty = false;
        }
        Ok(())
    }
}
