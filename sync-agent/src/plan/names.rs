//! NameConflicts change hands: who must give one up before another may have it.
//!
//! `userName` is unique at every target, `displayName` of a group at some. A name is given to a new
//! person after the old one was deleted; two people swap theirs; a migration renames a thousand. A
//! name that another resource of ours still has is released first, if that resource is about to be
//! renamed or deleted, or is a group that left the scope and has another name in the directory by now: then
//! the name was freed, and nobody would tell the target. If it is neither, whoever wants the name has a
//! conflict, which names both. A user who left the scope may still sign in by that name, and keeps it until
//! a person has decided.

use std::collections::{BTreeSet, HashMap};

use scim_protocol::value::fold;

use super::{Action, Plan, PlanInputs, Reason, Step};
use crate::{
    identity::{Kind, SourceId},
    mapping::Desired,
    plan::deprovisioning::Deprovisioning,
    problem::{Code, Problem},
};

/// What is settled about names.
#[derive(Debug, Default)]
pub struct NameConflicts {
    /// Objects that cannot be written, since their name is somebody else's.
    pub conflicts: BTreeSet<SourceId>,
}

/// Plans the releases, and finds the conflicts.
pub(super) fn settle(inputs: PlanInputs<'_>, plan: &mut Plan) -> NameConflicts {
    let mut names = NameConflicts::default();
    refuse_duplicates(inputs, &mut names, plan);
    let mut holders: HashMap<(Kind, String), SourceId> = HashMap::new();
    let mut released = BTreeSet::new();
    let changed = inputs.desired.resources.values().filter(|desired| takes_another_name(desired, inputs));
    for desired in changed {
        if names.conflicts.contains(&desired.subject.id) {
            continue;
        }
        if holders.is_empty() {
            holders.extend(inputs.known.iter().map(|(id, written)| ((written.kind, fold(&written.name)), *id)));
        }
        let kind = desired.subject.kind;
        let Some(&holder) = holders.get(&(kind, fold(&desired.subject.name))) else { continue };
        let Some(written) = inputs.known.get(&holder).filter(|_| holder != desired.subject.id) else { continue };
        let free = is_free(holder, inputs);
        let renamed = inputs.desired.resources.get(&holder).is_some_and(|other| takes_another_name(other, inputs));
        // A new resource is made after all others were renamed, so only a renamed one needs more.
        let in_time = renamed && !inputs.known.contains_key(&desired.subject.id);
        if (free || renamed) && !in_time {
            if released.insert(holder) {
                let new = format!("{}~{}", written.name, holder.to_string().get(..8).unwrap_or_default());
                let subject = super::deprovisioning::subject(holder, written);
                plan.problems.extend(left_behind(holder, &new, desired, inputs));
                let step = Step::Release { old: written.name.clone(), new };
                plan.actions.push(Action { subject, reason: Reason::NameTaken, step });
            }
        } else if !in_time && kind == Kind::User {
            names.conflicts.insert(desired.subject.id);
            plan.problems.push(Problem {
                code: Code::ConflictError,
                subject: Some(desired.subject.clone()),
                message: format!(
                    "at the target its {} belongs to {}, which is no longer kept up to date; rename or delete that one at the target, or bring it back into scope",
                    kind.naming_attribute(),
                    super::deprovisioning::subject(holder, written)
                ),
            });
        }
    }
    names
}

/// Whether an object of ours that is no longer desired has no right to its name any more: it is gone, or
/// it is a group that left the scope and is called otherwise in the directory.
pub(super) fn is_free(holder: SourceId, inputs: PlanInputs<'_>) -> bool {
    match inputs.deprovisionings.get(&holder) {
        Some(Deprovisioning::Gone(_)) => true,
        Some(Deprovisioning::OutOfScope) => {
            let now = inputs.desired.outside.get(&holder);
            let written = inputs.known.get(&holder);
            let written = written.filter(|written| written.kind == Kind::Group);
            now.zip(written).is_some_and(|(now, written)| fold(now) != fold(&written.name))
        }
        _ => false,
    }
}

/// That a name went from an object that left the scope to another, which a person has to know: the old
/// resource keeps what it has, and whoever left it in the directory meanwhile is still in it.
fn left_behind(holder: SourceId, new: &str, desired: &Desired, inputs: PlanInputs<'_>) -> Option<Problem> {
    let now = inputs.desired.outside.get(&holder)?;
    let written = inputs.known.get(&holder)?;
    let subject = super::deprovisioning::subject(holder, written);
    let message = format!(
        "it is called {now:?} in the directory by now, and left the scope, which means {}: its name goes to that one, and at the target it is {new:?} from now on, with the members that it had. Bring it back into scope by its DN or id, or delete it at the target",
        desired.subject
    );
    Some(Problem { code: Code::NameReleased, subject: Some(subject), message })
}

/// Two users with one name: whoever has it at the target keeps it, the others are refused, in one
/// record that names all.
fn refuse_duplicates(inputs: PlanInputs<'_>, names: &mut NameConflicts, plan: &mut Plan) {
    let mut by_name: HashMap<String, Vec<&Desired>> = HashMap::new();
    for desired in inputs.desired.resources.values().filter(|desired| desired.subject.kind == Kind::User) {
        by_name.entry(fold(&desired.subject.name)).or_default().push(desired);
    }
    let mut shared: Vec<Vec<&Desired>> = by_name.into_values().filter(|sharing| sharing.len() > 1).collect();
    shared.sort_unstable_by_key(|sharing| sharing.first().map(|desired| desired.subject.id));
    for sharing in shared {
        let holder = sharing.iter().find(|desired| !takes_another_name(desired, inputs));
        let refused = sharing.iter().filter(|desired| holder.is_none_or(|holder| holder.subject != desired.subject));
        names.conflicts.extend(refused.clone().map(|desired| desired.subject.id));
        let Some(first) = refused.clone().next() else { continue };
        let others = sharing.iter().filter(|other| other.subject != first.subject);
        let others: Vec<String> = others.map(|other| other.subject.to_string()).collect();
        let keeps = holder.map_or_else(
            || "none of them is written".to_owned(),
            |holder| format!("{} has it at the target and keeps it, the rest is not written", holder.subject),
        );
        plan.problems.push(Problem {
            code: Code::ConflictError,
            subject: Some(first.subject.clone()),
            message: format!(
                "it shares its userName with {}; {keeps}. Change it in the directory, or map it from an attribute that differs",
                others.join(" and ")
            ),
        });
    }
}

/// Whether its name is not the one that was written for it.
fn takes_another_name(desired: &Desired, inputs: PlanInputs<'_>) -> bool {
    let written = inputs.known.get(&desired.subject.id);
    written.is_none_or(|written| fold(&written.name) != fold(&desired.subject.name))
}
