//! What an agent says of itself: the wire form of a report.
//!
//! It has no secret, and of people only the names that `sync-agent status` and `sync-agent held` show, without values of
//! their attributes. Members that this version does not know are passed over, so that a newer agent can report.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

/// The most bytes of a report.
pub const MOST_BYTES: usize = 1 << 20;

/// How an agent stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentReport"))]
pub struct Report {
    /// The version of the program.
    pub version: String,
    /// What its configuration calls the synchronisation.
    pub name: String,
    /// Seconds from one cycle to the next.
    pub interval_seconds: u64,
    /// Whether it does what is decided here about what it holds back.
    pub takes_decisions: bool,
    /// Since when the present cycle runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub running_since: Option<Timestamp>,
    /// When the next cycle begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub next_run: Option<Timestamp>,
    /// When everything was last compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub last_full: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The last cycles, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cycles: Vec<Cycle>,
    /// What its limits hold back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The plan of the decision that it has taken from here since its report before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// Objects that wait for another try, and problems that last: some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
    /// How many there are of these.
    #[serde(default)]
    pub troubled: u64,
}

/// Why there are no cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentPause"))]
pub struct Pause {
    #[cfg_attr(test, schemars(with = "String"))]
    pub since: Timestamp,
    /// What whoever paused said about it.
    #[serde(default)]
    pub reason: String,
}

/// A cycle that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentCycle"))]
pub struct Cycle {
    /// When it began.
    #[cfg_attr(test, schemars(with = "String"))]
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Whether everything was compared, and not only what had changed.
    pub full: bool,
    /// Entries of the directory that are known.
    #[serde(default)]
    pub entries: u64,
    /// Requests that changed something at the target.
    #[serde(default)]
    pub writes: u64,
    #[serde(default)]
    pub problems: u64,
    /// What a full one found that those before had missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<u64>,
    /// Why it ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What the limits of an agent hold back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentHeld"))]
pub struct Held {
    /// The digest of these changes: a decision names it.
    pub plan: String,
    /// Since when they are held back.
    #[cfg_attr(test, schemars(with = "String"))]
    pub since: Timestamp,
    /// What the agent knows to be decided.
    pub decision: Outcome,
    pub limits: Vec<Limit>,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentOutcome"))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Open,
    Approved,
    Rejected,
}

/// A limit that was exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentLimit"))]
pub struct Limit {
    /// In words, with how far it was exceeded.
    pub because: String,
    /// What is not done, a line each.
    pub actions: Vec<String>,
    /// How many there are beyond these.
    #[serde(default)]
    pub more: u64,
}

/// An object that could not be brought to the target, or not as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentTrouble"))]
pub struct Trouble {
    /// The code, as the reference of sync-agent has it.
    pub code: String,
    /// What happened, and to whom.
    pub message: String,
    /// Whether the object is kept out, and tried again.
    pub blocks: bool,
    pub attempts: u64,
    #[cfg_attr(test, schemars(with = "String"))]
    pub since: Timestamp,
    /// When it is tried again.
    #[cfg_attr(test, schemars(with = "String"))]
    pub next: Timestamp,
}

impl Report {
    /// How many changes are held back.
    pub fn held_changes(&self) -> u64 {
        self.held.as_ref().map_or(0, Held::count)
    }
}

impl Held {
    /// How many changes there are.
    pub fn count(&self) -> u64 {
        self.limits.iter().map(|limit| limit.more.saturating_add(limit.actions.len() as u64)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_agent_can_report() {
        let text = r#"{"version": "9", "name": "a", "interval_seconds": 1, "takes_decisions": false, "mood": "good"}"#;
        let report: Report = serde_json::from_str(text).unwrap();
        assert_eq!((report.version.as_str(), report.held), ("9", None));
    }
}
