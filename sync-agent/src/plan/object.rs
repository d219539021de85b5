//! What is done for one object that is desired.
//!
//! Three questions, in this order: which resource is it (ours, one to adopt, or none yet), what in
//! its document differs, and who joins and leaves. What the target holds was looked at only where
//! the state does not answer: an object whose digest is the one that was written is as it should be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use scim_protocol::value::fold;
use serde_json::{Map, Value, json};

use super::{
    Action, AdoptedBy, Plan, PlanInputs, Reason, Reference, ResourceId, Step, Synced, TargetResource, TargetResources,
    difference,
    names::{self, NameConflicts},
};
use crate::{
    document::{Digest, Document},
    identity::{Kind, SourceId},
    mapping::Desired,
    plan::deprovisioning::Deprovisioning,
    problem::{Code, Problem},
};

/// Plans everything that is desired.
pub(super) fn plan_all(inputs: PlanInputs<'_>, names: &NameConflicts, plan: &mut Plan) {
    let mut resources = ResourceOwners::find(inputs, plan, &names.conflicts);
    resources.conflicts.extend(&names.conflicts);
    for desired in inputs.desired.resources.values() {
        if !resources.conflicts.contains(&desired.subject.id) {
            ObjectPlanner { desired, inputs, resources: &resources, plan }.plan();
        }
    }
}

/// Which resource belongs to which object: what is known, and what is adopted in this plan.
#[derive(Debug, Default)]
struct ResourceOwners<'a> {
    adopted: BTreeMap<SourceId, (&'a TargetResource, AdoptedBy)>,
    source_of: HashMap<&'a ResourceId, SourceId>,
    conflicts: BTreeSet<SourceId>,
}

impl<'a> ResourceOwners<'a> {
    fn find(inputs: PlanInputs<'a>, plan: &mut Plan, told: &BTreeSet<SourceId>) -> Self {
        let source_of = inputs.known.iter().map(|(id, written)| (&written.resource, *id)).collect();
        let mut found = Self { source_of, ..Self::default() };
        let unknown = || inputs.desired.resources.values().filter(|one| !inputs.known.contains_key(&one.subject.id));
        for desired in unknown() {
            if let Some(held) = inputs.held.of_external_id(desired) {
                found.adopt(desired.subject.id, held, AdoptedBy::ExternalId);
            }
        }
        for desired in unknown() {
            if found.adopted.contains_key(&desired.subject.id) || told.contains(&desired.subject.id) {
                continue;
            }
            let Some(held) = inputs.held.of_name(desired) else { continue };
            match found.claimed_by(held) {
                None => found.adopt(desired.subject.id, held, AdoptedBy::Name),
                Some(other) if desired.subject.kind == Kind::User && !found.is_released(inputs, held) => {
                    found.conflicts.insert(desired.subject.id);
                    plan.problems.push(conflict(desired, held, &other));
                }
                Some(_) => {}
            }
        }
        found
    }

    fn adopt(&mut self, id: SourceId, held: &'a TargetResource, by: AdoptedBy) {
        if !self.source_of.contains_key(&held.resource) {
            self.source_of.insert(&held.resource, id);
            self.adopted.insert(id, (held, by));
        }
    }

    /// Those of a group's members that are ours, sorted; `None` where the target does not show them.
    /// Who else somebody made a member is nobody that this agent may speak of.
    fn members(&self, at_target: &TargetResources, group: &TargetResource) -> Option<Vec<SourceId>> {
        let ours = at_target.members(group)?.iter().filter_map(|member| self.source_of.get(member).copied());
        let mut ours: Vec<SourceId> = ours.collect();
        ours.sort_unstable();
        ours.dedup();
        Some(ours)
    }

    /// Whose resource it is, if it is not free to be adopted by name: that of another object of ours,
    /// or of one whose id it bears. A name is given to somebody new, an id never is.
    fn claimed_by(&self, held: &TargetResource) -> Option<String> {
        if let Some(other) = self.source_of.get(&held.resource) {
            return Some(other.to_string());
        }
        SourceId::parse(&held.document.text("externalId")?).map(|id| id.to_string())
    }

    /// Whether a resource of ours has another name, or will have one before this plan creates any.
    fn is_released(&self, inputs: PlanInputs<'_>, held: &TargetResource) -> bool {
        let Some(other) = self.source_of.get(&held.resource) else { return false };
        let name = held.document.text(Kind::User.naming_attribute()).as_deref().map(fold);
        match inputs.desired.resources.get(other) {
            Some(other) => name != Some(fold(&other.subject.name)),
            None => names::is_free(*other, inputs),
        }
    }
}

fn conflict(desired: &Desired, held: &TargetResource, other: &str) -> Problem {
    Problem {
        code: Code::ConflictError,
        subject: Some(desired.subject.clone()),
        message: format!(
            "the target has a resource of this {} already, {}, whose externalId {other} is another object's; rename or delete that resource, or remove its externalId to have it adopted",
            desired.subject.kind.naming_attribute(),
            held.resource
        ),
    }
}

/// Whether this is known, was looked for, and is no longer at the target.
fn is_lost(id: SourceId, inputs: PlanInputs<'_>) -> bool {
    let written = inputs.known.get(&id).filter(|_| inputs.held.was_looked_for(id));
    written.is_some_and(|written| inputs.held.get(&written.resource).is_none())
}

/// ObjectPlanner object that is desired.
struct ObjectPlanner<'a, 'b> {
    desired: &'a Desired,
    inputs: PlanInputs<'a>,
    resources: &'b ResourceOwners<'a>,
    plan: &'b mut Plan,
}

impl ObjectPlanner<'_, '_> {
    fn act(&mut self, reason: Reason, step: Step) {
        self.plan.actions.push(Action { subject: self.desired.subject.clone(), reason, step });
    }

    fn plan(&mut self) {
        let PlanInputs { known, held: at_target, .. } = self.inputs;
        let (desired, inputs) = (self.desired, self.inputs);
        let known: Option<&Synced> = known.get(&desired.subject.id);
        let mut members_now: Vec<SourceId> = known.map(|written| written.members.clone()).unwrap_or_default();
        if known.is_some_and(|written| written.left.is_some()) {
            self.act(Reason::Returned, Step::Remember { left: None });
        }
        let held = match (known, self.resources.adopted.get(&desired.subject.id)) {
            (Some(written), _) => {
                let held = at_target.get(&written.resource);
                if let Some(seen) = held.and_then(|held| self.resources.members(at_target, held))
                    && seen != members_now
                {
                    self.act(Reason::FoundAtTarget, Step::Recall { members: seen.clone() });
                    members_now = seen;
                }
                held
            }
            (None, Some(&(held, by))) => {
                members_now = self.resources.members(at_target, held).unwrap_or_default();
                let (resource, members) = (held.resource.clone(), members_now.clone());
                self.act(Reason::FoundAtTarget, Step::Adopt { resource, by, members });
                Some(held)
            }
            (None, None) => None,
        };
        if self.document(known, held) {
            members_now.clear();
        }
        // Somebody who was lost and is made again has lost the memberships too.
        members_now.retain(|member| !is_lost(*member, inputs));
        self.members(&members_now);
    }

    /// Plans what changes in the document. Says whether the resource is made anew.
    fn document(&mut self, known: Option<&Synced>, held: Option<&TargetResource>) -> bool {
        let desired = self.desired;
        let whole = desired.digest();
        let unchanged = known.is_some_and(|written| written.digest.as_ref() == Some(&whole));
        let untouched = unchanged && !self.inputs.held.was_looked_for(desired.subject.id);
        let held = held.map(|held| held.document.attributes());
        let references = self.references(held.as_ref(), untouched);
        // Until every reference is written too, the document is not whole.
        let complete = references.is_empty() && self.desired.references.values().all(|to| self.will_be_there(*to));
        let digest = if complete { whole.clone() } else { Digest::unfinished() };
        let mut made = false;
        match held {
            Some(held) => {
                let changes = difference::changes(&desired.document.attributes(), &held);
                if !changes.is_empty() {
                    self.act(Reason::Changed, Step::Modify { changes, digest });
                } else if !unchanged && references.is_empty() {
                    self.act(Reason::Changed, Step::Confirm { digest });
                }
            }
            None if untouched => {}
            None => {
                made = true;
                let document = Document::new(&difference::without_empty(desired.document.attributes()));
                let reason = if known.is_some() { Reason::LostAtTarget } else { Reason::New };
                self.act(reason, Step::Create { document, digest });
            }
        }
        if !references.is_empty() {
            let reason = if made { Reason::New } else { Reason::Changed };
            self.act(reason, Step::Refer { references, digest: whole });
        }
        made
    }

    /// The references that must be written.
    fn references(&self, held: Option<&Map<String, Value>>, untouched: bool) -> Vec<Reference> {
        let PlanInputs { known, .. } = self.inputs;
        let mut changed = Vec::new();
        for (path, &to) in &self.desired.references {
            let old = held.and_then(|held| difference::at(held, path));
            let known_as = known.get(&to).filter(|_| !is_lost(to, self.inputs)).map(|written| &written.resource);
            let adopted_as = self.resources.adopted.get(&to).map(|(held, _)| &held.resource);
            let as_it_should_be = match (known_as.or(adopted_as), old) {
                (Some(_), None) => untouched,
                (Some(resource), Some(old)) => old.get("value") == Some(&json!(resource)),
                (None, _) => false,
            };
            if self.will_be_there(to) && !as_it_should_be {
                changed.push(Reference { path: path.clone(), to, old: old.cloned() });
            }
        }
        changed
    }

    /// Whether an object has a resource when this plan is done. ObjectPlanner that cannot be mapped, or has a
    /// conflict, has none, unless it had one before.
    fn will_be_there(&self, id: SourceId) -> bool {
        let made = self.inputs.desired.resources.contains_key(&id) && !self.resources.conflicts.contains(&id);
        made || self.inputs.known.contains_key(&id)
    }

    fn members(&mut self, members_now: &[SourceId]) {
        let inputs = self.inputs;
        let (mut join, mut leave) = difference::members(&self.desired.members, members_now);
        join.retain(|id| self.will_be_there(*id));
        // Of whom nobody can say whether he is a member, and whoever was not seen, may be one still.
        leave.retain(|id| self.desired.undecided.binary_search(id).is_err());
        leave.retain(|id| !matches!(inputs.deprovisionings.get(id), Some(Deprovisioning::Unproven(_))));
        if self.desired.partial {
            leave.clear();
        }
        if !join.is_empty() {
            self.act(Reason::Membership, Step::Join { members: join });
        }
        if !leave.is_empty() {
            self.act(Reason::Membership, Step::Leave { members: leave });
        }
    }
}
