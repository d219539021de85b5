//! What a write would do: its commit is decided on as the write itself does it, and not made.

use scim_protocol::Error;

use super::Operations;
use crate::store::{Commit, IndexKey, StoreError, Write};

/// What a change would do if it were made now.
#[derive(Default)]
pub struct Rehearsed {
    /// The unique values that the resource gets.
    pub takes: Vec<IndexKey>,
    /// Whether it makes somebody inactive, be it by a name that is locked.
    pub deactivates: bool,
}

impl Operations {
    /// The unique values that a commit gives a resource. Refused as the commit would be, if another has one of them.
    pub(super) async fn unique_values(&self, commit: &Commit) -> Result<Vec<IndexKey>, Error> {
        let mut takes = Vec::new();
        for write in &commit.writes {
            let Write::Index(entry) = write else { continue };
            if !entry.unique {
                continue;
            }
            if self.store.lookup(&entry.key).await?.is_some_and(|owner| owner != entry.id) {
                return Err(StoreError::Taken(entry.clone()).into());
            }
            takes.push(entry.key.clone());
        }
        Ok(takes)
    }
}
