//! Durations and sizes as people write them: `30s`, `1h30m`, `7d`; `512KiB`, `10MiB`.

use std::time::Duration;

const DURATIONS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A duration: one or more whole numbers, each with a unit (ms, s, m, h, d, w). A bare `0` is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write a number and a unit, such as 30s, 15m, 12h or 7d");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (number, behind) = split_number(rest).ok_or_else(wrong)?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(end);
        let factor = factor(&DURATIONS, unit).ok_or_else(wrong)?;
        millis = number.checked_mul(factor).and_then(|part| millis.checked_add(part)).ok_or_else(wrong)?;
        rest = next;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(millis)) }
}

/// A duration in the form that [`duration`] reads: in the largest unit that leaves no rest.
pub fn display(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let whole = DURATIONS.iter().filter(|(unit, _)| *unit != "w").rfind(|(_, factor)| millis.is_multiple_of(*factor));
    match whole {
        Some((unit, factor)) if millis > 0 => format!("{}{unit}", millis / factor),
        _ => "0".to_owned(),
    }
}

/// A number of bytes: a whole number, with a unit (KiB, MiB, GiB, kB, MB, GB) or without.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is not a size; write a number of bytes, or one with a unit, such as 512KiB or 10MiB");
    let (number, unit) = split_number(text).ok_or_else(wrong)?;
    let factor = if unit.is_empty() { 1 } else { factor(&SIZES, unit.trim_start()).ok_or_else(wrong)? };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// A whole number.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number from 0, such as 100".to_owned())
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_duration(text: &str, expect: Option<u64>) {
        assert_eq!(duration(text).ok(), expect.map(Duration::from_millis), "{text}");
    }

    #[track_caller]
    fn check_size(text: &str, expect: Option<u64>) {
        assert_eq!(size(text).ok(), expect, "{text}");
    }

    #[test]
    fn durations() {
        check_duration("0", Some(0));
        check_duration("250ms", Some(250));
        check_duration("30s", Some(30_000));
        check_duration("1h30m", Some(5_400_000));
        check_duration("7d", Some(604_800_000));
        check_duration("52w", Some(52 * 604_800_000));
        check_duration("", None);
        check_duration("30", None);
        check_duration("s", None);
        check_duration("-1s", None);
        check_duration("1.5h", None);
        check_duration("1 day", None);
        check_duration("99999999999999999w", None);
    }

    #[test]
    fn durations_are_shown_as_they_are_read() {
        for text in ["0", "250ms", "90s", "36h", "30d"] {
            assert_eq!(display(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes() {
        check_size("0", Some(0));
        check_size("4096", Some(4096));
        check_size("10MiB", Some(10 << 20));
        check_size("10 MiB", Some(10 << 20));
        check_size("2GB", Some(2_000_000_000));
        check_size("", None);
        check_size("MiB", None);
        check_size("10M", None);
        check_size("99999999999GiB", None);
    }
}
