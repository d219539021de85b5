//! The report of a run: text, HTML or Markdown for people, JSON for programs, JUnit for CI, SVG for a README.

mod badge;
mod cause;
mod compare;
mod html;
mod junit;
mod markdown;
mod notes;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
pub use cause::Cause;
use clap::ValueEnum;
pub use compare::compare;
use serde::{Deserialize, Serialize};
pub use text::summary;

use crate::{finding::Finding, verdict::Verdict};

/// The form of JSON reports. Its number rises when a reader has to change; more members come without it.
pub const FORM: &str = "scim-conformance-report/1";

/// The result of one run. `docs/reference/conformance-report.schema.json` describes it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORM`]; empty in reports of earlier versions.
    #[serde(default)]
    pub form: String,
    /// The program and its version.
    pub tool: String,
    /// The base URL of the server.
    pub url: String,
    /// By what it was judged: `rfc`, or a provider.
    pub profile: String,
    /// When the run began (RFC 3339).
    #[serde(default)]
    pub started: String,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// How many findings have each verdict.
    #[serde(default)]
    pub totals: BTreeMap<Verdict, usize>,
    /// What is to be known beside the findings, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What is wrong, grouped by what is behind it; the gravest first.
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// Ids of findings that failed in the baseline too: they do not count for the exit code.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<String>,
    /// In the table's order.
    pub findings: Vec<Finding>,
    /// What was made and could not be removed again, with the reason.
    pub left_behind: Vec<String>,
}

/// What a run was.
#[derive(Debug, Clone)]
pub struct About {
    pub url: String,
    pub profile: String,
    pub started: SystemTime,
    pub took: Duration,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// What is wrong, and a summary; for a terminal.
    #[default]
    Text,
    /// Everything; for programs, for `compare` and for `--baseline`.
    Json,
    /// Test results, as CI systems read them.
    Junit,
    /// One file with filters, for a browser.
    Html,
    /// What is wrong, for an issue or a summary of a CI job.
    Markdown,
    /// An SVG image for a README: whether the server conforms.
    Badge,
}

impl Report {
    /// The report of a run with these findings.
    pub fn new(about: &About, findings: Vec<Finding>, left_behind: Vec<String>) -> Self {
        let started = jiff::Timestamp::try_from(about.started).unwrap_or_default();
        Self {
            form: FORM.to_owned(),
            tool: concat!("scim-conformance ", env!("CARGO_PKG_VERSION")).to_owned(),
            url: about.url.clone(),
            profile: about.profile.clone(),
            started: format!("{started:.0}"),
            duration_ms: u64::try_from(about.took.as_millis()).unwrap_or(u64::MAX),
            totals: totals(&findings),
            notes: notes::of(&about.url, &findings),
            causes: cause::group(&about.url, &findings),
            known: BTreeSet::new(),
            findings,
            left_behind,
        }
    }

    /// With more to be known beside the findings.
    #[must_use]
    pub fn with_notes(mut self, more: Vec<String>) -> Self {
        self.notes.extend(more);
        self
    }

    /// Marks what was wrong in an earlier report as known.
    #[must_use]
    pub fn with_baseline(mut self, baseline: &Self) -> Self {
        let was = |id: &str| baseline.findings.iter().find(|one| one.id == id).map(|one| one.verdict);
        let is_known = |one: &&Finding| {
            matches!(
                (one.verdict, was(&one.id)),
                (Verdict::Fail, Some(Verdict::Fail)) | (Verdict::Error, Some(Verdict::Fail | Verdict::Error))
            )
        };
        self.known = self.findings.iter().filter(is_known).map(|one| one.id.clone()).collect();
        self
    }

    /// How many findings have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// How many have it that are not known from the baseline.
    fn fresh(&self, verdict: Verdict) -> usize {
        let is_fresh = |one: &&Finding| one.verdict == verdict && !self.known.contains(&one.id);
        self.findings.iter().filter(is_fresh).count()
    }

    /// The exit code: 0 conforms, 1 a MUST is not kept, 2 something could not be run. What is known from the
    /// baseline does not count.
    pub fn exit_code(&self) -> u8 {
        match (self.fresh(Verdict::Fail), self.fresh(Verdict::Error)) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }

    /// The result in one sentence.
    pub fn outcome(&self) -> String {
        let failed = self.count(Verdict::Fail);
        let of = self.findings.len();
        match (self.exit_code(), failed) {
            (0, 0) if self.count(Verdict::Pass) + self.count(Verdict::Warn) == 0 => {
                "Nothing was examined: no case applies to this server.".to_owned()
            }
            (0, 0) => "Everything that was examined and has to be kept is kept.".to_owned(),
            (0, _) => format!("Nothing new is wrong. The server fails {failed} of {of} cases, as in the baseline."),
            (1, _) if self.known.is_empty() => format!("The server does not conform: it fails {failed} of {of} cases."),
            (1, _) => format!("{} of {of} cases fail that did not fail in the baseline.", self.fresh(Verdict::Fail)),
            _ => "Nothing failed, but some cases could not be run, so nothing is known of them.".to_owned(),
        }
    }

    /// The report in that form, with a line end at its end. `colour`: for a terminal that shows colours.
    pub fn render(&self, format: Format, colour: bool) -> anyhow::Result<String> {
        Ok(match format {
            Format::Badge => badge::render(self),
            Format::Html => html::render(self)?,
            Format::Json => serde_json::to_string_pretty(self).context("The report is no JSON.")? + "\n",
            Format::Junit => junit::render(self),
            Format::Markdown => markdown::render(self),
            Format::Text => text::render(self, colour),
        })
    }
}

fn totals(findings: &[Finding]) -> BTreeMap<Verdict, usize> {
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    Verdict::ALL.into_iter().map(|verdict| (verdict, count(verdict))).collect()
}

/// The time that a finding's requests took, in milliseconds.
fn time(finding: &Finding) -> u64 {
    finding.evidence.iter().map(|exchange| exchange.ms).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Level;

    pub(super) fn finding(id: &str, verdict: Verdict, reason: &str) -> Finding {
        Finding {
            id: id.to_owned(),
            area: "Create".to_owned(),
            section: "RFC 7644 §3.3".to_owned(),
            level: Level::Must,
            requirement: "It must.".to_owned(),
            verdict,
            reason: Some(reason.to_owned()),
            evidence: Vec::new(),
        }
    }

    pub(super) fn report(findings: Vec<Finding>) -> Report {
        let about = About {
            url: "https://example.com/scim/v2".to_owned(),
            profile: "rfc".to_owned(),
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            took: Duration::from_millis(1234),
        };
        Report::new(&about, findings, Vec::new())
    }

    #[test]
    fn only_what_is_new_counts_beside_a_baseline() {
        let old = report(vec![finding("a", Verdict::Fail, "x"), finding("b", Verdict::Pass, "x")]);
        assert_eq!((old.exit_code(), old.started.as_str()), (1, "2023-11-14T22:13:20Z"));
        assert_eq!(old.clone().with_baseline(&old).exit_code(), 0);
        let worse = report(vec![finding("a", Verdict::Fail, "x"), finding("b", Verdict::Fail, "x")]);
        let worse = worse.with_baseline(&old);
        assert_eq!(worse.exit_code(), 1);
        assert_eq!(worse.outcome(), "1 of 2 cases fail that did not fail in the baseline.");
    }

    #[test]
    fn json_is_read_again() {
        let report = report(vec![finding("a", Verdict::Warn, "x")]);
        let text = report.render(Format::Json, false).expect("JSON");
        assert_eq!(serde_json::from_str::<Report>(&text).expect("a report"), report);
        assert!(text.contains("\"warn\": 1"), "{text}");
    }

    /// The schema has every member that a report has.
    #[test]
    fn the_schema_describes_a_report() {
        let schema = include_str!("../../docs/reference/conformance-report.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
        let mut finding = finding("a", Verdict::Fail, "x");
        finding.evidence.push(
            serde_json::from_value(serde_json::json!({
            "request": {"method": "GET", "url": "https://x", "headers": {}, "body": ""},
            "answer": {"status": 200, "headers": {}, "body": ""}, "ms": 1}))
            .expect("an exchange"),
        );
        let report = report(vec![finding]);
        let report = report.clone().with_baseline(&report);
        let value = serde_json::to_value(&report).expect("JSON");
        described(&value, &schema, &schema);
    }

    #[track_caller]
    fn described(value: &serde_json::Value, schema: &serde_json::Value, root: &serde_json::Value) {
        let schema = match schema["$ref"].as_str() {
            Some(place) => root.pointer(place.trim_start_matches('#')).expect("a definition"),
            None => schema,
        };
        if let Some(elements) = value.as_array() {
            for one in elements {
                described(one, &schema["items"], root);
            }
        }
        let Some(members) = value.as_object().filter(|_| schema.get("properties").is_some()) else { return };
        for (name, value) in members {
            let property = schema["properties"].get(name);
            described(value, property.unwrap_or_else(|| panic!("{name} is not in the schema")), root);
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str()) {
            assert!(members.contains_key(name), "{name} is required, and is not there");
        }
    }
}
