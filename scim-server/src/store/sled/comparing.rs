//! The thread that compares a reopened tree with what was acknowledged before, beside those who use it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Instant,
};

use super::{
    group_commit::{Broken, GroupCommit},
    tree::{Tree, unavailable},
};
use crate::store::StoreError;

/// See the module's documentation.
pub(super) struct Comparing {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Comparing {
    /// Starts the thread.
    pub fn start(tree: &Arc<Tree>, group_commit: &Arc<GroupCommit>) -> Result<Self, StoreError> {
        let stop = Arc::<AtomicBool>::default();
        let (tree, group_commit, stopped) = (Arc::clone(tree), Arc::clone(group_commit), Arc::clone(&stop));
        let work = move || compare(&tree, &group_commit, &stopped);
        let thread = Builder::new().name("store-compare".into()).spawn(work).map_err(unavailable)?;
        Ok(Self { stop, thread })
    }

    /// Whether it has ended, and dropped the tree.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Stops it. What it leaves is compared by the next opening.
    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}

/// Compares. When something is lost, no write is accepted any more: the writer then reopens the tree, which compares
/// first, and refuses everything when that finds the same.
fn compare(tree: &Tree, group_commit: &GroupCommit, stop: &AtomicBool) {
    let begun = Instant::now();
    match tree.catch_up(|| stop.load(Ordering::Relaxed)) {
        Ok(None) => {
            let seconds = begun.elapsed().as_secs_f64();
            tracing::debug!(seconds, "everything that was acknowledged is in the reopened store");
        }
        _ if stop.load(Ordering::Relaxed) => {}
        Ok(Some(damage)) => {
            tracing::error!(%damage, "acknowledged writes are lost");
            group_commit.refuse(Broken::because(&format!("acknowledged writes are lost: {damage}")));
        }
        Err(error @ StoreError::Unavailable(_)) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the reopened store could not be compared with what was acknowledged; the next opening does it"
        ),
        Err(error) => group_commit.fail(&error),
    }
}
