//! `[safety]`: times of grace, and a limit on each kind of loss.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{identity::SourceId, number};

/// `[safety]`, as meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// How long after a user left the scope `active: false` is written.
    pub out_of_scope: Duration,
    /// What becomes of what is deleted in the directory.
    pub on_deletion: OnDeletion,
    /// Users deleted within a day.
    pub users_removed: Limit,
    /// Users made inactive within a day.
    pub users_deactivated: Limit,
    /// Groups deleted within a day.
    pub groups_removed: Limit,
    /// Members removed from one group within a day.
    pub members_removed: Limit,
}

/// 28 days, as in the reference profile.
const GRACE: Duration = Duration::from_secs(28 * 24 * 60 * 60);

impl Default for Safety {
    fn default() -> Self {
        Self {
            out_of_scope: GRACE,
            on_deletion: OnDeletion::Delete,
            users_removed: Limit::default(),
            users_deactivated: Limit::default(),
            groups_removed: Limit::default(),
            members_removed: Limit::default(),
        }
    }
}

/// One limit. Number and share both hold: the lower one decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// At most so many.
    pub number: usize,
    /// At most this share of what was last written, from 0 to 1.
    pub share: f64,
    /// So many pass whatever their share is.
    pub always: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { number: 500, share: 0.1, always: 5 }
    }
}

impl Limit {
    /// How many of so many may be lost.
    pub fn allows(&self, of: usize) -> usize {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of objects, far below 2^52, and a share that is not negative"
        )]
        let share = (of as f64 * self.share.clamp(0.0, 1.0)).floor() as usize;
        self.number.min(share.max(self.always))
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
    /// Values of an attribute that the directory no longer shows. There is no limit up to which these pass: the
    /// directory does not say that they are gone.
    ValuesHidden,
}

impl Loss {
    /// Every kind, in the order of the numbers that the state keeps.
    pub const ALL: [Self; 5] =
        [Self::UsersRemoved, Self::UsersDeactivated, Self::GroupsRemoved, Self::MembersRemoved, Self::ValuesHidden];

    /// So many losses of this kind, in words.
    pub fn told(self, number: usize) -> String {
        let (noun, what) = match self {
            Self::UsersRemoved => ("user", "delete"),
            Self::UsersDeactivated => ("user", "deactivate"),
            Self::GroupsRemoved => ("group", "delete"),
            Self::MembersRemoved => ("member", "remove from one group"),
            Self::ValuesHidden => ("entry", "take the values of one attribute from"),
        };
        format!("{} to {what}", number::of(number, noun))
    }
}

/// How many were lost in the last day without approval; of members, from each group.
pub type Lost = BTreeMap<(Loss, Option<SourceId>), usize>;

/// What becomes of an object whose entry was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeletion {
    /// Its resource is deleted.
    Delete,
    /// A user is deactivated; after this time the resource is deleted, a group's too.
    DeactivateFirst(Duration),
}
