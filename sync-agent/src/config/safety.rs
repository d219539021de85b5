//! `[safety]`: times of grace, and limits on losses.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, wrong};
use crate::plan::limits::{Limit, OnDeletion, Safety};

/// `[safety]`: times of grace, and limits on losses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSafety {
    /// Days from leaving the scope to `active: false`: 28 by default.
    pub out_of_scope_days: Option<u32>,
    /// What becomes of what is deleted in the directory: `delete` by default.
    #[serde(default)]
    pub on_deletion: RawOnDeletion,
    /// With `deactivate-first`: days until it is deleted, 30 by default.
    pub delete_after_days: Option<u32>,
    /// Users deleted within a day.
    #[serde(default)]
    pub users_removed: RawLimit,
    /// Users made inactive within a day.
    #[serde(default)]
    pub users_deactivated: RawLimit,
    /// Groups deleted within a day.
    #[serde(default)]
    pub groups_removed: RawLimit,
    /// Members removed from one group within a day.
    #[serde(default)]
    pub members_removed: RawLimit,
}

/// `safety.on_deletion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawOnDeletion {
    /// Deleted at the target in the same run.
    #[default]
    Delete,
    /// Deactivated, and deleted after a time of grace.
    DeactivateFirst,
}

/// One limit: `{ number = 500, percent = 10, always = 5 }`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLimit {
    /// At most so many: 500 by default.
    pub number: Option<usize>,
    /// At most this share of what was last written, in percent: 10 by default.
    pub percent: Option<f64>,
    /// So many pass whatever their share is, as long as the number allows it: 5 by default.
    pub always: Option<usize>,
}

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;

/// What the section means.
pub fn safety(raw: &RawSafety) -> Result<Safety, ConfigError> {
    let defaults = Safety::default();
    let days = |days: u32| Duration::from_secs(u64::from(days) * DAY);
    let on_deletion = match (raw.on_deletion, raw.delete_after_days) {
        (RawOnDeletion::Delete, None) => OnDeletion::Delete,
        (RawOnDeletion::DeactivateFirst, after) => OnDeletion::DeactivateFirst(days(after.unwrap_or(30))),
        (RawOnDeletion::Delete, Some(_)) => {
            return Err(wrong(
                "safety.delete_after_days",
                "means something only with safety.on_deletion = \"deactivate-first\"",
            ));
        }
    };
    Ok(Safety {
        out_of_scope: raw.out_of_scope_days.map_or(defaults.out_of_scope, days),
        on_deletion,
        users_removed: limit("users_removed", raw.users_removed)?,
        users_deactivated: limit("users_deactivated", raw.users_deactivated)?,
        groups_removed: limit("groups_removed", raw.groups_removed)?,
        members_removed: limit("members_removed", raw.members_removed)?,
    })
}

fn limit(name: &str, raw: RawLimit) -> Result<Limit, ConfigError> {
    let defaults = Limit::default();
    if raw.percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
        return Err(wrong(&format!("safety.{name}.percent"), "is a share of what was last written, from 0 to 100"));
    }
    Ok(Limit {
        number: raw.number.unwrap_or(defaults.number),
        share: raw.percent.map_or(defaults.share, |percent| percent / 100.0),
        always: raw.always.unwrap_or(defaults.always),
    })
}
