//! The time, as a parameter.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use scim_protocol::Timestamp;

/// A clock knows what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock: the only place that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where time enters")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(LAST).min(LAST))
    }
}

/// The last instant that SCIM, HTTP and a calendar of four digits can write: 9999-12-31T23:59:59.999Z.
/// No clock shows more, so that what is added to an instant stays a number.
const LAST: i64 = 253_402_300_799_999;

impl SystemClock {
    /// Whether the machine's clock shows a time that HTTP can write in a Date: from 1970, which is before
    /// this program was written, to the year 9999.
    #[allow(clippy::disallowed_methods, reason = "the one place where time enters")]
    pub fn is_set() -> bool {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.is_ok_and(|since| since.as_millis() < LAST.unsigned_abs().into())
    }
}

/// A clock that stands still until a test moves it. Clones share one hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this instant.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_millis())))
    }

    /// Moves the hand forward by so many milliseconds.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
