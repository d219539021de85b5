//! `[safety]`: times of grace, and limits on losses.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, wrong};
use crate::plan::limits::{Limit, OnDeletion, Safety};

/// `[safety]`: times of grace, and limits on losses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSafety {
    pub out_of_scope_days: Option<u32>,
    #[serde(default)]
    pub on_deletion: RawOnDeletion,
    pub delete_after_days: Option<u32>,
    #[serde(default)]
    pub users_removed: RawLimit,
    #[serde(default)]
    pub users_deactivated: RawLimit,
    #[serde(default)]
    pub groups_removed: RawLimit,
    #[serde(default)]
    pub members_removed: RawLimit,
}

/// `safety.on_deletion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawOnDeletion {
    #[default]
    Delete,
    DeactivateFirst,
}

/// One limit: `{ number = 500, percent = 10, always = 5 }`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLimit {
    pub number: Option<usize>,
    pub percent: Option<f64>,
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
