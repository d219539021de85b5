//! A plan becomes requests.
//!
//! Actions come in the order of [`plan::order`], and those of one place in it are sent together, so
//! many at a time as the target may have. Before the next place begins the last is done: members
//! exist before they join, and everybody has joined before anybody leaves. What was done is
//! remembered at once, so that a run that is killed is continued and not repeated.
//!
//! An object's failure is a [`Problem`] and stops nothing else; what depends on it is left out.

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::{
    plan::{self, Action, AttributeChange, Digest, Known, Plan, ResourceId, Step, Written, departure::Left},
    problem::{Code, Problem},
    source::{Kind, SourceId},
    state::{State, StateError},
    target::{TargetError, Writer},
};

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Requests at a time.
    pub concurrency: usize,
    /// Membership changes in a request.
    pub members_per_request: usize,
}

/// What came of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that changed something.
    pub writes: usize,
    /// What failed.
    pub problems: Vec<Problem>,
}

/// What an action did to the target, to be remembered.
enum Done {
    Became(ResourceId, Vec<SourceId>, Option<Digest>),
    Says(Digest),
    Joined(Vec<SourceId>),
    Left(Vec<SourceId>),
    Remembers(Option<Left>),
    Named(String),
    Deactivated,
    Deleted,
}

/// Does everything that is in the plan. `progress` is told of each action that is done.
pub async fn apply(
    plan: &Plan,
    writer: &Writer,
    state: &State,
    known: &mut Known,
    pace: Pace,
    progress: &(dyn Fn() + Send + Sync),
) -> Result<Outcome, StateError> {
    let mut outcome = Outcome::default();
    for actions in plan.actions.chunk_by(|one, next| plan::order(one) == plan::order(next)) {
        let ids: &Known = known;
        let mut results = stream::iter(actions)
            .map(|action| async move { (action, perform(action, writer, ids, pace).await) })
            .buffer_unordered(pace.concurrency.max(1));
        let mut done = Vec::new();
        while let Some((action, result)) = results.next().await {
            progress();
            outcome.writes += result.writes;
            outcome.problems.extend(result.problem);
            for effect in result.effects {
                // Written at once for what could not be found again; the rest follows in order.
                if let Done::Became(resource, ..) = &effect {
                    let written = fresh(action, resource.clone());
                    state.write(action.subject.id, &written)?;
                }
                done.push((action, effect));
            }
        }
        drop(results);
        for (action, effect) in done {
            remember(action, effect, state, known)?;
        }
    }
    state.flush().await?;
    Ok(outcome)
}

fn fresh(action: &Action, resource: ResourceId) -> Written {
    Written {
        resource,
        kind: action.subject.kind,
        name: action.subject.name.clone(),
        digest: None,
        left: None,
        members: Vec::new(),
    }
}

/// Brings what is known in line with what was done.
fn remember(action: &Action, effect: Done, state: &State, known: &mut Known) -> Result<(), StateError> {
    let id = action.subject.id;
    if matches!(effect, Done::Deleted) {
        known.remove(&id);
        // The target has taken it out of its groups; were it remembered as a member, it would not
        // join again if it came back.
        for (group, written) in known.iter_mut() {
            if let Ok(at) = written.members.binary_search(&id) {
                written.members.remove(at);
                state.write(*group, written)?;
            }
        }
        return state.forget(id);
    }
    if let Done::Became(resource, members, digest) = effect {
        let written = Written { digest, members, ..fresh(action, resource) };
        state.write(id, &written)?;
        known.insert(id, written);
        return Ok(());
    }
    let Some(written) = known.get_mut(&id) else { return Ok(()) };
    match effect {
        Done::Says(digest) => {
            written.digest = Some(digest);
            written.name.clone_from(&action.subject.name);
        }
        Done::Joined(members) => {
            written.members.extend(members);
            written.members.sort_unstable();
            written.members.dedup();
        }
        Done::Left(mut members) => {
            members.sort_unstable();
            written.members.retain(|member| members.binary_search(member).is_err());
        }
        // The document is no longer what the digest says.
        Done::Deactivated => {
            written.digest = None;
            written.left.iter_mut().for_each(|left| left.deactivated = true);
        }
        Done::Remembers(left) => written.left = left,
        Done::Named(name) => {
            written.digest = None;
            written.name = name;
        }
        Done::Became(..) | Done::Deleted => {}
    }
    state.write(id, written)
}

#[derive(Default)]
struct Performed {
    writes: usize,
    effects: Vec<Done>,
    problem: Option<Problem>,
}

async fn perform(action: &Action, writer: &Writer, known: &Known, pace: Pace) -> Performed {
    let mut performed = Performed::default();
    if let Err(error) = requests(action, writer, known, pace, &mut performed).await {
        performed.problem = Some(problem(action, &error));
    }
    performed
}

async fn requests(
    action: &Action,
    writer: &Writer,
    known: &Known,
    pace: Pace,
    performed: &mut Performed,
) -> Result<(), TargetError> {
    let kind = action.subject.kind;
    match &action.step {
        Step::Create { document, digest } => {
            let resource = writer.create(kind, document).await?;
            performed.writes += 1;
            performed.effects.push(Done::Became(resource, Vec::new(), Some(digest.clone())));
            return Ok(());
        }
        Step::Adopt { resource, members, .. } => {
            performed.effects.push(Done::Became(resource.clone(), members.clone(), None));
            return Ok(());
        }
        Step::Confirm { digest } => {
            performed.effects.push(Done::Says(digest.clone()));
            return Ok(());
        }
        _ => {}
    }
    // Its creation failed, and that was told; or it was never ours.
    let Some(written) = known.get(&action.subject.id) else { return Ok(()) };
    let resource = &written.resource;
    match &action.step {
        Step::Modify { changes, digest } => {
            writer.modify(kind, resource, changes).await?;
            performed.writes += 1;
            performed.effects.push(Done::Says(digest.clone()));
        }
        Step::Remember { left } => performed.effects.push(Done::Remembers(left.clone())),
        Step::Release { old, new } => {
            let path = kind.naming_attribute().to_owned();
            let change = AttributeChange { path, old: Some(json!(old)), new: Some(json!(new)) };
            writer.modify(kind, resource, &[change]).await?;
            performed.writes += 1;
            performed.effects.push(Done::Named(new.clone()));
        }
        Step::Refer { references, digest } => {
            // One whose making failed is left out, and the digest with it: the next run looks again.
            let there =
                references.iter().filter_map(|reference| Some((reference, &known.get(&reference.to)?.resource)));
            let changes: Vec<AttributeChange> = there
                .map(|(reference, resource)| AttributeChange {
                    path: reference.path.clone(),
                    old: reference.old.clone(),
                    new: Some(json!({"value": resource})),
                })
                .collect();
            if !changes.is_empty() {
                writer.modify(kind, resource, &changes).await?;
                performed.writes += 1;
            }
            if changes.len() == references.len() {
                performed.effects.push(Done::Says(digest.clone()));
            }
        }
        Step::Join { members } | Step::Leave { members } => {
            let there: Vec<_> = members.iter().filter_map(|id| Some((*id, known.get(id)?.resource.clone()))).collect();
            for part in there.chunks(pace.members_per_request.max(1)) {
                let (ids, resources): (Vec<_>, Vec<_>) = part.iter().cloned().unzip();
                if matches!(action.step, Step::Join { .. }) {
                    writer.join(resource, &resources).await?;
                    performed.effects.push(Done::Joined(ids));
                } else {
                    writer.leave(resource, &resources).await?;
                    performed.effects.push(Done::Left(ids));
                }
                performed.writes += 1;
            }
        }
        Step::Deactivate => {
            let new = Some(json!(false));
            let change = AttributeChange { path: "active".to_owned(), old: None, new };
            writer.modify(Kind::User, resource, &[change]).await?;
            performed.writes += 1;
            performed.effects.push(Done::Deactivated);
        }
        Step::Delete { .. } => {
            writer.delete(kind, resource).await?;
            performed.writes += 1;
            performed.effects.push(Done::Deleted);
        }
        Step::Create { .. } | Step::Adopt { .. } | Step::Confirm { .. } => {}
    }
    Ok(())
}

fn problem(action: &Action, error: &TargetError) -> Problem {
    let code = match error.status() {
        Some(409) => Code::ConflictError,
        Some(429 | 503) | None => Code::TargetUnavailable,
        Some(_) => Code::TargetRefused,
    };
    Problem { code, subject: Some(action.subject.clone()), message: error.to_string() }
}
