//! Faults in PATCH.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn patch() -> On {
    on("PATCH /Users/*")
}

/// Each operation is taken for another.
fn takes_add_for_replace() -> crate::broken::Fault {
    patch().reads("\"op\":\"add\"", "\"op\":\"replace\"")
}

pub fn faults() -> Faults {
    let pretends = [
        "modify-add-single",
        "modify-add-replaces-single",
        "modify-add-without-path",
        "modify-add-first-element",
        "modify-add-complex",
        "modify-add-extension",
        "modify-add-extension-without-path",
        "modify-remove-single",
        "modify-remove-multi-valued",
        "modify-remove-last",
        "modify-remove-by-value",
        "modify-remove-complex",
        "modify-remove-extension",
        "modify-replace-single",
        "modify-replace-absent",
        "modify-replace-without-path",
        "modify-replace-element",
        "modify-replace-element-sub-attribute",
        "modify-replace-extension",
        "modify-path-urn",
        "modify-path-case",
        "modify-remove-without-path",
        "modify-remove-required",
        "modify-remove-read-only",
        "modify-replace-no-match",
        "modify-replace-read-only",
        "modify-path-unknown",
        "modify-unknown-op",
        "modify-add-without-value",
        "modify-without-operations",
        "modify-wrong-type",
        "modify-status",
    ];
    let mut faults: Faults = pretends.into_iter().map(|id| (id, patch().pretends())).collect();
    faults.extend([
        ("modify-add-appends", takes_add_for_replace()),
        ("modify-add-without-path-appends", takes_add_for_replace()),
        (
            "modify-add-sub-attribute",
            patch().reads("\"name.givenName\",\"value\":\"Ada\"", "\"name\",\"value\":{\"familyName\":\"Ada\"}"),
        ),
        ("modify-add-same-value", patch().reads("work@example.com", "second@example.com")),
        ("modify-add-same-value-time", patch().reads("Babs", "Other")),
        (
            "modify-add-schemas",
            on("GET /Users/*").says("/schemas", json!(["urn:ietf:params:scim:schemas:core:2.0:User"])),
        ),
        ("modify-remove-matching", patch().reads("[type eq \\\"work\\\"]", "")),
        ("modify-remove-and", patch().reads(" and ", " or ")),
        ("modify-remove-element-sub-attribute", patch().reads("].type", "]")),
        ("modify-remove-sub-attribute", patch().reads("name.givenName", "name")),
        ("modify-replace-multi-valued", patch().reads("replace", "add")),
        (
            "modify-replace-complex",
            patch().takes(|asked| {
                asked.body = asked.body.replace("{\"op\"", "{\"op\":\"remove\",\"path\":\"name\"},{\"op\"");
            }),
        ),
        (
            "modify-replace-sub-attribute",
            patch().takes(|asked| {
                asked.body = asked.body.replace("{\"op\"", "{\"op\":\"remove\",\"path\":\"name\"},{\"op\"");
            }),
        ),
        ("modify-primary", on("GET /Users/*").says("/emails/*/primary", json!(true))),
        (
            "modify-in-order",
            patch().takes(|asked| {
                let mut body = asked.json();
                if let Some(operations) = body["Operations"].as_array_mut() {
                    operations.rotate_left(2);
                }
                asked.body = body.to_string();
            }),
        ),
        ("modify-atomic", patch().reads(",{\"op\":\"replace\",\"path\":\"id\",\"value\":\"x\"}", "")),
        ("modify-attributes", patch().ignores("attributes")),
        ("modify-unknown-resource", patch().status(400)),
        ("modify-last-modified", on("GET /Users/*").omits("/meta/lastModified")),
    ]);
    faults
}
