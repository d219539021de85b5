//! The invariants of the architecture that are absences: what a part of the server never names.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder or file below `src`, a word that no line of its code has, and why.
const ABSENCES: &[(&str, &str, &str)] = &[
    ("operation", "hyper", "operations know nothing of HTTP"),
    ("operation", "crate::http", "data flows from http to operation, never back"),
    ("operation", "StatusCode", "only http turns outcomes into statuses"),
    ("store", "crate::http", "the store is the last in line"),
    ("store", "crate::operation", "the store is the last in line"),
    ("store", "crate::render", "the store keeps bytes and knows nothing of their form"),
    ("store", "scim_protocol::Resource", "the store never sees a document"),
    ("store", "scim_protocol::filter", "a plan is made before the store is asked"),
    ("plan.rs", "Arc<dyn Store>", "a plan is a value and reads nothing"),
    ("membership.rs", "dyn Store", "splitting a PATCH loads no member"),
    ("render.rs", "crate::http", "bytes are made before they are sent"),
    ("http", "sled", "only the store's own module names its engine"),
    ("operation", "sled", "only the store's own module names its engine"),
    ("admin", "sled::", "only the store's own module names its engine"),
];

#[test]
fn parts_do_not_name_what_lies_behind_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for (part, word, why) in ABSENCES {
        let files = files(&source.join(part));
        assert!(!files.is_empty(), "{part} is gone: change the table");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
            for (number, line) in lines.filter(|(_, line)| line.contains(word)) {
                found.push(format!("{}:{}: {} ({why})", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A file, or a folder's files and the module file beside it.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut all: Vec<_> = Some(path.with_extension("rs")).into_iter().filter(|file| file.is_file()).collect();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push(path);
            }
        }
    }
    all
}
