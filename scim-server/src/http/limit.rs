//! Rate limits: per address for what shows no valid token, per token for what does.
//!
//! Both are governor's cell-rate algorithm: no window boundaries to game, a few words of memory for
//! a key, and an exact answer to "when may I try again". Time is governor's clock, so that tests
//! move it by hand.

mod address;
mod token;
mod told;

use std::time::Duration;

pub(in crate::http) use address::AddressKey;
pub use address::AddressLimit;
pub use token::TokenLimit;
pub use told::Told;

/// Over a limit; whole seconds, at least one, until a further try makes sense. Goes into the
/// `Retry-After` header of a 429 (RFC 6585 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(u32);

impl RetryAfter {
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// To wait so long.
    pub fn after(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_500, 60)] {
            assert_eq!(RetryAfter::after(Duration::from_millis(millis)).seconds(), seconds, "{millis}");
        }
    }
}
