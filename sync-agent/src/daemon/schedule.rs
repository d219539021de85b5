//! When the next cycle begins. Pure: time and chance are parameters.

use std::time::Duration;

use scim_protocol::Timestamp;

use crate::{config::Schedule, state::CycleRecord};

/// After a cycle that failed the next comes sooner than the interval says, but not sooner than this.
const AFTER_FAILURE: Duration = Duration::from_secs(300);

/// How often a daemon that is paused looks whether it still is.
pub const WHILE_PAUSED: Duration = Duration::from_secs(5);

/// When the next cycle begins: an interval after the last began, and up to the jitter later. `chance`
/// is from 0 to 1. Many agents that were started together so do not come together.
pub fn next(schedule: Schedule, last: Option<&CycleRecord>, now: Timestamp, chance: f64) -> Timestamp {
    let Some(last) = last else { return now };
    let jitter = schedule.jitter.mul_f64(chance.clamp(0.0, 1.0));
    let pause = match last.failure {
        Some(_) => schedule.interval.min(AFTER_FAILURE),
        None => schedule.interval,
    };
    let at = plus(last.started, pause + jitter.min(pause));
    // A clock that was set back must not stop the cycles.
    at.clamp(now, plus(now, schedule.interval + schedule.jitter))
}

/// Whether everything is to be compared.
pub fn is_full_due(schedule: Schedule, last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now >= plus(last, schedule.full_interval) || last > now)
}

/// How long it is until then.
pub fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(then.as_millis() - now.as_millis()).unwrap_or(0))
}

/// So much later.
pub fn plus(at: Timestamp, duration: Duration) -> Timestamp {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        interval: Duration::from_secs(3600),
        jitter: Duration::from_secs(600),
        full_interval: Duration::from_secs(86_400),
        follow: None,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[track_caller]
    fn check(started: i64, failed: bool, now: i64, chance: f64, expect: i64) {
        let mut last = CycleRecord::new(at(started), false);
        last.failure = failed.then(|| "it failed".to_owned());
        assert_eq!(next(SCHEDULE, Some(&last), at(now), chance), at(expect));
    }

    #[test]
    fn cycles_begin_an_interval_apart_and_sooner_after_a_failure() {
        assert_eq!(next(SCHEDULE, None, at(5), 1.0), at(5));
        check(1000, false, 1010, 0.0, 4600);
        check(1000, false, 1010, 0.5, 4900);
        check(1000, true, 1010, 0.0, 1300);
        check(1000, true, 1010, 1.0, 1600);
        // It was switched off for a day.
        check(1000, false, 90_000, 0.5, 90_000);
        // The clock was set back.
        check(900_000, false, 1000, 1.0, 5200);
    }

    #[test]
    fn a_full_reconciliation_has_its_own_rhythm() {
        for (last, now, due) in [(None, 0, true), (Some(0), 86_399, false), (Some(0), 86_400, true), (Some(9), 0, true)]
        {
            assert_eq!(is_full_due(SCHEDULE, last.map(at), at(now)), due, "{last:?} {now}");
        }
    }
}
