//! The certificate that the server shows to providers: when it ends, and what to do about that.

use scim_protocol::Timestamp;

use super::{BASE, ask::Ask};
use crate::{
    token::reminder,
    web::{Cell, Tone, ending},
};

/// Where the second at which the certificate ends stands among the metrics.
const METRIC: &str = "scim_tls_certificate_expiry_timestamp_seconds ";
/// Days before the end from which on it is told: whatever renews it should long have done so.
const NOTICE: i64 = 30;

/// When the served certificate ends.
struct End {
    at: Timestamp,
    /// The days that are left, begun ones as whole; 0 or less when it has ended.
    days: i64,
}

impl End {
    /// As the metrics say; nothing where the server has no certificate.
    fn of(ask: &Ask<'_>) -> Option<Self> {
        let (text, _) = (ask.admin.metrics)();
        let seconds = text.lines().find_map(|line| line.strip_prefix(METRIC)?.trim().parse::<f64>().ok())?;
        #[allow(clippy::cast_possible_truncation, reason = "a time of this millennium")]
        let millis = (seconds * 1000.0) as i64;
        Some(Self::at(millis, ask.context().clock.now()))
    }

    fn at(millis: i64, now: Timestamp) -> Self {
        Self { at: Timestamp::from_millis(millis), days: reminder::days_left(millis, now) }
    }

    fn tone(&self) -> Tone {
        match self.days {
            ..=0 => Tone::Bad,
            1..=NOTICE => Tone::Warn,
            _ => Tone::Good,
        }
    }

    fn left(&self) -> String {
        ending::left(self.days)
    }
}

/// When it ends, in colour.
pub fn cell(ask: &Ask<'_>) -> Cell {
    match End::of(ask) {
        None => Cell::text("none: another program ends TLS, or nobody does"),
        Some(end) => Cell::Several(vec![Cell::Time(end.at.to_string()), Cell::Badge(end.tone(), end.left())]),
    }
}

/// What needs a person of it: how bad it is, where it leads, and what to do. Nothing for whoever administrates one
/// tenant: the certificate is the server's.
pub fn wanted(ask: &Ask<'_>) -> Option<(Tone, Cell, String)> {
    if ask.session.administrator.tenant.is_some() {
        return None;
    }
    let end = End::of(ask).filter(|end| end.tone() > Tone::Good)?;
    let said = match end.tone() {
        Tone::Bad => "The certificate has ended: providers refuse it".to_owned(),
        _ => format!("The certificate ends in {}", end.left()),
    };
    let detail = format!("{said}. Renew it, and send the server SIGHUP; `scim-server doctor` says which file it is.");
    Some((end.tone(), Cell::link(format!("{BASE}/server"), "Server"), detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn the_last_month_is_amber_and_what_has_ended_is_red() {
        let now = 1_700_000_000_000;
        for (left, tone, said) in [
            (31 * DAY, Tone::Good, "31 days"),
            (30 * DAY + 1, Tone::Good, "31 days"),
            (30 * DAY, Tone::Warn, "30 days"),
            (1, Tone::Warn, "within a day"),
            (0, Tone::Bad, "ended"),
            (-400 * DAY, Tone::Bad, "ended"),
        ] {
            let end = End::at(now + left, Timestamp::from_millis(now));
            assert_eq!((end.tone(), end.left().as_str()), (tone, said), "{left}");
        }
    }
}
