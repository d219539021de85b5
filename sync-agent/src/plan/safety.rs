//! Limits on every kind of loss.
//!
//! Users removed, users deactivated, groups removed, members removed from one group: each has a
//! limit by number and by share of what was last written. Beyond one nothing of that kind is
//! written and the rest is; what was held back is kept, and a person approves it as it stands or
//! rejects it. A source that shows nothing at all never passes without approval, whatever the limits.
//!
//! The check is a pure function over a finished [`Plan`](super::Plan): it moves actions into
//! [`HeldBack`] and changes nothing else.

use serde::{Deserialize, Serialize};

use super::Action;

/// One limit. Both parts hold: the lower one decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// At most so many.
    pub number: usize,
    /// At most this share of what was last written, from 0 to 1.
    pub share: f64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { number: 500, share: 0.1 }
    }
}

/// A kind of loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Users deleted.
    UsersRemoved,
    /// Users made inactive.
    UsersDeactivated,
    /// Groups deleted.
    GroupsRemoved,
    /// Members removed from one group.
    MembersRemoved,
}

/// Actions of one kind that go beyond its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The kind.
    pub loss: Loss,
    /// The limit in words, and how far beyond it they go.
    pub because: String,
    /// What is not done until somebody approves.
    pub actions: Vec<Action>,
}
