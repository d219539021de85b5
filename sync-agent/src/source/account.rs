//! Whether an account may be used, as its directory says.
//!
//! A flavour lists the [`AccountAttribute`]s of its directory, and this module weighs them. What is not there says nothing
//! against an account. Locks that pass by themselves are in no list: anybody can bring them about for anybody by typing
//! wrong passwords, and they end in time or by an administrator. So `lockoutTime` of Active Directory and
//! `accountUnlockTime` of 389 Directory Server are not looked at.

use scim_protocol::Timestamp;

use super::Attributes;

/// Milliseconds from 1601 to 1970.
const NT_EPOCH: i64 = 11_644_473_600_000;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// An attribute by which a directory says whether an account may be used.
#[derive(Debug, Clone, Copy)]
pub struct AccountAttribute {
    /// Its name.
    pub name: &'static str,
    /// When it counts.
    pub counts: Counts,
    /// What its text says.
    pub says: Says,
}

/// When an attribute counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Wherever it is there.
    Always,
    /// If [`Ends::policy`] is set.
    WithPolicy,
    /// If [`Ends::shadow`] is set.
    WithShadow,
}

/// What the text of an attribute says.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// Whether the account is locked.
    Locked(fn(&str) -> bool),
    /// From when on it may not be used. `None`: it has no end, or the text is no time.
    Ends(fn(&str) -> Option<Timestamp>),
    /// From when on it may be used.
    Begins(fn(&str) -> Option<Timestamp>),
}

/// Which attributes count that are not looked at everywhere: a setting, since what they mean depends on who looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// `pwdStartTime` and `pwdEndTime`: OpenLDAP's password policy refuses a bind before and after.
    pub policy: bool,
    /// `shadowExpire` (RFC 2307): days since 1970, looked at by the hosts that people sign in to.
    pub shadow: bool,
}

impl Default for Ends {
    /// What the directory itself goes by.
    fn default() -> Self {
        Self { policy: true, shadow: false }
    }
}

impl Ends {
    /// Whether an attribute counts under this setting.
    pub fn count(self, attribute: &AccountAttribute) -> bool {
        match attribute.counts {
            Counts::Always => true,
            Counts::WithPolicy => self.policy,
            Counts::WithShadow => self.shadow,
        }
    }
}

/// Whether an account may be used at this moment, by the attributes that are `known` to decide.
pub fn is_active(known: &[AccountAttribute], attributes: &Attributes, ends: Ends, now: Timestamp) -> bool {
    told(known, attributes, ends).all(|(says, text)| match says {
        Says::Locked(is_locked) => !is_locked(text),
        Says::Ends(read) => read(text).is_none_or(|at| now < at),
        Says::Begins(read) => read(text).is_none_or(|at| at <= now),
    })
}

/// The moments at which time alone changes whether an account may be used.
pub fn turns(known: &[AccountAttribute], attributes: &Attributes, ends: Ends) -> impl Iterator<Item = Timestamp> {
    told(known, attributes, ends).filter_map(|(says, text)| match says {
        Says::Locked(_) => None,
        Says::Ends(read) | Says::Begins(read) => read(text),
    })
}

/// What the attributes that count say, and the text of each.
fn told<'a>(
    known: &[AccountAttribute],
    attributes: &'a Attributes,
    ends: Ends,
) -> impl Iterator<Item = (Says, &'a str)> {
    let counting = known.iter().filter(move |attribute| ends.count(attribute));
    counting.filter_map(|attribute| Some((attribute.says, attributes.text(attribute.name)?)))
}

/// 100 ns since 1601, as Active Directory writes times; 0 and the largest number mean never ([MS-ADA1] accountExpires).
pub fn nt_time(text: &str) -> Option<Timestamp> {
    let ticks: i64 = text.trim().parse().ok()?;
    (!matches!(ticks, 0 | i64::MAX)).then(|| Timestamp::from_millis(ticks / 10_000 - NT_EPOCH))
}

/// Days since 1970 (RFC 2307). Less than 0 is never; 0 is the first of January 1970, as `chage -E 0` means it.
pub fn days(text: &str) -> Option<Timestamp> {
    let days: i64 = text.trim().parse().ok()?;
    (days >= 0).then(|| Timestamp::from_millis(days.saturating_mul(DAY)))
}

/// Generalized time (RFC 4517 §3.3.13), as far as directories write it: at least up to the hour, in
/// Coordinated Universal Time or with an offset. A fraction of a second is left out.
pub fn generalized_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (time, rest) = text.split_at_checked(digits)?;
    let part = |from: usize| time.get(from..from + 2);
    let (year, month, day, hour) = (time.get(..4)?, part(4)?, part(6)?, part(8)?);
    let (minute, second) = (part(10).unwrap_or("00"), part(12).unwrap_or("00"));
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
    let offset = match rest.split_at_checked(1) {
        Some(("Z", "")) => "Z".to_owned(),
        Some((sign @ ("+" | "-"), offset)) => {
            format!("{sign}{}:{}", offset.get(..2)?, offset.get(2..4).unwrap_or("00"))
        }
        _ => return None,
    };
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::flavour::Flavour;

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expect: bool) {
        let mut given = Attributes::default();
        for (name, value) in attributes {
            given.extend(name, [value.as_bytes().to_vec()]);
        }
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let ends = Ends { policy: true, shadow: true };
        assert_eq!(is_active(Flavour::account_attributes(), &given, ends, now), expect, "{attributes:?}");
    }

    #[test]
    fn every_way_of_saying_no() {
        check(&[], true);
        check(&[("userAccountControl", "512")], true);
        check(&[("userAccountControl", "514")], false);
        check(&[("userAccountControl", "-2147483134")], false);
        check(&[("accountExpires", "0")], true);
        check(&[("accountExpires", "9223372036854775807")], true);
        check(&[("accountExpires", "9223372036854775806")], true);
        check(&[("accountExpires", "9223372032559808511")], true);
        check(&[("accountExpires", "1")], false);
        // 2026-01-01T00:00:00Z, and a second after it.
        check(&[("accountExpires", "134116992000000000")], false);
        check(&[("accountExpires", "134116992010000000")], true);
        check(&[("pwdAccountLockedTime", "000001010000Z")], false);
        check(&[("pwdAccountLockedTime", "00000101000000Z")], false);
        check(&[("nsAccountLock", "TRUE")], false);
        check(&[("nsAccountLock", "false")], true);
    }

    #[test]
    fn a_lock_by_wrong_passwords_is_none() {
        check(&[("pwdAccountLockedTime", "20251231235959Z")], true);
        check(&[("pwdAccountLockedTime", "20251231235959.123456Z")], true);
        check(&[("lockoutTime", "134116992000000000")], true);
        check(&[("accountUnlockTime", "20300101000000Z")], true);
    }

    #[test]
    fn time_ends_an_account_and_begins_it() {
        check(&[("pwdEndTime", "20260101000000Z")], false);
        check(&[("pwdEndTime", "20260101000000.5Z")], false);
        check(&[("pwdEndTime", "202601010000Z")], false);
        check(&[("pwdEndTime", "20260101010000+0100")], false);
        check(&[("pwdEndTime", "20260101000001Z")], true);
        check(&[("pwdEndTime", "20260101000000-01")], true);
        check(&[("pwdEndTime", "soon")], true);
        check(&[("pwdStartTime", "20260101000001Z")], false);
        check(&[("pwdStartTime", "20260101000000Z")], true);
        // 2026-01-01 is day 20,454.
        check(&[("shadowExpire", "20454")], false);
        check(&[("shadowExpire", "20455")], true);
        for (days, expect) in [("0", false), ("1", false), ("-1", true), ("", true), ("9223372036854775807", true)] {
            check(&[("shadowExpire", days)], expect);
        }
    }

    #[test]
    fn what_is_not_set_does_not_count() {
        let known = Flavour::account_attributes();
        let mut given = Attributes::default();
        given.extend("shadowExpire", [b"1".to_vec()]);
        given.extend("pwdEndTime", [b"19990101000000Z".to_vec()]);
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        assert!(is_active(known, &given, Ends { policy: false, shadow: false }, now));
        assert!(!is_active(known, &given, Ends::default(), now));
        assert_eq!(turns(known, &given, Ends { policy: true, shadow: true }).count(), 2);
    }
}
