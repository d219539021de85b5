//! The one thread that decides what is written.
//!
//! It takes commits from a bounded queue, checks each against the tree as it will be, and leaves it in
//! the [`backlog`](super::backlog), which makes it durable together with others and answers it. sled applies batches one
//! after the other in any case; a single writer makes "check, then apply" right without a lock.
//!
//! Between commits it runs errands: whole pieces of work that want the store to stand still (an export,
//! a check) or that are cut into steps (a load, an erasure). When nothing waits it sweeps what deleted
//! groups have left, and opens the tree anew when much was written ([`renewal`]).

mod renewal;

use std::{
    collections::VecDeque,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use scim_protocol::Timestamp;
use tokio::sync::{mpsc, mpsc::error::TryRecvError, oneshot};

pub use self::renewal::Renewal;
use super::{
    backlog::{Answer, Changes},
    door::Door,
    draft::Draft,
    ground::Ground,
    sweep,
    tree::{Batch, Tree, unavailable},
};
use crate::{
    clock::Clock,
    metrics::StoreMetrics,
    store::{Commit, Committed, ResourceId, StoreError, TenantId},
};

/// How many jobs may wait. A caller behind them waits for its turn.
const QUEUE: usize = 4096;

/// How long nothing is written between two steps of a sweep, for the sake of those who read.
const PAUSE: Duration = Duration::from_millis(1);

type Errand = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the writer is asked to do.
pub(super) enum Job {
    Commit(Box<Commit>, Answer),
    Errand(Errand),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// What only the writing thread has.
pub(super) struct Writer {
    ground: Ground,
    clock: Arc<dyn Clock>,
    /// The newest instant given; no later one is earlier.
    last: Timestamp,
    /// Deleted groups whose edges are still there.
    pub sweeps: VecDeque<(TenantId, ResourceId)>,
    /// Whether something was applied that is not durable yet.
    dirty: bool,
    /// Where readers get the tree.
    door: Arc<Door>,
    renewal: Renewal,
    /// Until then no renewal interrupts those who write.
    not_before: Instant,
    /// How long it lasts until a store is opened again that could not write.
    patience: Duration,
    metrics: Arc<StoreMetrics>,
}

/// What the writer does next.
enum Next {
    Job(Job),
    Renewal,
    /// Nobody is left who could send a job.
    End,
}

/// Starts the thread. It ends when told to close, or when the last sender is gone and all is done.
pub(super) fn start(
    tree: Arc<Tree>,
    door: Arc<Door>,
    renewal: Renewal,
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
) -> Result<(mpsc::Sender<Job>, thread::JoinHandle<()>), StoreError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let writer = Writer {
        sweeps: sweep::pending(&tree)?,
        ground: Ground::start(tree, &metrics)?,
        clock,
        last: Timestamp::from_millis(i64::MIN),
        dirty: false,
        door,
        renewal,
        not_before: Instant::now(),
        patience: renewal::PAUSE,
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
                    if let Some(closed) = self.group(job, &mut jobs) {
                        let _ = closed.send(self.close());
                        return;
                    }
                }
                Next::Renewal => match self.renew(&mut jobs) {
                    Some(renewed) => self = renewed,
                    None => return,
                },
                Next::End => break,
            }
        }
        let outcome = self.flush();
        self.ground.end();
        if outcome.is_err() {
            tracing::error!("the last changes to the store could not be flushed");
        }
    }

    /// The next job; sweeps while there is none.
    fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Next {
        while !self.sweeps.is_empty() && self.ground.backlog.whole().is_ok() {
            match jobs.try_recv() {
                Ok(job) => return Next::Job(job),
                Err(TryRecvError::Disconnected) => return Next::End,
                Err(TryRecvError::Empty) => {
                    sweep::step(self);
                    thread::sleep(PAUSE);
                }
            }
        }
        self.ground.backlog.linger();
        self.wait(jobs)
    }

    /// Lets go of the files, and does what the next start would have to do.
    fn close(mut self) -> Result<(), StoreError> {
        let outcome = self.flush();
        let again = (self.ground.tree.written() >= self.renewal.after).then(|| self.ground.tree.again());
        // sled lets go of the files when the last who has the tree does.
        self.ground.end();
        if let Some(again) = again
            && let Err(error) = again.open()
        {
            tracing::info!(error = &error as &dyn std::error::Error, "the next start will take longer");
        }
        outcome
    }

    /// Does a job and those that wait behind it. Gives back a request to close.
    fn group(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        let mut job = Some(first);
        while let Some(now) = job {
            match now {
                Job::Commit(commit, answer) => {
                    let (changes, outcome) = match self.commit(*commit) {
                        Ok((changes, committed)) => (changes, Ok(committed)),
                        Err(error) => (Changes::new(), Err(error)),
                    };
                    match &outcome {
                        Err(StoreError::Conflict(_)) => drop(self.metrics.conflicts.inc()),
                        Err(StoreError::Taken(_)) => drop(self.metrics.taken.inc()),
                        _ => {}
                    }
                    self.ground.backlog.add(changes, outcome, answer);
                }
                Job::Errand(errand) => {
                    // When a write has failed, the errand meets it, too.
                    let _ = self.stand_still();
                    errand(self);
                }
                Job::Close(closed) => return Some(closed),
            }
            job = jobs.try_recv().ok();
        }
        self.ground.backlog.release();
        None
    }

    fn commit(&mut self, commit: Commit) -> Result<(Changes, Committed), StoreError> {
        let mut draft = Draft::new(&self.ground);
        for expect in &commit.expect {
            draft.expect(expect)?;
        }
        for write in &commit.writes {
            draft.write(write)?;
        }
        let changed = draft.is_change()?;
        // A note: an event that stands for itself.
        let noted = commit.writes.is_empty() && commit.event.is_some();
        if !changed && !noted {
            return Ok((Changes::new(), Committed { changed, header: draft.header(&commit.target)?, sequence: 0 }));
        }
        let tenant = commit.target.tenant;
        let (before, latest) = draft.last_event(tenant)?.unwrap_or((0, self.last));
        let now = self.clock.now().max(self.last).max(latest);
        draft.settle(now)?;
        let header = draft.header(&commit.target)?;
        let mut sequence = 0;
        if let Some(mut event) = commit.event {
            sequence = before + 1;
            event.sequence = sequence;
            event.at = now.as_millis();
            event.version = header.map_or(0, |header| header.version);
            draft.log(tenant, &event)?;
        }
        let dissolved = std::mem::take(&mut draft.dissolved);
        let changes = draft.into_changes();
        self.last = now;
        self.sweeps.extend(dissolved);
        Ok((changes, Committed { changed, header, sequence }))
    }

    /// The tree, for an errand that reads. Nothing is in the backlog when an errand begins.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.ground.tree
    }

    /// What an errand's draft stands on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Waits until the tree is what commits stand on.
    pub fn stand_still(&self) -> Result<(), StoreError> {
        self.ground.backlog.drain()
    }

    /// Applies a batch beside the backlog, which has nothing in it. It is durable after the next
    /// [`Self::flush`].
    pub fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.stand_still()?;
        self.dirty = true;
        self.ground.tree.apply(batch).inspect_err(|error| self.ground.backlog.fail(error))
    }

    /// Makes durable what is in the backlog and what was applied beside it.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.stand_still()?;
        if self.dirty {
            self.ground.tree.flush().inspect_err(|error| self.ground.backlog.fail(error))?;
            self.dirty = false;
        }
        Ok(())
    }
}
