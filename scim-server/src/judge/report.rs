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

/// Cases that this server fails on purpose, and why. The reference lists them (identity-center-deviations.md).
const DECLARED: [(&str, &str); 1] = [(
    "modify-replace-no-match-eq",
    "Declared: a replace whose filter finds no value makes that value, because Entra ID counts on that.",
)];

impl Cause {
    /// Why this server fails the cases on purpose; nothing where it does not, or only some of them.
    pub fn declared(&self) -> Option<&'static str> {
        let why = |case: &String| DECLARED.iter().find(|(id, _)| id == case).map(|(_, why)| *why);
        self.cases.iter().map(why).reduce(Option::and).flatten()
    }
}

impl Verdict {
    /// How many findings are failures that the server declares.
    pub fn declared(&self) -> u64 {
        let failures = self.causes.iter().filter(|cause| cause.verdict == "fail" && cause.declared().is_some());
        failures.map(|cause| cause.cases.len() as u64).sum()
    }

    /// Reads a report.
    pub fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_on_purpose_is_no_failure() {
        let report = |cases: &str| {
            let text = format!(
                r#"{{"totals": {{"fail": 2, "error": 0, "warn": 0, "skip": 0, "pass": 1}},
                    "causes": [{{"verdict": "fail", "what": "x", "cases": {cases}}}]}}"#
            );
            Verdict::read(text.as_bytes()).unwrap()
        };
        let known = DECLARED[0].0;
        let declared = report(&format!("[\"{known}\"]"));
        assert_eq!((declared.causes[0].declared(), declared.declared()), (Some(DECLARED[0].1), 1));
        for other in [format!("[\"{known}\", \"other\"]"), "[\"other\"]".to_owned(), "[]".to_owned()] {
            let report = report(&other);
            assert_eq!((report.causes[0].declared(), report.declared()), (None, 0), "{other}");
        }
    }
}
