//! A plan: what a run would do, as a value. It is made without a connection, and can be shown, saved, approved and applied.
//!
//! [`make`] compares what the target should hold ([`Snapshot`]), what the agent wrote last ([`SyncedObjects`]) and
//! what the target holds of it ([`TargetResources`]). Its types have no way to write. A [`Plan`] holds each write
//! with its reason and the old value.
//!
//! - [`object`] plans one object that is desired, [`names`] who must give up a name before (`owners` knows who has it), [`deprovisioning`] what
//!   becomes of one that is no longer desired. [`difference`] compares documents.
//! - [`safety`] holds back what goes beyond the [`limits`]; [`dependents`] waits with it; [`held_back`] is what a
//!   person then decides about.
//! - [`show`] is the dry run in words, [`file`](mod@file) the plan to be applied later. [`drift`] counts what
//!   incremental runs have missed.

pub mod dependents;
pub mod deprovisioning;
pub mod difference;
pub mod drift;
pub mod file;
pub mod held_back;
pub mod limits;
pub mod names;
pub mod object;
mod owners;
pub mod safety;
pub mod show;
pub mod target_resources;

use std::{collections::BTreeMap, fmt, sync::Arc};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use difference::AttributeChange;
pub use target_resources::{AdoptedBy, TargetResource, TargetResources};

use crate::{
    document::{Digest, Document},
    identity::{Kind, SourceId},
    mapping::Snapshot,
    problem::{Problem, Subject},
    source::Proof,
};

use deprovisioning::{Deprovisionings, Left, Upcoming};
use held_back::{Decision, HeldBack};
use limits::{Lost, Safety};
use owners::ResourceOwners;

/// The `id` of a resource at the target, which gave it. Shared: a user in a thousand groups has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub Arc<str>);

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the agent wrote last for one source object. Without it the agent has never written the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    pub resource: ResourceId,
    pub kind: Kind,
    /// Its name then.
    pub name: String,
    /// Digest of the document; `None` until an adopted resource is written completely.
    pub digest: Option<Digest>,
    /// Since when it is no longer desired; `None` while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// The members, by source, sorted. Kept, because not every target lets them be read.
    #[serde(skip)]
    pub members: Vec<SourceId>,
}

/// Everything that the agent made or adopted.
pub type SyncedObjects = BTreeMap<SourceId, Synced>;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The object.
    pub subject: Subject,
    /// Why.
    pub reason: Reason,
    pub step: Step,
}

impl Action {
    /// Whether it sends a write.
    pub const fn writes(&self) -> bool {
        self.step.is_write()
    }
}

/// What is done to the target. References between objects are by source: the resources of some are
/// made by earlier steps of the same plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A new resource.
    Create {
        document: Document,
        /// The digest to remember.
        digest: Digest,
    },
    /// The agent adopts an existing resource. Writes nothing; a `Modify` follows for what differs.
    Adopt {
        resource: ResourceId,
        /// How it was recognised.
        by: AdoptedBy,
        /// Its members that are the agent's.
        members: Vec<SourceId>,
    },
    /// Attributes change.
    Modify {
        /// Each with its old value.
        changes: Vec<AttributeChange>,
        /// The digest to remember.
        digest: Digest,
    },
    /// Nothing is written: the target is as it should be, and the agent remembers that.
    Confirm {
        /// The digest to remember.
        digest: Digest,
    },
    /// Writes nothing: a group at the target has other members of the agent's than the agent remembers, so it
    /// remembers these.
    Recall { members: Vec<SourceId> },
    /// Writes nothing: the agent remembers since when an object is no longer desired, or with `None` that it is
    /// desired again.
    Remember {
        /// What to remember.
        left: Option<Left>,
    },
    /// A resource gives up its name, because another one needs it now.
    Release {
        /// The name that it has.
        old: String,
        /// The name that it gets until it is renamed or deleted.
        new: String,
    },
    /// Attributes that refer to other resources, some of which this plan makes.
    Refer {
        /// Each with the object that it refers to.
        references: Vec<Reference>,
        /// The digest to remember.
        digest: Digest,
    },
    /// Members join a group.
    Join {
        /// Who.
        members: Vec<SourceId>,
    },
    /// Members leave a group.
    Leave {
        /// Who.
        members: Vec<SourceId>,
    },
    /// `active: false`.
    Deactivate,
    /// Writes nothing: values that the directory no longer shows count as removed from now on. It is always held
    /// back; when it is approved, the next run takes the entry as it is shown.
    GiveUp {
        /// The attributes of the directory, in lower case.
        attributes: Vec<String>,
    },
    /// The resource is deleted. Cannot be planned without proof.
    Delete {
        /// The proof that the object is gone in the directory.
        proof: Proof,
    },
}

/// An attribute whose value is the resource of another object (RFC 7643 §4.3, `manager`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub path: String,
    /// Whose resource it is.
    pub to: SourceId,
    /// What the target has; `None` if it has nothing, or was not read.
    pub old: Option<Value>,
}

/// Why an action is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is in scope, and the target has nothing like it.
    New,
    /// The agent had written it, and it is no longer at the target.
    LostAtTarget,
    /// The target has a resource with the same `externalId` or name.
    FoundAtTarget,
    /// The directory or the mapping has changed.
    Changed,
    /// The directory, or nesting in it, says who is a member.
    Membership,
    /// It is no longer in scope.
    LeftScope,
    /// It is in scope again.
    Returned,
    /// It left the scope longer ago than the time of grace.
    OutOfScope,
    /// The agent has been paused for longer than the time of grace.
    Paused,
    /// Another object has its name now.
    NameTaken,
    /// It is gone from the directory.
    Deleted,
    /// The directory no longer shows it, and does not say that it is gone.
    NotShown,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "in scope, and the target has none",
            Self::LostAtTarget => "the target no longer has what was written",
            Self::FoundAtTarget => "the target has it already",
            Self::Changed => "the directory or the mapping has changed",
            Self::Membership => "membership in the directory",
            Self::LeftScope => "no longer in scope",
            Self::Returned => "in scope again",
            Self::Paused => "paused for longer than the time of grace",
            Self::NameTaken => "another object has its name now",
            Self::OutOfScope => "out of scope for longer than the time of grace",
            Self::Deleted => "deleted in the directory",
            Self::NotShown => "no longer shown by the directory, which does not say that it is gone",
        })
    }
}

/// A plan. The actions stand in the order of [`order`], which is the order of the writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What to do.
    pub actions: Vec<Action>,
    /// What [`safety`] holds back until it is approved.
    pub held_back: Vec<HeldBack>,
    /// What later runs will do to objects that are no longer desired, if nothing changes.
    pub upcoming: Vec<Upcoming>,
    /// What cannot be done, or only in part.
    pub problems: Vec<Problem>,
    /// Objects that failed before, and that this cycle leaves alone.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// What an administrator decided about what was held back.
    #[serde(default)]
    pub decision: Decision,
    /// The names of members that join or leave, for people.
    pub names: BTreeMap<SourceId, String>,
}

/// An object that failed, and is not tried again yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub subject: Subject,
    /// When a cycle tries it again by itself.
    pub until: Timestamp,
}

impl Step {
    /// Whether it sends a request that changes the target.
    pub const fn is_write(&self) -> bool {
        !matches!(
            self,
            Self::Adopt { .. }
                | Self::Confirm { .. }
                | Self::Recall { .. }
                | Self::Remember { .. }
                | Self::GiveUp { .. }
        )
    }
}

impl Plan {
    /// The actions on one object: its own, and those that add it to groups or remove it.
    #[must_use]
    pub fn only(mut self, id: SourceId) -> Self {
        self.held_back.clear();
        self.upcoming.retain(|one| one.subject.id == id);
        self.waiting.retain(|one| one.subject.id == id);
        self.problems.retain(|problem| problem.subject.as_ref().is_some_and(|subject| subject.id == id));
        self.actions.retain_mut(|action| match &mut action.step {
            _ if action.subject.id == id => true,
            Step::Join { members } | Step::Leave { members } => {
                members.retain(|member| *member == id);
                !members.is_empty()
            }
            _ => false,
        });
        self
    }

    /// A digest of what the plan writes for each of these objects. The quarantine recognises by it what was tried
    /// before and failed.
    pub fn intentions(&self, of: &dyn Fn(SourceId) -> bool) -> BTreeMap<SourceId, Digest> {
        let mut hashers: BTreeMap<SourceId, Sha256> = BTreeMap::new();
        for Action { subject, step, .. } in
            self.actions.iter().filter(|action| action.writes() && of(action.subject.id))
        {
            hashers.entry(subject.id).or_default().update(format!("{step:?}\n"));
        }
        hashers.into_iter().map(|(id, hasher)| (id, Digest::of(hasher))).collect()
    }

    /// Whether applying it would send no write.
    pub fn writes_nothing(&self) -> bool {
        self.actions.iter().all(|action| !action.step.is_write())
    }
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInputs<'a> {
    /// What the target should hold.
    pub desired: &'a Snapshot,
    /// What became of the objects that were written and are no longer desired.
    pub deprovisionings: &'a Deprovisionings,
    /// What was written last.
    pub known: &'a SyncedObjects,
    /// What the target holds.
    pub held: &'a TargetResources,
    /// Times of grace, and limits.
    pub safety: &'a Safety,
    /// What an administrator has approved.
    pub approved: &'a [HeldBack],
    /// What was lost in the last day.
    pub lost: &'a Lost,
    /// The time.
    pub now: Timestamp,
}

/// Compares, and plans what to do. Pure.
pub fn make(inputs: PlanInputs<'_>) -> Plan {
    let mut plan = Plan { problems: inputs.desired.problems.clone(), ..Plan::default() };
    let mut owners = ResourceOwners::find(inputs);
    let conflicts = names::settle(inputs, &mut owners, &mut plan);
    object::plan_all(inputs, &owners, &conflicts, &mut plan);
    deprovisioning::plan_all(inputs, &mut plan);
    plan.actions.sort_by_key(order);
    safety::limit(inputs, &owners, &mut plan);
    plan.names = names_of_members(&plan, inputs);
    plan
}

fn names_of_members(plan: &Plan, inputs: PlanInputs<'_>) -> BTreeMap<SourceId, String> {
    let held_back = plan.held_back.iter().flat_map(|held| &held.actions);
    let members = plan.actions.iter().chain(held_back).filter_map(|action| match &action.step {
        Step::Join { members } | Step::Leave { members } => Some(members),
        _ => None,
    });
    let mut names = BTreeMap::new();
    for id in members.flatten() {
        let name = || {
            let desired = inputs.desired.resources.get(id).map(|desired| &desired.subject.name);
            desired.or_else(|| inputs.known.get(id).map(|written| &written.name)).cloned()
        };
        if !names.contains_key(id) {
            names.extend(name().map(|name| (*id, name)));
        }
    }
    names
}

/// The place of an action in the order of writes. NameConflicts are free before they are taken; users are
/// there before they are referred to and before they join; everybody joins before anybody leaves;
/// and what goes, goes last: at no moment has anyone fewer groups than both before and after.
pub const fn order(action: &Action) -> (u8, Kind) {
    let place = match &action.step {
        Step::Adopt { .. } => 0,
        Step::Confirm { .. } | Step::Recall { .. } | Step::Remember { .. } | Step::GiveUp { .. } => 1,
        Step::Release { .. } => 2,
        Step::Modify { .. } => 3,
        Step::Create { .. } => 4,
        Step::Refer { .. } => 5,
        Step::Join { .. } => 6,
        Step::Leave { .. } => 7,
        Step::Deactivate => 8,
        Step::Delete { .. } => 9,
    };
    (place, action.subject.kind)
}
