//! The report of a run: text or HTML for people, JSON for programs, JUnit for CI.

mod compare;
mod html;
mod junit;
mod text;

use anyhow::Context as _;
use clap::ValueEnum;
pub use compare::compare;
use serde::{Deserialize, Serialize};

use crate::{finding::Finding, verdict::Verdict};

/// The result of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The program and its version.
    pub tool: String,
    /// The base URL of the server.
    pub url: String,
    /// By what it was judged: `rfc`, or a provider.
    pub profile: String,
    /// In the table's order.
    pub findings: Vec<Finding>,
    /// What was made and could not be removed again, with the reason.
    pub left_behind: Vec<String>,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// What is wrong, and a summary; for a terminal.
    #[default]
    Text,
    /// Everything; for programs, and for `compare`.
    Json,
    /// Test results, as CI systems read them.
    Junit,
    /// One file with filters, for a browser.
    Html,
}

impl Report {
    /// How many findings have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// The exit code: 0 conforms, 1 a MUST is not kept, 2 something could not be run.
    pub fn exit_code(&self) -> u8 {
        match (self.count(Verdict::Fail), self.count(Verdict::Error)) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }

    /// The report in that form, with a line end at its end.
    pub fn render(&self, format: Format) -> anyhow::Result<String> {
        Ok(match format {
            Format::Html => html::render(self)?,
            Format::Json => serde_json::to_string_pretty(self).context("The report is no JSON.")? + "\n",
            Format::Junit => junit::render(self),
            Format::Text => text::render(self),
        })
    }
}
