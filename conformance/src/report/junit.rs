//! JUnit's XML, as CI systems read it: a suite for each area.

use std::fmt::Write;

use super::Report;
use crate::{finding::Finding, verdict::Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut areas: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in &report.findings {
        match areas.iter_mut().find(|(area, _)| *area == finding.area) {
            Some((_, findings)) => findings.push(finding),
            None => areas.push((&finding.area, vec![finding])),
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"scim-conformance\">\n");
    for (area, findings) in areas {
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (failures, errors, skipped) = (count(Verdict::Fail), count(Verdict::Error), count(Verdict::Skip));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">",
            escape(area),
            findings.len()
        );
        for finding in findings {
            case(&mut out, finding);
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

fn case(out: &mut String, finding: &Finding) {
    let (id, section) = (escape(&finding.id), escape(&finding.section));
    let (requirement, reason) = (escape(&finding.requirement), escape(finding.reason.as_deref().unwrap_or_default()));
    let inner = match finding.verdict {
        Verdict::Error => format!("<error message=\"{reason}\">{requirement}</error>"),
        Verdict::Fail => format!("<failure message=\"{reason}\">{requirement}</failure>"),
        Verdict::Pass => String::new(),
        Verdict::Skip => format!("<skipped message=\"{reason}\"/>"),
        // JUnit has no warnings; the test passes and the words are kept.
        Verdict::Warn => format!("<system-out>warning: {requirement} {reason}</system-out>"),
    };
    let _ = writeln!(out, "    <testcase name=\"{id}\" classname=\"{section}\">{inner}</testcase>");
}

/// Text in XML 1.0, which has no form for most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}
