//! The dry run: a plan in words.

use std::fmt;

use serde_json::Value;

use super::{Action, AdoptedBy, Plan, Step};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in
            self.actions.iter().filter(|action| !matches!(action.step, Step::Confirm { .. } | Step::Remember { .. }))
        {
            writeln!(f, "{action}")?;
        }
        for held in &self.held_back {
            writeln!(f, "held back: {} actions, {}", held.actions.len(), held.because)?;
        }
        for problem in &self.problems {
            writeln!(f, "! {problem}")?;
        }
        if self.writes_nothing() { f.write_str("Nothing to write.") } else { write!(f, "{}", Counts::of(self)) }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, reason, step } = self;
        match step {
            Step::Create { document, .. } => {
                write!(f, "+ create {subject}: {reason}")?;
                document
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
                let words = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                changes.iter().try_for_each(|change| {
                    write!(f, "\n    {}: {} -> {}", change.path, words(&change.old), words(&change.new))
                })
            }
            Step::Confirm { .. } => write!(f, "  {subject} is as it should be"),
            Step::Remember { left: Some(left) } => write!(f, "  {subject}: {reason}, since {}", left.since),
            Step::Remember { left: None } => write!(f, "  {subject}: {reason}"),
            Step::Release { old, new } => write!(f, "~ release {subject}: {reason}\n    {old:?} -> {new:?}"),
            Step::Refer { references, .. } => {
                write!(f, "~ refer {subject}: {reason}")?;
                let words = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                references.iter().try_for_each(|one| {
                    write!(f, "\n    {}: {} -> the resource of {}", one.path, words(&one.old), one.to)
                })
            }
            Step::Join { members } => write!(f, "> join {subject}: {} members, {reason}", members.len()),
            Step::Leave { members } => write!(f, "< leave {subject}: {} members, {reason}", members.len()),
            Step::Deactivate => write!(f, "- deactivate {subject}: {reason}"),
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
                Step::Confirm { .. } | Step::Remember { .. } => {}
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
        write!(
            f,
            "{create} to create, {adopt} to adopt, {modify} to modify, {join} members to join, {leave} to leave, \
             {deactivate} to deactivate, {delete} to delete."
        )
    }
}
