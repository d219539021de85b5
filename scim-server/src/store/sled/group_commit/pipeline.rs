//! The two threads that make commits durable.
//!
//! sled applies no batch while it writes its log to the operating system, so the first stage does both. The second
//! stage waits for the disk and answers; it takes no lock of sled. If several groups were applied meanwhile, it waits
//! for the disk once.

use std::{
    sync::{Arc, PoisonError},
    thread::{Builder, JoinHandle},
    time::Instant,
};

use super::{Broken, Doing, Ending, Group, GroupCommit, State};
use crate::{
    metrics::StoreMetrics,
    store::{
        StoreError,
        sled::tree::{Batch, Tree, unavailable},
    },
};

/// The threads of both pipeline.
pub(in super::super) struct Pipeline {
    applying: JoinHandle<()>,
    syncing: JoinHandle<()>,
}

impl Pipeline {
    /// How many handles of the tree they have.
    pub const HANDLES: usize = 2;

    /// Starts the threads.
    pub fn start(
        group_commit: &Arc<GroupCommit>,
        tree: &Arc<Tree>,
        metrics: &Arc<StoreMetrics>,
    ) -> Result<Self, StoreError> {
        let (shared, own) = (Arc::clone(group_commit), Arc::clone(tree));
        let syncing = spawn("store-sync", shared, own, {
            let metrics = Arc::clone(metrics);
            move |group_commit, tree| while group_commit.sync(tree, &metrics) {}
        })?;
        let (shared, own) = (Arc::clone(group_commit), Arc::clone(tree));
        let applying = spawn("store-apply", shared, own, |group_commit, tree| while group_commit.apply(tree) {})
            .inspect_err(|_| group_commit.end())?;
        Ok(Self { applying, syncing })
    }

    /// Waits until every commit is durable, and the threads have dropped the tree.
    pub fn end(self, group_commit: &GroupCommit) {
        group_commit.close();
        // A panic in a thread has been reported by the panic itself.
        let _ = self.applying.join();
        group_commit.end();
        let _ = self.syncing.join();
    }
}

fn spawn(
    name: &str,
    group_commit: Arc<GroupCommit>,
    tree: Arc<Tree>,
    work: impl FnOnce(&GroupCommit, &Tree) + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let thread = Builder::new().name(name.to_owned());
    let run = move || {
        // Dropped when the work panics, too: then nobody waits for a thread that is gone.
        let over = Over(group_commit);
        work(&over.0, &tree);
    };
    thread.spawn(run).map_err(unavailable)
}

impl GroupCommit {
    /// Tells the first stage to end when nothing is left.
    fn close(&self) {
        self.state().ending = Ending::First;
        self.decided.notify_one();
    }

    /// Tells the second stage to end when nothing is left.
    fn end(&self) {
        self.state().ending = Ending::Both;
        self.applied.notify_one();
    }

    /// The first stage: applies the commits that have gathered. False when it is time to end.
    fn apply(&self, tree: &Tree) -> bool {
        let waited = self.decided.wait_while(self.state(), |state| {
            !state.is_due() && (state.ending == Ending::None || !state.answers.is_empty())
        });
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.answers.is_empty() {
            return false;
        }
        let begun = Instant::now();
        let answers = std::mem::take(&mut state.answers);
        let changes = std::mem::take(&mut state.gathered);
        let batch = Batch::from(&changes);
        state.underway = changes;
        state.doing = Doing::Applying;
        let broken = state.broken.is_some();
        drop(state);
        self.changed.notify_all();

        let dirty = batch.len() > 0;
        if dirty && !broken {
            let outcome = tree.apply(batch).and_then(|()| {
                self.rest();
                tree.hand_over()
            });
            if let Err(error) = outcome {
                self.fail(&error);
            }
        }
        let mut state = self.state();
        let gone = std::mem::take(&mut state.underway);
        state.doing = Doing::Nothing;
        let group = Group { answers, dirty, begun };
        // The second stage may have ended.
        let broken = state.broken.clone();
        let failed = if broken.is_some() {
            Some(group)
        } else {
            state.written.push(group);
            None
        };
        drop(state);
        self.applied.notify_one();
        self.changed.notify_all();
        drop(gone);
        if let Some(group) = failed {
            group.answer(broken.as_ref());
        }
        true
    }

    /// Notes that the first stage only waits for the operating system.
    fn rest(&self) {
        self.state().doing = Doing::HandingOver;
        self.changed.notify_all();
    }

    /// The second stage: makes the applied groups durable, and answers. False when it is time to end.
    fn sync(&self, tree: &Tree, metrics: &StoreMetrics) -> bool {
        let waited =
            self.applied.wait_while(self.state(), |state| state.written.is_empty() && state.ending != Ending::Both);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.written.is_empty() {
            return false;
        }
        let groups = std::mem::take(&mut state.written);
        state.syncing = true;
        let mut broken = state.broken.clone();
        drop(state);

        if broken.is_none() && groups.iter().any(|group| group.dirty) {
            match tree.sync() {
                Ok(()) => observe(&groups, metrics),
                Err(error) => {
                    self.fail(&error);
                    broken = Some(Broken::from(&error));
                }
            }
        }
        let mut state = self.state();
        state.syncing = false;
        let due = state.doing == Doing::Nothing && state.is_due();
        drop(state);
        if due {
            self.decided.notify_one();
        }
        self.changed.notify_all();
        for group in groups {
            group.answer(broken.as_ref());
        }
        true
    }
}

impl Group {
    /// With what became of each; with why they are not durable, if they are not.
    fn answer(self, broken: Option<&Broken>) {
        for (answer, outcome) in self.answers {
            // If the caller has gone, its commit is valid nevertheless.
            let _ = answer.send(broken.map_or(outcome, |broken| Err(broken.error())));
        }
    }
}

/// Counts the commits that changed something, as one flush.
fn observe(groups: &[Group], metrics: &StoreMetrics) {
    let outcomes = groups.iter().flat_map(|group| &group.answers);
    let changed = outcomes.filter(|(_, outcome)| outcome.as_ref().is_ok_and(|committed| committed.changed)).count();
    if changed > 0
        && let Some(first) = groups.first()
    {
        metrics.flushed(changed as u64, first.begun.elapsed());
    }
}

/// Ends the waiting when a thread panics.
struct Over(Arc<GroupCommit>);

impl Drop for Over {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.0.metrics.refusing.set(1);
        let mut state = self.0.state();
        let broken = Some(Broken::because("a thread of the store has failed"));
        *state = State { broken, ending: state.ending, ..State::default() };
        drop(state);
        self.0.decided.notify_all();
        self.0.applied.notify_all();
        self.0.changed.notify_all();
    }
}
