//! When a request is sent, and when it is sent again.
//!
//! All requests to one target pass one [`Throttle`]. It keeps the rate that the settings allow, and when
//! the target says `Retry-After` it closes for all of them: a target that is asked for less must not
//! be asked by seven others in the meantime. A [`Patience`] belongs to one request; it says how long
//! to wait before the next try, and when to give up.
//!
//! Nothing here decides whether a request *may* be repeated: that depends on what it does, and the
//! callers know.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::{Instant, sleep, sleep_until};

use super::TargetError;

/// The pause after the first failure, where the target names none. It doubles each time.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause between two tries that the target did not ask for.
const LONGEST: Duration = Duration::from_secs(30);

/// What every request passes.
pub struct Throttle {
    rate: Option<DefaultDirectRateLimiter>,
    closed_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Lets at most so many requests a second pass; any number without a limit.
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        // One at a time, evenly: a burst at the start of a second would be refused by a strict target.
        let even = |rate| Quota::per_second(rate).allow_burst(NonZeroU32::MIN);
        Self { rate: per_second.map(|rate| RateLimiter::direct(even(rate))), closed_until: Mutex::new(None) }
    }

    /// Waits until a request may be sent.
    pub async fn pass(&self) {
        while let Some(until) = self.closed() {
            sleep_until(until).await;
        }
        if let Some(rate) = &self.rate {
            rate.until_ready().await;
        }
    }

    /// Lets nothing pass for so long. A pause that is already longer stays.
    fn close(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut closed = self.closed_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |other| other.max(until)));
    }

    fn closed(&self) -> Option<Instant> {
        let closed = *self.closed_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        closed.filter(|until| *until > Instant::now())
    }
}

/// How long one request is tried again.
pub struct Patience {
    until: Instant,
    tries: u32,
}

impl Patience {
    /// Lasts so long from now.
    pub fn lasting(duration: Duration) -> Self {
        Self { until: Instant::now() + duration, tries: 0 }
    }

    /// Waits before the next try, or gives the error back when the patience would end before it.
    /// A pause that the target asked for is kept to the second, by all requests.
    pub async fn wait(&mut self, gate: &Throttle, error: TargetError) -> Result<(), TargetError> {
        let asked = error.retry_after();
        let pause = asked.unwrap_or_else(|| backoff(self.tries, rand::random()));
        self.tries += 1;
        if Instant::now() + pause > self.until {
            return Err(error);
        }
        tracing::debug!(%error, pause_ms = pause.as_millis(), "trying again");
        match asked {
            Some(pause) => gate.close(pause),
            None => sleep(pause).await,
        }
        Ok(())
    }
}

/// The pause after so many tries. `chance`, from 0 to 1, spreads it over its upper half, so that
/// requests that failed together do not come again together.
fn backoff(tries: u32, chance: f64) -> Duration {
    let whole = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. A date is compared with the answer's own
/// `Date`, so that it does not matter how our clock stands.
pub fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (tries, chance, millis) in
            [(0, 0.0, 125), (0, 1.0, 250), (1, 1.0, 500), (3, 0.0, 1000), (20, 1.0, 30_000), (u32::MAX, 0.0, 15_000)]
        {
            assert_eq!(backoff(tries, chance), Duration::from_millis(millis), "{tries} {chance}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Sun, 22 Nov 2026 08:00:00 GMT");
        let check = |value, date, expect: Option<u64>| {
            assert_eq!(retry_after(value, date), expect.map(Duration::from_secs), "{value:?}");
        };
        check(Some("7"), None, Some(7));
        check(Some(" 0 "), date, Some(0));
        check(Some("Sun, 22 Nov 2026 08:01:30 GMT"), date, Some(90));
        check(Some("Sun, 22 Nov 2026 07:00:00 GMT"), date, Some(0));
        check(Some("Sun, 22 Nov 2026 08:01:30 GMT"), None, None);
        check(Some("soon"), date, None);
        check(None, date, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_target_asks_for_holds_everybody() {
        let gate = Throttle::new(None);
        let refused = TargetError::Refused {
            request: "GET /Users".to_owned(),
            status: 429,
            scim_type: None,
            detail: String::new(),
            retry_after: Some(Duration::from_secs(3)),
        };
        let start = Instant::now();
        Patience::lasting(Duration::from_secs(60)).wait(&gate, refused).await.unwrap();
        gate.pass().await;
        assert!(start.elapsed() >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let gate = Throttle::new(None);
        let mut patience = Patience::lasting(Duration::from_secs(10));
        let gone = || TargetError::Unavailable { request: "GET /Users".to_owned(), reason: "refused".to_owned() };
        let mut tries = 0;
        while patience.wait(&gate, gone()).await.is_ok() {
            tries += 1;
        }
        assert!((4..=8).contains(&tries), "{tries}");
    }
}
