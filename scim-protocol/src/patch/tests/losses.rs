//! What must not be lost: values that an operation does not name, and the operations beside one that has
//! nothing to do.

use serde_json::{Value, json};

use super::{ENT, check, patch, refuse, user};
use crate::{ErrorKind, schema::Strictness};

#[track_caller]
fn refuse_lenient(before: &Value, operation: Value, kind: ErrorKind, part: &str) {
    let error = patch(before, json!([operation]), Strictness::Lenient).unwrap_err();
    assert!(error.kind() == kind && error.detail().contains(part), "{operation}: {error}");
}

/// A person who left has no mobile number any more, or never had one.
#[test]
fn removing_what_is_not_there_stops_nothing() {
    let before = user(json!({"active": true, "emails": [{"value": "a", "type": "home"}]}));
    let after = user(json!({"active": false, "emails": [{"value": "a", "type": "home"}]}));
    for path in [
        "phoneNumbers[type eq \"mobile\"].value",
        "phoneNumbers[type eq \"mobile\"]",
        "phoneNumbers",
        "phoneNumbers.value",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\" and value sw \"b\"]",
        "emails[not (type pr)]",
        "emails[type eq \"home\"].display",
        "emails.display",
        "addresses[type eq \"work\"].streetAddress",
        "roles[primary eq true]",
        "x509Certificates[value eq \"MIID\"]",
        "name[familyName eq \"Jensen\"].givenName",
        "name.middleName",
        "title",
        "manager",
        ENT,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq \"1\"]",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ] {
        let remove = json!({"op": "remove", "path": path});
        let deactivate = json!({"op": "replace", "path": "active", "value": false});
        check(before.clone(), json!([remove, deactivate]), after.clone());
    }
    let listed = json!({"op": "remove", "path": "emails", "value": [{"value": "nobody"}]});
    check(before.clone(), json!([listed]), before.clone());
    // Read strictly, table 9 of RFC 7644 speaks; where the RFC itself says that it is no error, it is none.
    for path in ["phoneNumbers[type eq \"mobile\"].value", "emails[type eq \"work\"]"] {
        refuse(before.clone(), json!([{"op": "remove", "path": path}]), ErrorKind::NoTarget, "selects none");
    }
}

#[test]
fn a_replace_of_what_is_not_there_is_no_target() {
    let before = user(json!({"emails": [{"value": "a", "type": "home"}]}));
    let whole = json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "b"}});
    refuse_lenient(&before, whole, ErrorKind::NoTarget, "selects none");
    let part = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b"}]);
    refuse(before.clone(), part.clone(), ErrorKind::NoTarget, "selects none");
    let made = json!({"emails": [{"value": "a", "type": "home"}, {"value": "b", "type": "work"}]});
    check(before, part, user(made));
}

#[test]
fn a_value_that_is_not_understood_changes_nothing() {
    let before = user(json!({
        "name": {"givenName": "B"}, "emails": [{"value": "a", "type": "work"}], ENT: {"department": "d"}
    }));
    let wrapped = json!({"emails": [{"value": "b"}]});
    for (path, value) in [
        (Some("emails"), wrapped.clone()),
        (Some("emails"), json!({"emails": [{"value": null}]})),
        (Some("emails"), json!([wrapped])),
        (Some("emails"), json!([{"value": null}])),
        (Some("emails"), json!([null])),
        (Some("emails"), json!([{}])),
        (Some("emails"), json!([{"value": "b"}, {"nothing": "known"}])),
        (Some("emails[type eq \"work\"]"), json!({"emails": {"value": "b"}})),
        (Some("emails[type eq \"work\"].value"), json!({"value": "b"})),
        (Some("name"), json!({"name": {"givenName": "C"}})),
        (Some("name.givenName"), json!({"givenName": "C"})),
        (Some("name"), json!({"nothing": "known"})),
        (Some("emails[type eq \"work\"]"), json!({"nothing": "known"})),
        (Some(ENT), json!({"nothing": "known"})),
        (Some(ENT), json!({ENT: {"department": "e"}})),
        (Some("manager"), json!({"manager": {"value": "1"}})),
        (Some("title"), json!({"title": "x"})),
        (None, json!({"emails": wrapped})),
        (None, json!({"emails": [{"nothing": "known"}]})),
        (None, json!({"name": {"name": {"givenName": "C"}}})),
        (None, json!({ENT: {ENT: {"department": "e"}}})),
    ] {
        for op in ["add", "replace"] {
            refuse_lenient(&before, json!({"op": op, "path": path, "value": value}), ErrorKind::InvalidValue, "");
        }
    }
    // What says that there is nothing is understood.
    for value in [json!([]), json!(null)] {
        let after = user(json!({"name": {"givenName": "B"}, ENT: {"department": "d"}}));
        check(before.clone(), json!([{"op": "replace", "path": "emails", "value": value}]), after);
        check(before.clone(), json!([{"op": "add", "path": "emails", "value": value}]), before.clone());
    }
}

#[test]
fn an_operation_on_each_element_loses_none() {
    let roles = |roles: Value| user(json!({"roles": roles}));
    let set = |op: &str, path: &str, value: &str| json!({"op": op, "path": path, "value": value});
    let one = roles(json!([{"value": "a"}]));
    let two = roles(json!([{"value": "a"}, {"value": "b"}]));
    for refused in [
        (&one, set("add", "roles.value", "Owner")),
        (&two, set("add", "roles.value", "a")),
        (&two, set("replace", "roles.value", "Owner")),
        (&two, json!({"op": "add", "value": {"roles.value": "Owner"}})),
        (&roles(json!([{"value": "a", "type": "x"}])), set("add", "roles.type", "y")),
        (&roles(json!([{"value": "a", "type": "x"}, {"value": "a", "type": "y"}])), set("replace", "roles.type", "z")),
        (
            &roles(json!([{"value": "a", "type": "x"}, {"value": "b", "type": "x"}])),
            set("add", "roles[type eq \"x\"].value", "c"),
        ),
    ] {
        refuse_lenient(refused.0, refused.1, ErrorKind::InvalidValue, "would be lost");
    }
    check(roles(json!(null)), json!([set("add", "roles.value", "Owner")]), roles(json!([{"value": "Owner"}])));
    check(one.clone(), json!([set("add", "roles.value", "A")]), roles(json!([{"value": "A"}])));
    check(one.clone(), json!([set("replace", "roles.value", "Owner")]), roles(json!([{"value": "Owner"}])));
    check(one, json!([set("add", "roles.type", "x")]), roles(json!([{"value": "a", "type": "x"}])));
    let both = roles(json!([{"value": "a", "type": "x"}, {"value": "b", "type": "x"}]));
    check(two.clone(), json!([set("add", "roles.type", "x")]), both.clone());
    check(two.clone(), json!([set("replace", "roles.type", "x")]), both.clone());
    check(
        two.clone(),
        json!([{"op": "add", "path": "roles", "value": {"value": "Owner"}}]),
        roles(json!([
            {"value": "a"}, {"value": "b"}, {"value": "Owner"}
        ])),
    );
    // RFC 7644 §3.5.2.3: all that the filter selects are replaced. Equal elements are one (RFC 7643 §2.4).
    check(
        both,
        json!([set("replace", "roles[type eq \"x\"].value", "c")]),
        roles(json!([{"value": "c", "type": "x"}])),
    );
}

#[test]
fn whoever_is_inactive_does_not_come_back_by_silence() {
    let inactive = user(json!({"active": false}));
    for operation in [
        json!({"op": "replace", "path": "active", "value": null}),
        json!({"op": "replace", "value": {"active": null}}),
        json!({"op": "add", "path": "active", "value": null}),
    ] {
        check(inactive.clone(), json!([operation]), inactive.clone());
        check(user(json!({"active": true})), json!([operation]), user(json!({})));
    }
    // What is asked for by its name is done (RFC 7644 §3.5.2.2).
    check(inactive.clone(), json!([{"op": "remove", "path": "active"}]), user(json!({})));
    check(inactive, json!([{"op": "replace", "path": "active", "value": true}]), user(json!({"active": true})));
}
