//! Names change hands: who must give one up before another may have it.
//!
//! `userName` is unique at every target, `displayName` of a group at some. A name is given to a new
//! person after the old one was deleted; two people swap theirs; a migration renames a thousand. A
//! name that another resource of ours still has is released first, if that resource is about to be
//! renamed or deleted. If it is not, whoever wants the name has a conflict, which names both.

use std::collections::{BTreeSet, HashMap};

use scim_protocol::value::fold;

use super::{Action, Plan, Question, Reason, Step, departure::Departure};
use crate::{
    mapping::Desired,
    problem::{Code, Problem},
    source::{Kind, SourceId},
};

/// What is settled about names.
#[derive(Debug, Default)]
pub struct Names {
    /// Objects that cannot be written, since their name is somebody else's.
    pub conflicts: BTreeSet<SourceId>,
}

/// Plans the releases, and finds the conflicts.
pub(super) fn settle(question: Question<'_>, plan: &mut Plan) -> Names {
    let mut names = Names::default();
    let mut holders: HashMap<(Kind, String), SourceId> = HashMap::new();
    let mut released = BTreeSet::new();
    let changed = question.desired.resources.values().filter(|desired| takes_another_name(desired, question));
    for desired in changed {
        if holders.is_empty() {
            holders.extend(question.known.iter().map(|(id, written)| ((written.kind, fold(&written.name)), *id)));
        }
        let kind = desired.subject.kind;
        let Some(&holder) = holders.get(&(kind, fold(&desired.subject.name))) else { continue };
        let Some(written) = question.known.get(&holder).filter(|_| holder != desired.subject.id) else { continue };
        let gone = matches!(question.departures.get(&holder), Some(Departure::Gone(_)));
        let renamed = question.desired.resources.get(&holder).is_some_and(|other| takes_another_name(other, question));
        // A new resource is made after all others were renamed, so only a renamed one needs more.
        let in_time = renamed && !question.known.contains_key(&desired.subject.id);
        if (gone || renamed) && !in_time {
            if released.insert(holder) {
                let new = format!("{}~{}", written.name, holder.to_string().get(..8).unwrap_or_default());
                let step = Step::Release { old: written.name.clone(), new };
                let subject = super::departure::subject(holder, written);
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
                    super::departure::subject(holder, written)
                ),
            });
        }
    }
    names
}

/// Whether its name is not the one that was written for it.
fn takes_another_name(desired: &Desired, question: Question<'_>) -> bool {
    let written = question.known.get(&desired.subject.id);
    written.is_none_or(|written| fold(&written.name) != fold(&desired.subject.name))
}
