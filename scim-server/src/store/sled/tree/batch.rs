//! KeyChanges that are made together.

use std::collections::BTreeMap;

use sled::IVec;

/// Keys with their new values, or without one when they go, in order.
pub(in crate::store::sled) type KeyChanges = BTreeMap<Vec<u8>, Option<IVec>>;

/// KeyChanges that are made together. Of two to the same key the later one holds.
#[derive(Default)]
pub(in crate::store::sled) struct Batch {
    /// Keys with their new values, or without one when they go.
    pub(super) changes: Vec<(IVec, Option<IVec>)>,
    /// Of what is put.
    pub(super) bytes: u64,
}

impl Batch {
    pub fn put(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += (key.len() + value.len()) as u64;
        self.changes.push((key, Some(value)));
    }

    pub fn remove(&mut self, key: impl Into<IVec>) {
        self.changes.push((key.into(), None));
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }
}

impl From<&KeyChanges> for Batch {
    fn from(changes: &KeyChanges) -> Self {
        let mut batch = Self::default();
        batch.changes.reserve(changes.len());
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key.as_slice(), value.clone()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch
    }
}

/// The form in which sled takes them.
pub(super) fn for_sled(changes: &[(IVec, Option<IVec>)]) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    batch
}
