//! The texts that people search for and programs compare: each stands in the documentation.

use std::{fs, path::Path};

/// As that system's documentation has them.
const TEXTS: &[&str] = &[
    "List attribute emails exceeds allowed limit of 1",
    r"2 validation errors detected: Value at 'name.familyName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'name.familyName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+",
    // As some copies of its guide have it, without the space.
    r"[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r]+",
    "Missing path in PATCH request",
    "Duplicate GroupDisplayName",
    "Invalid JSON from RequestBody",
    "Invalid Filter format",
    "Request is unparsable, syntactically incorrect, or violates schema.",
    "Refused to create a new, duplicate resource",
    // What providers say of its answers.
    "No user returned for user ID",
    "Matching user not found",
    "Linked group is missing",
    // The classes in the audit log.
    "ValidationException",
    "UnauthorizedException",
    "AccessDeniedException",
    "ResourceNotFoundException",
    "ConflictException",
    "ThrottlingException",
    "InternalServerException",
    "HIDDEN_DUE_TO_SECURITY_REASONS",
];

#[test]
fn every_text_is_in_the_documentation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut all = String::new();
    for folder in ["guide", "reference"] {
        for entry in fs::read_dir(docs.join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            // What a test has written of answers explains nothing.
            let is_page = entry.extension().is_some_and(|extension| extension == "md");
            if is_page && !entry.ends_with("identity-center-dialogues.md") {
                all.push_str(&fs::read_to_string(&entry).expect("a page"));
            }
        }
    }
    let missing: Vec<_> = TEXTS.iter().filter(|text| !all.contains(**text)).collect();
    assert!(missing.is_empty(), "no page has {missing:#?}");
}
