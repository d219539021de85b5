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

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
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
}
