//! When a message is tried again: the schedule of Standard Webhooks 1.0, about 75 hours in all.

use std::time::UNIX_EPOCH;

use scim_protocol::Timestamp;

/// The pauses before the second and each further try, in seconds.
const PAUSES: [i64; 9] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// The longest time for which an endpoint may ask for patience, in seconds.
const PATIENCE: i64 = 24 * 3600;

/// When an endpoint that takes nothing is disabled: after five days, in milliseconds.
pub const DISABLE: i64 = 5 * 24 * 3600 * 1000;

/// For how long a receiver asks for patience (`Retry-After`, RFC 9110 §10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    Seconds(u64),
    /// Until a date.
    Until(Timestamp),
}

impl RetryAfter {
    /// Reads the header: a number of seconds, or a date of HTTP. `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Self::Seconds(seconds));
        }
        let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self::Until(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?)))
    }

    /// In seconds from then on; 0 when the date is over.
    pub fn seconds(self, now: Timestamp) -> u64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Until(at) => {
                u64::try_from(at.as_millis().saturating_sub(now.as_millis())).unwrap_or_default().div_ceil(1000)
            }
        }
    }
}

/// How long to wait after so many tries, in milliseconds; `None` after the last. `random` from 0 to 1 makes it up to a
/// tenth longer, so that not all tries come at once. What the endpoint asks for (`Retry-After`, in seconds) counts if it
/// is longer.
pub fn pause(tries: u32, retry_after: Option<u64>, random: f64) -> Option<i64> {
    let pause = *PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?)? * 1000;
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "some hours in milliseconds")]
    let jitter = (pause as f64 * 0.1 * random.clamp(0.0, 1.0)) as i64;
    let asked = retry_after.map_or(0, |seconds| i64::try_from(seconds).unwrap_or(PATIENCE).min(PATIENCE) * 1000);
    Some((pause + jitter).max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let now = Timestamp::from_millis(1_700_000_000_500);
        let seconds = |text: &str| RetryAfter::parse(text).map(|asked| asked.seconds(now));
        for (text, expect) in [
            ("60", Some(60)),
            (" 0 ", Some(0)),
            // The three forms of RFC 9110 §5.6.7.
            ("Tue, 14 Nov 2023 22:15:20 GMT", Some(120)),
            ("Tuesday, 14-Nov-23 22:15:20 GMT", Some(120)),
            ("Tue Nov 14 22:15:20 2023", Some(120)),
            ("Tue, 14 Nov 2023 22:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expect, "{text}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..).map_while(|tries| pause(tries, None, 0.0)).collect();
        assert_eq!((pauses.len(), pauses[0], pauses[8]), (9, 5000, 86_400_000));
        assert_eq!(pauses.iter().sum::<i64>() / 3_600_000, 75);
        assert_eq!(pause(1, None, 1.0), Some(5500));
        assert_eq!(pause(1, Some(60), 0.5), Some(60_000));
        assert_eq!(pause(2, Some(60), 0.0), Some(300_000));
        assert_eq!(pause(1, Some(u64::MAX), 0.0), Some(86_400_000));
        assert_eq!(pause(0, None, 0.0), None);
        assert_eq!(pause(10, Some(5), 0.0), None);
    }
}
