//! Where the open tree is to be had.
//!
//! Whoever reads takes the tree from here for as long as one reading lasts. The writer may shut the
//! door for a moment, to close the tree and open it again ([`super::writer`]): then those who come
//! wait, and nobody is refused.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::tree::{Tree, unavailable};
use crate::store::StoreError;

/// Leads to the tree.
pub(super) struct Door {
    /// The tree while the door is open. Every reader of every core comes through here: a lock, or a
    /// count of who is inside, would be written by all of them, and that costs more than a reading.
    tree: ArcSwapOption<Tree>,
    /// For those who have to wait.
    state: watch::Sender<State>,
}

enum State {
    Open,
    /// For a moment.
    Shut,
    /// For good, because the store was told to close.
    Closed,
    /// Because the tree could not be opened again, until it can.
    Lost,
}

impl Door {
    pub fn new(tree: Arc<Tree>) -> Self {
        Self { tree: ArcSwapOption::from(Some(tree)), state: watch::Sender::new(State::Open) }
    }

    /// Reads in the tree; waits before that while the door is shut.
    pub async fn read<T>(&self, work: impl FnOnce(&Tree) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(tree) = &*self.tree.load() {
            return work(tree);
        }
        work(&*self.tree().await?)
    }

    /// The tree, to hold on to it; waits while the door is shut.
    pub async fn tree(&self) -> Result<Arc<Tree>, StoreError> {
        let mut states = self.state.subscribe();
        loop {
            if let Some(tree) = self.tree.load_full() {
                return Ok(tree);
            }
            match *states.borrow_and_update() {
                State::Lost => return Err(lost()),
                State::Closed => return Err(closed()),
                // Since just now.
                State::Open => continue,
                State::Shut => {}
            }
            states.changed().await.map_err(|_| closed())?;
        }
    }

    /// Why there is no tree and no writer any more.
    pub fn reason(&self) -> StoreError {
        if matches!(*self.state.borrow(), State::Lost) { lost() } else { closed() }
    }

    /// Lets nobody in any more.
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

    /// Lets nobody in until the tree is given back. `None` when the store is being closed.
    pub fn shut(&self) -> Option<Shut<'_>> {
        let shut = self.state.send_if_modified(|state| {
            let open = matches!(state, State::Open);
            if open {
                // From here on the tree's count tells of everybody who is inside.
                self.tree.store(None);
                *state = State::Shut;
            }
            open
        });
        shut.then_some(Shut(self))
    }

    /// Ends the moment in which it was shut, unless the store was closed meanwhile.
    fn end(&self, with: Option<Arc<Tree>>) {
        self.state.send_if_modified(|state| {
            let shut = matches!(state, State::Shut | State::Lost);
            if shut {
                *state = if with.is_some() { State::Open } else { State::Lost };
                self.tree.store(with);
            }
            shut
        });
    }
}

/// A door that is shut. Dropped without a tree, as when its opening panics, it never opens again.
pub(super) struct Shut<'a>(&'a Door);

impl Shut<'_> {
    /// Lets nobody wait any longer, since nobody knows for how long.
    pub fn lose(&self) {
        self.0.end(None);
    }

    /// Lets everybody in.
    pub fn open(self, tree: Arc<Tree>) {
        self.0.end(Some(tree));
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.end(None);
    }
}

fn closed() -> StoreError {
    unavailable("the store is closed")
}

pub(super) fn lost() -> StoreError {
    unavailable(
        "the store could not be opened again; when the log does not say that this is over, the server must be restarted",
    )
}
