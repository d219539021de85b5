//! What a commit stands on: the tree as it will be when the commits before it are durable.
//!
//! A group of commits becomes one batch. sled seals and writes its log buffer around each batch, so
//! many small ones cost far more than a large one; and what all of them touch, such as the last
//! sequence, is written once.

use std::sync::Arc;

use sled::IVec;

use super::{
    backlog::{Backlog, Changes, Stages},
    key::Range,
    tree::Tree,
};
use crate::{metrics::StoreMetrics, store::StoreError};

/// The tree, and what will be applied to it.
pub(super) struct Ground {
    pub tree: Arc<Tree>,
    pub backlog: Arc<Backlog>,
    /// Makes durable what is in the backlog.
    stages: Stages,
}

impl Ground {
    /// How many handles of the tree it has.
    pub const HANDLES: usize = 1 + Stages::HANDLES;

    /// On a tree, with an empty backlog.
    pub fn start(tree: Arc<Tree>, metrics: &Arc<StoreMetrics>) -> Result<Self, StoreError> {
        let backlog = Arc::new(Backlog::new(Arc::clone(metrics)));
        let stages = Stages::start(&backlog, &tree, metrics)?;
        Ok(Self { tree, backlog, stages })
    }

    /// Lets go of the tree when everything is durable.
    pub fn end(self) {
        self.stages.end(&self.backlog);
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.backlog.value(&self.tree, key)
    }

    /// Shows each key of a run with its value, under further changes, in no order, until one is what was sought.
    pub fn any(
        &self,
        range: Range,
        over: &Changes,
        sought: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        self.backlog.any(&self.tree, range, over, sought)
    }
}
