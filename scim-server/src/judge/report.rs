//! What is read of a report of `scim-conformance` (docs/reference/conformance-report.schema.json).

use bytes::Bytes;
use serde::Deserialize;

/// What was found.
#[derive(Debug, Clone, Deserialize)]
pub struct Verdict {
    pub totals: Totals,
    /// What is wrong, the gravest first.
    pub causes: Vec<Cause>,
    /// What else is to be known.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The report as one page of HTML.
    #[serde(skip)]
    pub page: Bytes,
}

/// How many findings have each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Totals {
    pub fail: u64,
    pub error: u64,
    pub warn: u64,
    pub skip: u64,
    pub pass: u64,
}

/// One thing behind some findings.
#[derive(Debug, Clone, Deserialize)]
pub struct Cause {
    pub verdict: String,
    pub what: String,
    /// What to change.
    #[serde(default)]
    pub change: Option<String>,
    pub cases: Vec<String>,
}

impl Verdict {
    /// Reads a report.
    pub fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}
