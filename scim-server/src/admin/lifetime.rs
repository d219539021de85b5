//! How long tokens and secrets live, and how long what they replace is good beside them.

use std::{ops::RangeInclusive, time::Duration};

use super::AdminError;
use crate::{token::ledger::LIFETIME, units};

/// How long a token may live: from a second to ten years.
pub const OF_TOKENS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10 * 366 * 86_400);

/// How long a secret of an OAuth client may live: from a second to three years.
pub const OF_SECRETS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3 * 366 * 86_400);

/// How long one lives unless something else is said: a year.
pub(super) fn usual() -> u64 {
    LIFETIME.as_secs()
}

/// How long signing keys are shown beside the one that replaces them, unless something else is said: a week.
pub(super) fn week() -> u64 {
    7 * 86_400
}

/// How long a webhook's messages have the signatures of both keys, unless something else is said: a day.
pub(super) fn day() -> u64 {
    86_400
}

/// The lifetime of a token.
pub(super) fn of_token(seconds: u64) -> Result<Duration, AdminError> {
    within(&OF_TOKENS, seconds, "a token lives from 1 second to ten years")
}

/// The lifetime of a secret.
pub(super) fn of_secret(seconds: u64) -> Result<Duration, AdminError> {
    within(&OF_SECRETS, seconds, "a secret lives from 1 second to three years")
}

fn within(range: &RangeInclusive<Duration>, seconds: u64, otherwise: &str) -> Result<Duration, AdminError> {
    let lifetime = Duration::from_secs(seconds);
    if range.contains(&lifetime) {
        return Ok(lifetime);
    }
    Err(AdminError::Invalid(format!("lifetime: {otherwise}, not {}", units::display(lifetime))))
}
