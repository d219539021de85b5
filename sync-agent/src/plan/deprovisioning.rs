//! What becomes of an object that was written once and is no longer desired.
//!
//! Three cases, which must never be mixed up: it is gone from the directory (with a [`Proof`]), it
//! left the scope, or nobody knows. Gone means deleted at the target, or deactivated first and
//! deleted after a time of grace. Out of scope means no more updates, and for a user `active: false`
//! after the time of grace; a group that left the scope stays as it is. Unknown means that nothing
//! happens, and that it is told.
//!
//! The moment at which an object left is remembered with what was written for it ([`Left`]), and so
//! is the proof: a tombstone is shown once, and a deletion may have to wait for weeks.

use std::{collections::BTreeMap, time::Duration};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Plan, PlanInputs, Reason, Step, Synced, SyncedObjects, safety};
use crate::{
    identity::{Kind, SourceId},
    plan::{
        held_back::HeldBack,
        limits::{Lost, OnDeletion, Safety},
    },
    population::Population,
    problem::{Code, Problem, Subject},
    source::{Proof, absence::Verdict},
};

/// Why an object that was written is not desired.
#[derive(Debug, Clone, PartialEq)]
pub enum Deprovisioning {
    /// It is gone from the directory.
    Gone(Proof),
    /// It exists and is not in scope.
    OutOfScope,
    /// It left its place and may stand where the account sees nothing. It counts as out of scope, and stays in the
    /// groups that still name somebody who cannot be seen.
    OutOfSight,
    /// It was not seen, and its absence is not proved.
    Unproven(String),
}

/// The deprovisionings of one run, by object.
pub type Deprovisionings = BTreeMap<SourceId, Deprovisioning>;

/// An object that is no longer desired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Since when: the run that noticed.
    pub since: Timestamp,
    pub why: Why,
    /// Whether it was made inactive since.
    #[serde(default)]
    pub deactivated: bool,
}

/// Why an object is no longer desired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It left the scope.
    OutOfScope,
    /// It is gone from the directory.
    Gone(Proof),
    /// The agent was paused for longer than the time of grace.
    Paused,
}

/// What a later run will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upcoming {
    /// To whom.
    pub subject: Subject,
    pub what: Ending,
    pub at: Timestamp,
}

/// How something ends that is no longer desired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// `active: false`.
    Deactivate,
    /// Deleted.
    Delete,
}

/// What became of each object that was written and is not in `wanted`: the selection, whether or not
/// it could be mapped. `verdicts` are of the observation.
pub fn deprovisionings(
    known: &SyncedObjects,
    population: &Population,
    wanted: &dyn Fn(SourceId) -> bool,
    verdicts: &[(SourceId, Verdict)],
) -> Deprovisionings {
    let verdicts: BTreeMap<SourceId, &Verdict> = verdicts.iter().map(|(id, verdict)| (*id, verdict)).collect();
    let judge = |id: SourceId, written: &Synced| {
        if population.get(id).is_some() {
            return Deprovisioning::OutOfScope;
        }
        let proved = match &written.left {
            Some(Left { why: Why::Gone(proof), .. }) => Some(proof),
            _ => None,
        };
        match (proved, verdicts.get(&id)) {
            // Also what was gone once, and was restored where the reading does not look.
            (_, Some(Verdict::Elsewhere(_))) => Deprovisioning::OutOfScope,
            (Some(proof), _) | (None, Some(Verdict::Gone(proof))) => Deprovisioning::Gone(proof.clone()),
            (None, Some(Verdict::OutOfSight { .. })) => Deprovisioning::OutOfSight,
            (None, Some(Verdict::Unknown(reason))) => Deprovisioning::Unproven(reason.clone()),
            (None, None) => Deprovisioning::Unproven("nobody looked for it".to_owned()),
        }
    };
    let gone = known.iter().filter(|(id, _)| !wanted(**id));
    gone.map(|(id, written)| (*id, judge(*id, written))).collect()
}

/// Plans what becomes of everything that verdicts.
pub(super) fn plan_all(inputs: PlanInputs<'_>, plan: &mut Plan) {
    let mut unproven: Vec<(&Synced, SourceId, &str)> = Vec::new();
    for (id, deprovisioning) in inputs.deprovisionings {
        let Some(written) = inputs.known.get(id) else { continue };
        match deprovisioning {
            Deprovisioning::Unproven(reason) => unproven.push((written, *id, reason)),
            Deprovisioning::OutOfScope | Deprovisioning::OutOfSight => {
                Deprovisioner::new(*id, written, inputs).out_of_scope(plan);
            }
            Deprovisioning::Gone(proof) => Deprovisioner::new(*id, written, inputs).gone(proof, plan),
        }
    }
    plan.problems.extend(unproven.into_iter().map(|(written, id, reason)| Problem {
        code: Code::AbsenceUnproved,
        subject: Some(subject(id, written)),
        message: format!(
            "it was not in what the directory showed, and that it is gone is not proved ({reason}); it stays as it is at the target, with its memberships"
        ),
    }));
}

/// The subject of something of which only the record is left.
pub(super) fn subject(id: SourceId, written: &Synced) -> Subject {
    Subject { id, kind: written.kind, name: written.name.clone() }
}

/// Deprovisioner object that verdicts.
struct Deprovisioner<'a> {
    id: SourceId,
    written: &'a Synced,
    safety: &'a Safety,
    now: Timestamp,
}

impl<'a> Deprovisioner<'a> {
    fn new(id: SourceId, written: &'a Synced, inputs: PlanInputs<'a>) -> Self {
        Self { id, written, safety: inputs.safety, now: inputs.now }
    }

    fn out_of_scope(&self, plan: &mut Plan) {
        let left = self.since(|why| matches!(why, Why::OutOfScope | Why::Paused), Why::OutOfScope);
        self.remember(&left, Reason::LeftScope, plan);
        let due = after(left.since, self.safety.out_of_scope);
        if self.written.kind == Kind::User && !left.deactivated {
            self.end(
                due,
                Ending::Deactivate,
                Action { subject: subject(self.id, self.written), reason: Reason::OutOfScope, step: Step::Deactivate },
                plan,
            );
        }
    }

    fn gone(&self, proof: &Proof, plan: &mut Plan) {
        let act = |step| Action { subject: subject(self.id, self.written), reason: Reason::Deleted, step };
        let delete = act(Step::Delete { proof: proof.clone() });
        let OnDeletion::DeactivateFirst(grace) = self.safety.on_deletion else {
            return plan.actions.push(delete);
        };
        let left = self.since(|why| matches!(why, Why::Gone(_)), Why::Gone(proof.clone()));
        self.remember(&left, Reason::Deleted, plan);
        let due = after(left.since, grace);
        if self.written.kind == Kind::User && !left.deactivated && due > self.now {
            plan.actions.push(act(Step::Deactivate));
        }
        self.end(due, Ending::Delete, delete, plan);
    }

    /// What is remembered of its leaving, or what is to be remembered from now on.
    fn since(&self, same: impl Fn(&Why) -> bool, why: Why) -> Left {
        match &self.written.left {
            Some(left) if same(&left.why) => left.clone(),
            other => Left { since: self.now, why, deactivated: other.as_ref().is_some_and(|left| left.deactivated) },
        }
    }

    fn remember(&self, left: &Left, reason: Reason, plan: &mut Plan) {
        if self.written.left.as_ref() != Some(left) {
            let step = Step::Remember { left: Some(left.clone()) };
            plan.actions.push(Action { subject: subject(self.id, self.written), reason, step });
        }
    }

    fn end(&self, due: Timestamp, what: Ending, action: Action, plan: &mut Plan) {
        if due <= self.now {
            plan.actions.push(action);
        } else {
            plan.upcoming.push(Upcoming { subject: action.subject, what, at: due });
        }
    }
}

/// When a pause that began at this moment has lasted so long that everybody is deactivated.
pub fn end_of_pause(since: Timestamp, safety: &Safety) -> Timestamp {
    after(since, safety.out_of_scope)
}

/// The plan of an agent that has been paused since a moment: none of its users was brought up to date
/// since then, so after the time of grace each is deactivated, as if it had left the scope. The limits
/// hold here too; before the time is over the plan only says what is coming.
pub fn of_pause(
    known: &SyncedObjects,
    since: Timestamp,
    safety: &Safety,
    approved: &[HeldBack],
    lost: &Lost,
    now: Timestamp,
) -> Plan {
    let due = end_of_pause(since, safety);
    let mut plan = Plan::default();
    for (id, written) in known {
        if written.kind != Kind::User || written.left.as_ref().is_some_and(|left| left.deactivated) {
            continue;
        }
        let subject = subject(*id, written);
        if due > now {
            plan.upcoming.push(Upcoming { subject, what: Ending::Deactivate, at: due });
            continue;
        }
        if written.left.is_none() {
            let left = Left { since, why: Why::Paused, deactivated: false };
            let step = Step::Remember { left: Some(left) };
            plan.actions.push(Action { subject: subject.clone(), reason: Reason::Paused, step });
        }
        plan.actions.push(Action { subject, reason: Reason::Paused, step: Step::Deactivate });
    }
    plan.actions.sort_by_key(super::order);
    let name = |id: SourceId| known.get(&id).map(|written| written.name.as_str());
    safety::hold_back(&mut plan, safety::Limits { known, name: &name, safety, approved, lost, nothing: false });
    plan
}

fn after(since: Timestamp, time: Duration) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(since.as_millis().saturating_add(millis))
}
