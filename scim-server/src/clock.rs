//! The time, as a parameter.

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

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
    fn now(&self) -> Timestamp {
        shown(since_1970())
    }
}

/// The last instant that SCIM, HTTP and a calendar of four digits can write: 9999-12-31T23:59:59.999Z.
/// No clock shows more, so that what is added to an instant stays a number.
const LAST: i64 = 253_402_300_799_999;

impl SystemClock {
    /// Whether the machine's clock shows a time that HTTP can write in a Date: from 1970, which is before
    /// this program was written, to the year 9999.
    pub fn is_set() -> bool {
        is_writable(since_1970())
    }
}

/// What the machine's clock shows: the time since 1970, or `None` where it shows an earlier one.
#[allow(clippy::disallowed_methods, reason = "the one place where time enters")]
fn since_1970() -> Option<Duration> {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()
}

fn shown(since: Option<Duration>) -> Timestamp {
    let millis = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(LAST).min(LAST))
}

fn is_writable(since: Option<Duration>) -> bool {
    since.is_some_and(|since| since.as_millis() < LAST.unsigned_abs().into())
}

/// A clock that stands still until a test moves it. Clones share one hand.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

#[cfg(test)]
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

#[cfg(test)]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(since: Option<Duration>, expect: &str, is_set: bool) {
        assert_eq!(shown(since).to_string(), expect);
        assert_eq!(is_writable(since), is_set, "{expect}");
    }

    #[test]
    fn no_clock_shows_a_year_of_five_digits() {
        let end = Duration::from_millis(LAST.unsigned_abs());
        check(None, "1970-01-01T00:00:00.000Z", false);
        check(Some(Duration::ZERO), "1970-01-01T00:00:00.000Z", true);
        check(Some(Duration::from_millis(LAST.unsigned_abs() - 1)), "9999-12-31T23:59:59.998Z", true);
        check(Some(end), "9999-12-31T23:59:59.999Z", false);
        check(Some(Duration::MAX), "9999-12-31T23:59:59.999Z", false);
    }
}
