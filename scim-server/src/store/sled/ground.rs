//! What a commit stands on: the tree as it will be when the commits before it are applied.
//!
//! A group of commits becomes one batch. sled seals and writes its log buffer around each batch, so
//! many small ones cost far more than a large one; and what all of them touch, such as the last
//! sequence, is written once.

use std::{collections::BTreeMap, sync::Arc};

use sled::IVec;

use super::{
    key::Range,
    tree::{Batch, Tree},
};
use crate::store::StoreError;

/// Keys with their new values, or without one when they go.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<IVec>>;

/// The tree, and what is about to be applied to it.
pub(super) struct Ground {
    pub tree: Arc<Tree>,
    pending: Changes,
}

impl Ground {
    pub fn new(tree: Arc<Tree>) -> Self {
        Self { tree, pending: Changes::new() }
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.tree.get(key),
        }
    }

    /// Shows each key of a run, under further changes, in no order, until one is what was sought.
    pub fn any(&self, range: Range, over: &Changes, mut sought: impl FnMut(&[u8]) -> bool) -> Result<bool, StoreError> {
        let bounds = || range.start.clone()..range.end.clone();
        for (key, value) in over.range(bounds()) {
            if value.is_some() && sought(key) {
                return Ok(true);
            }
        }
        for (key, value) in self.pending.range(bounds()) {
            if value.is_some() && !over.contains_key(key) && sought(key) {
                return Ok(true);
            }
        }
        for item in self.tree.scan(range) {
            let (key, _) = item?;
            if !over.contains_key(&*key) && !self.pending.contains_key(&*key) && sought(&key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds the changes of a commit.
    pub fn add(&mut self, changes: Changes) {
        self.pending.extend(changes);
    }

    /// How many keys are about to change.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What is to be applied now.
    pub fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in std::mem::take(&mut self.pending) {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}
