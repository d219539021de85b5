//! The result of a case, with its evidence: one line of every report.

use serde::{Deserialize, Serialize};

use crate::{
    exchange::Exchange,
    verdict::{Level, Verdict},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub id: String,
    /// The heading it stands under.
    pub area: String,
    /// Where the requirement is written.
    pub section: String,
    pub level: Level,
    pub requirement: String,
    pub verdict: Verdict,
    /// For every verdict but a pass: what was expected and what came, or why nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The requests and answers that led to it, in order.
    pub evidence: Vec<Exchange>,
}
