//! What is done for one object that is desired.
//!
//! Three questions, in this order: which resource is it (ours, one to adopt, or none yet), what in
//! its document differs, and who joins and leaves. What the target holds was looked at only where
//! the state does not answer: an object whose digest is the one that was written is as it should be.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Action, Plan, PlanInputs, Reason, Reference, Step, Synced, TargetResource, difference, names::NameConflicts,
    owners::ResourceOwners,
};
use crate::{
    document::{Digest, Document},
    identity::SourceId,
    mapping::Desired,
    plan::deprovisioning::Deprovisioning,
    problem::Subject,
};

/// Plans everything that is desired. Whoever does not get a name keeps the one that he has, and gets all the rest;
/// without a resource there is nothing to keep.
pub(super) fn plan_all(
    inputs: PlanInputs<'_>,
    owners: &ResourceOwners<'_>,
    conflicts: &NameConflicts,
    plan: &mut Plan,
) {
    for desired in inputs.desired.resources.values() {
        let keeps_name = conflicts.contains(&desired.subject.id);
        if keeps_name && !owners.has_resource(desired.subject.id) {
            continue;
        }
        let subject = match owners.subject(desired.subject.id).filter(|_| keeps_name) {
            Some(present) => present,
            None => desired.subject.clone(),
        };
        ObjectPlanner { desired, subject, keeps_name, inputs, owners, conflicts, plan }.plan();
    }
}

/// Whether this is known, was looked for, and is no longer at the target.
fn is_lost(id: SourceId, inputs: PlanInputs<'_>) -> bool {
    let written = inputs.known.get(&id).filter(|_| inputs.held.was_looked_for(id));
    written.is_some_and(|written| inputs.held.get(&written.resource).is_none())
}

/// One object that is desired.
struct ObjectPlanner<'a, 'b> {
    desired: &'a Desired,
    /// It, by the name that it will have when the plan is done.
    subject: Subject,
    /// Whether it does not get the name that it shall have.
    keeps_name: bool,
    inputs: PlanInputs<'a>,
    owners: &'b ResourceOwners<'a>,
    conflicts: &'b NameConflicts,
    plan: &'b mut Plan,
}

impl ObjectPlanner<'_, '_> {
    fn act(&mut self, reason: Reason, step: Step) {
        self.plan.actions.push(Action { subject: self.subject.clone(), reason, step });
    }

    fn plan(&mut self) {
        let PlanInputs { known, held: at_target, .. } = self.inputs;
        let (desired, inputs) = (self.desired, self.inputs);
        let known: Option<&Synced> = known.get(&desired.subject.id);
        let mut members_now: Vec<SourceId> = known.map(|written| written.members.clone()).unwrap_or_default();
        if known.is_some_and(|written| written.left.is_some()) {
            self.act(Reason::Returned, Step::Remember { left: None });
        }
        let held = match (known, self.owners.adopted(desired.subject.id)) {
            (Some(written), _) => {
                let held = at_target.get(&written.resource);
                if let Some(seen) = held.and_then(|held| self.owners.members(at_target, held))
                    && seen != members_now
                {
                    self.act(Reason::FoundAtTarget, Step::Recall { members: seen.clone() });
                    members_now = seen;
                }
                held
            }
            (None, Some((held, by))) => {
                members_now = self.owners.members(at_target, held).unwrap_or_default();
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
        let complete = !self.keeps_name
            && references.is_empty()
            && self.desired.references.values().all(|to| self.will_be_there(*to));
        let digest = if complete { whole.clone() } else { Digest::unfinished() };
        let mut made = false;
        match held {
            Some(held) => {
                let mut changes = difference::changes(&desired.document.attributes(), &held);
                if self.keeps_name {
                    changes.retain(|change| change.path != desired.subject.kind.naming_attribute());
                }
                if !changes.is_empty() {
                    self.act(Reason::Changed, Step::Modify { changes, digest });
                } else if !unchanged && references.is_empty() && !self.keeps_name {
                    self.act(Reason::Changed, Step::Confirm { digest });
                }
            }
            None if untouched || self.keeps_name => {}
            None => {
                made = true;
                let document = Document::new(&difference::without_empty(desired.document.attributes()));
                let reason = if known.is_some() { Reason::LostAtTarget } else { Reason::New };
                self.act(reason, Step::Create { document, digest });
            }
        }
        if !references.is_empty() {
            let reason = if made { Reason::New } else { Reason::Changed };
            let digest = if self.keeps_name { Digest::unfinished() } else { whole };
            self.act(reason, Step::Refer { references, digest });
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
            let adopted_as = self.owners.adopted(to).map(|(held, _)| &held.resource);
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

    /// Whether an object has a resource when this plan is done. One that cannot be mapped, or has a
    /// conflict, has none, unless it had one before.
    fn will_be_there(&self, id: SourceId) -> bool {
        let made = self.inputs.desired.resources.contains_key(&id) && !self.conflicts.contains(&id);
        made || self.owners.has_resource(id)
    }

    /// Those of the members who went out of sight, or were members of a group that did: a name that leads to nobody
    /// may be theirs.
    fn out_of_sight(&self, members: &[SourceId]) -> BTreeSet<SourceId> {
        let PlanInputs { deprovisionings, known, .. } = self.inputs;
        let gone = deprovisionings.iter().filter(|(_, what)| matches!(what, Deprovisioning::OutOfSight));
        let gone: BTreeSet<SourceId> = gone.map(|(id, _)| *id).collect();
        let within = gone.iter().filter_map(|id| known.get(id)).flat_map(|written| &written.members).copied();
        let unseen: BTreeSet<SourceId> = within.chain(gone.iter().copied()).collect();
        members.iter().copied().filter(|member| unseen.contains(member)).collect()
    }

    fn members(&mut self, members_now: &[SourceId]) {
        let inputs = self.inputs;
        let (mut join, mut leave) = difference::members(&self.desired.members, members_now);
        join.retain(|id| self.will_be_there(*id));
        // Those who may be members, and those who were not seen, may still be members.
        leave.retain(|id| self.desired.undecided.binary_search(id).is_err());
        leave.retain(|id| !matches!(inputs.deprovisionings.get(id), Some(Deprovisioning::Unproven(_))));
        if self.desired.names_unseen {
            let unseen = self.out_of_sight(&leave);
            leave.retain(|id| !unseen.contains(id));
        }
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
