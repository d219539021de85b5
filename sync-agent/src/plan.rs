//! What a run would do, as a value: made without a connection, shown, saved, approved, applied.
//!
//! [`make`] compares what the target should hold ([`Snapshot`]), what the agent wrote last
//! ([`Known`]) and what the target holds of it ([`Holdings`]). Its types have no way to write. A
//! [`Plan`] prints itself as the dry run and is serialised as the plan file; it holds each write with
//! its reason and the old value.
//!
//! [`difference`] compares documents; [`departure`] decides what becomes of an object that is no
//! longer desired; [`safety`] holds back what goes beyond the limits; [`show`] is the dry run.

pub mod departure;
pub mod difference;
pub mod safety;
pub mod show;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use scim_protocol::value::fold;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use difference::AttributeChange;

use crate::{
    mapping::{Desired, Snapshot},
    problem::{Problem, Subject},
    source::{Kind, Proof, SourceId},
};

/// The `id` of a resource at the target, which gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub String);

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Digest of a document: what was last written is compared without being kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

/// What the agent wrote last for one source object. An object without one was never ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its resource.
    pub resource: ResourceId,
    /// What it is.
    pub kind: Kind,
    /// Its name then.
    pub name: String,
    /// Digest of the document; `None` while an adopted resource was not yet written whole.
    pub digest: Option<Digest>,
    /// The members, by source, sorted. Kept, because not every target lets them be read.
    #[serde(skip)]
    pub members: Vec<SourceId>,
}

/// Everything that the agent made or adopted.
pub type Known = BTreeMap<SourceId, Written>;

/// A resource as the target holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Its `id`.
    pub resource: ResourceId,
    /// The whole document, without `members`.
    pub document: Map<String, Value>,
    /// The `value` of each member, where the target shows them.
    pub members: Vec<ResourceId>,
}

/// What the target was seen to hold: looked at only where the state alone does not answer.
#[derive(Debug, Clone, Default)]
pub struct Holdings {
    by_resource: HashMap<ResourceId, Held>,
    by_external_id: HashMap<(Kind, String), ResourceId>,
    by_name: HashMap<(Kind, String), ResourceId>,
    looked_for: BTreeSet<SourceId>,
}

impl Holdings {
    /// Takes a resource that the target showed.
    pub fn add(&mut self, kind: Kind, held: Held) {
        let text = |name| held.document.get(name).and_then(Value::as_str);
        if let Some(external) = text("externalId") {
            self.by_external_id.insert((kind, external.to_owned()), held.resource.clone());
        }
        if let Some(name) = text(kind.naming_attribute()) {
            self.by_name.insert((kind, fold(name)), held.resource.clone());
        }
        self.by_resource.insert(held.resource.clone(), held);
    }

    /// Notes that the target was asked for this object: if nothing was added, it holds nothing.
    pub fn looked_for(&mut self, id: SourceId) {
        self.looked_for.insert(id);
    }

    /// Whether the target was asked for this object.
    pub fn was_looked_for(&self, id: SourceId) -> bool {
        self.looked_for.contains(&id)
    }

    /// The resource of this id.
    pub fn get(&self, resource: &ResourceId) -> Option<&Held> {
        self.by_resource.get(resource)
    }

    /// Those of the resources that were not shown.
    pub fn missing<'a>(&self, resources: impl Iterator<Item = &'a ResourceId>) -> Vec<ResourceId> {
        resources.filter(|resource| !self.by_resource.contains_key(resource)).cloned().collect()
    }

    /// All that was shown.
    pub fn into_all(self) -> Vec<Held> {
        self.by_resource.into_values().collect()
    }

    /// The resource to adopt for a desired one: by `externalId`, then by name.
    pub fn candidate(&self, desired: &Desired) -> Option<(&Held, AdoptedBy)> {
        let kind = desired.subject.kind;
        let external = self.by_external_id.get(&(kind, desired.subject.id.to_string()));
        let named = || self.by_name.get(&(kind, fold(&desired.subject.name)));
        let found = external.map(|id| (id, AdoptedBy::ExternalId)).or_else(|| named().map(|id| (id, AdoptedBy::Name)));
        found.and_then(|(id, by)| Some((self.by_resource.get(id)?, by)))
    }
}

/// How a resource that the agent did not make was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdoptedBy {
    /// By `externalId`.
    ExternalId,
    /// By `userName`, or a group's `displayName`.
    Name,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The object.
    pub subject: Subject,
    /// Why.
    pub reason: Reason,
    /// What.
    pub step: Step,
}

impl Action {
    /// Whether it sends a write.
    pub fn writes(&self) -> bool {
        !matches!(self.step, Step::Adopt { .. } | Step::Confirm { .. })
    }
}

/// What is done to the target. References between objects are by source: the resources of some are
/// made by earlier steps of the same plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A new resource.
    Create {
        /// Its document.
        document: Map<String, Value>,
        /// The digest to remember.
        digest: Digest,
    },
    /// An existing resource becomes ours. Writes nothing; what differs follows as a `Modify`.
    Adopt {
        /// The resource.
        resource: ResourceId,
        /// How it was recognised.
        by: AdoptedBy,
        /// Its members that are ours.
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
    /// The resource is deleted. Cannot be planned without proof.
    Delete {
        /// That the object is gone in the directory.
        proof: Proof,
    },
}

impl Step {
    /// The state of the object that this would bring about, where it is about its attributes.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Create { digest, .. } | Self::Modify { digest, .. } | Self::Confirm { digest } => Some(digest),
            _ => None,
        }
    }
}

/// Why an action is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is in scope, and the target has nothing like it.
    New,
    /// It was ours and is no longer at the target.
    LostAtTarget,
    /// The target has a resource that is evidently the same.
    FoundAtTarget,
    /// The directory has changed, or the mapping has.
    Changed,
    /// The directory, or nesting in it, says who is a member.
    Membership,
    /// It left the scope longer ago than the time of grace.
    OutOfScope,
    /// It is gone from the directory.
    Deleted,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "in scope, and the target has none",
            Self::LostAtTarget => "the target no longer has what was written",
            Self::FoundAtTarget => "the target has it already",
            Self::Changed => "the directory or the mapping has changed",
            Self::Membership => "membership in the directory",
            Self::OutOfScope => "out of scope for longer than the time of grace",
            Self::Deleted => "deleted in the directory",
        })
    }
}

/// A plan. The actions stand in the order of [`order`], which is the order of the writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What to do.
    pub actions: Vec<Action>,
    /// What [`safety`] took out, for approval.
    pub held_back: Vec<safety::HeldBack>,
    /// What cannot be done, or only in part.
    pub problems: Vec<Problem>,
    /// Digest of configuration, source and target that the plan was made for: `apply FILE` refuses
    /// when it has changed. Empty in a plan that is applied at once.
    pub basis: String,
}

impl Plan {
    /// What it does to one object: its own actions, and its joining and leaving of groups.
    #[must_use]
    pub fn only(mut self, id: SourceId) -> Self {
        self.held_back.clear();
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

    /// Whether applying it would send no write.
    pub fn writes_nothing(&self) -> bool {
        self.actions.iter().all(|action| matches!(action.step, Step::Adopt { .. } | Step::Confirm { .. }))
    }
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the target should hold.
    pub desired: &'a Snapshot,
    /// What was written last.
    pub known: &'a Known,
    /// What the target holds.
    pub held: &'a Holdings,
}

/// Compares, and says what to do. Pure.
pub fn make(question: Question<'_>) -> Plan {
    let sources = sources_of_resources(question);
    let mut plan = Plan { problems: question.desired.problems.clone(), ..Plan::default() };
    for desired in question.desired.resources.values() {
        plan_one(desired, question, &sources, &mut plan);
    }
    plan.actions.sort_by_key(order);
    plan
}

/// The place of an action in the order of writes. Users are there before they join, everybody joins
/// before anybody leaves, and what goes, goes last: at no moment has anyone fewer groups than both
/// before and after.
pub fn order(action: &Action) -> (u8, Kind) {
    let place = match &action.step {
        Step::Adopt { .. } => 0,
        Step::Confirm { .. } => 1,
        Step::Create { .. } => 2,
        Step::Modify { .. } => 3,
        Step::Join { .. } => 4,
        Step::Leave { .. } => 5,
        Step::Deactivate => 6,
        Step::Delete { .. } => 7,
    };
    (place, action.subject.kind)
}

/// For each resource that is ours, or becomes ours in this plan, the source object.
fn sources_of_resources(question: Question<'_>) -> HashMap<&ResourceId, SourceId> {
    let known = question.known.iter().map(|(id, written)| (&written.resource, *id));
    let adopted =
        question.desired.resources.values().filter(|desired| !question.known.contains_key(&desired.subject.id));
    let adopted =
        adopted.filter_map(|desired| Some((&question.held.candidate(desired)?.0.resource, desired.subject.id)));
    known.chain(adopted).collect()
}

/// Whether this is known, was looked for, and is no longer at the target.
fn is_lost(id: SourceId, question: Question<'_>) -> bool {
    let written = question.known.get(&id).filter(|_| question.held.was_looked_for(id));
    written.is_some_and(|written| question.held.get(&written.resource).is_none())
}

fn plan_one(desired: &Desired, question: Question<'_>, sources: &HashMap<&ResourceId, SourceId>, plan: &mut Plan) {
    let mut act = |reason, step| plan.actions.push(Action { subject: desired.subject.clone(), reason, step });
    let digest = desired.digest();
    let known = question.known.get(&desired.subject.id);
    let unchanged = known.is_some_and(|written| written.digest.as_ref() == Some(&digest));
    let mut members_now: Vec<SourceId> = known.map(|written| written.members.clone()).unwrap_or_default();
    // Somebody who was lost and is made again has lost the memberships too.
    members_now.retain(|member| !is_lost(*member, question));
    let held = match known {
        Some(written) => question.held.get(&written.resource),
        None => question.held.candidate(desired).map(|(held, by)| {
            members_now = held.members.iter().filter_map(|member| sources.get(member).copied()).collect();
            members_now.sort_unstable();
            let (resource, members) = (held.resource.clone(), members_now.clone());
            act(Reason::FoundAtTarget, Step::Adopt { resource, by, members });
            held
        }),
    };
    match held {
        Some(held) => {
            let changes = difference::changes(&desired.document, &held.document);
            if !changes.is_empty() {
                act(Reason::Changed, Step::Modify { changes, digest });
            } else if !unchanged {
                act(Reason::Changed, Step::Confirm { digest });
            }
        }
        None if unchanged && !question.held.was_looked_for(desired.subject.id) => {}
        None => {
            members_now.clear();
            let reason = if known.is_some() { Reason::LostAtTarget } else { Reason::New };
            act(reason, Step::Create { document: difference::without_empty(&desired.document), digest });
        }
    }
    let (join, leave) = difference::members(&desired.members, &members_now);
    if !join.is_empty() {
        act(Reason::Membership, Step::Join { members: join });
    }
    if !leave.is_empty() {
        act(Reason::Membership, Step::Leave { members: leave });
    }
}
