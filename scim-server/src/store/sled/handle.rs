//! Where readers get the open tree.
//!
//! A reader takes the tree from here for as long as one read lasts. The writer detaches the tree for a
//! moment, to close and reopen it ([`super::writer`]): readers that come then wait, and none is refused.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::tree::{Tree, unavailable};
use crate::store::StoreError;

/// Leads to the tree.
pub(super) struct Handle {
    /// The tree while it is attached. Every reader on every core comes through here: a lock, or a
    /// count of readers, would be written by all of them, and that costs more than a read.
    tree: ArcSwapOption<Tree>,
    /// For readers that have to wait.
    state: watch::Sender<State>,
}

enum State {
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
        Self { tree: ArcSwapOption::from(Some(tree)), state: watch::Sender::new(State::Attached) }
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
                State::Lost => return Err(lost()),
                State::Closed => return Err(closed()),
                // It was attached between the two looks.
                State::Attached => continue,
                State::Detached => {}
            }
            states.changed().await.map_err(|_| closed())?;
        }
    }

    /// Why there is no tree and no writer any more.
    pub fn reason(&self) -> StoreError {
        if matches!(*self.state.borrow(), State::Lost) { lost() } else { closed() }
    }

    /// Gives the tree to no reader any more.
    pub fn close(&self) {
        self.state.send_if_modified(|state| {
            let had = !matches!(state, State::Lost);
            if had {
                self.tree.store(None);
                *state = State::Closed;
            }
            had
        });
    }

    /// Gives the tree to no reader until it is attached again. `None` when the store is being closed.
    pub fn detach(&self) -> Option<Detached<'_>> {
        let detached = self.state.send_if_modified(|state| {
            let attached = matches!(state, State::Attached);
            if attached {
                // From here on the tree's reference count tells how many readers are left.
                self.tree.store(None);
                *state = State::Detached;
            }
            attached
        });
        detached.then_some(Detached(self))
    }

    /// Attaches a tree, or gives up on it, unless the store was closed meanwhile.
    fn end(&self, with: Option<Arc<Tree>>) {
        self.state.send_if_modified(|state| {
            let detached = matches!(state, State::Detached | State::Lost);
            if detached {
                *state = if with.is_some() { State::Attached } else { State::Lost };
                self.tree.store(with);
            }
            detached
        });
    }
}

/// A handle whose tree is detached. If it is dropped without a tree, as when reopening panics, the tree is lost.
pub(super) struct Detached<'a>(&'a Handle);

impl Detached<'_> {
    /// Refuses readers from now on, since nobody knows how long they would wait.
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
