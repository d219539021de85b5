//! What ends, such as a token, a secret or a certificate: how near that is, in words and in colour.

use std::time::Duration;

use scim_protocol::Timestamp;
use serde_json::Value;

use super::{Cell, Tone};

/// The status of a token or secret, as commands say it (`valid`, `expiring`, `expired`). It alone decides the colour of all
/// that is said of it, so that no two signs of one token contradict each other.
pub fn tone(status: &str) -> Tone {
    match status {
        "valid" => Tone::Good,
        "expiring" => Tone::Warn,
        "expired" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// That status.
pub fn status(word: &str) -> Cell {
    Cell::Badge(tone(word), word.to_owned())
}

/// The seconds that what takes the place of a token or of a client's secret lives: as many as that was to, or the `usual`
/// ones where that cannot be told. The row is of `token list` or of `client list`. Of a client's secrets the last one says
/// it: one that was replaced ends sooner than it was to.
pub fn successor(row: &Value, usual: Duration) -> u64 {
    let before = match row.get("secrets").and_then(Value::as_array) {
        Some(secrets) => secrets.iter().max_by(|one, other| text(one, "created").cmp(text(other, "created"))),
        None => Some(row),
    };
    let seconds = before.and_then(|before| lifetime(text(before, "created"), text(before, "expires")));
    seconds.unwrap_or(usual.as_secs())
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// How many seconds something lives that was made and ends then; nothing where one of the two is no instant. A begun second
/// is whole: the instant at which a token is stored is a little behind the one that its end is counted from.
fn lifetime(created: &str, expires: &str) -> Option<u64> {
    let millis = Timestamp::parse(expires)?.as_millis() - Timestamp::parse(created)?.as_millis();
    u64::try_from(millis).ok().map(|millis| millis.div_ceil(1000)).filter(|seconds| *seconds > 0)
}

/// The days that are left, where begun ones are whole.
pub fn left(days: i64) -> String {
    match days {
        ..=0 => "ended".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_takes_a_place_lives_as_long_as_what_was_there_was_to() {
        let made = |month: u8, days: u8| {
            let on = |day: u8| format!("2026-0{month}-0{day}T00:00:00Z");
            json!({"created": on(1), "expires": on(1 + days)})
        };
        for (row, expect) in [
            (made(3, 5), 5 * 86_400),
            // The one before was replaced, and ends sooner.
            (json!({"secrets": [made(3, 1), made(4, 8)]}), 8 * 86_400),
            (json!({"secrets": [made(4, 8), made(3, 1)]}), 8 * 86_400),
            (json!({"secrets": []}), 7),
            (json!({"created": "2026-03-01T00:00:00Z", "expires": null}), 7),
        ] {
            assert_eq!(successor(&row, Duration::from_secs(7)), expect, "{row}");
        }
    }

    #[test]
    fn a_lifetime_is_from_the_making_to_the_end() {
        let created = "2026-11-22T04:50:11.378Z";
        for (expires, expect) in [
            ("2027-02-20T04:50:11.378Z", Some(90 * 86_400)),
            ("2027-02-20T04:50:11.367Z", Some(90 * 86_400)),
            ("2026-11-22T04:50:11.379Z", Some(1)),
            ("2026-11-22T04:50:11.378Z", None),
            ("2026-11-21T04:50:11.378Z", None),
            ("", None),
        ] {
            assert_eq!(lifetime(created, expires), expect, "{expires}");
        }
    }
}
