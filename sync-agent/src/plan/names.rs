//! Names change hands: who must give one up before another may have it.
//!
//! `userName` is unique at every target, `displayName` of a group at some. A name is given to a new
//! person after the old one was deleted; two people swap theirs; a migration renames a thousand. A
//! name that another resource of ours still has is released first, if that resource is about to be
//! renamed or deleted, or is a group that left the scope and has another name in the directory by now: then
//! the name was freed, and nobody would tell the target. If it is neither, whoever wants the name has a
//! conflict, which names both, and so has whoever wants the name of that one: nobody gives up a name before
//! the next one is free. A user who left the scope may still sign in by that name, and keeps it until
//! a person has decided.
//!
//! [`ResourceOwners`] knows which resource has a name: first by what the target shows, then by what is remembered.

use std::collections::{BTreeSet, HashMap};

use scim_protocol::value::fold;

use super::{Action, AdoptedBy, Plan, PlanInputs, Reason, Step, TargetResource};
use crate::{
    identity::{Kind, SourceId},
    mapping::Desired,
    plan::{
        deprovisioning::Deprovisioning,
        owners::{NameHolder, ResourceOwners},
    },
    problem::{Code, Problem, Subject},
};

/// Objects that do not get their name, since it is somebody else's.
pub(super) type NameConflicts = BTreeSet<SourceId>;

/// Plans the releases, adopts by name, and finds the conflicts.
pub(super) fn settle<'a>(inputs: PlanInputs<'a>, owners: &mut ResourceOwners<'a>, plan: &mut Plan) -> NameConflicts {
    let mut conflicts = NameConflicts::new();
    refuse_duplicates(inputs, owners, &mut conflicts, plan);
    let open = |conflicts: &NameConflicts, owners: &ResourceOwners<'_>, desired: &Desired| {
        !conflicts.contains(&desired.subject.id) && owners.takes_another_name(desired)
    };
    for desired in inputs.desired.resources.values() {
        let id = desired.subject.id;
        if !owners.has_resource(id)
            && open(&conflicts, owners, desired)
            && let NameHolder::Stranger(held) = owners.holder(desired)
            && claimed_by(held).is_none()
        {
            owners.adopt(id, held, AdoptedBy::Name);
        }
    }
    let wanted: Vec<(&Desired, NameHolder<'_>)> = inputs
        .desired
        .resources
        .values()
        .filter(|desired| open(&conflicts, owners, desired))
        .map(|desired| (desired, owners.holder(desired)))
        .filter(|(_, holder)| *holder != NameHolder::Nobody)
        .collect();
    let takers = Takers { inputs, owners, wanted };
    takers.refuse(&mut conflicts, plan);
    takers.release(&conflicts, plan);
    conflicts
}

/// Objects that shall have a name which a resource has, and whose that is.
struct Takers<'a, 'b> {
    inputs: PlanInputs<'a>,
    owners: &'b ResourceOwners<'a>,
    wanted: Vec<(&'a Desired, NameHolder<'a>)>,
}

impl Takers<'_, '_> {
    /// Finds who cannot have a name, and then whoever wants the name that such a one keeps.
    fn refuse(&self, conflicts: &mut NameConflicts, plan: &mut Plan) {
        let mut waiting: HashMap<SourceId, Vec<&Desired>> = HashMap::new();
        let mut refused: Vec<SourceId> = conflicts.iter().copied().collect();
        for (desired, holder) in self.wanted.iter().filter(|(desired, _)| desired.subject.kind == Kind::User) {
            let reason = match holder {
                NameHolder::Nobody => None,
                NameHolder::Stranger(held) => Some(a_stranger_has_it(desired, held)),
                NameHolder::Ours(other) if self.is_renamed(*other) => {
                    waiting.entry(*other).or_default().push(desired);
                    None
                }
                NameHolder::Ours(other) if self.is_free(*other) => None,
                NameHolder::Ours(other) => Some(format!(
                    "at the target its {} belongs to {}, which is no longer kept up to date; rename or delete that one at the target, or bring it back into scope",
                    desired.subject.kind.naming_attribute(),
                    self.told(*other)
                )),
            };
            if let Some(message) = reason {
                plan.problems.push(conflict(&desired.subject, message));
                conflicts.insert(desired.subject.id);
                refused.push(desired.subject.id);
            }
        }
        while let Some(keeps) = refused.pop() {
            for desired in waiting.remove(&keeps).unwrap_or_default() {
                plan.problems.push(conflict(
                    &desired.subject,
                    format!(
                        "at the target its {} belongs to {}, which keeps it, since the name that this one is to have is not free; see the record of that one",
                        desired.subject.kind.naming_attribute(),
                        self.told(keeps)
                    ),
                ));
                conflicts.insert(desired.subject.id);
                refused.push(desired.subject.id);
            }
        }
    }

    /// Plans what must be given up. A new resource is made after all others were renamed, so only a renamed
    /// one needs more.
    fn release(&self, conflicts: &NameConflicts, plan: &mut Plan) {
        let mut released = BTreeSet::new();
        for (desired, holder) in self.wanted.iter().filter(|(desired, _)| !conflicts.contains(&desired.subject.id)) {
            let NameHolder::Ours(holder) = *holder else { continue };
            let renamed = self.is_renamed(holder) && !conflicts.contains(&holder);
            let in_time = renamed && !self.owners.has_resource(desired.subject.id);
            if in_time || !(renamed || self.is_free(holder)) || !released.insert(holder) {
                continue;
            }
            let Some(subject) = self.owners.subject(holder) else { continue };
            let new = temporary(&subject);
            plan.problems.extend(self.left_behind(&subject, &new, desired));
            let step = Step::Release { old: subject.name.clone(), new };
            plan.actions.push(Action { subject, reason: Reason::NameTaken, step });
        }
    }

    fn is_renamed(&self, id: SourceId) -> bool {
        self.inputs.desired.resources.get(&id).is_some_and(|other| self.owners.takes_another_name(other))
    }

    /// Whether an object of ours that is no longer desired has no right to its name any more: it is gone, or
    /// it is a group that left the scope and is called otherwise in the directory.
    fn is_free(&self, id: SourceId) -> bool {
        match self.inputs.deprovisionings.get(&id) {
            Some(Deprovisioning::Gone(_)) => true,
            Some(Deprovisioning::OutOfScope) => {
                let now = self.inputs.desired.outside.get(&id);
                let held = self.owners.subject(id).filter(|subject| subject.kind == Kind::Group);
                now.zip(held).is_some_and(|(now, held)| fold(now) != fold(&held.name))
            }
            _ => false,
        }
    }

    fn told(&self, id: SourceId) -> String {
        self.owners.subject(id).map_or_else(|| id.to_string(), |subject| subject.to_string())
    }

    /// Reports that a name went from an object that left the scope to another one: the old
    /// resource keeps what it has, and whoever left it in the directory meanwhile is still in it.
    fn left_behind(&self, holder: &Subject, new: &str, desired: &Desired) -> Option<Problem> {
        let now = self.inputs.desired.outside.get(&holder.id)?;
        let message = format!(
            "it is called {now:?} in the directory by now, and left the scope, which means {}: its name goes to that one, and at the target it is {new:?} from now on, with the members that it had. Bring it back into scope by its DN or id, or delete it at the target",
            desired.subject
        );
        Some(Problem { code: Code::NameReleased, subject: Some(holder.clone()), message })
    }
}

fn a_stranger_has_it(desired: &Desired, held: &TargetResource) -> String {
    let naming = desired.subject.kind.naming_attribute();
    match claimed_by(held) {
        Some(other) => format!(
            "the target has a resource of this {naming} already, {}, whose externalId {other} is another object's; rename or delete that resource, or remove its externalId to have it adopted",
            held.resource
        ),
        None => format!(
            "the target has a resource of this {naming} already, {}, which this agent did not make; rename or delete that resource, or give this object another {naming}",
            held.resource
        ),
    }
}

/// What an object is called until it is renamed or deleted: nobody else is called so.
fn temporary(subject: &Subject) -> String {
    let id = subject.id.to_string();
    format!("{}~{}", subject.name, id.get(..8).unwrap_or_default())
}

/// Whose id a resource bears that this agent did not make. A name is given to somebody new, an id never is.
fn claimed_by(held: &TargetResource) -> Option<SourceId> {
    SourceId::parse(&held.document.text("externalId")?)
}

fn conflict(subject: &Subject, message: String) -> Problem {
    Problem { code: Code::ConflictError, subject: Some(subject.clone()), message }
}

/// Two users with one name: whoever has it at the target keeps it, the others are refused, in one
/// record that names all.
fn refuse_duplicates(
    inputs: PlanInputs<'_>,
    owners: &ResourceOwners<'_>,
    conflicts: &mut NameConflicts,
    plan: &mut Plan,
) {
    let mut by_name: HashMap<String, Vec<&Desired>> = HashMap::new();
    for desired in inputs.desired.resources.values().filter(|desired| desired.subject.kind == Kind::User) {
        by_name.entry(fold(&desired.subject.name)).or_default().push(desired);
    }
    let mut shared: Vec<Vec<&Desired>> = by_name.into_values().filter(|sharing| sharing.len() > 1).collect();
    shared.sort_unstable_by_key(|sharing| sharing.first().map(|desired| desired.subject.id));
    for sharing in shared {
        let holder = sharing.iter().find(|desired| !owners.takes_another_name(desired));
        let refused = sharing.iter().filter(|desired| holder.is_none_or(|holder| holder.subject != desired.subject));
        conflicts.extend(refused.clone().map(|desired| desired.subject.id));
        let Some(first) = refused.clone().next() else { continue };
        let others = sharing.iter().filter(|other| other.subject != first.subject);
        let others: Vec<String> = others.map(|other| other.subject.to_string()).collect();
        let keeps = holder.map_or_else(
            || "none of them gets it".to_owned(),
            |holder| format!("{} has it at the target and keeps it, the rest does not get it", holder.subject),
        );
        plan.problems.push(conflict(
            &first.subject,
            format!(
                "it shares its userName with {}; {keeps}. Change it in the directory, or map it from an attribute that differs",
                others.join(" and ")
            ),
        ));
    }
}
