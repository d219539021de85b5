//! The change log has the form of Keep a Changelog 1.1.0.

use std::fs;

use super::repository;

/// The kinds of changes, in their order.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// Whether a heading names a version and its day: `[1.2.0] - 2027-01-31`.
fn is_release(heading: &str) -> bool {
    let Some((version, day)) = heading.split_once("] - ") else { return false };
    let numbers = |text: &str, between: char, lengths: &[usize]| {
        let parts: Vec<_> = text.split(between).collect();
        let are_numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        are_numbers && parts.len() == 3 && lengths.iter().zip(&parts).all(|(length, part)| part.len() == *length)
    };
    version.strip_prefix('[').is_some_and(|version| numbers(version, '.', &[])) && numbers(day, '-', &[4, 2, 2])
}

#[test]
fn the_change_log_has_its_form() {
    let text = fs::read_to_string(repository().join("CHANGELOG.md")).expect("the change log");
    let mut sections = text.split("\n## ");
    let title = sections.next().unwrap_or_default();
    assert!(title.starts_with("# Changelog\n") && !title.contains("\n- "), "it begins in another way: {title}");
    for (at, section) in sections.enumerate() {
        let mut parts = section.split("\n### ");
        let heading = parts.next().unwrap_or_default();
        let is_known = if at == 0 { heading.trim() == "[Unreleased]" } else { is_release(heading.trim()) };
        assert!(is_known, "only a heading stands here, and then a kind of change: {heading:?}");
        let mut before = None;
        for part in parts {
            let (kind, entries) = part.split_once('\n').unwrap_or((part, ""));
            let kind = KINDS.iter().position(|known| *known == kind);
            let kind = kind.unwrap_or_else(|| panic!("a kind of change is one of {KINDS:?}, not {part:?}"));
            assert!(
                before < Some(kind),
                "each kind stands once, in the order of {KINDS:?}: {heading}, {}",
                KINDS[kind]
            );
            before = Some(kind);
            let entries = entries.trim_matches('\n');
            assert!(entries.starts_with("- "), "{} has no entry", KINDS[kind]);
            for entry in entries.split("\n- ") {
                let is_one = entry.lines().skip(1).all(|line| line.starts_with("  "));
                assert!(is_one && entry.ends_with('.'), "an entry is sentences, indented by two spaces: {entry}");
            }
        }
    }
}
