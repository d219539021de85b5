//! For a terminal: what is wrong first to last, then the numbers.

use std::{collections::BTreeMap, fmt::Write};

use super::Report;
use crate::{
    exchange::{Exchange, Received},
    finding::Finding,
    verdict::Verdict,
};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let wrong = |finding: &&Finding| matches!(finding.verdict, Verdict::Error | Verdict::Fail | Verdict::Warn);
    for finding in report.findings.iter().filter(wrong) {
        problem(&mut out, finding);
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Skip) {
        *skipped.entry(finding.reason.as_deref().unwrap_or_default()).or_default() += 1;
    }
    for (reason, count) in skipped {
        let _ = writeln!(out, "skip   {count:>3} × {reason}");
    }
    for left in &report.left_behind {
        let _ = writeln!(out, "left behind: {left}. `scim-conformance clean` tries again.");
    }
    let counts: Vec<_> =
        Verdict::ALL.iter().rev().map(|verdict| format!("{} {}", report.count(*verdict), verdict.word())).collect();
    let _ = writeln!(
        out,
        "{}, profile {}: {} cases: {}.",
        report.url,
        report.profile,
        report.findings.len(),
        counts.join(", ")
    );
    let _ = writeln!(
        out,
        "{}",
        match report.exit_code() {
            0 => "Everything that was examined and has to be kept is kept.".to_owned(),
            1 => format!("The server does not conform: it fails {} of the cases.", report.count(Verdict::Fail)),
            _ => "Nothing failed, but some cases could not be run, so nothing is known of them.".to_owned(),
        }
    );
    out
}

fn problem(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "{:<6} {}  ({}, {})", finding.verdict.word(), finding.id, finding.level, finding.section);
    let _ = writeln!(out, "       {}", finding.requirement);
    let _ = writeln!(out, "       {}", finding.reason.as_deref().unwrap_or_default());
    if let Some(last) = finding.evidence.last() {
        let _ = writeln!(out, "       {}", line(last));
    }
    out.push('\n');
}

fn line(exchange: &Exchange) -> String {
    let asked = format!("{} {}", exchange.request.method, exchange.request.url);
    match &exchange.answer {
        Received::Answer { status, .. } => format!("last exchange: {asked} → {status}"),
        Received::Nothing { error } => format!("last exchange: {asked} → {error}"),
    }
}
