//! The limit of requests per token.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use arc_swap::ArcSwap;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

use super::RetryAfter;

type Limiter<C> = RateLimiter<Arc<str>, DashMapStateStore<Arc<str>>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Shares the server among callers. The rate comes with each check, because it is the tenant's and
/// may change while the server runs; a key that changes its rate starts with a whole allowance.
///
/// Memory is bounded by the number of tokens: only those who were authenticated are counted.
pub struct TokenLimit<C: Clock = DefaultClock> {
    by_rate: ArcSwap<HashMap<NonZeroU32, Arc<Limiter<C>>>>,
    clock: C,
}

impl TokenLimit<DefaultClock> {
    /// A limit in which nobody has asked for anything yet.
    pub fn new() -> Self {
        Self::with_clock(DefaultClock::default())
    }
}

impl Default for TokenLimit<DefaultClock> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock + Clone> TokenLimit<C> {
    /// The same with a given clock.
    pub fn with_clock(clock: C) -> Self {
        Self { by_rate: ArcSwap::default(), clock }
    }

    /// Takes one request of `key` (a token's id) off its allowance of `rate` requests a second, of
    /// which one second's worth may come at once. A rate of 0 is no limit.
    pub fn check(&self, key: &Arc<str>, rate: u32) -> Result<(), RetryAfter> {
        let Some(rate) = NonZeroU32::new(rate) else { return Ok(()) };
        let known = self.by_rate.load();
        let result = match known.get(&rate) {
            Some(limiter) => limiter.check_key(key),
            None => self.limiter(rate).check_key(key),
        };
        result.map_err(|not_until| RetryAfter::after(not_until.wait_time_from(self.clock.now())))
    }

    /// Forgets tokens that have their whole allowance again, and rates that no token has any more. Call it
    /// periodically.
    pub fn sweep(&self) {
        for limiter in self.by_rate.load().values() {
            limiter.retain_recent();
        }
        self.by_rate.rcu(|known| {
            known
                .iter()
                .filter(|(_, limiter)| !limiter.is_empty())
                .map(|(rate, limiter)| (*rate, Arc::clone(limiter)))
                .collect::<HashMap<_, _>>()
        });
    }

    fn limiter(&self, rate: NonZeroU32) -> Arc<Limiter<C>> {
        let quota = Quota::per_second(rate);
        let fresh = Arc::new(RateLimiter::new(quota, DashMapStateStore::default(), self.clock.clone()));
        let known = self.by_rate.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(rate).or_insert_with(|| Arc::clone(&fresh));
            known
        });
        // `rcu` returns what was there before: another thread may have been first.
        known.get(&rate).map_or(fresh, Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[track_caller]
    fn check(limit: &TokenLimit<FakeRelativeClock>, key: &str, rate: u32, requests: u32, expect: u32) {
        let key = Arc::from(key);
        let let_through = (0..requests).filter(|_| limit.check(&key, rate).is_ok()).count();
        assert_eq!(let_through, expect as usize, "{key} at {rate}");
    }

    #[test]
    fn each_key_has_one_second_of_its_rate_at_once() {
        let clock = FakeRelativeClock::default();
        let limit = TokenLimit::with_clock(clock.clone());
        check(&limit, "a", 20, 30, 20);
        check(&limit, "b", 20, 5, 5);
        check(&limit, "a", 0, 1000, 1000);
        clock.advance(Duration::from_millis(500));
        check(&limit, "a", 20, 30, 10);
        assert_eq!(limit.check(&Arc::from("a"), 20).unwrap_err().seconds(), 1);
    }

    #[test]
    fn a_new_rate_counts_at_once() {
        let limit = TokenLimit::with_clock(FakeRelativeClock::default());
        check(&limit, "a", 20, 30, 20);
        check(&limit, "a", 5, 30, 5);
        check(&limit, "a", 20, 1, 0);
    }

    #[test]
    fn a_sweep_forgets_who_has_rested() {
        let clock = FakeRelativeClock::default();
        let limit = TokenLimit::with_clock(clock.clone());
        check(&limit, "a", 20, 30, 20);
        limit.sweep();
        check(&limit, "a", 20, 1, 0);
        clock.advance(Duration::from_secs(10));
        limit.sweep();
        limit.sweep();
        assert!(limit.by_rate.load().is_empty());
        check(&limit, "a", 20, 30, 20);
    }
}
