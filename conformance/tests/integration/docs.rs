//! The generated pages of the reference are as the program would make them. `UPDATE_DOCS=1` writes
//! them.

use std::{fs, path::PathBuf};

use conformance::{cases_page, command_line_page, coverage_page};

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(file)
}

/// Compares a page with its file.
#[track_caller]
pub fn check(file: &str, text: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(file), text).expect("the page");
    }
    let written = fs::read_to_string(path(file)).unwrap_or_default();
    assert!(written == text, "docs/reference/{file} is out of date; run the tests with UPDATE_DOCS=1");
}

#[test]
fn the_pages_are_up_to_date() {
    check("conformance-command-line.md", &command_line_page());
    check("conformance-cases.md", &cases_page());
    check("conformance-coverage.md", &coverage_page());
}

/// Flags in the guide are flags of the program.
#[test]
fn flags_that_are_named_exist() {
    let reference = command_line_page();
    for page in ["conformance.md", "conformance-peers.md"] {
        let text = fs::read_to_string(path("../guide").join(page)).expect("the page");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for flag in words.filter(|word| word.starts_with("--") && word.len() > 3 && !word.starts_with("---")) {
            let is_known = reference.contains(&format!("`{flag} ")) || reference.contains(&format!("`{flag}`"));
            assert!(is_known || flag == "--path", "{page}: there is no flag {flag}");
        }
    }
}

/// What stands in backquotes in the second column of the tables below a heading.
fn patterns(section: &str) -> Vec<&str> {
    let cells = section.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Whether an id is meant by a pattern, in which `*` stands for anything.
fn fits(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = id.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let at = if parts.peek().is_none() {
            rest.ends_with(part).then(|| rest.len() - part.len())
        } else {
            rest.find(part)
        };
        let Some(at) = at else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// Each verdict of another server that is pinned has its reason on the page, and each reason has a verdict.
#[test]
fn every_pinned_verdict_has_its_reason() {
    let page = fs::read_to_string(path("../guide/conformance-peers.md")).expect("the page");
    let sections: Vec<_> = page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let shared =
        sections.iter().find(|(title, _)| *title == "What several of them have").expect("the shared section").1;
    let mut unused: Vec<_> =
        sections.iter().flat_map(|(title, text)| patterns(text).into_iter().map(|one| (*title, one))).collect();
    let mut unsaid = Vec::new();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/verdicts");
    for file in fs::read_dir(folder).expect("the verdicts").flatten() {
        let name = file.file_name().into_string().expect("a name");
        let named = |title: &str| name.starts_with(title.trim_start_matches('@').split('/').next().unwrap_or(title));
        let own = sections.iter().filter(|(title, _)| named(title)).max_by_key(|(title, _)| title.len());
        let (title, text) = own.unwrap_or_else(|| panic!("there is no section for {name}"));
        for line in fs::read_to_string(file.path()).expect("a file").lines() {
            let id = line.split(' ').nth(1).expect("a verdict and an id");
            unused.retain(|(where_, one)| {
                !(*where_ == *title || *where_ == "What several of them have") || !fits(one, id)
            });
            if !patterns(text).into_iter().chain(patterns(shared)).any(|one| fits(one, id)) {
                unsaid.push(format!("{name}: {line}"));
            }
        }
    }
    assert!(unsaid.is_empty(), "nothing is said of {unsaid:#?}");
    assert!(unused.is_empty(), "no server has {unused:#?}");
}
