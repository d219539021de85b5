//! What was held back, loss by loss: for approval, and for the count of what is lost in a day.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Action, AttributeChange, Plan, Step, limits::Loss};
use crate::{
    document::Digest,
    identity::{Kind, SourceId},
};

/// Actions of one kind that go beyond its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The kind.
    pub loss: Loss,
    /// The limit in words, and how far beyond it they go.
    pub because: String,
    /// What is not done until somebody approves: the losses, and what depends on them.
    pub actions: Vec<Action>,
}

/// What a person has decided about what is held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Open,
    /// It is to be done as it stands.
    Approved,
    /// It is not to be done. It stays held back, and nobody is asked again about the same.
    Rejected,
}

impl Decision {
    /// What a plan says about what it holds back.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Open => "Say `sync-agent approve` to have exactly that done in the next run, or `sync-agent reject`.",
            Self::Approved => "Approved: the next run does what of it is still so.",
            Self::Rejected => "Rejected: it stays undone, and nobody is asked again about the same.",
        }
    }
}

impl HeldBack {
    /// How many of the actions are losses.
    pub fn losses(&self) -> usize {
        self.actions.iter().filter(|action| !losses(action).is_empty()).count()
    }
}

/// Digest of what is held back, without the words: two plans that hold back the same have the same.
pub fn digest(held_back: &[HeldBack]) -> Digest {
    let mut hasher = Sha256::new();
    for one in losses_of(held_back) {
        hasher.update(format!("{one:?}\n"));
    }
    Digest::of(hasher)
}

/// One loss: of an object, or of a part of it.
pub(super) type OneLoss = (Loss, SourceId, Option<Part>);

/// What an object loses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A group this member.
    Member(SourceId),
    /// An entry the values of this attribute.
    Attribute(String),
}

impl Part {
    /// The member, where it is one.
    const fn member(&self) -> Option<SourceId> {
        match self {
            Self::Member(member) => Some(*member),
            Self::Attribute(_) => None,
        }
    }
}

/// The attributes of objects that are no longer shown, and are given up by what was approved.
pub fn given_up(approved: &[HeldBack]) -> BTreeSet<(SourceId, String)> {
    let parts = losses_of(approved).into_iter().filter_map(|(_, id, part)| match part {
        Some(Part::Attribute(attribute)) => Some((id, attribute)),
        Some(Part::Member(_)) | None => None,
    });
    parts.collect()
}

pub(super) fn losses_of(held_back: &[HeldBack]) -> BTreeSet<OneLoss> {
    held_back.iter().flat_map(|held| &held.actions).flat_map(losses).collect()
}

/// What is lost by an action.
pub(super) fn losses(action: &Action) -> Vec<OneLoss> {
    let id = action.subject.id;
    match &action.step {
        Step::Delete { .. } if action.subject.kind == Kind::User => vec![(Loss::UsersRemoved, id, None)],
        Step::Delete { .. } => vec![(Loss::GroupsRemoved, id, None)],
        Step::Deactivate => vec![(Loss::UsersDeactivated, id, None)],
        Step::Modify { changes, .. } if changes.iter().any(deactivates) => vec![(Loss::UsersDeactivated, id, None)],
        Step::Leave { members } => {
            members.iter().map(|member| (Loss::MembersRemoved, id, Some(Part::Member(*member)))).collect()
        }
        Step::GiveUp { attributes } => {
            let part = |attribute: &String| (Loss::ValuesHidden, id, Some(Part::Attribute(attribute.clone())));
            attributes.iter().map(part).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an account that could be used no longer can.
pub fn deactivates(change: &AttributeChange) -> bool {
    change.path == "active" && change.new == Some(Value::Bool(false)) && change.old != Some(Value::Bool(false))
}

/// What of an action's losses counts for the limits of the next day: not what was approved, and not the
/// memberships of users who are deleted themselves. Of members, with their group.
#[derive(Debug)]
pub struct LossCount {
    approved: BTreeSet<OneLoss>,
    going: BTreeSet<SourceId>,
}

impl LossCount {
    /// For a plan that is applied while this is approved.
    pub fn new(plan: &Plan, approved: &[HeldBack]) -> Self {
        let removed = plan.actions.iter().flat_map(losses).filter(|one| one.0 == Loss::UsersRemoved);
        Self { approved: losses_of(approved), going: removed.map(|one| one.1).collect() }
    }

    /// What an action that was done counts.
    pub fn of(&self, action: &Action) -> Option<(Loss, Option<SourceId>, usize)> {
        let member = |one: &OneLoss| one.2.as_ref().and_then(Part::member);
        let counted = |one: &OneLoss| {
            !self.approved.contains(one) && member(one).is_none_or(|member| !self.going.contains(&member))
        };
        let counted: Vec<OneLoss> = losses(action).into_iter().filter(counted).collect();
        let first = counted.first()?;
        Some((first.0, member(first).map(|_| first.1), counted.len()))
    }
}
