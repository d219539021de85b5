//! The operations, one table a rule. Wire data of providers is in `tests/providers.rs`.

#![allow(clippy::needless_pass_by_value, reason = "tables read best with values in place")]

use serde_json::{Value, json};

use super::*;
use crate::{
    Resource,
    schema::{ResourceType, SchemaRegistry, Strictness},
};

mod elements;
mod losses;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn resource_type(document: &Value) -> ResourceType {
    let name = if document.get("userName").is_some() { "User" } else { "Group" };
    ResourceType::clone(SchemaRegistry::core().resource_type(name).unwrap())
}

fn patch(before: &Value, operations: Value, strictness: Strictness) -> Result<Value, Error> {
    let strict = ResourceType { strictness: Strictness::Strict, ..resource_type(before) };
    let rt = ResourceType { strictness, ..strict.clone() };
    let before = Resource::create(before.clone(), &strict).unwrap();
    let operations = parse(json!({"schemas": [PATCH_OP_SCHEMA], "Operations": operations}))?;
    let after = apply(&before, &operations, &rt)?;
    // What a PATCH makes is what a POST of the same document makes: it has no form of its own.
    let again = Resource::create(Value::Object(after.document().clone()), &strict).unwrap();
    assert_eq!(Value::Object(after.document().clone()).to_string(), Value::Object(again.into_document()).to_string());
    let mut after = after.into_document();
    after.remove("schemas");
    Ok(Value::Object(after))
}

/// `after` is without `schemas`.
#[track_caller]
fn check(before: Value, operations: Value, after: Value) {
    let text = operations.to_string();
    match patch(&before, operations, Strictness::Lenient) {
        Ok(document) => assert_eq!(document, after, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
fn refuse(before: Value, operations: Value, kind: ErrorKind, part: &str) {
    let text = operations.to_string();
    match patch(&before, operations, Strictness::Strict) {
        Ok(document) => panic!("{text}: {document}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(error.detail().contains(part), "{text}: {error}");
        }
    }
}

fn user(more: Value) -> Value {
    let mut user = json!({"userName": "bjensen"});
    let Value::Object(more) = more else { panic!("attributes stand in an object") };
    user.as_object_mut().unwrap().extend(more);
    user
}

fn group(members: Value) -> Value {
    json!({"displayName": "Tour Guides", "members": members})
}

#[test]
fn message_has_the_shape_of_the_rfc() {
    #[track_caller]
    fn refuse(body: Value, kind: ErrorKind, part: &str) {
        let error = parse(body).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.detail().contains(part), "{error}");
    }
    let with = |operations: Value| json!({"schemas": [PATCH_OP_SCHEMA], "Operations": operations});
    refuse(json!([]), ErrorKind::InvalidSyntax, "not a JSON object");
    refuse(json!({"Operations": []}), ErrorKind::InvalidSyntax, "schemas");
    refuse(json!({"schemas": ["urn:x"], "Operations": []}), ErrorKind::InvalidSyntax, "schemas");
    refuse(json!({"schemas": [PATCH_OP_SCHEMA]}), ErrorKind::InvalidSyntax, "Operations");
    refuse(with(json!([])), ErrorKind::InvalidSyntax, "empty");
    refuse(with(json!([1])), ErrorKind::InvalidSyntax, "Operations[0]");
    refuse(with(json!([{"op": "move", "path": "title"}])), ErrorKind::InvalidSyntax, "add, remove or replace");
    refuse(with(json!([{"op": "remove"}])), ErrorKind::NoTarget, "path");
    refuse(with(json!([{"op": "remove", "path": 1}])), ErrorKind::InvalidPath, "string");
    refuse(with(json!([{"op": "remove", "path": "title."}])), ErrorKind::InvalidPath, "Operations[0]");
    refuse(with(json!([{"op": "add", "path": "title"}])), ErrorKind::InvalidValue, "value");
    let many = vec![json!({"op": "remove", "path": "title"}); MAX_OPERATIONS + 1];
    refuse(with(many.into()), ErrorKind::PayloadTooLarge, "1001");
}

#[test]
fn add_sets_what_is_single_and_appends_to_what_is_a_list() {
    let work = json!({"value": "b@work.org", "type": "work"});
    let home = json!({"value": "babs@jensen.org", "type": "home"});
    check(user(json!({})), json!([{"op": "add", "path": "title", "value": "Boss"}]), user(json!({"title": "Boss"})));
    check(
        user(json!({"title": "Guide"})),
        json!([{"op": "add", "path": "title", "value": "Boss"}]),
        user(json!({"title": "Boss"})),
    );
    // RFC 7644 §3.5.2.1, second example; its "nickname" is in another case than the schema's.
    check(
        user(json!({"emails": [work]})),
        json!([{"op": "add", "value": {"emails": [home], "nickname": "Babs"}}]),
        user(json!({"emails": [work, home], "nickName": "Babs"})),
    );
    check(
        user(json!({"emails": [work]})),
        json!([{"op": "add", "path": "emails", "value": home}]),
        user(json!({"emails": [work, home]})),
    );
    check(
        user(json!({"emails": [work]})),
        json!([{"op": "add", "path": "emails", "value": []}]),
        user(json!({"emails": [work]})),
    );
    check(
        user(json!({"emails": [work]})),
        json!([{"op": "add", "path": "emails", "value": null}]),
        user(json!({"emails": [work]})),
    );
    check(user(json!({"title": "Boss"})), json!([{"op": "add", "path": "title", "value": null}]), user(json!({})));
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let emails = json!([{"value": "b@work.org", "type": "work"}]);
    check(
        user(json!({"emails": emails})),
        json!([{"op": "add", "path": "emails", "value": emails}]),
        user(json!({"emails": emails})),
    );
    // The same value and type with more said about it.
    check(
        user(json!({"emails": emails})),
        json!([{"op": "add", "path": "emails", "value": [{"value": "B@work.org", "type": "Work", "primary": true}]}]),
        user(json!({"emails": [{"value": "B@work.org", "type": "Work", "primary": true}]})),
    );
    // A type of its own makes it another element.
    check(
        user(json!({"emails": emails})),
        json!([{"op": "add", "path": "emails", "value": [{"value": "b@work.org"}]}]),
        user(json!({"emails": [{"value": "b@work.org", "type": "work"}, {"value": "b@work.org"}]})),
    );
    // Members are ids: the type makes no other.
    let members = json!([{"value": "1", "type": "User"}, {"value": "2"}]);
    check(
        group(members.clone()),
        json!([{"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "3"}, {"value": "2"}, {"value": "3"}]}]),
        group(json!([{"value": "1", "type": "User"}, {"value": "2"}, {"value": "3"}])),
    );
}

#[test]
fn complex_values_merge() {
    let name = json!({"familyName": "Jensen", "givenName": "Barbara"});
    for op in ["add", "replace"] {
        check(
            user(json!({"name": name})),
            json!([{"op": op, "path": "name", "value": {"GIVENNAME": "Babs", "middleName": "J"}}]),
            user(json!({"name": {"familyName": "Jensen", "givenName": "Babs", "middleName": "J"}})),
        );
        check(
            user(json!({"name": name})),
            json!([{"op": op, "value": {"name": {"givenName": null}}}]),
            user(json!({"name": {"familyName": "Jensen"}})),
        );
        check(
            user(json!({"name": name})),
            json!([{"op": op, "path": "name", "value": {}}]),
            user(json!({"name": name})),
        );
        check(user(json!({"name": name})), json!([{"op": op, "path": "name", "value": null}]), user(json!({})));
        check(
            user(json!({"name": name})),
            json!([{"op": op, "path": "name.givenName", "value": "Babs"}]),
            user(json!({"name": {"familyName": "Jensen", "givenName": "Babs"}})),
        );
        check(
            user(json!({})),
            json!([{"op": op, "path": "name.givenName", "value": "Babs"}]),
            user(json!({"name": {"givenName": "Babs"}})),
        );
    }
    refuse(
        user(json!({"name": name})),
        json!([{"op": "replace", "path": "name", "value": "Babs"}]),
        ErrorKind::InvalidValue,
        "name must be a complex attribute",
    );
    refuse(
        user(json!({})),
        json!([{"op": "replace", "path": "name", "value": {"givenName": "a", "GivenName": "b"}}]),
        ErrorKind::InvalidSyntax,
        "name.givenName is given more than once",
    );
    refuse(
        user(json!({})),
        json!([{"op": "replace", "path": "name", "value": {"nick": "a"}}]),
        ErrorKind::InvalidSyntax,
        "name.nick",
    );
}

#[test]
fn replace_sets_a_whole_list() {
    let work = json!({"value": "b@work.org", "type": "work", "primary": true});
    let home = json!({"value": "babs@jensen.org", "type": "home"});
    // RFC 7644 §3.5.2.3, last example.
    check(
        user(json!({"emails": [{"value": "old@work.org"}], "title": "Boss"})),
        json!([{"op": "replace", "value": {"emails": [work, home], "nickname": "Babs"}}]),
        user(json!({"emails": [work, home], "nickName": "Babs", "title": "Boss"})),
    );
    for nothing in [json!([]), json!(null)] {
        check(
            user(json!({"emails": [work]})),
            json!([{"op": "replace", "path": "emails", "value": nothing}]),
            user(json!({})),
        );
    }
    check(
        group(json!([{"value": "1"}, {"value": "2"}])),
        json!([{"op": "replace", "path": "members", "value": [{"value": "3"}]}]),
        group(json!([{"value": "3"}])),
    );
}

#[test]
fn remove_takes_away_what_is_there() {
    check(user(json!({"title": "Boss"})), json!([{"op": "remove", "path": "title"}]), user(json!({})));
    check(user(json!({})), json!([{"op": "remove", "path": "title"}]), user(json!({})));
    check(
        user(json!({"name": {"givenName": "B"}})),
        json!([{"op": "remove", "path": "name.givenName"}]),
        user(json!({})),
    );
    check(
        user(json!({"emails": [{"value": "a", "type": "work"}, {"type": "home"}]})),
        json!([{"op": "remove", "path": "emails.type"}]),
        user(json!({"emails": [{"value": "a"}]})),
    );
    let members = json!([{"value": "1"}, {"value": "2"}, {"value": "3"}]);
    // RFC 7644 §3.5.2.2, the examples with members.
    check(group(members.clone()), json!([{"op": "remove", "path": "members"}]), json!({"displayName": "Tour Guides"}));
    check(
        group(members.clone()),
        json!([{"op": "remove", "path": "members[value eq\"1\"]"}, {"op": "add", "path": "members", "value": [{"value": "4"}]}]),
        group(json!([{"value": "2"}, {"value": "3"}, {"value": "4"}])),
    );
    check(group(members.clone()), json!([{"op": "remove", "path": "members[value eq \"9\"]"}]), group(members.clone()));
    check(
        group(members.clone()),
        json!([{"op": "remove", "path": "members", "value": [{"value": "1", "display": "x"}, {"value": "9"}, {"value": "3"}]}]),
        group(json!([{"value": "2"}])),
    );
    check(group(members.clone()), json!([{"op": "remove", "path": "members", "value": []}]), group(members.clone()));
    check(
        user(
            json!({"emails": [{"value": "a", "type": "work"}, {"value": "a", "type": "home"}, {"value": "b", "type": "home"}]}),
        ),
        json!([{"op": "remove", "path": "emails", "value": [{"value": "A", "type": "home"}, {"value": "b"}]}]),
        user(json!({"emails": [{"value": "a", "type": "work"}]})),
    );
}

#[test]
fn mutability_is_kept() {
    let user_with_manager = user(json!({ENT: {"manager": {"value": "1"}}}));
    let refused = |operation: Value, part: &str| {
        refuse(user_with_manager.clone(), json!([operation]), ErrorKind::Mutability, part);
    };
    refused(json!({"op": "remove", "path": "userName"}), "userName is required");
    refused(json!({"op": "replace", "path": "userName", "value": null}), "userName is required");
    refused(json!({"op": "replace", "value": {"userName": null}}), "userName is required");
    refused(json!({"op": "replace", "path": "id", "value": "1"}), "id is readOnly");
    refused(json!({"op": "remove", "path": "meta"}), "meta is readOnly");
    refused(json!({"op": "add", "path": "meta.version", "value": "1"}), "meta.version is readOnly");
    refused(json!({"op": "add", "path": "groups", "value": [{"value": "1"}]}), "groups is readOnly");
    refused(
        json!({"op": "add", "path": format!("{ENT}:manager.displayName"), "value": "x"}),
        "manager.displayName is readOnly",
    );
    refused(json!({"op": "remove", "path": "schemas"}), "schemas must keep");
    let before = group(json!([{"value": "1"}]));
    let immutable = |operation: Value| refuse(before.clone(), json!([operation]), ErrorKind::Mutability, "immutable");
    immutable(json!({"op": "replace", "path": "members[value eq \"1\"].value", "value": "2"}));
    immutable(json!({"op": "remove", "path": "members[value eq \"1\"].value"}));
    check(
        before.clone(),
        json!([{"op": "add", "path": "members[value eq \"1\"].type", "value": "User"}]),
        group(json!([{"value": "1", "type": "User"}])),
    );
    // Whole elements may be exchanged.
    check(
        before,
        json!([{"op": "replace", "path": "members[value eq \"1\"]", "value": {"value": "2"}}]),
        group(json!([{"value": "2"}])),
    );
    // Inside a value object, what is readOnly is ignored: Okta sends the id.
    check(
        user(json!({})),
        json!([{"op": "replace", "value": {"id": "1", "meta": {}, "groups": [], "schemas": ["x"], "displayName": "B"}}]),
        user(json!({"displayName": "B"})),
    );
}

#[test]
fn extensions_are_objects_under_their_urn() {
    let number = user(json!({ENT: {"employeeNumber": "701984"}}));
    check(
        user(json!({})),
        json!([{"op": "add", "path": format!("{}:employeenumber", ENT.to_lowercase()), "value": "701984"}]),
        number.clone(),
    );
    check(user(json!({})), json!([{"op": "add", "value": {ENT: {"employeeNumber": "701984"}}}]), number.clone());
    check(user(json!({})), json!([{"op": "add", "path": ENT, "value": {"employeeNumber": "701984"}}]), number.clone());
    check(
        number.clone(),
        json!([{"op": "replace", "path": ENT, "value": {"department": "Tours"}}]),
        user(json!({ENT: {"employeeNumber": "701984", "department": "Tours"}})),
    );
    check(number.clone(), json!([{"op": "remove", "path": ENT}]), user(json!({})));
    check(number.clone(), json!([{"op": "replace", "path": ENT, "value": null}]), user(json!({})));
    check(number.clone(), json!([{"op": "remove", "path": format!("{ENT}:employeeNumber")}]), user(json!({})));
    check(number.clone(), json!([{"op": "remove", "path": "schemas", "value": [ENT]}]), user(json!({})));
    check(number.clone(), json!([{"op": "remove", "path": format!("schemas[value eq \"{ENT}\"]")}]), user(json!({})));
    check(number.clone(), json!([{"op": "add", "path": "schemas", "value": [ENT]}]), number.clone());
    refuse(number.clone(), json!([{"op": "add", "path": "schemas", "value": [1]}]), ErrorKind::InvalidValue, "schemas");
    refuse(number, json!([{"op": "add", "path": ENT, "value": "x"}]), ErrorKind::InvalidValue, "must be an object");
}

#[test]
fn another_manager_does_not_keep_the_reference_of_the_old_one() {
    let before = user(json!({ENT: {"manager": {"value": "1", "$ref": "../Users/1"}}}));
    let manager = |manager: Value| user(json!({ENT: {"manager": manager}}));
    for (path, value) in [("manager", json!({"value": "2"})), ("manager.value", json!("2"))] {
        let path = format!("{ENT}:{path}");
        check(before.clone(), json!([{"op": "replace", "path": path, "value": value}]), manager(json!({"value": "2"})));
    }
    check(
        before.clone(),
        json!([{"op": "replace", "path": format!("{ENT}:manager"), "value": {"$ref": "x", "value": "2"}}]),
        manager(json!({"value": "2", "$ref": "x"})),
    );
    check(
        before.clone(),
        json!([{"op": "replace", "path": format!("{ENT}:manager"), "value": {"value": "1"}}]),
        before,
    );
}

#[test]
fn operations_follow_each_other_and_fail_together() {
    check(
        user(json!({"externalId": "1"})),
        json!([
            {"op": "remove", "path": "externalId"},
            {"op": "add", "path": "externalId", "value": "2"},
            {"op": "replace", "path": "externalId", "value": "3"}
        ]),
        user(json!({"externalId": "3"})),
    );
    check(
        group(json!([{"value": "y"}])),
        json!([{"op": "add", "path": "members", "value": [{"value": "x"}]}, {"op": "remove", "path": "members[value eq \"x\"]"}]),
        group(json!([{"value": "y"}])),
    );
    refuse(
        user(json!({})),
        json!([{"op": "add", "path": "title", "value": "x"}, {"op": "add", "path": "active", "value": "maybe"}]),
        ErrorKind::InvalidValue,
        "Operations[1]: active must be a boolean",
    );
    refuse(
        user(json!({})),
        json!([{"op": "replace", "path": "userName", "value": ""}]),
        ErrorKind::InvalidValue,
        "userName is required",
    );
}

#[test]
fn what_no_schema_knows_is_ignored_or_refused() {
    let before = user(json!({}));
    let operation =
        json!([{"op": "add", "value": {"shoeSize": 1, "urn:x": {}, "title": "Boss", ENT: {"shoeSize": 1}}}]);
    check(before.clone(), operation.clone(), user(json!({"title": "Boss"})));
    refuse(before.clone(), operation, ErrorKind::InvalidSyntax, "shoeSize");
    refuse(
        before.clone(),
        json!([{"op": "add", "value": {ENT: {"shoeSize": 1}}}]),
        ErrorKind::InvalidSyntax,
        "User:shoeSize",
    );
    refuse(before.clone(), json!([{"op": "add", "path": "shoeSize", "value": 1}]), ErrorKind::InvalidPath, "shoeSize");
    refuse(before.clone(), json!([{"op": "add", "value": "x"}]), ErrorKind::InvalidValue, "object");
    refuse(
        before,
        json!([{"op": "add", "value": {"title": "a", "TITLE": "b"}}]),
        ErrorKind::InvalidSyntax,
        "more than once",
    );
}

#[test]
fn too_much_work_is_refused() {
    let emails: Vec<Value> = (0..2000).map(|n| json!({"value": format!("{n}@x.org")})).collect();
    let operations = vec![json!({"op": "add", "path": "emails", "value": [{"value": "0@x.org"}]}); 126];
    let before = user(json!({"emails": emails}));
    refuse(before.clone(), operations.into(), ErrorKind::TooMany, "too much work");
    // The terms of a filter are tried on each element.
    let terms = vec!["value eq \"x\""; 130].join(" or ");
    let by_filter = |op: &str| json!([{"op": op, "path": format!("emails[{terms}]"), "value": {"display": "x"}}]);
    refuse(before.clone(), by_filter("replace"), ErrorKind::TooMany, "too much work");
    refuse(before.clone(), by_filter("remove"), ErrorKind::TooMany, "too much work");
    // A value that goes into each element is copied as often.
    let long = "x".repeat(100_000);
    let copied = |path: &str| json!([{"op": "replace", "path": path, "value": long}]);
    refuse(before.clone(), copied("emails[value pr].display"), ErrorKind::TooMany, "too much work");
    refuse(before, copied("emails.display"), ErrorKind::TooMany, "too much work");
    // A filter looks at all of a long text, in a list or alone.
    let before = user(json!({"emails": [{"value": long}], "name": {"familyName": long}}));
    let looking = |path: &str| json!(vec![json!({"op": "remove", "path": path}); 700]);
    refuse(before.clone(), looking("emails[value co \"a\"].display"), ErrorKind::NoTarget, "Operations[0]");
    refuse(
        before,
        looking("name[familyName co \"x\" or familyName co \"y\"].honorificSuffix"),
        ErrorKind::TooMany,
        "too much",
    );
}

#[test]
fn work_grows_as_the_list_does_and_not_with_its_square() {
    // One operation that adds so many: as many elements looked at as there are, however many they are.
    for many in [10_000, 20_000, 40_000] {
        let emails: Vec<Value> = (0..many).map(|n| json!({"value": format!("{n}@x.org")})).collect();
        let before = user(json!({}));
        check(before, json!([{"op": "add", "path": "emails", "value": emails}]), user(json!({"emails": emails})));
    }
}
