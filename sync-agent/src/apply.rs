//! A plan becomes requests.
//!
//! Actions have the order of [`plan::order`]. Those of one stage are sent at the same time, as many as the target may get;
//! the next stage begins when all of them are done. So members exist before they join, and all members have joined
//! before any leaves. Before each stage the run notes what it will write ([`crate::state::intents`]), so that the next run
//! can continue after a kill: it asks the target what became of the noted writes.
//!
//! An object's failure is one [`Problem`] and stops nothing else; the rest of that object's actions
//! is left out, and what depends on it too. A conflict is tried once more at the end: the name may
//! have been freed by this very plan. Only a target that answers nobody ends the run.

mod perform;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, RwLock},
};

use futures_util::{StreamExt, stream};
use scim_protocol::Timestamp;
use tokio::sync::watch;

use crate::{
    identity::SourceId,
    plan::{self, Action, Plan, Step, SyncedObjects, held_back::LossCount},
    problem::{Code, Problem},
    state::{State, StateError},
    target::{TargetError, TargetWriter},
};

use perform::{Performed, Work};

/// After so many failures of the target as a whole in a row, the run ends.
const ENOUGH: usize = 3;

/// How requests are sent.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Requests at a time.
    pub concurrency: usize,
    /// When the run began; losses are counted for this hour.
    pub now: Timestamp,
    /// Membership changes in a request.
    pub members_per_request: usize,
    /// Objects in quarantine are left alone until their next try is due at this time; `None` tries
    /// all of them now.
    pub waits_for: Option<Timestamp>,
    /// Becomes true when the run should end. Requests that were sent are finished; no others are sent.
    pub stop: watch::Receiver<bool>,
}

/// What came of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that changed something.
    pub writes: usize,
    /// What failed.
    pub problems: Vec<Problem>,
    /// Objects that were left alone because they are in quarantine.
    pub waiting: BTreeSet<SourceId>,
    /// Why the run ended before its end, in words.
    pub stopped: Option<String>,
}

/// Does everything that is in the plan. `progress` is told of each action that is done.
pub async fn apply(
    plan: &Plan,
    writer: &TargetWriter,
    state: &State,
    known: &mut SyncedObjects,
    pace: Pace,
    progress: &(dyn Fn() + Send + Sync),
) -> Result<Outcome, StateError> {
    let waiting = match pace.waits_for {
        Some(now) => state.quarantine()?.waiting(plan, now),
        None => Vec::new(),
    };
    let owners = known.iter().map(|(id, written)| (written.resource.clone(), *id)).collect();
    let work = Work {
        writer,
        state,
        known: RwLock::new(known),
        owners: Mutex::new(owners),
        members_per_request: pace.members_per_request.max(1),
    };
    let count = LossCount::new(plan, &state.approved()?);
    let waiting = waiting.into_iter().map(|one| one.subject.id).collect();
    let sum = Sum { outcome: Outcome { waiting, ..Outcome::default() }, ..Sum::default() };
    let run = Run { work, pace, count, progress, sum: Mutex::new(sum) };
    for actions in plan.actions.chunk_by(|one, next| plan::order(one) == plan::order(next)) {
        run.place(actions, Turn::First).await?;
    }
    let again = std::mem::take(&mut run.sum().again);
    for actions in again.chunk_by(|one, next| plan::order(one) == plan::order(next)) {
        run.place(actions, Turn::Last).await?;
    }
    state.flush().await?;
    let sum = run.sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(sum.outcome)
}

/// Whether an action may be tried once more in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Last,
}

/// One run, shared by all that are under way.
struct Run<'a> {
    work: Work<'a>,
    pace: Pace,
    /// The losses that count for the limits of the next runs.
    count: LossCount,
    progress: &'a (dyn Fn() + Send + Sync),
    sum: Mutex<Sum>,
}

#[derive(Default)]
struct Sum {
    outcome: Outcome,
    /// Objects that failed in this run, and whether only a member could not join.
    failed: BTreeMap<SourceId, bool>,
    /// Objects of which it is not known whether they were written.
    doubtful: BTreeSet<SourceId>,
    /// Conflicts, and additions to groups that wait for them.
    again: Vec<Action>,
    /// Failures in a row that are about the target as a whole.
    in_a_row: usize,
}

impl Run<'_> {
    fn sum(&self) -> std::sync::MutexGuard<'_, Sum> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes the actions of one stage, and removes the notes of writes whose result is known.
    async fn place(&self, actions: &[Action], turn: Turn) -> Result<(), StateError> {
        let writes = actions.iter().filter(|action| action.step.is_write());
        let mut writes = writes.map(|action| &action.subject).peekable();
        if writes.peek().is_none() || self.end_if_stopped() {
            return self.together(actions.iter(), turn).await;
        }
        self.work.state.note_intents(writes.clone()).await?;
        self.together(actions.iter(), turn).await?;
        // A doubt lasts until the end of the run: that a later write of the object was left out, or done, says
        // nothing about the one before.
        let doubtful = self.sum().doubtful.clone();
        self.work.state.settle_intents(writes.map(|subject| subject.id).filter(|id| !doubtful.contains(id))).await
    }

    /// Executes actions that can have any order.
    async fn together(&self, actions: impl Iterator<Item = &Action>, turn: Turn) -> Result<(), StateError> {
        let due = actions.take_while(|_| !self.end_if_stopped());
        let mut results = stream::iter(due)
            .map(|action| async move {
                if self.is_left_out(action) {
                    return Ok(());
                }
                let performed = self.work.perform(action).await?;
                self.count(action, performed, turn).await
            })
            .buffer_unordered(self.pace.concurrency.max(1));
        while let Some(result) = results.next().await {
            (self.progress)();
            result?;
        }
        Ok(())
    }

    /// Ends the run when it was told to stop, and says whether it has ended: then nothing more is sent.
    fn end_if_stopped(&self) -> bool {
        let mut sum = self.sum();
        if *self.pace.stop.borrow() && sum.outcome.stopped.is_none() {
            sum.outcome.stopped = Some("the run was told to stop; the next one goes on".to_owned());
        }
        sum.outcome.stopped.is_some()
    }

    /// Whether this object failed before in this run, or is left alone. Members leave a group even if another member
    /// could not join it.
    fn is_left_out(&self, action: &Action) -> bool {
        let id = action.subject.id;
        let sum = self.sum();
        let leaves = matches!(action.step, Step::Leave { .. });
        sum.outcome.waiting.contains(&id) || sum.failed.get(&id).is_some_and(|only_joins| !(leaves && *only_joins))
    }

    /// Counts the result of an action.
    async fn count(&self, action: &Action, performed: Performed, turn: Turn) -> Result<(), StateError> {
        let Performed { writes, missing, failure } = performed;
        if let Some((loss, group, number)) = self.count.of(action).filter(|_| writes > 0) {
            self.work.state.add_lost(loss, group, number, self.pace.now)?;
        }
        let conflict = failure.as_ref().is_some_and(|error| error.status() == Some(409));
        if conflict && turn == Turn::First {
            let mut sum = self.sum();
            sum.outcome.writes += writes;
            sum.in_a_row = 0;
            sum.again.push(action.clone());
            return Ok(());
        }
        let problem = match &failure {
            Some(error) => Some(self.problem(action, error).await),
            None => None,
        };
        let mut sum = self.sum();
        sum.outcome.writes += writes;
        if failure.as_ref().is_some_and(TargetError::leaves_doubt) {
            sum.doubtful.insert(action.subject.id);
        }
        if turn == Turn::First && !missing.is_empty() {
            sum.again.push(Action { step: Step::Join { members: missing }, ..action.clone() });
        }
        match (failure, problem) {
            (Some(error), Some(problem)) if error.is_general() => {
                sum.in_a_row += 1;
                if sum.in_a_row >= ENOUGH || error.status() == Some(401) {
                    let message = format!("{}; nothing more was sent", problem.message);
                    if sum.outcome.stopped.replace(message.clone()).is_none() {
                        sum.outcome.problems.push(Problem { code: problem.code, subject: None, message });
                    }
                } else {
                    sum.failed.insert(action.subject.id, false);
                    sum.outcome.problems.push(problem);
                }
            }
            (_, Some(problem)) => {
                sum.in_a_row = 0;
                let joins = matches!(action.step, Step::Join { .. });
                sum.failed.entry(action.subject.id).and_modify(|only| *only &= joins).or_insert(joins);
                sum.outcome.problems.push(problem);
            }
            _ => sum.in_a_row = 0,
        }
        Ok(())
    }

    /// The record of a failure, in words that say what to change.
    async fn problem(&self, action: &Action, error: &TargetError) -> Problem {
        let subject = &action.subject;
        let code = match error.status() {
            Some(409) => Code::ConflictError,
            Some(401) => Code::InvalidTargetCredentials,
            _ if error.is_general() => Code::TargetUnavailable,
            Some(_) => Code::TargetRefused,
            None => Code::TargetStrange,
        };
        let mut message = error.to_string();
        if code == Code::ConflictError {
            let naming = subject.kind.naming_attribute();
            let rival = self.work.writer.rival(subject.kind, &subject.name).await;
            let ours = rival.as_ref().and_then(|rival| self.work.owner(&rival.resource));
            let who = match (&rival, ours) {
                (Some(rival), Some((id, name))) => format!(
                    "resource {} has it, which belongs to {name:?} ({id}) in the directory: give one of the two another {naming}",
                    rival.resource
                ),
                (Some(rival), None) => format!(
                    "resource {}{} has it, which this agent did not make: rename or delete it at the target, or give {:?} ({}) another {naming}",
                    rival.resource,
                    match rival.document.text("externalId") {
                        Some(external) => format!(" with the externalId {external:?}"),
                        None => String::new(),
                    },
                    subject.name,
                    subject.id
                ),
                (None, _) => format!(
                    "no resource with this {naming} can be seen; another unique value is taken, perhaps the mail address of {:?} ({})",
                    subject.name, subject.id
                ),
            };
            message = format!("{naming} {:?} is taken: {who}; {message}", subject.name);
        }
        Problem { code, subject: Some(subject.clone()), message }
    }
}
