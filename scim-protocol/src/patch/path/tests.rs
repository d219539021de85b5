//! PATCH paths in tables.

use super::*;
use crate::{
    ErrorKind,
    path::tests::{ENTERPRISE, user},
};

/// What a path points at: attribute, filter as it was written, and what that filter selects.
#[track_caller]
fn check_target(text: &str, expect: &str) {
    let path = Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(Path::parse(&path.to_string()).unwrap(), path, "{text}");
    let target = path.bind(&user()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(target.filter.is_some(), path.filter.is_some());
    let filter = path.filter.map_or_else(String::new, |filter| format!(" where {filter}"));
    assert_eq!(format!("{}{filter}", target.path), expect, "{text}");
}

#[test]
fn patch_paths() {
    // RFC 7644 §3.5.2.
    check_target("name.familyName", "name.familyName");
    check_target(r#"addresses[type eq "work"]"#, "addresses where type eq \"work\"");
    check_target(
        r#"emails[type eq "work" and value ew "example.com"]"#,
        "emails where type eq \"work\" and value ew \"example.com\"",
    );
    check_target(r#"addresses[type eq "work"].streetAddress"#, "addresses.streetAddress where type eq \"work\"");
    // What providers write.
    check_target(r#"emails[type eq "other"].Value"#, "emails.value where type eq \"other\"");
    check_target(r#"roles[primary eq "True"].display"#, "roles.display where primary eq \"True\"");
    check_target("roles[ primary EQ true ]", "roles where primary eq true");
    check_target(r#"emails[value eq"a]b"]"#, "emails where value eq \"a]b\"");
    check_target(r#"emails[value eq "a\"]b" or (type pr)]"#, "emails where value eq \"a\\\"]b\" or type pr");
    check_target(
        r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"].value"#,
        "emails.value where type eq \"work\"",
    );
    check_target(&format!("{ENTERPRISE}:manager"), &format!("{ENTERPRISE}:manager"));
    check_target(&format!("{ENTERPRISE}.manager.value"), &format!("{ENTERPRISE}:manager.value"));
    check_target(ENTERPRISE, ENTERPRISE);
    // A multi-valued attribute without sub-attributes, and a complex one with a single value.
    check_target(r#"badges[value eq "x"]"#, "urn:example:2.0:User:badges where value eq \"x\"");
    check_target(r#"name[familyName eq "x"].givenName"#, "name.givenName where familyName eq \"x\"");
}

#[track_caller]
fn check_target_error(text: &str, kind: ErrorKind, detail: &str) {
    let error = Path::parse(text).and_then(|path| path.bind(&user())).unwrap_err();
    assert_eq!((error.kind(), error.detail()), (kind, detail), "{text}");
}

#[test]
fn wrong_patch_paths() {
    use ErrorKind::{InvalidFilter, InvalidPath};
    check_target_error("", InvalidPath, "The path is wrong at character 1: expected an attribute name, found the end.");
    check_target_error(
        r#"emails[type eq "work"].value x"#,
        InvalidPath,
        "The path is wrong at character 30: expected the end, found \"x\".",
    );
    check_target_error(
        r#"emails[type eq "work"]value"#,
        InvalidPath,
        "The path is wrong at character 23: expected the end, found \"value\".",
    );
    check_target_error(
        "emails[type is 1]",
        InvalidFilter,
        "The path is wrong at character 13: expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr), found \"is\".",
    );
    check_target_error(
        r#"emails[type eq "work""#,
        InvalidFilter,
        "The path is wrong at character 22: expected \"and\", \"or\" or \"]\", found the end.",
    );
    check_target_error(
        r#"emails[type eq "work"].valeu"#,
        InvalidPath,
        "There is no sub-attribute \"valeu\" in emails; did you mean \"value\"?",
    );
    check_target_error(
        r#"userName[value eq "x"]"#,
        InvalidFilter,
        "userName has no elements to choose from; brackets can follow a complex or multi-valued attribute.",
    );
    check_target_error(
        r#"badges[value eq "x"].value"#,
        InvalidPath,
        "There is no sub-attribute \"value\" in urn:example:2.0:User:badges; it has none.",
    );
}

#[test]
fn a_long_path_has_a_short_refusal() {
    let error = Path::parse(&"x".repeat(1 << 20)).unwrap_err();
    assert!(error.detail().len() < 200, "{}", error.detail());
}
