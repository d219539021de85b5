//! PATCH with the operation `remove`.

use serde_json::json;

use super::rfc7644_3_5_2_modify::{
    DEPARTMENT, EMAILS, ENTERPRISE_USER, NAME, NICK, TITLE, changes, home, refuses, remove, work,
};
use crate::{
    case::{Area, Case, run},
    discovery::ENTERPRISE,
};

pub const AREA: Area = Area { tag: "modify-remove", title: "PATCH: remove (RFC 7644 §3.5.2.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.5.2.2";

const CASES: &[Case] = &[
    Case::must(
        "modify-remove-single",
        SECTION,
        "A remove of a single-valued attribute leaves it unassigned.",
        run!(
            changes,
            json!({"nickName": "Ann", "title": "Boss"}),
            remove("nickName"),
            json!({"nickName": null, "title": "Boss"})
        ),
    )
    .needs(TITLE),
    Case::must(
        "modify-remove-multi-valued",
        SECTION,
        "A remove of a multi-valued attribute removes all its values.",
        run!(changes, json!({"emails": [work(), home()]}), remove("emails"), json!({"emails": []})),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-matching",
        SECTION,
        "A remove with a value filter removes the values that match, and no others.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            remove("emails[type eq \"work\"]"),
            json!({"emails": [home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-last",
        SECTION,
        "When a remove takes the last value, the attribute is unassigned.",
        run!(changes, json!({"emails": [work()]}), remove("emails[type eq \"work\"]"), json!({"emails": []})),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-by-value",
        SECTION,
        "A value filter may be over the value itself.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            remove("emails[value eq \"{n}home@example.com\"]"),
            json!({"emails": [work()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-and",
        SECTION,
        "A value filter may join conditions on the same value.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            remove("emails[type eq \"work\" and value ew \"@example.com\"]"),
            json!({"emails": [home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-several",
        SECTION,
        "A remove whose value filter fits several values removes all of them.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            remove("emails[value ew \"@example.com\"]"),
            json!({"emails": []})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-element-sub-attribute",
        SECTION,
        "A remove with a value filter and a sub-attribute removes it from the values that match.",
        run!(
            changes,
            json!({"emails": [work(), home()]}),
            remove("emails[type eq \"work\"].type"),
            json!({"emails": [{"value": "{n}work@example.com", "type": null}, home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-remove-sub-attribute",
        SECTION,
        "A remove of a sub-attribute leaves the other sub-attributes alone.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill", "givenName": "Ada"}}),
            remove("name.givenName"),
            json!({"name": {"familyName": "Quill", "givenName": null}})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-remove-complex",
        SECTION,
        "A remove of a complex attribute removes all its sub-attributes.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill", "givenName": "Ada"}}),
            remove("name"),
            json!({"name": null})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-remove-extension",
        SECTION,
        "A remove of an extension's attribute leaves it unassigned.",
        run!(
            changes,
            json!({ENTERPRISE: {"department": "Sales"}}),
            remove(DEPARTMENT),
            json!({ENTERPRISE: {"department": null}})
        ),
    )
    .needs(ENTERPRISE_USER),
    Case::must(
        "modify-remove-without-path",
        SECTION,
        "A remove without a path is refused with 400 noTarget.",
        run!(refuses, json!([{"op": "remove"}]), "noTarget"),
    )
    .needs(NICK),
    Case::must(
        "modify-remove-required",
        SECTION,
        "A remove of a required attribute is refused with 400 mutability.",
        run!(refuses, remove("userName"), "mutability"),
    )
    .needs(NICK),
    Case::must(
        "modify-remove-read-only",
        SECTION,
        "A remove of a read-only attribute is refused with 400 mutability.",
        run!(refuses, remove("id"), "mutability"),
    )
    .needs(NICK),
];
