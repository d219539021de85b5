//! What ends, such as a token, a secret or a certificate: how near that is, in words and in colour.

use scim_protocol::Timestamp;

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

/// How many seconds something lives that was made and ends then; nothing where one of the two is no instant. A begun second
/// is whole: the instant at which a token is stored is a little behind the one that its end is counted from.
pub fn lifetime(created: &str, expires: &str) -> Option<u64> {
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
    use super::*;

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
