//! Sentences of the server as pages show them: what stands between backticks is code, and an instant is one.
//!
//! The same sentences are told at the command line, where backticks and RFC 3339 are what people read.

use askama::Template;
use scim_protocol::Timestamp;

/// A sentence, taken apart.
#[derive(Debug, Template)]
#[template(path = "prose.html")]
pub struct Prose<'t>(Vec<Part<'t>>);

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Code(&'t str),
    Time(&'t str),
}

/// The parts of a text. A backtick without another one is a backtick.
pub fn prose(text: &str) -> Prose<'_> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('`') {
        let Some((code, behind)) = behind.split_once('`').filter(|(code, _)| !code.is_empty()) else { break };
        plain(before, &mut parts);
        parts.push(Part::Code(code));
        rest = behind;
    }
    plain(rest, &mut parts);
    Prose(parts)
}

/// What is no code: with the instants in it.
fn plain<'t>(text: &'t str, parts: &mut Vec<Part<'t>>) {
    let mut rest = text;
    while let Some((before, at, behind)) = instant(rest) {
        push_text(before, parts);
        parts.push(Part::Time(at));
        rest = behind;
    }
    push_text(rest, parts);
}

fn push_text<'t>(text: &'t str, parts: &mut Vec<Part<'t>>) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// The first instant in a text (`2026-11-30T07:24:00Z`), with what stands before and behind it. An example (`such as …`) and
/// what stands in quotes is none: somebody is to type it so, or has.
fn instant(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('T').find_map(|(at, _)| {
        // The date has ten characters.
        let (before, from) = text.split_at_checked(at.checked_sub(10)?)?;
        let (instant, behind) = from.split_at_checked(from.find('Z')? + 1)?;
        let is_example = before.ends_with("such as ") || before.ends_with('"');
        Timestamp::parse(instant).filter(|_| !is_example).map(|_| (before, instant, behind))
    })
}

/// An instant without a script: `2026-11-30 07:24 UTC`. What is none is itself.
pub fn utc(instant: &str) -> String {
    match instant.split_once('T') {
        Some((date, time)) if time.ends_with('Z') => format!("{date} {} UTC", time.get(..5).unwrap_or(time)),
        _ => instant.to_owned(),
    }
}

/// A text that can have nothing but text in it, such as an option of a list: with its instants as [`utc`] has them.
pub fn plainly(text: &str) -> String {
    let part = |part: &Part<'_>| match part {
        Part::Time(at) => utc(at),
        Part::Text(text) => (*text).to_owned(),
        Part::Code(code) => format!("`{code}`"),
    };
    prose(text).0.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_and_instants_are_times() {
        use Part::{Code, Text, Time};
        for (text, expect) in [
            ("", vec![]),
            ("Nothing.", vec![Text("Nothing.")]),
            ("Run `a b`, then `c`.", vec![Text("Run "), Code("a b"), Text(", then "), Code("c"), Text(".")]),
            ("One ` alone", vec![Text("One ` alone")]),
            ("Two `` of them", vec![Text("Two `` of them")]),
            ("Until 2026-11-30T07:24:00Z.", vec![Text("Until "), Time("2026-11-30T07:24:00Z"), Text(".")]),
            ("2026-11-30T07:24:00.123Z", vec![Time("2026-11-30T07:24:00.123Z")]),
            ("`2026-11-30T07:24:00Z`", vec![Code("2026-11-30T07:24:00Z")]),
            ("A time such as 2026-11-30T07:24:00Z, or 2h", vec![Text("A time such as 2026-11-30T07:24:00Z, or 2h")]),
            ("\"2026-11-30T07:24:00Z\" is old", vec![Text("\"2026-11-30T07:24:00Z\" is old")]),
            ("The Token of éééééT 2026 Z", vec![Text("The Token of éééééT 2026 Z")]),
        ] {
            assert_eq!(prose(text).0, expect, "{text}");
        }
    }

    #[test]
    fn an_instant_is_read_without_a_script() {
        assert_eq!(utc("2026-11-30T07:24:59.123Z"), "2026-11-30 07:24 UTC");
        assert_eq!(utc("never"), "never");
        assert_eq!(plainly("okta, ends 2026-11-30T07:24:00Z"), "okta, ends 2026-11-30 07:24 UTC");
    }
}
