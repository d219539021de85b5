//! When something that lets people in was last used.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use scim_protocol::Timestamp;

use crate::metrics::NOTED_WITHIN;

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

    /// Notes a use. Whether what is written down is old now.
    pub fn note(&self, now: Timestamp) -> bool {
        self.last.fetch_max(now.as_millis(), Relaxed);
        self.is_due()
    }

    /// Whether what is written down is older than it may be.
    pub fn is_due(&self) -> bool {
        self.last.load(Relaxed) - self.written.load(Relaxed) >= NOTED_WITHIN
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_use_in_a_while_is_to_be_written_down() {
        let used = Use::known(None);
        let at = |after: i64| Timestamp::from_millis(1_700_000_000_000 + after);
        assert!(used.note(at(0)), "nothing is known of it");
        used.written(at(0).as_millis());
        assert_eq!(
            (used.note(at(NOTED_WITHIN - 1)), used.unwritten()),
            (false, Some(at(NOTED_WITHIN - 1).as_millis()))
        );
        assert!(used.note(at(NOTED_WITHIN)) && used.is_due());
        // What was earlier changes nothing.
        used.written(at(NOTED_WITHIN).as_millis());
        assert!(!used.note(at(1)));
    }
}
