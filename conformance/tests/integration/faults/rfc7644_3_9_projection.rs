//! Faults in what is returned.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn get() -> On {
    on("GET /Users/*")
}

pub fn faults() -> Faults {
    vec![
        ("projection-attributes-schemas", on("GET /Users/*").omits("/schemas"), "to name its schemas"),
        ("projection-query-schemas", on("GET /Users").omits("/Resources/*/schemas"), "to name its schemas"),
        ("projection-written-schemas", on("PUT /Users/*").omits("/schemas"), "to name its schemas"),
        ("projection-attributes", get().asks("attributes", "nickName", "name"), "nickName to be \"Ann\""),
        ("projection-attributes-only", get().ignores("attributes"), "name to be unassigned"),
        ("projection-attributes-id", get().having("attributes").omits("/id"), "id to be"),
        ("projection-attributes-list", get().asks("attributes", ",name", ""), "name to be {\"familyName\":\"Quill\"}"),
        ("projection-attributes-case", get().asks("attributes", "NICKNAME", "userName"), "nickName to be \"Ann\""),
        (
            "projection-attributes-complex",
            get().asks("attributes", "name", "name.givenName"),
            "name.familyName to be \"Quill\"",
        ),
        (
            "projection-attributes-sub",
            get().asks("attributes", "name.familyName", "name"),
            "name.givenName to be unassigned",
        ),
        ("projection-attributes-multi-valued", get().asks("attributes", "emails.value", "emails"), "emails to hold"),
        (
            "projection-attributes-urn",
            get().having("core:2.0:User:nickName").ignores("attributes"),
            "name to be unassigned",
        ),
        (
            "projection-attributes-extension",
            get().having("department").ignores("attributes"),
            "nickName to be unassigned",
        ),
        ("projection-excluded", get().ignores("excludedAttributes"), "nickName to be unassigned"),
        (
            "projection-excluded-others",
            get().having("excludedAttributes").omits("/name/givenName"),
            "name.givenName to be \"Ada\"",
        ),
        ("projection-excluded-id", get().having("excludedAttributes").omits("/id"), "id to be"),
        (
            "projection-excluded-sub",
            get().asks("excludedAttributes", "name.givenName", "name"),
            "name to be {\"familyName\":\"Quill\"",
        ),
        ("projection-excluded-extension", get().ignores("excludedAttributes"), "department to be unassigned"),
        ("projection-query", on("GET /Users").ignores("attributes"), "name to be unassigned"),
        ("projection-query-excluded", on("GET /Users").ignores("excludedAttributes"), "name to be unassigned"),
        ("projection-post", on("POST /Users").ignores("attributes"), "name to be unassigned"),
        ("projection-put", on("PUT /Users/*").ignores("attributes"), "name to be unassigned"),
        ("projection-members", on("GET /Groups/*").says("/members", json!([{"value": "1"}])), "members to hold []"),
    ]
}
