//! What is decided and not yet durable, and the thread that makes it so.
//!
//! The writer decides one commit after another and leaves each here. A second thread takes all that
//! has gathered, applies it as one batch, flushes once, and answers. Meanwhile the writer decides the
//! next commits, on what those before them will leave behind: while one group waits for the disk, the
//! next is in the making.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use sled::IVec;
use tokio::sync::oneshot;

use super::{
    key::Range,
    tree::{Batch, Tree, unavailable},
};
use crate::{
    metrics::StoreMetrics,
    store::{Committed, StoreError},
};

/// How many keys change in one batch before no further commit is added to it: readers wait while a
/// batch is applied.
const BATCH: usize = 512;

/// Keys with their new values, or without one when they go.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<IVec>>;

/// Where the answer to a commit goes.
pub(super) type Answer = oneshot::Sender<Result<Committed, StoreError>>;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What the next batch will be.
    gathered: Changes,
    /// Who is to be told when it is durable, and what.
    answers: Vec<(Answer, Result<Committed, StoreError>)>,
    /// The batch that is being made durable. Readers of the tree see it or not.
    underway: Changes,
    /// Whether the thread is at work.
    busy: bool,
    /// Whether it is to end when nothing is left.
    closing: bool,
    /// Set when a write failed: what is on disk is then unknown until the store is opened again.
    broken: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && self.answers.is_empty()
    }
}

impl Backlog {
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
        // What leaves the backlog before the second look is in the tree by then.
        drop(state);
        value.map_or_else(|| tree.get(key), Ok)
    }

    /// Shows each key of a run with its value as they will be, under further changes, in no order, until
    /// one is what was sought.
    ///
    /// What is here of the run is copied, so that the tree is read without the lock: whatever becomes
    /// durable meanwhile is in the copy, and is not looked at in the tree.
    pub fn any(
        &self,
        tree: &Tree,
        range: Range,
        over: &Changes,
        mut sought: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        let within = |layer: &Changes| -> Changes {
            let part = layer.range(range.start.clone()..range.end.clone());
            part.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let state = self.state();
        let mut changes = within(&state.underway);
        changes.extend(within(&state.gathered));
        drop(state);
        changes.extend(within(over));
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

    /// Leaves a commit here. `outcome` is answered when everything is durable that it was decided on.
    pub fn add(&self, changes: Changes, outcome: Result<Committed, StoreError>, answer: Answer) {
        let mut state = self.state();
        state.gathered.extend(changes);
        state.answers.push((answer, outcome));
        if state.gathered.len() >= BATCH {
            drop(state);
            self.changed.notify_all();
            self.wait_while(|state| state.gathered.len() >= BATCH && !state.broken);
        }
    }

    /// Says that nothing more will come soon.
    pub fn release(&self) {
        // A thread that is at work looks by itself when it is done.
        if !self.state().busy {
            self.changed.notify_all();
        }
    }

    /// Waits until nothing is left to do; an error when a write has failed.
    pub fn drain(&self) -> Result<(), StoreError> {
        self.release();
        self.wait_while(|state| !state.is_idle());
        self.whole()
    }

    /// An error when a write has failed.
    pub fn whole(&self) -> Result<(), StoreError> {
        if self.state().broken { Err(broken()) } else { Ok(()) }
    }

    /// Notes that a write has failed. No other is tried.
    pub fn fail(&self, error: &StoreError) {
        tracing::error!(error = error as &dyn std::error::Error, "a write failed; the store takes no more of them");
        self.state().broken = true;
    }

    /// Starts the thread.
    pub fn start(
        self: &Arc<Self>,
        tree: Arc<Tree>,
        metrics: Arc<StoreMetrics>,
    ) -> Result<thread::JoinHandle<()>, StoreError> {
        let backlog = Arc::clone(self);
        let work = move || {
            // Also when something panics: nobody waits for ever for a thread that is gone.
            let _over = Over(&backlog);
            while backlog.next(&tree, &metrics) {}
        };
        thread::Builder::new().name("store-flusher".into()).spawn(work).map_err(unavailable)
    }

    /// Tells the thread to end when nothing is left.
    pub fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Makes durable what has gathered, and answers. False when it is time to end.
    fn next(&self, tree: &Tree, metrics: &StoreMetrics) -> bool {
        let waited = self.changed.wait_while(self.state(), |state| state.answers.is_empty() && !state.closing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.answers.is_empty() {
            return false;
        }
        let answers = std::mem::take(&mut state.answers);
        let changes = std::mem::take(&mut state.gathered);
        let batch = Batch::from(&changes);
        state.underway = changes;
        state.busy = true;
        let broken = state.broken;
        drop(state);
        self.changed.notify_all();

        let durable = !broken && self.write(tree, batch, &answers, metrics);
        let mut state = self.state();
        let gone = std::mem::take(&mut state.underway);
        state.busy = false;
        drop(state);
        self.changed.notify_all();
        drop(gone);
        for (answer, outcome) in answers {
            // A caller that has gone away does not hear it; its commit stands.
            let _ = answer.send(if durable { outcome } else { Err(self::broken()) });
        }
        true
    }

    fn write(
        &self,
        tree: &Tree,
        batch: Batch,
        answers: &[(Answer, Result<Committed, StoreError>)],
        metrics: &StoreMetrics,
    ) -> bool {
        if batch.len() == 0 {
            return true;
        }
        let begun = Instant::now();
        if let Err(error) = tree.apply(batch).and_then(|()| tree.flush()) {
            self.fail(&error);
            return false;
        }
        let changed = answers.iter().filter(|(_, outcome)| outcome.as_ref().is_ok_and(|committed| committed.changed));
        match changed.count() as u64 {
            0 => {}
            changes => metrics.flushed(changes, begun.elapsed()),
        }
        true
    }
}

/// Ends the waiting when the thread ends.
struct Over<'a>(&'a Backlog);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.broken = true;
        state.busy = false;
        state.answers.clear();
        drop(state);
        self.0.changed.notify_all();
    }
}

pub(super) fn broken() -> StoreError {
    unavailable("an earlier write failed, and the store must be opened again")
}
