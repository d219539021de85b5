//! JUnit's XML, as CI systems read it: a suite for each area.

use std::fmt::Write;

use super::{Report, time};
use crate::{finding::Finding, verdict::Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut areas: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in &report.findings {
        match areas.iter_mut().find(|(area, _)| *area == finding.area) {
            Some((_, findings)) => findings.push(finding),
            None => areas.push((&finding.area, vec![finding])),
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"scim-conformance\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        report.findings.len(),
        report.fresh(Verdict::Fail),
        report.fresh(Verdict::Error),
        seconds(report.duration_ms)
    );
    for (area, findings) in areas {
        let is_known = |finding: &Finding| report.known.contains(&finding.id);
        let count = |verdict| findings.iter().filter(|one| one.verdict == verdict && !is_known(one)).count();
        let (failures, errors) = (count(Verdict::Fail), count(Verdict::Error));
        let skipped = count(Verdict::Skip) + findings.iter().filter(|finding| is_known(finding)).count();
        let all = seconds(findings.iter().map(|finding| time(finding)).sum());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
             time=\"{all}\" timestamp=\"{}\">",
            escape(area),
            findings.len(),
            escape(report.started.trim_end_matches('Z'))
        );
        for finding in findings {
            case(&mut out, finding, is_known(finding));
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn case(out: &mut String, finding: &Finding, is_known: bool) {
    let (id, section) = (escape(&finding.id), escape(&finding.section));
    let (requirement, reason) = (escape(&finding.requirement), escape(finding.reason.as_deref().unwrap_or_default()));
    let inner = match finding.verdict {
        Verdict::Error | Verdict::Fail if is_known => format!("<skipped message=\"known: {reason}\"/>"),
        Verdict::Error => format!("<error message=\"{reason}\">{requirement}</error>"),
        Verdict::Fail => format!("<failure message=\"{reason}\">{requirement}</failure>"),
        Verdict::Pass => String::new(),
        Verdict::Skip => format!("<skipped message=\"{reason}\"/>"),
        // JUnit has no warnings; the test passes and the words are kept.
        Verdict::Warn => format!("<system-out>warning: {requirement} {reason}</system-out>"),
    };
    let time = seconds(time(finding));
    let _ = writeln!(out, "    <testcase name=\"{id}\" classname=\"{section}\" time=\"{time}\">{inner}</testcase>");
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

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, report},
        *,
    };

    #[test]
    fn what_is_known_is_skipped_and_all_has_times() {
        let old = report(vec![finding("a", Verdict::Fail, "x")]);
        let new =
            report(vec![finding("a", Verdict::Fail, "x"), finding("b", Verdict::Fail, "<y>")]).with_baseline(&old);
        let text = render(&new);
        assert!(text.contains("tests=\"2\" failures=\"1\" errors=\"0\" time=\"1.234\""), "{text}");
        assert!(text.contains(
            "<testcase name=\"a\" classname=\"RFC 7644 §3.3\" time=\"0.000\"><skipped message=\"known: x\"/>"
        ));
        assert!(text.contains("<failure message=\"&lt;y&gt;\">") && text.contains("timestamp=\"2023-11-14T22:13:20\""));
    }
}
