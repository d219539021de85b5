#![allow(clippy::needless_pass_by_value, reason = "tables read best with values in place")]

use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    patch::PATCH_OP_SCHEMA,
    schema::{ResourceType, SchemaRegistry},
};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn resource_type(name: &str) -> ResourceType {
    let extension = json!({"schema": {"id": "urn:example:count", "name": "Count", "attributes": [
        {"name": "loginCount", "type": "integer"}, {"name": "score", "type": "decimal"}
    ]}, "extends": "User"});
    let mut rt = ResourceType::clone(SchemaRegistry::core().resource_type(name).unwrap());
    if name == "User" {
        // Put among the core attributes, where an example can name them shortly.
        let registry = SchemaRegistry::core().with_definition(&extension).unwrap();
        let count = registry.schema("urn:example:count").unwrap();
        std::sync::Arc::make_mut(&mut rt.schema).attributes.extend(count.attributes.iter().cloned());
    }
    rt
}

/// A body as it is; a list of operations or one operation as the body around it.
fn message(example: &str) -> Value {
    let example: Value = serde_json::from_str(example).unwrap();
    let operations = match example {
        body if body.get("Operations").is_some() => return body,
        Value::Array(operations) => operations,
        operation => vec![operation],
    };
    json!({"schemas": [PATCH_OP_SCHEMA], "Operations": operations})
}

#[test]
fn every_rewrite_does_what_its_example_says() {
    let mut names = HashSet::new();
    for rewrite in rewrites() {
        assert!(names.insert(rewrite.name), "{} is there twice", rewrite.name);
        assert!(!rewrite.sent_by.is_empty() && rewrite.because.ends_with('.'), "{}", rewrite.name);
        let rt = resource_type(if rewrite.sent.contains("members") { "Group" } else { "User" });
        let sent: Value = serde_json::from_str(rewrite.sent).unwrap();
        let (mut sent, standard) = match rewrite.step {
            Transform::Message(_) => (sent, serde_json::from_str(rewrite.standard).unwrap()),
            _ if !rewrite.sent.contains("\"op\"") && !rewrite.sent.contains("\"Op\"") => {
                let (mut body, standard) = (sent, serde_json::from_str::<Value>(rewrite.standard).unwrap());
                standardise_resource(&mut body, &rt);
                assert_eq!(body, standard, "{}", rewrite.name);
                continue;
            }
            _ => (message(rewrite.sent), message(rewrite.standard)),
        };
        standardise_patch(&mut sent, &rt);
        assert_eq!(sent, standard, "{}", rewrite.name);
        standardise_patch(&mut sent, &rt);
        assert_eq!(sent, standard, "{}: a second time changes something", rewrite.name);
    }
}

#[track_caller]
fn check(resource: &str, operation: Value, standard: Value) {
    let list = |value: Value| if value.is_array() { value } else { json!([value]) };
    let mut body = json!({"schemas": [PATCH_OP_SCHEMA], "Operations": list(operation)});
    standardise_patch(&mut body, &resource_type(resource));
    assert_eq!(body, json!({"schemas": [PATCH_OP_SCHEMA], "Operations": list(standard)}));
}

#[track_caller]
fn unchanged(resource: &str, operation: Value) {
    check(resource, operation.clone(), operation);
}

#[test]
fn standard_requests_pass_unchanged() {
    unchanged(
        "Group",
        json!({"op": "add", "path": "members", "value": [
            {"display": "Babs Jensen", "$ref": "https://example.com/v2/Users/2819c223", "value": "2819c223"}
        ]}),
    );
    unchanged("Group", json!({"op": "remove", "path": "members[value eq \"2819c223\"]"}));
    unchanged("Group", json!({"op": "remove", "path": "members"}));
    unchanged("Group", json!({"op": "replace", "path": "members", "value": []}));
    unchanged("Group", json!({"op": "replace", "path": "members", "value": null}));
    unchanged(
        "User",
        json!({"op": "add", "value": {
            "emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"
        }}),
    );
    unchanged("User", json!({"op": "remove", "path": "emails[type eq \"work\" and value ew \"example.com\"]"}));
    unchanged(
        "User",
        json!({"op": "replace", "path": "addresses[type eq \"work\"]", "value": {
            "type": "work", "streetAddress": "911 Universal City Plaza", "primary": true
        }}),
    );
    unchanged(
        "User",
        json!({"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave"}),
    );
    unchanged(
        "User",
        json!({"op": "replace", "value": {ENT: {"employeeNumber": "1", "manager": {"value": "2", "displayName": "x"}}}}),
    );
    // JSON inside a string is a string.
    unchanged(
        "User",
        json!({"op": "add", "path": "roles", "value": [{"value": "{\"id\":\"1\",\"value\":\"Admin\"}"}]}),
    );
    // What is wrong and nobody's habit is left for validation.
    unchanged("User", json!({"op": "replace", "path": "active", "value": "maybe"}));
    unchanged("User", json!({"op": "replace", "path": "active", "value": [true, false]}));
    unchanged("User", json!({"op": "replace", "path": "userName", "value": ""}));
    unchanged("User", json!({"op": "replace", "path": "shoeSize", "value": ""}));
    unchanged("User", json!({"op": "replace", "value": {"shoe.size": "", "name": "x"}}));
    unchanged("User", json!({"op": "replace", "path": "title", "value": "False"}));
    unchanged("User", json!({"op": "replace"}));
    unchanged("User", json!({"op": 1, "path": 2, "value": 3}));
    unchanged("User", json!([1, null, "x", []]));
}

#[test]
fn bodies_of_any_shape_are_left_alone() {
    let user = resource_type("User");
    for body in [json!(null), json!(1), json!("x"), json!({"Operations": 1})] {
        let mut patch = body.clone();
        standardise_patch(&mut patch, &user);
        assert_eq!(patch.get("Operations"), body.get("Operations"));
        let mut resource = body.clone();
        standardise_resource(&mut resource, &user);
        assert_eq!(resource, body);
    }
}

#[test]
fn two_spellings_of_one_key_stay_two() {
    unchanged("User", json!({"op": "add", "Op": "remove", "path": "title", "value": "x"}));
}

#[test]
fn manager_in_all_its_forms() {
    let path = format!("{ENT}:manager");
    for (sent, standard) in [
        (json!("x"), json!({"value": "x"})),
        (json!({"value": "x"}), json!({"value": "x"})),
        (
            json!([{"$ref": "http://example.com/Users/x", "value": "x"}]),
            json!({"$ref": "http://example.com/Users/x", "value": "x"}),
        ),
        (json!(["x"]), json!({"value": "x"})),
        (json!(""), json!(null)),
        (json!({"value": ""}), json!(null)),
        (json!({"Value": "", "$ref": "", "displayName": "x"}), json!(null)),
        (json!([]), json!(null)),
        (json!(null), json!(null)),
    ] {
        for path in [path.as_str(), "manager"] {
            check(
                "User",
                json!({"op": "add", "path": path, "value": sent}),
                json!({"op": "add", "path": path, "value": standard}),
            );
        }
        check(
            "User",
            json!({"op": "replace", "value": {ENT: {"manager": sent}}}),
            json!({"op": "replace", "value": {ENT: {"manager": standard}}}),
        );
        let mut body = json!({"userName": "x", ENT: {"manager": sent}});
        standardise_resource(&mut body, &resource_type("User"));
        assert_eq!(body, json!({"userName": "x", ENT: {"manager": standard}}));
    }
    check(
        "User",
        json!({"op": "replace", "value": {"manager": "x", "title": "Boss"}}),
        json!([{"op": "replace", "value": {"title": "Boss"}}, {"op": "replace", "path": "manager", "value": {"value": "x"}}]),
    );
}

#[test]
fn removing_a_list_never_becomes_removing_all() {
    let members = |value: Value| json!({"op": "remove", "path": "members", "value": value});
    check(
        "Group",
        members(json!([{"$ref": null, "value": "f648"}])),
        members(json!([{"$ref": null, "value": "f648"}])),
    );
    check("Group", members(json!("f648")), members(json!([{"value": "f648"}])));
    check("Group", members(json!({"value": "f648"})), members(json!([{"value": "f648"}])));
    for empty in [json!([""]), json!([{"value": ""}]), json!({"value": ""})] {
        check("Group", members(empty), members(json!([{"value": null}])));
    }
    unchanged("Group", members(json!([])));
    // What is no list and names nobody is no value, and RFC 7644 §3.5.2.2 speaks.
    check("Group", members(json!("")), members(json!(null)));
}

#[test]
fn members_are_added_in_any_form() {
    let member = |more: Value| json!({"op": "add", "path": "members", "value": [more]});
    let selected = "members[value eq \"x\"]";
    check("Group", json!({"op": "add", "path": selected}), member(json!({"value": "x"})));
    check(
        "Group",
        json!({"op": "add", "path": selected, "value": {"display": "X"}}),
        member(json!({"display": "X", "value": "x"})),
    );
    check("Group", json!({"op": "add", "path": selected, "value": [{"value": "x"}]}), member(json!({"value": "x"})));
    check("Group", json!({"op": "add", "path": "members", "value": "x"}), member(json!({"value": "x"})));
    unchanged("Group", json!({"op": "add", "path": "members[value eq \"x\"].type", "value": "User"}));
    unchanged("User", json!({"op": "add", "path": "emails[value eq \"x\"]", "value": {"type": "work"}}));
}

#[test]
fn values_are_rewritten_inside_values() {
    let mut body = json!({
        "userName": "", "title": "", "nickName": null, "active": "TRUE", "loginCount": "7", "score": "1.5",
        "emails": {"value": "a", "primary": "True"}, "phoneNumbers": ["1", {"Value": "", "type": "fax"}],
        "roles": [{"value": "x", "primary": "no idea"}], "name": {"givenName": "", "familyName": ["J"]}, "schemas": "urn:x"
    });
    standardise_resource(&mut body, &resource_type("User"));
    assert_eq!(
        body,
        json!({
            "userName": "", "title": null, "nickName": null, "active": true, "loginCount": 7, "score": 1.5,
            "emails": [{"value": "a", "primary": true}], "phoneNumbers": [{"value": "1"}],
            "roles": [{"value": "x", "primary": null}], "name": {"givenName": null, "familyName": "J"}, "schemas": ["urn:x"]
        })
    );
    for (text, number) in [("1.0", json!("1.0")), ("", json!(null)), ("0x1", json!("0x1")), ("-7", json!(-7))] {
        let mut body = json!({ "loginCount": text });
        standardise_resource(&mut body, &resource_type("User"));
        assert_eq!(body["loginCount"], number);
    }
}

#[track_caller]
fn check_resource(sent: Value, standard: Value) {
    let mut body = sent;
    standardise_resource(&mut body, &resource_type("User"));
    assert_eq!(body, standard);
}

#[test]
fn strays_find_their_extension() {
    check_resource(json!({"manager": "26118915"}), json!({ENT: {"manager": {"value": "26118915"}}}));
    check_resource(
        json!({"Department": "a", ENT: {"costCenter": "b"}}),
        json!({ENT: {"costCenter": "b", "Department": "a"}}),
    );
    check_resource(json!({"department": "a", ENT: {"department": "b"}}), json!({ENT: {"department": "b"}}));
    check_resource(json!({"department": null, "manager": null}), json!({}));
    check_resource(
        json!({"DEPARTMENT": "a", "title": "t", "Department": "b", "department": "c"}),
        json!({"title": "t", ENT: {"DEPARTMENT": "a"}}),
    );
    check_resource(json!({"nobodysAttribute": "a"}), json!({"nobodysAttribute": "a"}));
}

/// What contradicts the RFCs is left as it is where requests are read strictly; its own example is the
/// proof.
#[test]
fn strictness_turns_off_what_contradicts_the_rfcs() {
    for rewrite in rewrites() {
        let sent: Value = serde_json::from_str(rewrite.sent).unwrap();
        let is_resource = sent.is_object() && sent.get("op").is_none() && sent.get("Op").is_none();
        let is_message = sent.is_array() || sent.get("Operations").is_some() || sent.get("operations").is_some();
        let rt = ResourceType {
            strictness: Strictness::Strict,
            ..resource_type(if rewrite.sent.contains("members") { "Group" } else { "User" })
        };
        let mut body = match (is_message, is_resource) {
            (true, _) => sent,
            (_, true) => {
                let mut body = sent.clone();
                standardise_resource(&mut body, &rt);
                assert_eq!(body != sent, rewrite.in_strict == Strict::Taken, "{}", rewrite.name);
                continue;
            }
            _ => json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [sent]}),
        };
        let before = body.clone();
        standardise_patch(&mut body, &rt);
        assert_eq!(body != before, rewrite.in_strict == Strict::Taken, "{}", rewrite.name);
    }
}

/// A key with brackets is a path; what is wrong with it is told, unless nobody knows the attribute.
#[test]
fn a_path_as_key_is_not_dropped_for_its_filter() {
    for (key, is_path) in [
        ("emails[type eq \"work\"].value", true),
        ("emails[type eq 'work'].value", true),
        ("emails[type eq \u{201c}work\u{201d}].value", true),
        ("emails[tpye eq \"work\"].value", true),
        ("emails[type eq \"work\"].valeu", true),
        ("emails[", true),
        ("nobodys[type eq \"work\"].value", false),
        ("nobodys[type eq 'work'].value", false),
        ("name.clan", false),
    ] {
        let mut body = json!({"Operations": [{"op": "replace", "value": {key: "x"}}]});
        standardise_patch(&mut body, &resource_type("User"));
        assert_eq!(body["Operations"][0]["path"] == key, is_path, "{key}");
    }
}
