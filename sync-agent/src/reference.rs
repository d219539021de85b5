//! The pages of the reference are made of the code that they describe, and compared by tests.

/// Compares a page with its file, or writes the file when `UPDATE_DOCS` is set.
#[cfg(test)]
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
pub(crate) fn check(file: &str, text: &str) {
    let path = format!("{}/../docs/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference/{file} is out of date; run the tests with UPDATE_DOCS=1");
}
