//! Commits that are decided and not yet durable.
//!
//! The writer decides one commit after another and adds each here. The commits that have gathered go
//! through a [`pipeline`] of two stages: the first applies them as one batch and hands it to the
//! operating system; the second waits for the disk and answers. Each stage has a thread, so that while
//! the disk works on one group, the next is applied, and the writer decides the one after that. Groups
//! pass in order. When a stage fails, all commits fail that are not durable by then.

mod pipeline;

use std::{
    error::Error as _,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use sled::IVec;
use tokio::sync::oneshot;

pub(super) use self::pipeline::Pipeline;
use super::{
    key::Range,
    tree::{KeyChanges, Tree, unavailable},
};
use crate::{
    metrics::StoreMetrics,
    store::{Committed, StoreError},
};

/// How many keys change in one batch before no further commit is added to it: readers wait while a
/// batch is applied.
const BATCH: usize = 512;

/// Where the answer to a commit goes.
pub(super) type Reply = oneshot::Sender<Result<Committed, StoreError>>;

/// How many commits make a batch while the disk still works on the group before. Each batch costs
/// something, so fewer commits wait for those that come meanwhile.
const WORTH: usize = 16;

/// See the module's documentation.
pub(super) struct GroupCommit {
    state: Mutex<State>,
    metrics: Arc<StoreMetrics>,
    /// Wakes the first stage: something was decided.
    decided: Condvar,
    /// Wakes the second stage: something was applied.
    applied: Condvar,
    /// Wakes the writer, and a task that waits until nothing is left to do.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What the next batch will be.
    gathered: KeyChanges,
    /// Where the answers go when it is durable.
    answers: Vec<(Reply, Result<Committed, StoreError>)>,
    /// The batch that is being applied. Readers of the tree may see it already.
    underway: KeyChanges,
    doing: Doing,
    /// Groups that are applied and wait for the disk, the oldest first.
    written: Vec<Group>,
    /// Whether the second stage is at work.
    syncing: bool,
    ending: Ending,
    /// Why a write failed: nobody knows what is on disk until the store is reopened.
    broken: Option<Broken>,
}

/// Why writes are refused.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    kind: io::ErrorKind,
    said: String,
}

impl Broken {
    /// For a reason that is not the operating system's.
    pub fn because(why: &str) -> Self {
        Self { kind: io::ErrorKind::Other, said: format!("{why}; the store refuses writes for now") }
    }

    /// The error of each write from then on.
    fn error(&self) -> StoreError {
        unavailable(io::Error::new(self.kind, self.said.clone()))
    }
}

impl From<&StoreError> for Broken {
    fn from(error: &StoreError) -> Self {
        let cause = error.source();
        let kind = cause.and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        let why = cause.map_or_else(|| error.to_string(), ToString::to_string);
        Self { kind: kind.unwrap_or(io::ErrorKind::Other), ..Self::because(&format!("a write failed ({why})")) }
    }
}

/// What the first stage does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    /// It keeps a processor busy.
    Applying,
    /// It waits for the operating system.
    HandingOver,
}

/// Which stages are to end when nothing is left for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    None,
    First,
    Both,
}

/// Commits that were applied together.
struct Group {
    answers: Vec<(Reply, Result<Committed, StoreError>)>,
    /// Whether anything was written for them.
    dirty: bool,
    /// When their writing began.
    begun: Instant,
}

impl State {
    /// Whether the first stage is to take what has gathered.
    fn is_due(&self) -> bool {
        let full = self.answers.len() >= WORTH || self.gathered.len() >= BATCH;
        full || !self.answers.is_empty() && self.written.is_empty() && !self.syncing
    }

    fn is_idle(&self) -> bool {
        self.doing == Doing::Nothing && self.answers.is_empty() && self.written.is_empty() && !self.syncing
    }
}

impl GroupCommit {
    pub fn new(metrics: Arc<StoreMetrics>) -> Self {
        Self {
            state: Mutex::default(),
            metrics,
            decided: Condvar::new(),
            applied: Condvar::new(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, busy: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_while(self.state(), |state| busy(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// The value of a key as it will be.
    pub fn value(&self, tree: &Tree, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        let state = self.state();
        let value = state.gathered.get(key).or_else(|| state.underway.get(key)).cloned();
        // What is not here any more at the second look is in the tree.
        drop(state);
        value.map_or_else(|| tree.get(key), Ok)
    }

    /// Shows each key of a run with its value as they will be, in no order, until one is what is sought.
    ///
    /// The changes of the run are copied, so that the tree is read without the lock: what becomes durable
    /// meanwhile is in the copy, and is skipped in the tree.
    pub fn any(
        &self,
        tree: &Tree,
        range: Range,
        mut sought: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        let within = |layer: &KeyChanges| -> KeyChanges {
            let part = layer.range(range.start.clone()..range.end.clone());
            part.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let state = self.state();
        let mut changes = within(&state.underway);
        changes.extend(within(&state.gathered));
        drop(state);
        for (key, value) in &changes {
            if let Some(value) = value
                && sought(key, value)
            {
                return Ok(true);
            }
        }
        for item in tree.scan(range) {
            let (key, value) = item?;
            if !changes.contains_key(&*key) && sought(&key, &value) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds a commit. `outcome` is answered when everything is durable that it was decided on.
    pub fn add(&self, changes: KeyChanges, outcome: Result<Committed, StoreError>, answer: Reply) {
        let mut state = self.state();
        if let Some(broken) = &state.broken {
            let error = broken.error();
            drop(state);
            let _ = answer.send(Err(error));
            return;
        }
        state.gathered.extend(changes);
        state.answers.push((answer, outcome));
        if state.gathered.len() >= BATCH {
            drop(state);
            self.decided.notify_one();
            self.wait_while(|state| state.gathered.len() >= BATCH && state.broken.is_none());
        }
    }

    /// Tells the first stage that nothing more will come soon.
    pub fn release(&self) {
        // A stage that is at work looks again when it is done.
        let state = self.state();
        if state.doing == Doing::Nothing && state.is_due() {
            drop(state);
            self.decided.notify_one();
        }
    }

    /// Waits while a batch is applied. Commits that come meanwhile could not be applied sooner. The writer
    /// decides them together when the batch is on its way to the disk, which costs less than to wake up
    /// for each.
    pub fn linger(&self) {
        self.wait_while(|state| state.doing == Doing::Applying);
    }

    /// Waits until nothing is left to do; an error when a write has failed.
    pub fn drain(&self) -> Result<(), StoreError> {
        self.release();
        self.wait_while(|state| !state.is_idle());
        self.whole()
    }

    /// Whether all that was decided is durable.
    pub fn is_settled(&self) -> bool {
        self.state().is_idle()
    }

    /// An error when a write has failed.
    pub fn whole(&self) -> Result<(), StoreError> {
        self.state().broken.as_ref().map_or(Ok(()), |broken| Err(broken.error()))
    }

    /// Notes that a write failed. No other is tried until the tree is reopened.
    pub fn fail(&self, error: &StoreError) {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "a write failed; the store refuses writes until it is reopened"
        );
        self.refuse(Broken::from(error));
    }

    /// Lets no other write be tried until the tree is reopened.
    pub fn refuse(&self, broken: Broken) {
        self.metrics.refusing.set(1);
        let mut state = self.state();
        if state.broken.is_none() {
            state.broken = Some(broken);
        }
    }
}

#[cfg(test)]
mod tests;
