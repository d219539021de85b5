//! For a terminal: the causes, the gravest first, then the numbers. A screen or two, however broken the server is.

use std::{collections::BTreeMap, fmt::Write};

use command_page::terminal::printable;

use super::{Cause, Report, cause::line};
use crate::{
    finding::Finding,
    verdict::{Verdict, shorten},
};

/// The most causes that are shown.
const MOST_CAUSES: usize = 15;
/// The most ids that are shown of a cause.
const MOST_IDS: usize = 4;
/// The most reasons of skipped cases, and lines of what is left.
const MOST_OTHERS: usize = 6;
/// The longest sentence.
const MOST_WORDS: usize = 400;

pub(super) fn render(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    for cause in report.causes.iter().take(MOST_CAUSES) {
        problem(&mut out, report, cause, colour);
    }
    if let Some(more) = report.causes.len().checked_sub(MOST_CAUSES).filter(|more| *more > 0) {
        let _ = writeln!(out, "… and {}; --report html shows all of them.\n", counted(more, "more cause"));
    }
    skipped(&mut out, report);
    for left in report.left_behind.iter().take(MOST_OTHERS) {
        let _ = writeln!(out, "left behind: {}. `scim-conformance clean` tries again.", printable(left));
    }
    if let Some(more) = report.left_behind.len().checked_sub(MOST_OTHERS).filter(|more| *more > 0) {
        let _ = writeln!(out, "left behind: {more} more.");
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {}", printable(note));
    }
    out + &summary(report, colour)
}

/// The numbers, and the result.
pub fn summary(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    let counts: Vec<_> = Verdict::ALL
        .iter()
        .rev()
        .map(|verdict| format!("{} {}", report.count(*verdict), painted(*verdict, verdict.word(), colour)))
        .collect();
    let _ = writeln!(
        out,
        "{}, profile {}: {} cases: {}. {}.{:03} s.",
        report.url,
        report.profile,
        report.findings.len(),
        counts.join(", "),
        report.duration_ms / 1000,
        report.duration_ms % 1000
    );
    if !report.causes.is_empty() {
        let wrong: usize = report.causes.iter().map(|cause| cause.cases.len()).sum();
        let _ = writeln!(out, "{}, {}.", counted(report.causes.len(), "cause"), counted(wrong, "case"));
    }
    let verdict = match report.exit_code() {
        0 => Verdict::Pass,
        1 => Verdict::Fail,
        _ => Verdict::Error,
    };
    let _ = writeln!(out, "{}", painted(verdict, &report.outcome(), colour));
    out
}

fn problem(out: &mut String, report: &Report, cause: &Cause, colour: bool) {
    let of = |id: &String| report.findings.iter().find(|finding| finding.id == *id);
    let word = painted(cause.verdict, &format!("{:<5}", cause.verdict.word()), colour);
    let findings: Vec<&Finding> = cause.cases.iter().filter_map(of).collect();
    let Some(first) = findings.iter().min_by_key(|finding| finding.verdict) else { return };
    let known = cause.cases.iter().filter(|id| report.known.contains(*id)).count();
    let known = if known > 0 { format!(" ({known} known)") } else { String::new() };
    if findings.len() == 1 {
        let _ = writeln!(out, "{word}  {}  ({}, {}){known}", first.id, first.level, first.section);
        let _ = writeln!(out, "       {}", first.requirement);
        let _ = writeln!(out, "       {}", printable(&shorten(&cause.what, MOST_WORDS)));
    } else {
        let _ =
            writeln!(out, "{word}  1 cause, {}{known}: {}", counted(findings.len(), "case"), printable(&cause.what));
        let ids: Vec<_> = cause.cases.iter().take(MOST_IDS).map(String::as_str).collect();
        let more = cause.cases.len().saturating_sub(MOST_IDS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(out, "       {}{more}  ({}, {})", ids.join(", "), first.level, first.section);
    }
    if let Some(last) = first.evidence.last() {
        let _ = writeln!(out, "       last exchange: {}", printable(&shorten(&line(last), MOST_WORDS)));
    }
    if let Some(change) = &cause.change {
        let _ = writeln!(out, "       To change: {change}");
    }
    out.push('\n');
}

fn skipped(out: &mut String, report: &Report) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Skip) {
        *reasons.entry(finding.reason.as_deref().unwrap_or_default()).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    let cases: usize = reasons.iter().skip(MOST_OTHERS).map(|(_, count)| count).sum();
    for (reason, count) in reasons.iter().take(MOST_OTHERS) {
        let _ = writeln!(out, "skip   {count:>3} × {}", printable(&shorten(reason, MOST_WORDS)));
    }
    if cases > 0 {
        let _ = writeln!(out, "skip   {cases:>3} × for {} other reasons", reasons.len() - MOST_OTHERS);
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A text in the colour of a verdict.
fn painted(verdict: Verdict, text: &str, colour: bool) -> String {
    let code = match verdict {
        _ if !colour => return text.to_owned(),
        Verdict::Fail => "1;31",
        Verdict::Error => "35",
        Verdict::Warn => "33",
        Verdict::Skip => "2",
        Verdict::Pass => "32",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, report},
        *,
    };

    #[test]
    fn a_broken_server_is_told_in_two_screens() {
        let findings = (0..400).map(|n| {
            let name = "a".repeat(n % 40 + 1);
            let reason = format!("Expected {name} to be \"x\"; it is {n}.");
            finding(&format!("case-{n}"), Verdict::Fail, &reason)
        });
        let text = render(&report(findings.collect()), false);
        assert!(text.lines().count() <= 80, "{} lines", text.lines().count());
        assert!(text.contains("fail   1 cause, 10 cases: Expected a"), "{text}");
        assert!(text.contains("and 25 more causes; --report html shows all of them."), "{text}");
        assert!(
            text.ends_with("40 causes, 400 cases.\nThe server does not conform: it fails 400 of 400 cases.\n"),
            "{text}"
        );
    }

    #[test]
    fn verdicts_have_colours_where_they_are_shown() {
        let report = report(vec![finding("a", Verdict::Fail, "x")]);
        assert!(render(&report, true).contains("\u{1b}[1;31mfail \u{1b}[0m"));
        assert!(!render(&report, false).contains('\u{1b}'));
    }

    #[test]
    fn what_a_server_says_does_not_reach_the_terminal_raw() {
        let report = report(vec![finding("a", Verdict::Fail, "It is \"user\u{202e}nimda\u{1b}[2J\".")]);
        let text = render(&report, false);
        assert!(text.contains("user\\u{202e}nimda\\u{1b}[2J"), "{text}");
    }
}
