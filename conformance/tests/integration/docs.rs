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
