//! What identity providers are known to send, and what must come of it.
//!
//! Each body here was captured from a provider, or stands in its documentation, its reference code
//! or its test suite. It goes the whole way: dialect, parsing, validation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]
#![allow(clippy::needless_pass_by_value, reason = "tables read best with values in place")]

mod entra;

use scim_protocol::{
    Resource,
    dialect::{standardise_patch, standardise_resource},
    patch,
    schema::{ResourceType, SchemaRegistry},
};
use serde_json::{Value, json};

const U: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const G: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCHOP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn resource_type(name: &str) -> ResourceType {
    ResourceType::clone(SchemaRegistry::core().resource_type(name).unwrap())
}

fn type_of(body: &Value) -> ResourceType {
    resource_type(if body.get("userName").is_some() { "User" } else { "Group" })
}

fn create(mut body: Value) -> Resource {
    let rt = type_of(&body);
    standardise_resource(&mut body, &rt);
    Resource::create(body.clone(), &rt).unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// A POST and what is stored of it.
#[track_caller]
fn check_post(body: Value, expect: Value) {
    assert_eq!(Value::Object(create(body).into_document()), expect);
}

/// A whole PATCH body, applied to `before`; `after` is without `schemas`.
#[track_caller]
fn check_message(before: Value, mut message: Value, after: Value) {
    let rt = type_of(&before);
    let text = message.to_string();
    standardise_patch(&mut message, &rt);
    let result = patch::parse(message).and_then(|operations| patch::apply(&create(before), &operations, &rt));
    let mut document = result.unwrap_or_else(|error| panic!("{text}: {error}")).into_document();
    document.remove("schemas");
    assert_eq!(Value::Object(document), after, "{text}");
}

/// The operations of a PATCH, or one of them.
#[track_caller]
fn check(before: Value, operations: Value, after: Value) {
    let operations = if operations.is_array() { operations } else { json!([operations]) };
    check_message(before, json!({"schemas": [PATCHOP], "Operations": operations}), after);
}

fn user(more: Value) -> Value {
    let mut user = json!({"userName": "bjensen"});
    user.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    user
}

fn group(ids: &[&str]) -> Value {
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    let mut group = json!({"displayName": "Test SCIMv2"});
    if !members.is_empty() {
        group["members"] = members.into();
    }
    group
}

#[test]
fn okta_users() {
    check_post(
        json!({"schemas": [U], "userName": "test.user@okta.local", "name": {"givenName": "Test", "familyName": "User"},
            "emails": [{"primary": true, "value": "test.user@okta.local", "type": "work"}], "displayName": "Test User",
            "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": true}),
        json!({"schemas": [U], "externalId": "00ujl29u0le5T6Aj10h7", "userName": "test.user@okta.local",
            "name": {"familyName": "User", "givenName": "Test"}, "displayName": "Test User", "locale": "en-US", "active": true,
            "password": "1mz050nq", "emails": [{"value": "test.user@okta.local", "type": "work", "primary": true}]}),
    );
    check(
        user(json!({"active": true})),
        json!({"op": "replace", "value": {"active": false}}),
        user(json!({"active": false})),
    );
    check(
        user(json!({"active": true})),
        json!({"op": "replace", "path": "active", "value": [false]}),
        user(json!({"active": false})),
    );
    check_post(user(json!({"nickName": "", "schemas": [U]})), user(json!({"schemas": [U]})));
}

#[test]
fn okta_puts_back_what_it_read() {
    let rt = resource_type("User");
    let stored = create(json!({"userName": "test.user@okta.local", "active": true, "password": "hash", "title": "x"}));
    let mut body = json!({"schemas": [U], "id": "23a35c27-23d3-4c03-b4c5-6443c09e7173", "userName": "test.user@okta.local",
        "name": {"givenName": "Another", "middleName": "Excited", "familyName": "User"},
        "emails": [{"primary": true, "value": "test.user@okta.local", "type": "work", "display": "test.user@okta.local"}],
        "active": true, "groups": [], "meta": {"resourceType": "User"}});
    standardise_resource(&mut body, &rt);
    let new = stored.replace(body, &rt).unwrap();
    assert_eq!(
        Value::Object(new.into_document()),
        json!({"schemas": [U], "userName": "test.user@okta.local", "active": true, "password": "hash",
            "name": {"familyName": "User", "givenName": "Another", "middleName": "Excited"},
            "emails": [{"value": "test.user@okta.local", "display": "test.user@okta.local", "type": "work", "primary": true}]}),
    );
}

#[test]
fn okta_groups() {
    check_post(
        json!({"schemas": [G], "displayName": "Test SCIMv2", "members": []}),
        json!({"schemas": [G], "displayName": "Test SCIMv2"}),
    );
    check(
        json!({"displayName": "Old", "members": [{"value": "1"}]}),
        json!({"op": "replace", "value": {"id": "abf4dd94-a4c0-4f67-89c9-76b03340cb9b", "displayName": "Test SCIMv2"}}),
        group(&["1"]),
    );
    check(
        group(&["89bb1940", "1"]),
        json!([
            {"op": "remove", "path": "members[value eq \"89bb1940\"]"},
            {"op": "add", "path": "members", "value": [{"value": "23a35c27", "display": "test.user@okta.local"}]}
        ]),
        group(&["1", "23a35c27"]),
    );
    check(
        group(&["1"]),
        json!({"op": "replace", "path": "members", "value": [{"value": "2", "display": "x"}, {"value": "3", "display": "y"}]}),
        group(&["2", "3"]),
    );
    check(group(&["1"]), json!({"op": "replace", "path": "members", "value": []}), group(&[]));
    // Through a gateway, without schemas.
    check_message(
        group(&["1"]),
        json!({"Operations": [{"op": "replace", "value": {"members": [], "id": "1", "displayName": "Test SCIMv2"}}]}),
        group(&[]),
    );
    // The PUT of wizard apps.
    check_post(
        json!({"schemas": [G], "id": "1", "displayName": "Test SCIMv2", "members": [{"value": "1", "display": null}]}),
        json!({"schemas": [G], "displayName": "Test SCIMv2", "members": [{"value": "1"}]}),
    );
}

#[test]
fn onelogin_and_jumpcloud() {
    check_post(
        user(
            json!({"schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"], "title": null}),
        ),
        user(json!({"schemas": [U]})),
    );
    check_message(
        group(&[]),
        json!({"schemas": [PATCHOP], "Operations": [{"op": "add", "path": "members", "value": [{"value": "1"}]}]}),
        group(&["1"]),
    );
    check_message(
        group(&["2"]),
        json!({"Operations": [{"op": "add", "path": "members[value eq \"1\"]", "value": [{"value": "1"}]}]}),
        group(&["2", "1"]),
    );
    check(group(&["1"]), json!({"op": "add", "path": "members", "value": [{"value": "1"}]}), group(&["1"]));
    check(group(&["1", "2"]), json!({"op": "remove", "path": "members", "value": [{"value": "1"}]}), group(&["2"]));
}

#[test]
fn clients_whose_source_can_be_read() {
    // idp-scim-sync
    check_post(
        user(json!({"profileURL": "http://x", "name": {"familyName": "J"}})),
        user(json!({"schemas": [U], "profileUrl": "http://x", "name": {"familyName": "J"}})),
    );
    check_post(
        json!({"id": "", "meta": {}, "displayName": "x", "externalId": "y"}),
        json!({"schemas": [G], "externalId": "y", "displayName": "x"}),
    );
    check(
        group(&["1"]),
        json!({"op": "replace", "value": {"id": "1", "externalId": "e"}}),
        json!({"displayName": "Test SCIMv2", "externalId": "e", "members": [{"value": "1"}]}),
    );
    check(group(&["1", "2"]), json!({"op": "remove", "path": "members", "value": [{"value": "2"}]}), group(&["1"]));
    // rauthy
    check(
        json!({"displayName": "old", "externalId": "e"}),
        json!({"op": "replace", "value": {"displayName": "x", "externalId": null}}),
        json!({"displayName": "x"}),
    );
    // Databricks SDK
    check(user(json!({"active": true})), json!({"op": "replace", "path": "active"}), user(json!({"active": false})));
    // di-wu test suite
    check_post(json!({"displayName": "x", "members": null}), json!({"schemas": [G], "displayName": "x"}));
    // Janssen client
    check_post(
        user(
            json!({"title": null, "emails": null, "name": {"givenName": null}, "meta": null, ENT: null, "password": null}),
        ),
        user(json!({"schemas": [U]})),
    );
    // Bulk clients: the operations without the message.
    check_message(
        user(json!({})),
        json!([{"op": "add", "path": "title", "value": "Boss"}]),
        user(json!({"title": "Boss"})),
    );
}
