//! What was held back, and what a person has said about it.
//!
//! One record: the last plan's losses beyond the limits, with the decision. A decision is about these
//! losses and no others: as soon as a run holds back something else, it is open again. What was
//! approved passes the limits in the runs that follow, one loss at a time, so that a run that is
//! killed in the middle is continued; when none of it is left to do, the record goes.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{State, StateError};
use crate::plan::safety::{self, HeldBack};

/// What was held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was held back for the first time.
    pub since: Timestamp,
    /// What.
    pub held_back: Vec<HeldBack>,
    /// What was decided.
    pub decision: Decision,
}

impl Pending {
    /// Each limit in words, with what was decided.
    pub fn because(&self) -> Vec<String> {
        let decided = match self.decision {
            Decision::Open => "since",
            Decision::Approved => "approved; since",
            Decision::Rejected => "rejected; since",
        };
        self.held_back.iter().map(|held| format!("{} ({decided} {})", held.because, self.since)).collect()
    }
}

/// What a person has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// It is to be done as it stands.
    Approved,
    /// It is not to be done. It stays held back, and nobody is asked again about the same.
    Rejected,
}

/// So many of each kind are shown.
const SHOWN: usize = 10;

/// What is held back and what was decided, in words.
pub fn told(pending: Option<&Pending>) -> String {
    let Some(pending) = pending else { return "Nothing is held back.".to_owned() };
    let mut lines: Vec<String> = vec![format!("Held back since {}:", pending.since)];
    for held in &pending.held_back {
        lines.push(format!("  {}", held.because));
        let subjects = held.actions.iter().map(|action| format!("    {action}"));
        lines.extend(subjects.take(SHOWN));
        let more = held.actions.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
    }
    lines.push(
        match pending.decision {
            Decision::Open => "Say `sync-agent approve` to have exactly this done, or `sync-agent reject`.",
            Decision::Approved => "Approved. The next run does exactly this; whatever comes on top is held back again.",
            Decision::Rejected => "Rejected. It stays undone; you are asked again when something else is held back.",
        }
        .to_owned(),
    );
    lines.join("\n")
}

/// The key of the one record.
const KEY: &str = "held";

impl State {
    /// What is held back, if anything.
    pub fn pending(&self) -> Result<Option<Pending>, StateError> {
        self.get(KEY)
    }

    /// What may pass the limits.
    pub fn approved(&self) -> Result<Vec<HeldBack>, StateError> {
        let pending = self.pending()?.filter(|pending| pending.decision == Decision::Approved);
        Ok(pending.map_or_else(Vec::new, |pending| pending.held_back))
    }

    /// Remembers what a finished run has held back; call it after the writes. The same as before
    /// keeps its date and its decision; nothing at all ends the matter.
    pub fn keep_held_back(&self, held_back: &[HeldBack], now: Timestamp) -> Result<(), StateError> {
        if held_back.is_empty() {
            self.agent.remove(KEY)?;
            return Ok(());
        }
        let before = self.pending()?;
        if before.is_some_and(|before| safety::digest(&before.held_back) == safety::digest(held_back)) {
            return Ok(());
        }
        self.put(KEY, &Pending { since: now, held_back: held_back.to_vec(), decision: Decision::Open })
    }

    /// Decides about what is held back; `None` where nothing is.
    pub fn decide(&self, decision: Decision) -> Result<Option<Pending>, StateError> {
        let Some(pending) = self.pending()? else { return Ok(None) };
        let pending = Pending { decision, ..pending };
        self.put(KEY, &pending)?;
        Ok(Some(pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Action, Reason, Step, safety::Loss},
        problem::Subject,
        source::{Kind, SourceId},
    };

    fn held(n: u32) -> Vec<HeldBack> {
        let id = SourceId::parse(&format!("00000000-0000-4000-8000-{n:012}")).unwrap();
        let subject = Subject { id, kind: Kind::User, name: format!("u{n}") };
        let action = Action { subject, reason: Reason::OutOfScope, step: Step::Deactivate };
        vec![HeldBack { loss: Loss::UsersDeactivated, because: format!("{n}"), actions: vec![action] }]
    }

    #[test]
    fn a_decision_is_about_the_same_losses_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let at = Timestamp::from_millis;
        assert_eq!(state.decide(Decision::Approved).unwrap(), None);
        state.keep_held_back(&held(1), at(1)).unwrap();
        assert_eq!(state.approved().unwrap(), []);
        state.decide(Decision::Approved).unwrap();
        assert_eq!(state.approved().unwrap(), held(1));
        state.keep_held_back(&held(1), at(2)).unwrap();
        let pending = state.pending().unwrap().unwrap();
        assert_eq!((pending.since, pending.decision), (at(1), Decision::Approved));
        state.keep_held_back(&held(2), at(3)).unwrap();
        assert_eq!(state.pending().unwrap().unwrap().decision, Decision::Open);
        state.decide(Decision::Rejected).unwrap();
        assert_eq!(state.approved().unwrap(), []);
        state.keep_held_back(&[], at(4)).unwrap();
        assert_eq!(state.pending().unwrap(), None);
    }
}
