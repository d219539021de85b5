//! For an issue, or the summary of a CI job: the numbers, then a row for each cause.

use std::fmt::Write;

use super::Report;
use crate::{
    section,
    verdict::{Verdict, shorten},
};

/// The most rows; the JSON and HTML reports have all.
const MOST_ROWS: usize = 50;
/// The most ids in a row.
const MOST_IDS: usize = 8;

pub(super) fn render(report: &Report) -> String {
    let mut out = format!("## SCIM conformance: {}\n\n**{}**\n\n", code(&report.url), report.outcome());
    let counts: Vec<_> = Verdict::ALL.iter().map(|one| format!("{} {}", report.count(*one), one.word())).collect();
    let _ = writeln!(
        out,
        "Profile {}, {} cases: {}. {}, {}, {} ms.",
        report.profile,
        report.findings.len(),
        counts.join(", "),
        report.tool,
        report.started,
        report.duration_ms
    );
    for note in &report.notes {
        let _ = writeln!(out, "\n{}", text(note));
    }
    if !report.causes.is_empty() {
        out.push_str("\n| verdict | what is wrong | cases | to change |\n| --- | --- | --- | --- |\n");
    }
    for cause in report.causes.iter().take(MOST_ROWS) {
        let ids: Vec<_> = cause.cases.iter().take(MOST_IDS).map(|id| format!("`{id}`")).collect();
        let more = cause.cases.len().saturating_sub(MOST_IDS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let first = report.findings.iter().find(|one| cause.cases.first() == Some(&one.id));
        let place = first.map_or("", |one| one.section.as_str());
        let place = section::link(place).map_or_else(|| text(place), |link| format!("[{place}]({link})"));
        let _ = writeln!(
            out,
            "| {} | {} ({place}) | {}{more} | {} |",
            cause.verdict.word(),
            text(&shorten(&cause.what, 300)),
            ids.join(", "),
            text(cause.change.as_deref().unwrap_or_default())
        );
    }
    if report.causes.len() > MOST_ROWS {
        let _ = writeln!(out, "\n{} more causes are not shown.", report.causes.len() - MOST_ROWS);
    }
    for left in &report.left_behind {
        let _ = writeln!(out, "\nLeft behind: {}", text(left));
    }
    out
}

/// What a server said, as text: nothing in it is Markdown or HTML.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' => out.extend(['\\', character]),
            character => out.push(character),
        }
    }
    out
}

fn code(words: &str) -> String {
    format!("`{}`", words.replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, report},
        *,
    };

    #[test]
    fn a_cause_is_a_row_and_an_answer_writes_nothing() {
        let findings = vec![finding("create-status", Verdict::Fail, "Expected 201; got <b>|x|</b>\n# taken over.")];
        let page = render(&report(findings));
        assert!(page.contains("**The server does not conform: it fails 1 of 1 cases.**"), "{page}");
        assert!(page.contains("&lt;b>\\|x\\|&lt;/b> \\# taken over."), "{page}");
        assert!(page.contains("[RFC 7644 §3.3](https://www.rfc-editor.org/rfc/rfc7644.html#section-3.3)"), "{page}");
    }
}
