//! Requests that a server sends to itself by the way that providers take, to see whether it is open.
//!
//! They show a real credential, and are answered like all others. But nobody has called: a page that waits for the first
//! call goes on waiting, and a tenant whose provider is silent stays so. What tells them is a mark that only a server
//! with the key of this store can make, so that any process on it knows it, and nobody can hide a call with one.

use ring::hmac;
use scim_protocol::{Error, Timestamp};

use super::{Access, admit, unauthorized};
use crate::caller::Caller;

/// The header that has the mark.
pub const HEADER: &str = "scim-server-probe";
/// How long a mark is good, in milliseconds, on clocks that may be apart.
const LIFETIME: i64 = 60_000;

/// Makes marks and knows them.
pub(super) struct Marks(hmac::Key);

impl Marks {
    /// With the store's secret of access tokens: whoever has that can make these too.
    pub fn new(secret: &[u8; 32]) -> Self {
        let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"marks of probes");
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    fn make(&self, now: Timestamp) -> String {
        let at = now.as_millis().to_string();
        let tag = hmac::sign(&self.0, at.as_bytes());
        format!("{at}.{}", hex::encode(tag))
    }

    fn is_good(&self, mark: &str, now: Timestamp) -> bool {
        let Some((at, tag)) = mark.split_once('.') else { return false };
        let (Ok(made), Ok(tag)) = (at.parse::<i64>(), hex::decode(tag)) else { return false };
        now.as_millis().abs_diff(made) <= LIFETIME.unsigned_abs() && hmac::verify(&self.0, at.as_bytes(), &tag).is_ok()
    }
}

impl Access {
    /// A mark for requests that are sent now; nothing where no server runs.
    pub fn probe_mark(&self, now: Timestamp) -> Option<String> {
        self.grants.as_ref().map(|grants| grants.marks.make(now))
    }

    /// Whether a request with that mark is one of this store's servers.
    pub fn is_probe(&self, mark: Option<&str>, now: Timestamp) -> bool {
        let Some((grants, mark)) = self.grants.as_ref().zip(mark) else { return false };
        grants.marks.is_good(mark, now)
    }

    /// [`Self::authenticate`], and whether that is a use of the token: a request with the mark of a probe is none.
    pub fn enter(
        &self,
        segment: &str,
        authorization: Option<&str>,
        mark: Option<&str>,
        now: Timestamp,
    ) -> Result<(Caller, bool), Error> {
        if !self.is_probe(mark, now) {
            return Ok((self.authenticate(segment, authorization, now)?, true));
        }
        let snapshot = self.snapshot.load();
        let entry = self.verify(&snapshot, segment, authorization, now).map_err(unauthorized)?;
        admit(entry.tenant)?;
        Ok((entry.caller(), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_for_a_minute_and_cannot_be_made_by_others() {
        let (marks, others) = (Marks::new(&[1; 32]), Marks::new(&[2; 32]));
        let at = |seconds: i64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1000);
        let mark = marks.make(at(0));
        for (seconds, good) in [(0, true), (60, true), (-60, true), (61, false), (-61, false)] {
            assert_eq!(marks.is_good(&mark, at(seconds)), good, "{seconds}");
        }
        assert!(!others.is_good(&mark, at(0)));
        let (time, tag) = mark.split_once('.').unwrap();
        let later = format!("1700000001000.{tag}");
        for wrong in ["", ".", time, &mark[..mark.len() - 2], later.as_str(), "x.00", &format!("{time}.é")] {
            assert!(!marks.is_good(wrong, at(0)), "{wrong}");
        }
    }
}
