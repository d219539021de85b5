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

#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
pub fn faults() -> Faults {
    let pretends = [
        ("modify-add-single", "Expected nickName to be \"Babs\""),
        ("modify-add-replaces-single", "Expected nickName to be \"Babs\""),
        ("modify-add-without-path", "Expected nickName to be \"Babs\""),
        ("modify-add-first-element", "emails to be [{\"value\":\"work@example.com\",\"type\":\"work\"}]"),
        ("modify-add-complex", "name.givenName to be \"Ada\""),
        ("modify-add-extension", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User to be {\"department\":\""),
        (
            "modify-add-extension-without-path",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User to be {\"department\":\"",
        ),
        ("modify-remove-single", "nickName to be unassigned"),
        ("modify-remove-multi-valued", "Expected emails to hold []"),
        ("modify-remove-last", "Expected emails to hold []"),
        ("modify-remove-by-value", "emails to hold [{\"value\":\"work@example.com\",\"type\":\"work\"}]"),
        ("modify-remove-complex", "Expected name to be unassigned"),
        ("modify-remove-extension", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department to be unas"),
        ("modify-replace-single", "Expected nickName to be \"Babs\""),
        ("modify-replace-absent", "Expected nickName to be \"Babs\""),
        ("modify-replace-without-path", "Expected nickName to be \"Babs\""),
        (
            "modify-replace-element",
            "emails to hold [{\"value\":\"new@example.com\",\"type\":\"work\"},{\"value\":\"home@example",
        ),
        (
            "modify-replace-element-sub-attribute",
            "emails to hold [{\"value\":\"new@example.com\",\"type\":\"work\"},{\"value\":\"home@example",
        ),
        (
            "modify-replace-extension",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department to be \"Sup",
        ),
        ("modify-path-urn", "Expected nickName to be \"Babs\""),
        ("modify-path-case", "Expected nickName to be \"Babs\""),
        ("modify-remove-without-path", "Expected status 400 to PATCH"),
        ("modify-remove-required", "Expected status 400 to PATCH"),
        ("modify-remove-read-only", "Expected status 400 to PATCH"),
        ("modify-replace-no-match", "Expected status 400 to PATCH"),
        ("modify-replace-no-match-eq", "Expected status 400 to PATCH"),
        ("modify-replace-read-only", "Expected PATCH"),
        ("modify-path-unknown", "Expected PATCH"),
        ("modify-unknown-op", "Expected status 400 to PATCH"),
        ("modify-add-without-value", "Expected status 400 to PATCH"),
        ("modify-without-operations", "Expected status 400 to PATCH"),
        ("modify-wrong-type", "Expected PATCH"),
        ("modify-status", "Expected nickName to be \"Babs\""),
    ];
    let mut faults: Faults = pretends.into_iter().map(|(id, why)| (id, patch().pretends(), why)).collect();
    faults.extend([
        (
            "modify-add-appends",
            takes_add_for_replace(),
            "emails to hold [{\"value\":\"work@example.com\",\"type\":\"work\"},{\"value\":\"home@exampl",
        ),
        (
            "modify-add-without-path-appends",
            takes_add_for_replace(),
            "emails to hold [{\"value\":\"work@example.com\",\"type\":\"work\"},{\"value\":\"home@exampl",
        ),
        (
            "modify-add-sub-attribute",
            patch().reads("\"name.givenName\",\"value\":\"Ada\"", "\"name\",\"value\":{\"familyName\":\"Ada\"}"),
            "name.familyName to be \"Quill\"",
        ),
        (
            "modify-add-same-value",
            patch().reads("work@example.com", "second@example.com"),
            "emails to hold [{\"value\":\"work@example.com\",\"type\":\"work\"}]",
        ),
        (
            "modify-add-same-value-time",
            patch().reads("Babs", "Other"),
            "meta.lastModified to be \"2023-11-14T22:13:21.000Z\"",
        ),
        (
            "modify-add-schemas",
            on("GET /Users/*").says("/schemas", json!(["urn:ietf:params:scim:schemas:core:2.0:User"])),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User among schemas; they a",
        ),
        (
            "modify-remove-matching",
            patch().reads("[type eq \\\"work\\\"]", ""),
            "emails to be [{\"value\":\"home@example.com\",\"type\":\"home\"}]",
        ),
        (
            "modify-remove-several",
            patch().reads("value ew \\\"@example.com\\\"", "type eq \\\"work\\\""),
            "Expected emails to hold []",
        ),
        (
            "modify-replace-elements-sub-attribute",
            patch().reads("value ew \\\"@example.com\\\"", "type eq \\\"work\\\""),
            "Expected emails to hold",
        ),
        (
            "modify-remove-and",
            patch().reads(" and ", " or "),
            "emails to be [{\"value\":\"home@example.com\",\"type\":\"home\"}]",
        ),
        (
            "modify-remove-element-sub-attribute",
            patch().reads("].type", "]"),
            "emails to hold [{\"value\":\"work@example.com\",\"type\":null},{\"value\":\"home@example.",
        ),
        (
            "modify-remove-sub-attribute",
            patch().reads("name.givenName", "name"),
            "name to be {\"familyName\":\"Quill\",\"givenName\":null}",
        ),
        (
            "modify-replace-multi-valued",
            patch().reads("replace", "add"),
            "emails to hold [{\"value\":\"home@example.com\",\"type\":\"home\"}]",
        ),
        (
            "modify-replace-complex",
            patch().takes(|asked| {
                asked.body = asked.body.replace("{\"op\"", "{\"op\":\"remove\",\"path\":\"name\"},{\"op\"");
            }),
            "name.familyName to be \"Quill\"",
        ),
        (
            "modify-replace-sub-attribute",
            patch().takes(|asked| {
                asked.body = asked.body.replace("{\"op\"", "{\"op\":\"remove\",\"path\":\"name\"},{\"op\"");
            }),
            "name.familyName to be \"Quill\"",
        ),
        (
            "modify-primary",
            on("GET /Users/*").says("/emails/*/primary", json!(true)),
            "home@example.com alone to be primary",
        ),
        (
            "modify-in-order",
            patch().takes(|asked| {
                let mut body = asked.json();
                if let Some(operations) = body["Operations"].as_array_mut() {
                    operations.rotate_left(2);
                }
                asked.body = body.to_string();
            }),
            "Expected nickName to be \"Babs\"",
        ),
        (
            "modify-atomic",
            patch().reads(",{\"op\":\"replace\",\"path\":\"id\",\"value\":\"x\"}", "").but_says(400),
            "Expected nickName to be \"Ann\"",
        ),
        ("modify-attributes", patch().ignores("attributes"), "title to be unassigned"),
        ("modify-unknown-resource", patch().status(400), "Expected status 404 to PATCH"),
        ("modify-offered", on("PATCH /Users/*").refuses(501), "to be supported; it is answered 501"),
        (
            "modify-last-modified",
            on("GET /Users/*").gives(|_, answer| {
                if let Some(body) = answer.body.as_mut().filter(|body| !body["nickName"].is_null()) {
                    body["meta"]["lastModified"] = json!("2001-01-01T00:00:00Z");
                }
            }),
            "meta.lastModified to be later than 2023-11-14T22:13:21Z",
        ),
    ]);
    faults
}
