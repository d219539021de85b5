//! Objects that could not be brought to the target, and when they are tried again.
//!
//! Each has a record with its reason, the number of tries and the time of the next: after five
//! minutes, then twice as long each time, up to a day. Whoever changes the object in the directory
//! need not wait: if something else is to be written for it, an attribute or a membership, that is tried at once. A record is gone when the object succeeds,
//! or when there is nothing left to do for it.
//!
//! What cannot be mapped, or only in part, has a record too, so that the error log says it again
//! with growing pauses and not with every cycle.

use std::collections::{BTreeMap, BTreeSet};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{State, StateError};
use crate::{
    document::Digest,
    identity::SourceId,
    plan::{Plan, Waiting},
    problem::{Code, Problem},
};

/// The pause after the first failure, in milliseconds.
const FIRST: i64 = 5 * 60 * 1000;

/// The longest pause.
const LONGEST: i64 = 24 * 60 * 60 * 1000;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// What is wrong.
    pub problem: Problem,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it fails.
    pub since: Timestamp,
    /// When it is tried again.
    pub next: Timestamp,
    /// What was to be written for the object, and could not be, by [`Plan::intentions`].
    pub digest: Option<Digest>,
}

/// All records, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine(pub BTreeMap<Vec<u8>, Quarantined>);

impl Quarantine {
    /// Whether anything is wrong with this object.
    pub fn holds(&self, id: SourceId) -> bool {
        self.0.values().any(|record| record.problem.subject.as_ref().is_some_and(|subject| subject.id == id))
    }

    /// The objects of a plan that are left alone at this time, since the same was tried before and failed.
    /// Another change of the object is tried at once.
    pub fn waiting(&self, plan: &Plan, now: Timestamp) -> Vec<Waiting> {
        let later = |id: &SourceId| self.0.get(id.as_bytes().as_slice()).filter(|record| record.next > now);
        let intentions = plan.intentions(&|id| later(&id).is_some());
        let waits = |(id, intention): (SourceId, Digest)| {
            let record = later(&id).filter(|record| record.digest.as_ref() == Some(&intention))?;
            Some(Waiting { subject: record.problem.subject.clone()?, until: record.next })
        };
        intentions.into_iter().filter_map(waits).collect()
    }
}

/// The pause after so many tries, in milliseconds.
fn pause(attempts: u32) -> i64 {
    FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(LONGEST)
}

/// A failure has one record for its object. A report that does not keep the object out has one for
/// each of its sentences.
fn key(problem: &Problem) -> Vec<u8> {
    let mut key = problem.subject.as_ref().map(|subject| subject.id.as_bytes().to_vec()).unwrap_or_default();
    if !problem.code.blocks() || key.is_empty() {
        let digest = Sha256::digest(format!("{:?}{}", problem.code, problem.message));
        key.extend(digest.iter().take(8));
    }
    key
}

impl State {
    /// All records.
    pub fn quarantine(&self) -> Result<Quarantine, StateError> {
        let mut all = BTreeMap::new();
        for record in &self.quarantine {
            let (key, value) = record?;
            let record = serde_json::from_slice(&value).map_err(|error| StateError::Record(error.to_string()))?;
            all.insert(key.to_vec(), record);
        }
        Ok(Quarantine(all))
    }

    /// Forgets the records of one kind of problem, which somebody has settled.
    pub fn forget_problems(&self, code: Code) -> Result<(), StateError> {
        for (key, _) in self.quarantine()?.0.into_iter().filter(|(_, record)| record.problem.code == code) {
            self.quarantine.remove(key)?;
        }
        Ok(())
    }

    /// Forgets the failure of an object that succeeded outside of a cycle.
    pub fn forget_failure(&self, id: SourceId) -> Result<(), StateError> {
        self.quarantine.remove(id.as_bytes())?;
        Ok(())
    }

    /// Brings the records in line with a run that has ended: `waiting` were left alone in it. Returns
    /// the problems that are new or due, which belong into the error log.
    pub fn settle(
        &self,
        problems: &[Problem],
        plan: &Plan,
        waiting: &BTreeSet<SourceId>,
        now: Timestamp,
    ) -> Result<Vec<Problem>, StateError> {
        let before = self.quarantine()?.0;
        let blocked = problems.iter().filter(|problem| problem.code.blocks());
        let blocked: BTreeSet<SourceId> = blocked.filter_map(|one| Some(one.subject.as_ref()?.id)).collect();
        let intentions = plan.intentions(&|id| blocked.contains(&id));
        let mut due = Vec::new();
        let mut seen = BTreeSet::new();
        for problem in problems {
            let key = key(problem);
            if !seen.insert(key.clone()) {
                continue;
            }
            let last = before.get(&key);
            let blocks = problem.code.blocks();
            if last.is_some_and(|last| !blocks && last.next > now) {
                continue;
            }
            due.push(problem.clone());
            let attempts = last.map_or(0, |last| last.attempts).saturating_add(1);
            let digest = problem.subject.as_ref().and_then(|subject| intentions.get(&subject.id));
            let record = Quarantined {
                problem: problem.clone(),
                attempts,
                since: last.map_or(now, |last| last.since),
                next: Timestamp::from_millis(now.as_millis().saturating_add(pause(attempts))),
                digest: digest.cloned().filter(|_| blocks),
            };
            let record = serde_json::to_vec(&record).map_err(|error| StateError::Record(error.to_string()))?;
            self.quarantine.insert(key, record)?;
        }
        for (key, record) in before {
            let waits = record.problem.subject.as_ref().is_some_and(|subject| waiting.contains(&subject.id));
            if !seen.contains(&key) && !waits {
                self.quarantine.remove(key)?;
            }
        }
        Ok(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Kind,
        plan::{Action, Reason, Step},
        problem::Subject,
    };

    #[test]
    fn pauses_grow_up_to_a_day() {
        let minutes: Vec<i64> = (1..=11).map(|attempts| pause(attempts) / 60_000).collect();
        assert_eq!(minutes, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
        assert_eq!(pause(u32::MAX), LONGEST);
    }

    #[test]
    fn a_failure_waits_and_is_gone_with_its_cause() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let id = SourceId::from_bytes(&[7; 16]).unwrap();
        let subject = Subject { id, kind: Kind::User, name: "ann".to_owned() };
        let problem =
            Problem { code: Code::ConflictError, subject: Some(subject.clone()), message: "taken".to_owned() };
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        let plan = |name: &str| {
            let step = Step::Release { old: name.to_owned(), new: name.to_owned() };
            Plan {
                actions: vec![Action { subject: subject.clone(), reason: Reason::NameTaken, step }],
                ..Plan::default()
            }
        };
        let settle = |problems: &[Problem], waiting: &[SourceId], now| {
            state.settle(problems, &plan("a"), &waiting.iter().copied().collect(), now).unwrap().len()
        };
        let waits = |name, now| !state.quarantine().unwrap().waiting(&plan(name), now).is_empty();
        assert_eq!(settle(std::slice::from_ref(&problem), &[], at(0)), 1);
        assert!(waits("a", at(4)));
        assert!(!waits("a", at(5)));
        assert!(!waits("b", at(4)), "something else is tried at once");
        assert_eq!(settle(&[], &[id], at(4)), 0);
        assert_eq!(settle(&[problem], &[], at(5)), 1);
        assert_eq!(state.quarantine().unwrap().0.values().next().unwrap().attempts, 2);
        assert_eq!(settle(&[], &[], at(20)), 0);
        assert_eq!(state.quarantine().unwrap(), Quarantine::default());
    }
}
