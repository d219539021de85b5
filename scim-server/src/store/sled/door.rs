//! Where the open tree is to be had.
//!
//! Whoever reads takes the tree from here for as long as one reading lasts. The writer may shut the
//! door for a moment, to close the tree and open it again ([`super::writer`]): then those who come
//! wait, and nobody is refused.

use std::sync::Arc;

use tokio::sync::watch;

use super::tree::{Tree, unavailable};
use crate::store::StoreError;

/// Leads to the tree.
pub(super) struct Door(watch::Sender<State>);

enum State {
    Open(Arc<Tree>),
    /// For a moment.
    Shut,
    /// For good, because the store was told to close.
    Closed,
    /// For good, because the tree could not be opened again.
    Lost,
}

impl Door {
    pub fn new(tree: Arc<Tree>) -> Self {
        Self(watch::Sender::new(State::Open(tree)))
    }

    /// The tree; waits while the door is shut.
    pub async fn tree(&self) -> Result<Arc<Tree>, StoreError> {
        if let State::Open(tree) = &*self.0.borrow() {
            return Ok(Arc::clone(tree));
        }
        let mut states = self.0.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Shut)).await.map_err(|_| closed())?;
        match &*state {
            State::Open(tree) => Ok(Arc::clone(tree)),
            State::Lost => Err(lost()),
            State::Shut | State::Closed => Err(closed()),
        }
    }

    /// Why there is no tree and no writer any more.
    pub fn reason(&self) -> StoreError {
        if matches!(*self.0.borrow(), State::Lost) { lost() } else { closed() }
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.0.send_if_modified(|state| {
            let had = !matches!(state, State::Lost);
            if had {
                *state = State::Closed;
            }
            had
        });
    }

    /// Lets nobody in until the tree is given back. `None` when the store is being closed.
    pub fn shut(&self) -> Option<Shut<'_>> {
        let shut = self.0.send_if_modified(|state| {
            let open = matches!(state, State::Open(_));
            if open {
                *state = State::Shut;
            }
            open
        });
        shut.then_some(Shut(self))
    }

    /// Ends the moment in which it was shut, unless the store was closed meanwhile.
    fn end(&self, with: State) {
        self.0.send_if_modified(|state| {
            let shut = matches!(state, State::Shut);
            if shut {
                *state = with;
            }
            shut
        });
    }
}

/// A door that is shut. Dropped without a tree, as when its opening panics, it never opens again.
pub(super) struct Shut<'a>(&'a Door);

impl Shut<'_> {
    /// Lets everybody in.
    pub fn open(self, tree: Arc<Tree>) {
        self.0.end(State::Open(tree));
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.end(State::Lost);
    }
}

fn closed() -> StoreError {
    unavailable("the store is closed")
}

fn lost() -> StoreError {
    unavailable("the store could not be opened again: the server must be restarted")
}
