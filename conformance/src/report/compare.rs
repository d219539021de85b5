//! What changed between two runs.

use std::{collections::BTreeMap, fmt::Write};

use command_page::terminal::printable;

use super::Report;
use crate::{finding::Finding, verdict::Verdict};

/// The changes as text, one line each, and whether any verdict got worse: from anything else to
/// fail, or from pass to warn or error. New cases count by what they find.
pub fn compare(before: &Report, after: &Report) -> (String, bool) {
    let old: BTreeMap<&str, &Finding> = before.findings.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut out = String::new();
    let mut worse = false;
    let mut same = 0;
    for finding in &after.findings {
        let was = old.get(finding.id.as_str()).map(|one| one.verdict);
        if was == Some(finding.verdict) {
            same += 1;
            continue;
        }
        let is_worse = matches!(
            (was, finding.verdict),
            (_, Verdict::Fail) | (Some(Verdict::Pass), Verdict::Error | Verdict::Warn)
        );
        worse |= is_worse;
        let sign = if is_worse { "worse" } else { "     " };
        let was = was.map_or("new", Verdict::word);
        let _ = writeln!(out, "{sign} {}: {was} → {}", finding.id, finding.verdict.word());
        if let Some(reason) = &finding.reason {
            let _ = writeln!(out, "      {}", printable(reason));
        }
    }
    for finding in &before.findings {
        if !after.findings.iter().any(|one| one.id == finding.id) {
            let _ = writeln!(out, "      {}: {} → not run", finding.id, finding.verdict.word());
        }
    }
    let _ = writeln!(out, "{same} cases are as before.");
    (out, worse)
}
