//! Whether an account may be used.

use scim_protocol::Timestamp;

use crate::source::Attributes;

/// The attributes that [`is_active`] reads.
pub const ATTRIBUTES: [&str; 4] = ["userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock"];

/// ADS_UF_ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
const DISABLED: i64 = 0x2;

/// Milliseconds from 1601 to 1970.
const NT_EPOCH: i64 = 11_644_473_600_000;

/// Whether an account may be used at this moment. What is not there says nothing against it.
///
/// - `userAccountControl` (Active Directory): the disabled bit.
/// - `accountExpires` (Active Directory): 100 ns since 1601; 0 and the largest number mean never.
/// - `pwdAccountLockedTime` (OpenLDAP's password policy): any value locks the account.
/// - `nsAccountLock` (389 Directory Server): `true`, of the account or of a role that it has.
pub fn is_active(attributes: &Attributes, now: Timestamp) -> bool {
    let number = |name| attributes.text(name).and_then(|text| text.parse::<i64>().ok());
    let disabled = number("userAccountControl").is_some_and(|flags| flags & DISABLED != 0);
    let expired = expires(attributes).is_some_and(|at| at <= now);
    let locked = attributes.text("pwdAccountLockedTime").is_some()
        || attributes.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    !disabled && !expired && !locked
}

/// When an account expires by itself.
pub fn expires(attributes: &Attributes) -> Option<Timestamp> {
    let ticks = attributes.text("accountExpires")?.parse::<i64>().ok()?;
    (!matches!(ticks, 0 | i64::MAX)).then(|| Timestamp::from_millis(ticks / 10_000 - NT_EPOCH))
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
        assert_eq!(is_active(&given, now), expect, "{attributes:?}");
    }

    #[test]
    fn every_way_of_saying_no() {
        check(&[], true);
        check(&[("userAccountControl", "512")], true);
        check(&[("userAccountControl", "514")], false);
        check(&[("userAccountControl", "-2147483134")], false);
        check(&[("accountExpires", "0")], true);
        check(&[("accountExpires", "9223372036854775807")], true);
        // 2026-01-01T00:00:00Z, and a second after it.
        check(&[("accountExpires", "134116992000000000")], false);
        check(&[("accountExpires", "134116992010000000")], true);
        check(&[("pwdAccountLockedTime", "000001010000Z")], false);
        check(&[("nsAccountLock", "TRUE")], false);
        check(&[("nsAccountLock", "false")], true);
    }
}
