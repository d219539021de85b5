//! Gives the open tree to readers.
//!
//! A reader takes the tree from here for one read. To close and reopen the tree ([`super::writer`]), the writer
//! detaches it for a moment; new readers wait meanwhile, and none is refused.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::tree::{Tree, unavailable};
use crate::store::StoreError;

/// Leads to the tree.
pub(super) struct Handle {
    /// The tree while it is attached. Every reader on every core uses it: a lock, or a count of readers, would be
    /// written by all of them, which costs more than a read.
    tree: ArcSwapOption<Tree>,
    /// For readers that have to wait.
    state: watch::Sender<HandleState>,
}

enum HandleState {
    Attached,
    /// For a moment.
    Detached,
    /// For good, because the store was told to close.
    Closed,
    /// The tree could not be reopened. The writer tries again.
    Lost,
}

impl Handle {
    pub fn new(tree: Arc<Tree>) -> Self {
        Self { tree: ArcSwapOption::from(Some(tree)), state: watch::Sender::new(HandleState::Attached) }
    }

    /// Reads in the tree; waits before that while the tree is detached.
    pub async fn read<T>(&self, work: impl FnOnce(&Tree) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(tree) = &*self.tree.load() {
            return work(tree);
        }
        work(&*self.tree().await?)
    }

    /// The tree, for a longer read; waits while the tree is detached.
    pub async fn tree(&self) -> Result<Arc<Tree>, StoreError> {
        let mut states = self.state.subscribe();
        loop {
            if let Some(tree) = self.tree.load_full() {
                return Ok(tree);
            }
            match *states.borrow_and_update() {
                HandleState::Lost => return Err(lost()),
                HandleState::Closed => return Err(closed()),
                // It was attached between the two checks.
                HandleState::Attached => continue,
                HandleState::Detached => {}
            }
            states.changed().await.map_err(|_| closed())?;
        }
    }

    /// The error when there is no tree and no writer any more.
    pub fn reason(&self) -> StoreError {
        if matches!(*self.state.borrow(), HandleState::Lost) { lost() } else { closed() }
    }

    /// Closes the handle: no reader gets the tree any more.
    pub fn close(&self) {
        self.state.send_if_modified(|state| {
            let had = !matches!(state, HandleState::Lost);
            if had {
                self.tree.store(None);
                *state = HandleState::Closed;
            }
            had
        });
    }

    /// Detaches the tree: no reader gets it until it is attached again. `None` if the store is being closed.
    pub fn detach(&self) -> Option<Detached<'_>> {
        let detached = self.state.send_if_modified(|state| {
            let attached = matches!(state, HandleState::Attached);
            if attached {
                // From here on the tree's reference count shows how many readers are left.
                self.tree.store(None);
                *state = HandleState::Detached;
            }
            attached
        });
        detached.then_some(Detached(self))
    }

    /// Attaches a tree, or gives up on it, unless the store was closed meanwhile.
    fn end(&self, with: Option<Arc<Tree>>) {
        self.state.send_if_modified(|state| {
            let detached = matches!(state, HandleState::Detached | HandleState::Lost);
            if detached {
                *state = if with.is_some() { HandleState::Attached } else { HandleState::Lost };
                self.tree.store(with);
            }
            detached
        });
    }
}

/// A handle whose tree is detached. If it is dropped without a tree, as when reopening panics, the tree is lost.
pub(super) struct Detached<'a>(&'a Handle);

impl Detached<'_> {
    /// Refuses readers from now on, because they could wait for any time.
    pub fn lose(&self) {
        self.0.end(None);
    }

    /// Gives the tree to readers again.
    pub fn attach(self, tree: Arc<Tree>) {
        self.0.end(Some(tree));
    }
}

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        self.0.end(None);
    }
}

fn closed() -> StoreError {
    unavailable("the store is closed")
}

pub(super) fn lost() -> StoreError {
    unavailable("the store could not be reopened; unless the log says that it was since, the server must be restarted")
}
