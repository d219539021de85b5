//! What was held back, and what a person has said about it.
//!
//! One record: the last plan's losses beyond the limits, with the decision. A decision is about these
//! losses and no others: as soon as a run holds back something else, it is open again. What was
//! approved passes the limits in the runs that follow, one loss at a time, so that a run that is
//! killed in the middle is continued; when none of it is left to do, the record goes. While something
//! waits, or was approved, each run compares everything: its cause may be gone by now.

use std::fmt;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{State, StateError};
use crate::{
    document::Digest,
    plan::held_back::{self, Decision, HeldBack},
    problem::Code,
};

/// What was held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was held back for the first time.
    pub since: Timestamp,
    pub held_back: Vec<HeldBack>,
    /// What was decided.
    pub decision: Decision,
}

impl Pending {
    /// Each limit in words, with the time since which it holds something back.
    pub fn because(&self) -> Vec<String> {
        self.held_back.iter().map(|held| format!("{} (since {})", held.because, self.since)).collect()
    }

    /// What a decision is about: another loss, and it is another digest.
    pub fn digest(&self) -> Digest {
        held_back::digest(&self.held_back)
    }

    /// What the decision comes to, in words.
    pub const fn outcome(&self) -> &'static str {
        match self.decision {
            Decision::Open => "Say `sync-agent approve` to have exactly this done, or `sync-agent reject`.",
            Decision::Approved => {
                "Approved. The next run reads everything anew and does what of this is still so; whatever comes on top is held back again."
            }
            Decision::Rejected => "Rejected. It stays undone; you are asked again when something else is held back.",
        }
    }
}

impl fmt::Display for Pending {
    /// Every action, whatever their number: a person decides about all of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held back since {}:", self.since)?;
        for held in &self.held_back {
            write!(f, "\n  {}", held.because)?;
            held.actions.iter().try_for_each(|action| write!(f, "\n    {action}"))?;
        }
        Ok(())
    }
}

/// What is said where there is nothing to decide.
pub const NOTHING: &str = "Nothing is held back.";

/// What is said when something else is held back than the person has seen.
pub const CHANGED: &str =
    "what is held back has changed meanwhile; nothing was decided. Look again with `sync-agent held`";

/// The key of the one record.
const KEY: &str = "held";

impl State {
    /// What is held back, if anything.
    pub fn pending(&self) -> Result<Option<Pending>, StateError> {
        self.get(KEY)
    }

    /// What a person has said about these losses, and no others.
    pub fn decision(&self, held_back: &[HeldBack]) -> Result<Decision, StateError> {
        let same = |pending: &Pending| pending.digest() == held_back::digest(held_back);
        Ok(self.pending()?.filter(same).map_or(Decision::Open, |pending| pending.decision))
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
        if before.is_some_and(|before| held_back::digest(&before.held_back) == held_back::digest(held_back)) {
            return Ok(());
        }
        self.put(KEY, &Pending { since: now, held_back: held_back.to_vec(), decision: Decision::Open })
    }

    /// Decides about what a person has seen to be held back; `None` where that is held back no longer.
    /// What was rejected waits for nobody, so its problem is settled at once.
    pub fn decide(&self, decision: Decision, seen: &Digest) -> Result<Option<Pending>, StateError> {
        let Some(pending) = self.pending()?.filter(|pending| pending.digest() == *seen) else { return Ok(None) };
        let pending = Pending { decision, ..pending };
        self.put(KEY, &pending)?;
        if decision == Decision::Rejected {
            self.forget_problems(Code::LimitExceeded)?;
        }
        Ok(Some(pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Kind, SourceId},
        plan::{Action, Reason, Step, limits::Loss},
        problem::Subject,
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
        let decide = |decision, n| state.decide(decision, &held_back::digest(&held(n))).unwrap();
        assert_eq!(decide(Decision::Approved, 1), None);
        state.keep_held_back(&held(1), at(1)).unwrap();
        assert_eq!(state.approved().unwrap(), []);
        assert_eq!(decide(Decision::Approved, 2), None, "something else was seen");
        assert!(decide(Decision::Approved, 1).is_some());
        assert_eq!(state.approved().unwrap(), held(1));
        state.keep_held_back(&held(1), at(2)).unwrap();
        let pending = state.pending().unwrap().unwrap();
        assert_eq!((pending.since, pending.decision), (at(1), Decision::Approved));
        state.keep_held_back(&held(2), at(3)).unwrap();
        assert_eq!(state.pending().unwrap().unwrap().decision, Decision::Open);
        assert!(decide(Decision::Rejected, 2).is_some());
        assert_eq!(state.approved().unwrap(), []);
        state.keep_held_back(&[], at(4)).unwrap();
        assert_eq!(state.pending().unwrap(), None);
    }
}
