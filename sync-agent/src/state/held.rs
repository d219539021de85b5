//! What was held back, and what a person has said about it.
//!
//! One record: the last plan's losses beyond the limits, with the decision. A decision is about these
//! losses and no others: as soon as a run holds back something else, it is open again. What was
//! approved passes the limits in the runs that follow, one loss at a time, so that a run that is
//! killed in the middle is continued; when none of it is left to do, the record goes.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{State, StateError};
use crate::{
    clock::stamp,
    plan::safety::{self, HeldBack},
};

/// What was held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was held back for the first time.
    #[serde(with = "stamp")]
    pub since: Timestamp,
    /// What.
    pub held_back: Vec<HeldBack>,
    /// What was decided.
    pub decision: Decision,
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

/// The key of the one record.
const KEY: &str = "held";

impl State {
    /// What is held back, if anything.
    pub fn pending(&self) -> Result<Option<Pending>, StateError> {
        let Some(record) = self.held.get(KEY)? else { return Ok(None) };
        serde_json::from_slice(&record).map(Some).map_err(|error| StateError::Record(error.to_string()))
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
            self.held.remove(KEY)?;
            return Ok(());
        }
        let before = self.pending()?;
        if before.is_some_and(|before| safety::digest(&before.held_back) == safety::digest(held_back)) {
            return Ok(());
        }
        self.put(&Pending { since: now, held_back: held_back.to_vec(), decision: Decision::Open })
    }

    /// Decides about what is held back; `None` where nothing is.
    pub fn decide(&self, decision: Decision) -> Result<Option<Pending>, StateError> {
        let Some(pending) = self.pending()? else { return Ok(None) };
        let pending = Pending { decision, ..pending };
        self.put(&pending)?;
        Ok(Some(pending))
    }

    fn put(&self, pending: &Pending) -> Result<(), StateError> {
        let record = serde_json::to_vec(pending).map_err(|error| StateError::Record(error.to_string()))?;
        self.held.insert(KEY, record)?;
        Ok(())
    }
}
