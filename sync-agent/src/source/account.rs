//! Whether an account may be used, as its directory says.

use scim_protocol::Timestamp;

use super::Attributes;

/// The attributes that [`is_active`] reads.
pub const ATTRIBUTES: [&str; 4] = ["userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock"];

/// Whether an attribute is one of those by which a directory says that an account may not be used.
pub fn decides(attribute: &str) -> bool {
    let timed = ["pwdStartTime", "pwdEndTime", "shadowExpire"];
    ATTRIBUTES.iter().chain(&timed).any(|known| known.eq_ignore_ascii_case(attribute))
}

/// ADS_UF_ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
const DISABLED: i64 = 0x2;

/// Milliseconds from 1601 to 1970.
const NT_EPOCH: i64 = 11_644_473_600_000;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Which attributes end an account at a time, besides `accountExpires`: a setting, since what they mean
/// depends on who looks at them.
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
    /// The attributes to be read, in lower case.
    pub fn attributes(self) -> impl Iterator<Item = &'static str> {
        let policy = ["pwdstarttime", "pwdendtime"].into_iter().filter(move |_| self.policy);
        policy.chain(std::iter::once("shadowexpire").filter(move |_| self.shadow))
    }
}

/// Whether an account may be used at this moment. What is not there says nothing against it.
///
/// - `userAccountControl` (Active Directory): the disabled bit.
/// - `accountExpires` (Active Directory): 100 ns since 1601; 0 and the largest number mean never.
/// - `pwdAccountLockedTime` (OpenLDAP's password policy): `000001010000Z` locks the account for good. Any
///   other value is the time of the last of too many failed binds, and says nothing: it passes by itself,
///   or is taken away by an administrator, and anybody can bring it about for anybody by typing wrong
///   passwords. So it is with `lockoutTime` of Active Directory and `accountUnlockTime` of 389 Directory
///   Server, which are not looked at.
/// - `nsAccountLock` (389 Directory Server): `true`, of the account or of a role that it has.
/// - `pwdStartTime`, `pwdEndTime`, `shadowExpire`: see [`Ends`].
pub fn is_active(attributes: &Attributes, ends: Ends, now: Timestamp) -> bool {
    let number = |name| attributes.text(name).and_then(|text| text.parse::<i64>().ok());
    let disabled = number("userAccountControl").is_some_and(|flags| flags & DISABLED != 0);
    let locked = attributes.text("pwdAccountLockedTime").is_some_and(is_for_good)
        || attributes.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let over = expiries(attributes, ends).any(|at| at <= now);
    let early = begins(attributes, ends).is_some_and(|at| now < at);
    !disabled && !locked && !over && !early
}

/// The moments at which time alone changes whether an account may be used.
pub fn turns(attributes: &Attributes, ends: Ends) -> impl Iterator<Item = Timestamp> {
    expiries(attributes, ends).chain(begins(attributes, ends))
}

/// When an account expires by itself.
fn expiries(attributes: &Attributes, ends: Ends) -> impl Iterator<Item = Timestamp> {
    let number = |name| attributes.text(name).and_then(|text| text.trim().parse::<i64>().ok());
    let ticks = number("accountExpires").filter(|ticks| !matches!(*ticks, 0 | i64::MAX));
    let expires = ticks.map(|ticks| Timestamp::from_millis(ticks / 10_000 - NT_EPOCH));
    let policy = attributes.text("pwdEndTime").filter(|_| ends.policy).and_then(generalized_time);
    // Less than 0 is never; 0 is the first of January 1970, as `chage -E 0` means it.
    let days = number("shadowExpire").filter(|days| ends.shadow && *days >= 0);
    let shadow = days.map(|days| Timestamp::from_millis(days.saturating_mul(DAY)));
    [expires, policy, shadow].into_iter().flatten()
}

/// When an account begins to be one.
fn begins(attributes: &Attributes, ends: Ends) -> Option<Timestamp> {
    attributes.text("pwdStartTime").filter(|_| ends.policy).and_then(generalized_time)
}

/// Whether a lock is for good: the year 0, with or without seconds (draft-behera-ldap-password-policy,
/// section 5.3.3).
fn is_for_good(locked: &str) -> bool {
    locked.trim().starts_with("0000")
}

/// Generalized time (RFC 4517 §3.3.13), as far as directories write it: at least up to the hour, in
/// Coordinated Universal Time or with an offset. A fraction of a second is left out.
fn generalized_time(text: &str) -> Option<Timestamp> {
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

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expect: bool) {
        let mut given = Attributes::default();
        for (name, value) in attributes {
            given.extend(name, [value.as_bytes().to_vec()]);
        }
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let ends = Ends { policy: true, shadow: true };
        assert_eq!(is_active(&given, ends, now), expect, "{attributes:?}");
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
        let mut given = Attributes::default();
        given.extend("shadowExpire", [b"1".to_vec()]);
        given.extend("pwdEndTime", [b"19990101000000Z".to_vec()]);
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        assert!(is_active(&given, Ends { policy: false, shadow: false }, now));
        assert!(!is_active(&given, Ends::default(), now));
        assert_eq!(turns(&given, Ends { policy: true, shadow: true }).count(), 2);
    }
}
