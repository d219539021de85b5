//! PATCH with the operation `replace`.

use serde_json::json;

use super::rfc7644_3_5_2_modify::{
    DEPARTMENT, EMAILS, ENTERPRISE_USER, NAME, NICK, TITLE, changes, home, incompatible, refuses, replace, work,
};
use crate::{
    case::{Area, Case, run},
    discovery::ENTERPRISE,
};

pub const AREA: Area = Area { tag: "modify-replace", title: "PATCH: replace (RFC 7644 §3.5.2.3)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.5.2.3";

const CASES: &[Case] = &[
    Case::must(
        "modify-replace-single",
        SECTION,
        "A replace of a single-valued attribute replaces its value.",
        run!(changes, json!({"nickName": "Ann"}), replace("nickName", json!("Babs")), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-replace-absent",
        SECTION,
        "A replace of an attribute that has no value adds it.",
        run!(changes, json!({}), replace("nickName", json!("Babs")), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-replace-without-path",
        SECTION,
        "A replace without a path replaces the attributes in its value and no others.",
        run!(
            changes,
            json!({"nickName": "Ann", "title": "Boss"}),
            replace("", json!({"nickName": "Babs"})),
            json!({"nickName": "Babs", "title": "Boss"})
        ),
    )
    .needs(TITLE),
    Case::must(
        "modify-replace-multi-valued",
        SECTION,
        "A replace of a multi-valued attribute replaces all its values.",
        run!(changes, json!({"emails": [work()]}), replace("emails", json!([home()])), json!({"emails": [home()]})),
    )
    .needs(EMAILS),
    Case::must(
        "modify-replace-complex",
        SECTION,
        "A replace of a complex attribute leaves the sub-attributes that it does not name alone.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill", "givenName": "Ada"}}),
            replace("name", json!({"givenName": "Eve"})),
            json!({"name": {"familyName": "Quill", "givenName": "Eve"}})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-replace-sub-attribute",
        SECTION,
        "A replace of a sub-attribute leaves the other sub-attributes alone.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill", "givenName": "Ada"}}),
            replace("name.givenName", json!("Eve")),
            json!({"name": {"familyName": "Quill", "givenName": "Eve"}})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-replace-element",
        SECTION,
        "A replace with a value filter replaces the values that match, and no others.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            replace("emails[type eq \"work\"]", json!({"value": "{n}new@example.com", "type": "work"})),
            json!({"emails": [{"value": "{n}new@example.com", "type": "work"}, home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-replace-element-sub-attribute",
        SECTION,
        "A replace with a value filter and a sub-attribute replaces it in the values that match.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            replace("emails[type eq \"work\"].value", json!("{n}new@example.com")),
            json!({"emails": [{"value": "{n}new@example.com", "type": "work"}, home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-replace-elements-sub-attribute",
        SECTION,
        "A replace whose value filter fits several values changes the sub-attribute in all of them.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            replace("emails[value ew \"@example.com\"].type", json!("other")),
            json!({"emails": [{"value": "{n}work@example.com", "type": "other"}, {"value": "{n}home@example.com", "type": "other"}]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-replace-no-match",
        SECTION,
        "A replace whose value filter matches nothing is refused with 400 noTarget.",
        run!(refuses, replace("emails[value sw \"nobody\"].value", json!("{n}x@example.com")), "noTarget"),
    )
    .needs(EMAILS),
    // Entra ID and other connectors count on the opposite: they replace `emails[type eq "work"].value` of users who
    // have no such address, and expect it to be made. Their profiles ask for that; this is the letter.
    Case::must(
        "modify-replace-no-match-eq",
        SECTION,
        "A replace whose filter compares with eq and matches nothing is refused with 400 noTarget.",
        run!(refuses, replace("emails[type eq \"work\"].value", json!("{n}x@example.com")), "noTarget"),
    )
    .needs(EMAILS),
    Case::must(
        "modify-replace-extension",
        SECTION,
        "A replace of an extension's attribute replaces its value.",
        run!(
            changes,
            json!({ENTERPRISE: {"department": "Sales"}}),
            replace(DEPARTMENT, json!("Support")),
            json!({ENTERPRISE: {"department": "Support"}})
        ),
    )
    .needs(ENTERPRISE_USER),
    Case::must(
        "modify-replace-read-only",
        "RFC 7644 §3.5.2",
        "A replace of a read-only attribute is refused.",
        run!(incompatible, replace("id", json!("x"))),
    )
    .needs(NICK),
];
