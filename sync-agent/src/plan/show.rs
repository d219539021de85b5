//! The dry run: a plan in words.
//!
//! A plan may have ten thousand actions and must still be read in a minute. So the counts come first,
//! then what needs a person (what was held back, what is coming, what is wrong), then the actions in
//! the order in which they are done, some of each kind. [`Plan::in_full`] shows all.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{Action, AdoptedBy, Plan, Step, order};
use crate::{
    identity::{Kind, SourceId},
    number,
    plan::deprovisioning::Ending,
};

/// So many of each kind are shown of a plan that is not shown in full.
const SHOWN: usize = 10;

impl Plan {
    /// The plan in words, with every action.
    pub const fn in_full(&self) -> InFull<'_> {
        InFull(self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, shown: usize) -> fmt::Result {
        if self.writes_nothing() {
            f.write_str("Nothing to write.")?;
        } else {
            write!(f, "{}", Counts::of(self))?;
        }
        for held in &self.held_back {
            write!(f, "\nHeld back: {}.", held.because)?;
            list(f, held.actions.iter(), shown, |f, action| self.show_action(f, action, shown))?;
        }
        if !self.held_back.is_empty() {
            write!(f, "\n{}", self.decision.told())?;
        }
        if !self.waiting.is_empty() {
            write!(
                f,
                "\nWaiting: {} failed with the same before, and a scheduled cycle leaves it alone until then. `sync-agent run-now` tries all of them, `sync-agent sync-one NAME` one.",
                number::of(self.waiting.len(), "object")
            )?;
            list(f, self.waiting.iter(), shown, |f, one| write!(f, "    {}: until {}", one.subject, one.until))?;
        }
        self.show_upcoming(f)?;
        if !self.problems.is_empty() {
            write!(f, "\nProblems: {}", self.problems.len())?;
            list(f, self.problems.iter(), shown, |f, problem| write!(f, "! {problem}"))?;
        }
        for actions in self.actions.chunk_by(|one, next| order(one) == order(next)) {
            let told = actions.iter().filter(|action| action.step.is_told());
            let number = told.clone().count();
            if let Some(first) = actions.first().filter(|_| number > 0) {
                write!(f, "\n\n{} {}s: {number}", first.step.verb(), first.subject.kind)?;
                list(f, told, shown, |f, action| self.show_action(f, action, shown))?;
            }
        }
        Ok(())
    }

    /// An action, with the names of members where it has any.
    fn show_action(&self, f: &mut fmt::Formatter<'_>, action: &Action, shown: usize) -> fmt::Result {
        write!(f, "{action}")?;
        if let Step::Join { members } | Step::Leave { members } = &action.step {
            list(f, members.iter(), shown, |f, id| write!(f, "    {}", self.name(*id)))?;
        }
        Ok(())
    }

    fn name(&self, id: SourceId) -> String {
        self.names.get(&id).map_or_else(|| id.to_string(), |name| format!("{name:?} ({id})"))
    }

    fn show_upcoming(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut soon: BTreeMap<(Ending, Kind), Vec<_>> = BTreeMap::new();
        for one in &self.upcoming {
            soon.entry((one.what, one.subject.kind)).or_default().push(one.at);
        }
        for ((what, kind), at) in soon {
            let (verb, first) = (if what == Ending::Delete { "deleted" } else { "deactivated" }, at.iter().min());
            if let Some(first) = first {
                let number = number::of(at.len(), &kind.to_string());
                write!(f, "\nComing: {number} will be {verb}, the first on {first}.")?;
            }
        }
        Ok(())
    }
}

/// Each on a line of its own, up to so many, and how many more there are.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    all: impl Iterator<Item = T>,
    shown: usize,
    mut show: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let mut more = 0;
    for (n, one) in all.enumerate() {
        if n < shown {
            f.write_str("\n")?;
            show(f, one)?;
        } else {
            more += 1;
        }
    }
    if more > 0 { write!(f, "\n    and {more} more (--verbose shows all)") } else { Ok(()) }
}

/// A plan that shows every action.
#[derive(Debug, Clone, Copy)]
pub struct InFull<'a>(&'a Plan);

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f, usize::MAX)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, SHOWN)
    }
}

impl Step {
    /// Whether people are told of it: what only the agent remembers is no news.
    const fn is_told(&self) -> bool {
        self.is_write() || matches!(self, Self::Adopt { .. })
    }

    /// As the head of a list.
    const fn verb(&self) -> &'static str {
        match self {
            Self::Adopt { .. } => "Adopt",
            Self::Confirm { .. } | Self::Recall { .. } | Self::Remember { .. } => "Remember",
            Self::Release { .. } => "Release the names of",
            Self::Create { .. } => "Create",
            Self::Modify { .. } => "Modify",
            Self::Refer { .. } => "Set references of",
            Self::Join { .. } => "Add members to",
            Self::Leave { .. } => "Remove members from",
            Self::Deactivate => "Deactivate",
            Self::GiveUp { .. } => "Give up values of",
            Self::Delete { .. } => "Delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, reason, step } = self;
        let words = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        match step {
            Step::Create { document, .. } => {
                write!(f, "+ create {subject}: {reason}")?;
                let attributes = document.attributes();
                attributes
                    .iter()
                    .filter(|(name, _)| *name != "schemas")
                    .try_for_each(|(name, value)| write!(f, "\n    {name}: {value}"))
            }
            Step::Adopt { resource, by, .. } => {
                let by = match by {
                    AdoptedBy::ExternalId => "externalId",
                    AdoptedBy::Name => subject.kind.naming_attribute(),
                };
                write!(f, "= adopt {subject}: {reason}, recognised by {by} as {resource}")
            }
            Step::Modify { changes, .. } => {
                write!(f, "~ modify {subject}: {reason}")?;
                changes.iter().try_for_each(|change| {
                    write!(f, "\n    {}: {} -> {}", change.path, words(&change.old), words(&change.new))
                })
            }
            Step::Refer { references, .. } => {
                write!(f, "~ refer {subject}: {reason}")?;
                references.iter().try_for_each(|one| {
                    write!(f, "\n    {}: {} -> the resource of {}", one.path, words(&one.old), one.to)
                })
            }
            Step::Release { old, new } => write!(f, "~ release {subject}: {reason}\n    {old:?} -> {new:?}"),
            Step::Confirm { .. } => write!(f, "  {subject} is as it should be"),
            Step::Recall { members } => {
                let members = number::of(members.len(), "member");
                write!(f, "  {subject} has {members} at the target, and that is remembered")
            }
            Step::Remember { left: Some(left) } => write!(f, "  {subject}: {reason}, since {}", left.since),
            Step::Remember { left: None } => write!(f, "  {subject}: {reason}"),
            Step::Join { members } => {
                write!(f, "> join {subject}: {}, {reason}", number::of(members.len(), "member"))
            }
            Step::Leave { members } => {
                write!(f, "< leave {subject}: {}, {reason}", number::of(members.len(), "member"))
            }
            Step::Deactivate => write!(f, "- deactivate {subject}: {reason}"),
            Step::GiveUp { attributes } => write!(f, "- give up {} of {subject}: {reason}", attributes.join(", ")),
            Step::Delete { proof } => write!(f, "- delete {subject}: {reason}; {proof}"),
        }
    }
}

/// How many actions of each kind a plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    create: usize,
    adopt: usize,
    modify: usize,
    join: usize,
    leave: usize,
    deactivate: usize,
    delete: usize,
}

impl Counts {
    fn of(plan: &Plan) -> Self {
        let mut counts = Self::default();
        for action in &plan.actions {
            match &action.step {
                Step::Create { .. } => counts.create += 1,
                Step::Adopt { .. } => counts.adopt += 1,
                Step::Modify { .. } | Step::Release { .. } | Step::Refer { .. } => counts.modify += 1,
                Step::Confirm { .. } | Step::Recall { .. } | Step::Remember { .. } | Step::GiveUp { .. } => {}
                Step::Join { members } => counts.join += members.len(),
                Step::Leave { members } => counts.leave += members.len(),
                Step::Deactivate => counts.deactivate += 1,
                Step::Delete { .. } => counts.delete += 1,
            }
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { create, adopt, modify, join, leave, deactivate, delete } = self;
        let join = number::of(*join, "member");
        write!(
            f,
            "{create} to create, {adopt} to adopt, {modify} to modify, {join} to join, {leave} to leave, \
             {deactivate} to deactivate, {delete} to delete."
        )
    }
}
