//! Reads from sled and turns its panics into errors: in some places sled panics if it cannot read something.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sled::IVec;

use super::failure;
use crate::store::StoreError;

/// Calls sled. A panic becomes an error: the store is damaged.
pub(in crate::store::sled) fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(failure),
        Err(_) => Err(StoreError::Corrupt("sled stopped at something that it cannot read".into())),
    }
}

/// The keys of a run with their values. It ends with its first error.
pub(super) struct GuardedScan {
    inner: Option<sled::Iter>,
}

impl GuardedScan {
    pub fn new(inner: sled::Iter) -> Self {
        Self { inner: Some(inner) }
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(IVec, IVec)>>,
    ) -> Option<Result<(IVec, IVec), StoreError>> {
        let inner = self.inner.as_mut()?;
        let item = guarded(|| step(inner).transpose()).transpose();
        if matches!(item, Some(Err(_))) {
            self.inner = None;
        }
        item
    }
}

impl Iterator for GuardedScan {
    type Item = Result<(IVec, IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for GuardedScan {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}
