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

    /// Parses an xsd:dateTime (RFC 7643 §2.3.5, XML Schema 1.1 Part 2 §3.3.7), cut to the millisecond.
    /// Without an offset it is read as UTC, which both leave open.
    ///
    /// `None` when the text is anything else: another form of ISO 8601 (`+02`, `+0200`, a time without
    /// seconds, `t` and `z`), a day or a second that no calendar has (30 February, second 60), an
    /// offset beyond 14 hours. Years have four digits, -9999 to 9999, which is as far as every
    /// implementation of XML Schema has to go.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Reader(text.as_bytes());
        let is_before_year_0 = rest.eat(b'-');
        let year = rest.number(4)?;
        let year = if is_before_year_0 { -year } else { year };
        let month = rest.after(b'-', 2).filter(|month| (1..=12).contains(month))?;
        let day = rest.after(b'-', 2).filter(|day| (1..=days_of(year, month)).contains(day))?;
        let hour = rest.after(b'T', 2)?;
        let minute = rest.after(b':', 2).filter(|minute| *minute < 60)?;
        let second = rest.after(b':', 2).filter(|second| *second < 60)?;
        let (millis, is_whole) = rest.fraction()?;
        // 24:00:00 is the end of the day.
        if hour > 24 || (hour == 24 && (minute > 0 || second > 0 || !is_whole)) {
            return None;
        }
        let offset = rest.offset()?;
        let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute - offset;
        rest.0.is_empty().then_some(Self((minutes * 60 + second) * 1000 + millis))
    }
}

/// What is left of a text that is read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn eat(&mut self, wanted: u8) -> bool {
        let rest = self.0.strip_prefix(&[wanted]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| first.is_ascii_digit())?;
        self.0 = rest;
        Some(i64::from(first - b'0'))
    }

    /// A number of exactly so many digits, unless more follow.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + self.digit()?;
        }
        (!self.0.first().is_some_and(u8::is_ascii_digit)).then_some(number)
    }

    fn after(&mut self, separator: u8, digits: usize) -> Option<i64> {
        if self.eat(separator) { self.number(digits) } else { None }
    }

    /// The milliseconds of an optional fraction of any length, and whether it is nothing but zeros.
    fn fraction(&mut self) -> Option<(i64, bool)> {
        if !self.eat(b'.') {
            return Some((0, true));
        }
        let (mut millis, mut worth, mut is_zero) = (0, 100, true);
        let mut next = Some(self.digit()?);
        while let Some(digit) = next {
            millis += digit * worth;
            worth /= 10;
            is_zero &= digit == 0;
            next = self.digit();
        }
        Some((millis, is_zero))
    }

    /// The minutes that an optional offset is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.eat(b'Z') {
            return Some(0);
        }
        let is_behind = self.eat(b'-');
        if !is_behind && !self.eat(b'+') {
            return None;
        }
        let hours = self.number(2)?;
        let minutes = self.after(b':', 2).filter(|minutes| *minutes < 60)?;
        let ahead = hours * 60 + minutes;
        (ahead <= 14 * 60).then_some(if is_behind { -ahead } else { ahead })
    }
}

const fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + is_leap as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day: [`civil`] the other way round.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl serde::Serialize for Timestamp {
    /// As an `xsd:dateTime` in UTC, which is how SCIM writes instants (RFC 7643 §2.3.5).
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    /// From an `xsd:dateTime` with any offset.
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
        // No clock and no document has such an instant: only an offset leads a little beyond the ends.
        if year > 9999 {
            return f.write_str("9999-12-31T23:59:59.999Z");
        }
        if year < 0 {
            f.write_str("-")?;
        }
        let year = year.abs().min(9999);
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
        check("2011-05-13T04:42:34.5Z", Some("2011-05-13T04:42:34.500Z"));
        check("2011-05-13T04:42:34.12345678901234567890123456789Z", Some("2011-05-13T04:42:34.123Z"));
        check("2011-05-13T06:42:34+02:00", Some("2011-05-13T04:42:34.000Z"));
        check("2011-05-13T06:42:34+14:00", Some("2011-05-12T16:42:34.000Z"));
        check("2011-05-13T06:42:34-13:59", Some("2011-05-13T20:41:34.000Z"));
        check("2011-05-13T04:42:34", Some("2011-05-13T04:42:34.000Z"));
        check("2011-12-31T24:00:00Z", Some("2012-01-01T00:00:00.000Z"));
        check("2011-12-31T24:00:00.000-01:00", Some("2012-01-01T01:00:00.000Z"));
        check("2000-02-29T00:00:00Z", Some("2000-02-29T00:00:00.000Z"));
        check("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00.000Z"));
        check("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00.000Z"));
        check("-0044-03-15T12:00:00Z", Some("-0044-03-15T12:00:00.000Z"));
        check("9999-12-31T23:59:59.9999999Z", Some("9999-12-31T23:59:59.999Z"));
    }

    #[test]
    fn refuses_what_it_does_not() {
        for text in [
            "",
            "yesterday",
            "2011-05-13",
            "2011-05-13T",
            "2011-05-13T04:42Z",
            "2011-05-13 04:42:34Z",
            "2011-05-13t04:42:34Z",
            "2011-05-13T04:42:34z",
            "2011-05-13T04:42:34+02",
            "2011-05-13T04:42:34+0200",
            "2011-05-13T04:42:34+2:00",
            "2011-05-13T04:42:34+14:01",
            "2011-05-13T04:42:34-15:00",
            "2011-05-13T04:42:34+02:60",
            "2011-05-13T04:42:34+02:00:00",
            "2011-05-13T04:42:60Z",
            "2011-05-13T04:60:34Z",
            "2011-05-13T25:00:00Z",
            "2011-05-13T24:00:01Z",
            "2011-05-13T24:00:00.001Z",
            "2011-05-13T24:01:00Z",
            "2011-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2011-04-31T00:00:00Z",
            "2011-13-01T00:00:00Z",
            "2011-00-01T00:00:00Z",
            "2011-01-00T00:00:00Z",
            "2011-5-13T04:42:34Z",
            "11-05-13T04:42:34Z",
            "12011-05-13T04:42:34Z",
            "+2011-05-13T04:42:34Z",
            "2011-05-13T04:42:34.Z",
            "2011-05-13T04:42:34,5Z",
            "20110513T044234Z",
            "2011-05-13T04:42:34Z[UTC]",
            "2011-05-13T04:42:34ZZ",
            " 2011-05-13T04:42:34Z",
            "2011-05-13T04:42:34Z ",
            "2011-05-13T04:42:34 +02:00",
        ] {
            check(text, None);
        }
    }

    /// An offset leads over both ends; what comes of it has its place in the order of instants.
    #[test]
    fn the_ends_of_time_are_in_order() {
        let texts = [
            "-9999-01-01T00:00:00+14:00",
            "-9999-01-01T00:00:00Z",
            "0000-12-31T23:59:59.999Z",
            "0001-01-01T00:00:00Z",
            "9999-12-30T22:00:00Z",
            "9999-12-31T23:59:59.998Z",
            "9999-12-31T23:59:59.999Z",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T24:00:00-14:00",
        ];
        let instants = texts.map(|text| Timestamp::parse(text).unwrap_or_else(|| panic!("{text}")));
        assert!(instants.is_sorted_by(|a, b| a < b), "{instants:?}");
        assert_eq!(instants[9].to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_day_is_counted_as_it_is_written() {
        for days in (-4_371_222..2_932_897).step_by(97) {
            let noon = Timestamp::from_millis(days * DAY + DAY / 2);
            assert_eq!(Timestamp::parse(&noon.to_string()), Some(noon), "{noon}");
        }
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
