//! What the agent remembers of itself: its last cycles, and whether it is paused.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{State, StateError};

/// So many cycles are remembered.
const KEPT: usize = 48;

/// One cycle that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleRecord {
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Whether everything was compared, and not only what had changed.
    pub full: bool,
    /// Entries of the directory that it knew in the end.
    pub entries: usize,
    /// Objects that were not as they should be.
    pub changed: usize,
    /// Requests that changed something.
    pub writes: usize,
    /// Objects that failed, or were left alone because they had failed before.
    pub problems: usize,
    /// Actions that wait for approval.
    pub held_back: usize,
    /// In a full one: what the cycles before it had missed. Must be 0.
    pub drift: Option<usize>,
    /// Why it ended before its end.
    pub failure: Option<String>,
    /// Why its problems are not in the error log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_log_failure: Option<String>,
}

impl CycleRecord {
    /// One that begins.
    pub fn new(started: Timestamp, full: bool) -> Self {
        Self {
            started,
            millis: 0,
            full,
            entries: 0,
            changed: 0,
            writes: 0,
            problems: 0,
            held_back: 0,
            drift: None,
            failure: None,
            error_log_failure: None,
        }
    }
}

/// Everything is in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Digest of what decides besides the directory: the scope, the mapping, the limits, the target.
    pub decides: String,
    /// Until when, if nothing changes.
    pub until: Option<Timestamp>,
    /// Entries of the directory.
    pub entries: usize,
    /// Whether the directory computes the members of a group from the values of people. Records of versions before do
    /// not say it.
    #[serde(default = "unsaid")]
    pub computes_members: bool,
}

const fn unsaid() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    /// What whoever paused said about it.
    pub reason: String,
}

impl State {
    /// The last cycles, the newest first.
    pub fn cycles(&self) -> Result<Vec<CycleRecord>, StateError> {
        Ok(self.get("cycles")?.unwrap_or_default())
    }

    /// Remembers a cycle.
    pub fn add_cycle(&self, cycle: CycleRecord) -> Result<(), StateError> {
        let mut cycles = self.cycles()?;
        cycles.insert(0, cycle);
        cycles.truncate(KEPT);
        self.put("cycles", &cycles)
    }

    /// The pause, while there is one.
    pub fn pause(&self) -> Result<Option<Pause>, StateError> {
        self.get("pause")
    }

    /// Pauses, or goes on with `None`.
    pub fn set_pause(&self, pause: Option<&Pause>) -> Result<(), StateError> {
        match pause {
            Some(pause) => self.put("pause", pause),
            None => self.agent.remove("pause").map(|_| ()).map_err(Into::into),
        }
    }

    /// When everything was last compared with success.
    pub fn last_full(&self) -> Result<Option<Timestamp>, StateError> {
        self.get("last-full")
    }

    /// Remembers that everything was compared.
    pub fn set_last_full(&self, at: Timestamp) -> Result<(), StateError> {
        self.put("last-full", &at)
    }

    /// The last cycle left nothing to do.
    pub fn quiet(&self) -> Result<Option<Quiet>, StateError> {
        self.get("quiet")
    }

    /// Remembers whether a cycle left nothing to do.
    pub fn set_quiet(&self, quiet: Option<&Quiet>) -> Result<(), StateError> {
        match quiet {
            Some(quiet) => self.put("quiet", quiet),
            None => self.agent.remove("quiet").map(|_| ()).map_err(Into::into),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StateError> {
        let value = self.agent.get(key)?;
        value
            .map(|value| serde_json::from_slice(&value))
            .transpose()
            .map_err(|error| StateError::Record(error.to_string()))
    }

    pub(super) fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StateError> {
        let value = serde_json::to_vec(value).map_err(|error| StateError::Record(error.to_string()))?;
        self.agent.insert(key, value)?;
        Ok(())
    }
}
