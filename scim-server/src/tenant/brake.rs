//! The settings of a tenant that stop mass deprovisioning: its brake, and who is protected.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Window;

/// When the brake trips, and what happens then. It counts what tokens and clients do, not administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Brake {
    /// More users than this, deactivated or deleted, or more members taken out of one group, within `window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// More than so many in a hundred of all users, or of the members of the group. With both, the lower limit counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// Within how long.
    #[serde(default = "hour")]
    pub window: Window,
    /// What happens then.
    #[serde(default)]
    pub mode: Mode,
}

/// What happens when the brake has tripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Mode {
    /// Writes are answered as usual, but events wait, and nothing is purged.
    #[default]
    Hold,
    /// Further writes of this kind get 403.
    Refuse,
}

/// Who can be neither deactivated nor deleted by a token, and which groups it cannot empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Protected {
    /// The ids of users and groups.
    pub ids: Vec<String>,
    /// The id or `displayName` of a group: its direct members, and the group itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_of: Option<String>,
}

/// The shortest and the longest window of a brake.
const WINDOWS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(30 * 24 * 60 * 60)];

impl Brake {
    /// Says what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.users.is_none() && self.percent.is_none() {
            return Err("it needs \"users\", \"percent\" or both".to_owned());
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Err("\"percent\" is a whole number from 1 to 100".to_owned());
        }
        let [shortest, longest] = WINDOWS;
        if !(shortest..=longest).contains(&self.window.length()) {
            return Err("\"window\" is from 1m to 30d".to_owned());
        }
        Ok(())
    }

    /// How many of so many may go within the window.
    pub fn limit(&self, total: u64) -> u64 {
        let share = self.percent.map(|percent| (total.saturating_mul(percent) / 100).max(1));
        self.users.into_iter().chain(share).min().unwrap_or(u64::MAX)
    }
}

fn hour() -> Window {
    Window(Duration::from_secs(60 * 60))
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "hold" => Ok(Self::Hold),
            "refuse" => Ok(Self::Refuse),
            _ => Err(format!("{text:?} is neither \"hold\" nor \"refuse\"")),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Hold => "hold".to_owned(),
            Mode::Refuse => "refuse".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_counts_and_one_may_always_go() {
        let brake = Brake { users: Some(50), percent: Some(10), window: hour(), mode: Mode::Hold };
        assert_eq!([5, 20, 400, 10_000].map(|total| brake.limit(total)), [1, 2, 40, 50]);
        assert_eq!(Brake { percent: None, ..brake }.limit(5), 50);
    }
}
