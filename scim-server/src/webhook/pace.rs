//! How many messages a second are sent to an endpoint at most.
//!
//! A token bucket for each endpoint, which holds what comes together in a tenth of a second (the generic cell rate
//! algorithm: what is kept is the time at which the bucket is full again). It goes by the server's clock, as the pauses
//! of the [schedule](super::schedule) do. A clock that is set back holds nobody up for longer than a second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use scim_protocol::Timestamp;

use crate::store::ResourceId;

/// Messages a second to an endpoint of which nothing else is said.
pub const USUAL_RATE: u32 = 10_000;
/// The highest rate that an endpoint can be given, in messages a second. The lowest is 1.
pub const MOST_RATE: u32 = 100_000;

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// What was sent of late to the endpoints that this process sends to.
#[derive(Default)]
pub struct Paces(Mutex<HashMap<ResourceId, Pace>>);

/// Times in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    /// When the bucket is full again.
    full: i64,
    /// Until when nothing is sent, because the bucket was empty.
    rests_until: i64,
}

impl Paces {
    /// Takes one message off the bucket of an endpoint with that many messages a second. `false` when the bucket is empty:
    /// then the endpoint [rests](Self::rest) until there is enough for several.
    pub fn take(&self, endpoint: ResourceId, rate: u32, now: Timestamp) -> bool {
        let now = nanoseconds(now);
        let mut paces = self.lock();
        let pace = paces.entry(endpoint).or_default();
        let rate = i64::from(rate.max(1));
        let (each, most) = (SECOND / rate, (rate / 10).max(1));
        pace.full = pace.full.clamp(now, now + most * each);
        if pace.full - now > (most - 1) * each {
            pace.rests_until = pace.full - (most - (most / 2).max(1)) * each;
            return false;
        }
        pace.full += each;
        true
    }

    /// Until when nothing is to be sent to an endpoint, in milliseconds since the epoch; `None` when something may be.
    pub fn rest(&self, endpoint: ResourceId, now: Timestamp) -> Option<i64> {
        let now = nanoseconds(now);
        let until = self.lock().get(&endpoint)?.rests_until;
        // Rounded up: then there is enough.
        (now < until && until - now <= SECOND).then(|| until.saturating_add(MILLISECOND - 1) / MILLISECOND)
    }

    /// Forgets an endpoint to which nothing is sent any more.
    pub fn forget(&self, endpoint: ResourceId) {
        self.lock().remove(&endpoint);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ResourceId, Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    time.as_millis().clamp(0, i64::MAX / MILLISECOND - 2000) * MILLISECOND
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ONE: ResourceId = ResourceId(Uuid::from_u128(1));

    /// How many messages are let through at that time, of very many.
    fn through(paces: &Paces, rate: u32, at: i64) -> usize {
        (0..100_000).take_while(|_| paces.take(ONE, rate, Timestamp::from_millis(at))).count()
    }

    #[test]
    fn a_tenth_of_a_second_comes_at_once_and_the_rest_by_and_by() {
        let (paces, begin) = (Paces::default(), 1_700_000_000_000);
        assert_eq!(through(&paces, 100, begin), 10);
        assert_eq!(paces.rest(ONE, Timestamp::from_millis(begin)), Some(begin + 50));
        assert_eq!(paces.rest(ONE, Timestamp::from_millis(begin + 50)), None);
        assert_eq!(through(&paces, 100, begin + 50), 5);
        // However often it is asked, a second has its rate and one bucket.
        let all: usize = (51..1051).map(|after| through(&paces, 100, begin + after)).sum();
        assert_eq!(all, 100);
        assert_eq!(through(&paces, 100, begin + 60_000), 10);
    }

    #[test]
    fn slow_and_fast_endpoints_have_their_rates() {
        for rate in [1, 3, 7, 1000, USUAL_RATE, MOST_RATE] {
            let (paces, begin) = (Paces::default(), 1_700_000_000_000);
            let all: usize = (0..10_000).map(|after| through(&paces, rate, begin + after)).sum();
            let expect = 10 * rate as usize;
            assert!((expect..=expect + (rate as usize / 10).max(1)).contains(&all), "{rate}: {all}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up() {
        let (paces, begin) = (Paces::default(), 1_700_000_000_000);
        assert_eq!(through(&paces, 1, begin), 1);
        let earlier = begin - 3_600_000;
        assert_eq!(paces.rest(ONE, Timestamp::from_millis(earlier)), None);
        assert_eq!(through(&paces, 1, earlier), 0);
        assert_eq!(through(&paces, 1, earlier + 1000), 1);
        paces.forget(ONE);
        assert_eq!(through(&paces, 1, earlier + 1000), 1);
    }
}
