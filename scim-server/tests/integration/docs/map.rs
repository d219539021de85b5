//! What the pages for contributors name is there: modules of the code map, files of the tour, and the words that
//! the tour says are in them.

use std::{collections::BTreeSet, fs, path::Path};

use super::repository;

/// The crates whose modules `docs/architecture.md` lists, each under a heading of its name.
const CRATES: [&str; 4] = ["scim-protocol", "scim-server", "sync-agent", "conformance"];

/// What stands between backticks in a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn page(file: &str) -> String {
    fs::read_to_string(repository().join("docs").join(file)).expect("the page")
}

/// The modules of a crate, as paths from its root.
fn modules(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(root.join("src"), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the source").map(|entry| entry.expect("an entry").path()) {
            let name = format!("{prefix}{}", entry.file_stem().unwrap_or_default().to_string_lossy());
            if entry.is_dir() {
                folders.push((entry, format!("{name}::")));
            } else {
                found.insert(name);
            }
        }
    }
    found
}

/// Each name in the first column of a crate's table is a module of that crate, or a file below its folder.
#[test]
fn modules_of_the_code_map_exist() {
    let page = page("architecture.md");
    for name in CRATES {
        let root = repository().join(name);
        let known = modules(&root);
        let heading = format!("\n### {name}\n");
        let section = page.split_once(&heading).unwrap_or_else(|| panic!("no part on {name}")).1;
        let section = section.split("\n## ").next().and_then(|part| part.split("\n### ").next()).unwrap_or_default();
        let cells = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
        let mut seen = 0;
        for module in cells.flat_map(code) {
            let is_module = known.iter().any(|path| path == module || path.ends_with(&format!("::{module}")));
            let folder = module.split('/').next().unwrap_or_default();
            let is_file = module.contains('/') && root.join(folder).exists();
            assert!(is_module || is_file, "docs/architecture.md: {name} has no module {module}");
            seen += 1;
        }
        assert!(seen > 5, "only {seen} modules of {name} were found");
    }
}

/// Whether a span of code is a path of a file in this repository.
fn is_path(span: &str) -> bool {
    let first = span.split('/').next().unwrap_or_default();
    span.contains('/') && !span.starts_with('/') && repository().join(first).exists()
}

/// Each file that the tour and the table of what to add name is there, and each name that they mention beside files is
/// in one of them.
#[test]
fn files_for_contributors_exist() {
    let architecture = page("architecture.md");
    let (_, added) = architecture.split_once("\n## Where something new goes\n").expect("the table");
    let added = added.split("\n## ").next().unwrap_or_default().replace("\n| ", "\n\n| ");
    files_exist("docs/tour.md", &page("tour.md"), 20);
    files_exist("docs/architecture.md", &added, 10);
}

fn files_exist(page: &str, text: &str, least: usize) {
    let mut seen = 0;
    for paragraph in text.split("\n\n").flat_map(|part| part.split("\n1. ")) {
        let files: Vec<_> = code(paragraph).filter(|span| is_path(span)).collect();
        let texts: Vec<_> = files
            .iter()
            .map(|file| {
                let path = repository().join(file);
                assert!(path.exists(), "{page}: there is no {file}");
                fs::read_to_string(path).unwrap_or_default()
            })
            .collect();
        seen += files.len();
        let is_name = |span: &&str| span.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        for name in code(paragraph).filter(is_name).filter(|_| !texts.is_empty()) {
            let last = name.rsplit("::").next().unwrap_or(name);
            let is_there =
                texts.iter().any(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == last));
            assert!(is_there, "{page}: {name} is in none of {files:?}");
        }
    }
    assert!(seen > least, "{page}: only {seen} files were found");
}
