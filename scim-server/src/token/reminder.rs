//! When reminders are due of tokens that expire soon.
//!
//! From 90 days before the end once a week, below 60 days twice a week, below 30 days three times a week, below 15
//! days every day, until the token is deleted. An expired token also gets reminders, because its provider has stopped
//! working.

use scim_protocol::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1000;
const WEEK: i64 = 7 * DAY;

/// The time until the next reminder, by the milliseconds that are left (zero or fewer: the token has expired); `None`
/// if it is too early for one.
fn interval(left: i64) -> Option<i64> {
    match left {
        left if left < 15 * DAY => Some(DAY),
        left if left < 30 * DAY => Some(WEEK / 3),
        left if left < 60 * DAY => Some(WEEK / 2),
        left if left <= 90 * DAY => Some(WEEK),
        _ => None,
    }
}

/// Whether somebody must be reminded now of a token, or of another secret, that ends then. Both times are
/// milliseconds since the epoch; `reminded` is the last reminder's.
pub fn is_due(expires: i64, reminded: Option<i64>, now: Timestamp) -> bool {
    interval(expires - now.as_millis())
        .is_some_and(|interval| reminded.is_none_or(|last| now.as_millis() - last >= interval))
}

/// Days until then, rounded up, and 0 when it has ended: the one rule of what is told, of a token, a secret or a certificate.
pub fn days_left(expires: i64, now: Timestamp) -> i64 {
    let left = (expires - now.as_millis()).max(0);
    left / DAY + i64::from(left % DAY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = DAY / 24;
    const END: i64 = 400 * DAY;

    /// Checks every hour between two days before the end, and counts the reminders.
    #[track_caller]
    fn check(from_days_left: i64, to_days_left: i64, expect: usize) {
        let mut reminded = None;
        let mut reminders = 0;
        let mut now = END - from_days_left * DAY;
        while now < END - to_days_left * DAY {
            if is_due(END, reminded, Timestamp::from_millis(now)) {
                reminders += 1;
                reminded = Some(now);
            }
            now += HOUR;
        }
        assert_eq!(reminders, expect, "{from_days_left} to {to_days_left} days before the end");
    }

    #[test]
    fn the_rhythm_quickens_towards_the_end() {
        check(365, 91, 0);
        check(90, 62, 4); // four weeks
        check(59, 31, 8); // four weeks
        check(29, 15, 6); // two weeks
        check(14, 0, 14);
        check(365, 0, 5 + 8 + 7 + 15);
    }

    #[test]
    fn an_expired_token_is_reminded_of_until_it_is_deleted() {
        check(0, -30, 30);
        check(-400, -407, 7);
        check(365, -30, 5 + 8 + 7 + 15 + 30);
    }

    #[test]
    fn days_are_rounded_up() {
        let left = |millis| days_left(END, Timestamp::from_millis(END - millis));
        assert_eq!([left(DAY), left(DAY + 1), left(1), left(0), left(-DAY)], [1, 2, 1, 0, 0]);
    }
}
