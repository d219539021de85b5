//! The limit of requests without a valid token per client address.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    state::keyed::DashMapStateStore,
};

use super::RetryAfter;

/// Slows down clients that guess tokens, or send many requests without one. It is asked only of requests that show nothing
/// valid, so it does not affect a provider that sends thousands of valid requests from the same address. As
/// long as no address is over the limit, a check costs one atomic read.
///
/// IPv6 addresses are counted by their /64, because one subscriber has a whole /64.
pub struct AddressLimit<C: Clock = DefaultClock> {
    counted:
        RateLimiter<AddressKey, DashMapStateStore<AddressKey>, C, governor::middleware::NoOpMiddleware<C::Instant>>,
    blocked: Mutex<HashMap<AddressKey, C::Instant>>,
    blocked_count: AtomicUsize,
    since_sweep: AtomicUsize,
    crowded: AtomicBool,
    clock: C,
}

/// What is counted as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::http) enum AddressKey {
    /// One address.
    Ipv4(u32),
    /// One /64.
    Ipv6(u64),
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::Ipv4(address.to_bits()),
            IpAddr::V6(address) => Self::Ipv6(u64::try_from(address.to_bits() >> 64).unwrap_or_default()),
        }
    }
}

/// The most addresses that are remembered at once: some ten megabytes. Requests of further ones are not counted: the
/// limit does not help against an attacker with that many addresses, and a shared allowance would shut everyone out.
const MAX_SOURCES: usize = 100_000;
/// Counted requests between two sweeps.
const SWEEP_EVERY: usize = 10_000;

impl AddressLimit<DefaultClock> {
    /// Allows `burst` requests at once and one more every `period`.
    pub fn new(burst: NonZeroU32, period: Duration) -> Self {
        Self::with_clock(burst, period, DefaultClock::default())
    }
}

impl<C: Clock + Clone> AddressLimit<C> {
    /// The same with a given clock.
    pub fn with_clock(burst: NonZeroU32, period: Duration, clock: C) -> Self {
        let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst);
        Self {
            counted: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()),
            blocked: Mutex::default(),
            blocked_count: AtomicUsize::new(0),
            since_sweep: AtomicUsize::new(0),
            crowded: AtomicBool::new(false),
            clock,
        }
    }

    /// Whether the server may handle a request of this address that shows nothing valid. Whoever shows something valid is
    /// not asked for: others may be behind the same address.
    pub fn check(&self, address: IpAddr) -> Result<(), RetryAfter> {
        if self.blocked_count.load(Relaxed) == 0 {
            return Ok(());
        }
        let source = AddressKey::from(address);
        let now = self.clock.now();
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        match blocked.get(&source) {
            Some(until) if *until > now => Err(RetryAfter::after(until.duration_since(now).into())),
            Some(_) => {
                blocked.remove(&source);
                self.blocked_count.store(blocked.len(), Relaxed);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a request of this address: a failed authentication, or one without a token.
    pub fn count(&self, address: IpAddr) {
        if self.since_sweep.fetch_add(1, Relaxed) >= SWEEP_EVERY {
            self.sweep();
        }
        if self.crowded.load(Relaxed) {
            return;
        }
        let source = AddressKey::from(address);
        if let Err(not_until) = self.counted.check_key(&source) {
            self.block(source, not_until.earliest_possible());
        }
    }

    fn block(&self, source: AddressKey, until: C::Instant) {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.insert(source, until);
        self.blocked_count.store(blocked.len(), Relaxed);
    }

    /// Forgets addresses that have their whole allowance again. Runs by itself after many requests; a server may also
    /// call it periodically.
    pub fn sweep(&self) {
        self.since_sweep.store(0, Relaxed);
        self.counted.retain_recent();
        self.crowded.store(self.counted.len() >= MAX_SOURCES, Relaxed);
        let now = self.clock.now();
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.retain(|_, until| *until > now);
        self.blocked_count.store(blocked.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(burst: u32) -> (FakeRelativeClock, AddressLimit<FakeRelativeClock>) {
        let clock = FakeRelativeClock::default();
        let limit = AddressLimit::with_clock(NonZeroU32::new(burst).unwrap(), Duration::from_secs(3), clock.clone());
        (clock, limit)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_is_counted_counts_and_the_wait_is_told() {
        let (clock, limit) = limit(2);
        let (guesser, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..100 {
            assert_eq!(limit.check(guesser), Ok(()));
        }
        for _ in 0..2 {
            limit.count(guesser);
            assert_eq!(limit.check(guesser), Ok(()));
        }
        limit.count(guesser);
        assert_eq!(limit.check(guesser), Err(RetryAfter(3)));
        assert_eq!(limit.check(other), Ok(()));
        clock.advance(Duration::from_millis(1500));
        assert_eq!(limit.check(guesser), Err(RetryAfter(2)));
        clock.advance(Duration::from_millis(1501));
        assert_eq!(limit.check(guesser), Ok(()));
        assert_eq!(limit.blocked_count.load(Relaxed), 0);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_ipv4() {
        for (failing, checked, blocked) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let (_, limit) = limit(1);
            limit.count(address(failing));
            limit.count(address(failing));
            assert_eq!(limit.check(address(checked)).is_err(), blocked, "{failing} {checked}");
        }
    }

    #[test]
    fn a_flood_of_addresses_stays_within_bounds() {
        let (clock, limit) = limit(1);
        for number in 0..u32::try_from(MAX_SOURCES).unwrap() * 2 {
            limit.count(IpAddr::from(number.to_be_bytes()));
        }
        assert!(limit.counted.len() <= MAX_SOURCES + SWEEP_EVERY, "{}", limit.counted.len());
        clock.advance(Duration::from_secs(60));
        limit.sweep();
        assert!(limit.counted.is_empty());
    }
}
