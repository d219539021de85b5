//! What this process has answered to the calls of one tenant. A call adds to atomics, and takes no lock.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use scim_protocol::Timestamp;

/// Why a call was refused, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refused {
    /// 409 and 412: a value is taken, or somebody else was first.
    Conflict,
    /// 5xx: the server could not do it.
    Failed,
    /// 403: the token, a quota, the source of truth, the brake or a protection does not allow it.
    Forbidden,
    /// 400, and every status of a client's fault that is no other kind.
    Invalid,
    /// 404: there is no such user or group, or endpoint.
    NotFound,
    /// 429: the rate is used up.
    RateLimited,
    /// 401: the token is missing, wrong or has ended.
    Unauthenticated,
}

impl Refused {
    /// How many there are.
    pub const NUMBER: usize = 7;

    /// All, in the order of their words.
    pub const ALL: [Self; Self::NUMBER] = [
        Self::Conflict,
        Self::Failed,
        Self::Forbidden,
        Self::Invalid,
        Self::NotFound,
        Self::RateLimited,
        Self::Unauthenticated,
    ];

    /// Why a call with that status was refused; `None` if it was not.
    pub const fn of(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Unauthenticated),
            403 => Some(Self::Forbidden),
            404 => Some(Self::NotFound),
            409 | 412 => Some(Self::Conflict),
            429 => Some(Self::RateLimited),
            400..=499 => Some(Self::Invalid),
            500..=599 => Some(Self::Failed),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// How old what is stored of calls may be, in milliseconds: so much is lost at most when a process is killed.
pub const NOTED_WITHIN: i64 = 60_000;

/// When a provider was last served, in milliseconds since the epoch; 0 is never.
#[derive(Debug, Default)]
pub struct Health {
    last_call: AtomicI64,
    last_write: AtomicI64,
    /// Up to when that is stored.
    stored: AtomicI64,
    refused: [AtomicU64; Refused::NUMBER],
}

impl Health {
    /// Notes that a provider was served. Whether what is stored of it is old now.
    pub fn serve(&self, at: Timestamp, is_write: bool) -> bool {
        self.last_call.fetch_max(at.as_millis(), Relaxed);
        if is_write {
            self.last_write.fetch_max(at.as_millis(), Relaxed);
        }
        self.is_due()
    }

    /// Whether what is stored is older than it may be.
    pub fn is_due(&self) -> bool {
        self.last_call.load(Relaxed) - self.stored.load(Relaxed) >= NOTED_WITHIN
    }

    /// Counts a call that was refused.
    pub fn refuse(&self, why: Refused) {
        if let Some(count) = self.refused.get(why as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The last call that was served, and the last write of them; in milliseconds since the epoch.
    pub fn last(&self) -> (Option<i64>, Option<i64>) {
        let known = |at: &AtomicI64| Some(at.load(Relaxed)).filter(|at| *at > 0);
        (known(&self.last_call), known(&self.last_write))
    }

    /// The last call, where it is not stored yet.
    pub fn unstored(&self) -> Option<i64> {
        self.last().0.filter(|last| *last > self.stored.load(Relaxed))
    }

    /// Notes that what came up to then is stored.
    pub fn stored(&self, last: i64) {
        self.stored.fetch_max(last, Relaxed);
    }

    /// How many calls were refused, of each kind that there was.
    pub fn refused(&self) -> Vec<(Refused, u64)> {
        let counts = Refused::ALL.into_iter().zip(&self.refused).map(|(why, count)| (why, count.load(Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_refusal_has_a_kind() {
        let word = |status| Refused::of(status).map(Refused::as_str);
        assert_eq!([200, 204, 304].map(word), [None; 3]);
        assert_eq!([400, 413, 501].map(word), [Some("invalid"), Some("invalid"), Some("failed")]);
        assert_eq!([401, 409, 412].map(word), [Some("unauthenticated"), Some("conflict"), Some("conflict")]);
        for (place, why) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, place);
        }
        assert!(Refused::ALL.is_sorted_by_key(|why| why.as_str()));
    }

    #[test]
    fn what_is_stored_is_not_stored_again() {
        let health = Health::default();
        health.refuse(Refused::Forbidden);
        assert_eq!((health.last(), health.unstored()), ((None, None), None));
        health.serve(Timestamp::from_millis(7), true);
        health.serve(Timestamp::from_millis(9), false);
        health.serve(Timestamp::from_millis(8), false);
        assert_eq!((health.last(), health.unstored()), ((Some(9), Some(7)), Some(9)));
        health.stored(9);
        assert_eq!((health.unstored(), health.refused()), (None, vec![(Refused::Forbidden, 1)]));
    }
}
