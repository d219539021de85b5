//! Instants, to the millisecond, as SCIM writes them.

use std::fmt;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// Written as `2011-05-13T04:42:34.000Z` (RFC 7643 §2.3.5, xsd:dateTime in UTC), always with three
/// fractional digits, so that the text of two timestamps sorts as the instants do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses an xsd:dateTime. Without an offset it is read as UTC, which RFC 7643 leaves open.
    /// `None` when the text is not a date with a time, or lies outside the years -9999 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.contains(['T', 't']) {
            return None;
        }
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        Some(Self(instant.as_millisecond()))
    }
}

impl serde::Serialize for Timestamp {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    /// From an xsd:dateTime.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no date with a time")))
    }
}

/// Milliseconds in a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl fmt::Display for Timestamp {
    /// Digit by digit: a page of a hundred resources has two hundred timestamps, and a general
    /// formatter took a third of the time that it takes to write the page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        if !(0..=9999).contains(&year) {
            return match jiff::Timestamp::from_millisecond(self.0) {
                Ok(instant) => write!(f, "{instant:.3}"),
                Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
            };
        }
        let (seconds, minutes, hours) = (millis / 1000, millis / 60_000, millis / 3_600_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields =
            [(3, year), (6, month), (9, day), (12, hours), (15, minutes % 60), (18, seconds % 60), (22, millis % 1000)];
        for (last, number) in fields {
            write_digits(&mut text, last, number);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes a number over the zeros that end at `last`.
fn write_digits(text: &mut [u8], last: usize, mut number: i64) {
    for digit in text.iter_mut().take(last + 1).rev() {
        if number == 0 {
            return;
        }
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day is the last one; then the month follows
/// from the day of the year by a line: 153 days make five months. 400 years have 146,097 days.
const fn civil(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01, the beginning of an era of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next_year) = if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year_of_era + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn parses_what_xsd_date_time_allows() {
        check("2011-05-13T04:42:34Z", Some("2011-05-13T04:42:34.000Z"));
        check("2011-05-13T04:42:34.1234Z", Some("2011-05-13T04:42:34.123Z"));
        check("2011-05-13T06:42:34+02:00", Some("2011-05-13T04:42:34.000Z"));
        check("2011-05-13T04:42:34", Some("2011-05-13T04:42:34.000Z"));
        check("2011-05-13", None);
        check("yesterday", None);
    }

    #[test]
    fn text_is_what_a_calendar_says() {
        let calendar = |millis| format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap());
        // Days of three eras, and each day around the turns of centuries, at an odd moment.
        let turns = [-36_525_i64, -25_567, 0, 10_957, 47_482].map(|turn| turn - 1000..turn + 1000);
        for day in (-146_097..146_097 * 2).step_by(17).chain(turns.into_iter().flatten()) {
            let millis = day * DAY + 86_399_007;
            assert_eq!(Timestamp::from_millis(millis).to_string(), calendar(millis));
        }
        assert_eq!(Timestamp::from_millis(-62_167_219_200_000).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(253_402_300_799_000).to_string(), "9999-12-31T23:59:59.000Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
