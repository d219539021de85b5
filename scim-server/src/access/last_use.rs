//! When something that lets people in was last used.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use scim_protocol::Timestamp;

/// One that is kept when the table is replaced.
pub(super) type Used = Arc<Use>;

/// When it was last used, and up to when that is written down. Milliseconds since the epoch; 0 is never.
#[derive(Debug, Default)]
pub(super) struct Use {
    last: AtomicI64,
    written: AtomicI64,
}

impl Use {
    /// As it is written down.
    pub fn known(last: Option<i64>) -> Self {
        let known = last.unwrap_or_default();
        Self { last: known.into(), written: known.into() }
    }

    /// Notes a use.
    pub fn note(&self, now: Timestamp) {
        self.last.fetch_max(now.as_millis(), Relaxed);
    }

    /// The last use, if there was one.
    pub fn last(&self) -> Option<i64> {
        Some(self.last.load(Relaxed)).filter(|last| *last > 0)
    }

    /// The last use, where it is not written down yet.
    pub fn unwritten(&self) -> Option<i64> {
        self.last().filter(|last| *last > self.written.load(Relaxed))
    }

    /// Notes that a use is written down.
    pub fn written(&self, last: i64) {
        self.written.fetch_max(last, Relaxed);
    }
}
