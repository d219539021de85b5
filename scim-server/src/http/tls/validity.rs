//! When the certificate in use expires, and when the log warns of it.
//!
//! Another program renews the certificate (certbot, an orchestrator), and nobody notices when it stops doing so. So
//! the log has a warning each day in the last 30 days, when such a program should long have renewed it.
//!
//! The server continues to use an expired certificate: a server that does not start helps nobody, some clients may
//! still connect, and the next SIGHUP can load a valid one.

use rustls_pki_types::CertificateDer;
use scim_protocol::Timestamp;
use x509_cert::{Certificate, der::Decode};

use crate::token::reminder;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How long before the end the warnings begin.
const NOTICE: i64 = 30 * DAY;

/// The last instant of a certificate (RFC 5280 §4.1.2.5, `notAfter`); `None` when it cannot be read.
pub(super) fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let seconds = certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    Some(Timestamp::from_millis(i64::try_from(seconds).ok()?.checked_mul(1000)?))
}

/// What the log says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Clients refuse it.
    Ended,
    /// They will, after so many days, rounded up.
    Ends(i64),
}

/// Remembers what was logged: the same certificate is logged once a day, another one at once.
#[derive(Debug, Default)]
pub struct Reminder {
    said: Option<(Timestamp, Timestamp)>,
}

impl Reminder {
    /// What to log now about a certificate that expires then, if anything.
    pub fn due(&mut self, end: Timestamp, now: Timestamp) -> Option<Warning> {
        let left = end.as_millis().saturating_sub(now.as_millis());
        if left >= NOTICE {
            return None;
        }
        if let Some((of, at)) = self.said
            && of == end
            && now.as_millis().saturating_sub(at.as_millis()) < DAY
        {
            return None;
        }
        self.said = Some((end, now));
        Some(if left < 0 { Warning::Ended } else { Warning::Ends(reminder::days_left(end.as_millis(), now)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: i64) -> Timestamp {
        Timestamp::from_millis(days * DAY)
    }

    #[test]
    fn it_is_said_once_a_day_in_the_last_month_and_after() {
        let mut reminder = Reminder::default();
        let hours: Vec<_> = (0..48 * 24)
            .filter_map(|hour| reminder.due(day(40), Timestamp::from_millis(hour * DAY / 24)).map(|said| (hour, said)))
            .collect();
        assert_eq!(hours.len(), 38, "from day 10 to day 48");
        assert_eq!(hours[0], (10 * 24 + 1, Warning::Ends(30)));
        assert_eq!(hours[29], (39 * 24 + 1, Warning::Ends(1)));
        assert_eq!(hours[30], (40 * 24 + 1, Warning::Ended));
    }

    #[test]
    fn another_certificate_is_spoken_of_at_once() {
        let mut reminder = Reminder::default();
        assert_eq!(reminder.due(day(20), day(0)), Some(Warning::Ends(20)));
        assert_eq!(reminder.due(day(20), day(0)), None);
        assert_eq!(reminder.due(day(25), day(0)), Some(Warning::Ends(25)));
        assert_eq!(reminder.due(day(100), day(0)), None);
    }

    #[test]
    fn the_end_is_read_from_a_certificate() {
        let of = |year| {
            let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            wanted.not_after = rcgen::date_time_ymd(year, 3, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            end(wanted.self_signed(&key).unwrap().der()).unwrap().to_string()
        };
        // Before 2050 it is a UTCTime, from then on a GeneralizedTime.
        assert_eq!(of(2031), "2031-03-01T00:00:00.000Z");
        assert_eq!(of(2061), "2061-03-01T00:00:00.000Z");
        assert_eq!(end(&CertificateDer::from(b"nothing".to_vec())), None);
    }
}
