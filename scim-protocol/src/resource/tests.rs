#![allow(clippy::needless_pass_by_value, reason = "tables read best with values in place")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    ErrorKind,
    schema::{ResourceType, SchemaRegistry, Strictness},
};

const U: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const BADGE: &str = "urn:example:2.0:Badge";

/// User with an extension in which every kind of mutability occurs.
fn user() -> ResourceType {
    let badge = json!({"schema": {"id": BADGE, "name": "Badge", "attributes": [
        {"name": "number", "type": "integer", "required": true},
        {"name": "serial", "mutability": "immutable", "caseExact": true},
        {"name": "pin", "mutability": "writeOnly", "returned": "never"},
        {"name": "printed", "type": "dateTime", "mutability": "readOnly"},
        {"name": "doors", "multiValued": true},
        {"name": "lock", "type": "complex", "subAttributes": [
            {"name": "maker", "mutability": "immutable"},
            {"name": "code", "mutability": "writeOnly", "returned": "never"},
            {"name": "state"}
        ]}
    ]}, "extends": "User"});
    let registry = SchemaRegistry::core().with_definition(&badge).unwrap();
    ResourceType::clone(registry.resource_type("User").unwrap())
}

/// Compares text, so that order counts too.
#[track_caller]
fn check(body: Value, expect: Value) {
    let resource = Resource::create(body, &user()).unwrap();
    assert_eq!(Value::Object(resource.into_document()).to_string(), expect.to_string());
}

#[track_caller]
fn refuse(body: Value, strictness: Strictness, kind: ErrorKind, part: &str) {
    let error = Resource::create(body, &ResourceType { strictness, ..user() }).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.detail().contains(part), "{error}");
}

#[track_caller]
fn refuse_value(body: Value, part: &str) {
    refuse(body, Strictness::Lenient, ErrorKind::InvalidValue, part);
}

#[test]
fn post_example_of_the_rfc() {
    // RFC 7644 §3.3.
    check(
        json!({
            "schemas": [U], "userName": "bjensen", "externalId": "bjensen",
            "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"}
        }),
        json!({
            "schemas": [U], "externalId": "bjensen", "userName": "bjensen",
            "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"}
        }),
    );
}

#[test]
fn spelling_and_order_are_the_schemas() {
    check(
        json!({
            ENT.to_uppercase(): {"MANAGER": {"VALUE": "1", "displayname": "x"}, "employeenumber": "7"},
            "ACTIVE": true, "EMAILS": [{"Type": "work", "VALUE": "a@b"}], "username": "bjensen", "EXTERNALID": "1"
        }),
        json!({
            "schemas": [U, ENT], "externalId": "1", "userName": "bjensen", "active": true,
            "emails": [{"value": "a@b", "type": "work"}], ENT: {"employeeNumber": "7", "manager": {"value": "1"}}
        }),
    );
}

#[test]
fn what_is_unassigned_or_read_only_is_not_kept() {
    check(
        json!({
            "userName": "bjensen", "id": "1", "meta": {"resourceType": "User"}, "groups": [], "title": null,
            "emails": [], "roles": [null, {}, {"value": "a", "display": null}], "name": {}, "addresses": null, ENT: {"manager": {"displayName": "x"}},
            "schemas": [U, "urn:old"], BADGE: null
        }),
        json!({"schemas": [U], "userName": "bjensen", "roles": [{"value": "a"}]}),
    );
    check(
        json!({"userName": "bjensen", BADGE: {"number": 1, "printed": "nonsense"}, ENT: {}}),
        json!({"schemas": [U, BADGE], "userName": "bjensen", BADGE: {"number": 1}}),
    );
}

/// Nothing of it is left, and what had a value must not lose it for that.
#[test]
fn what_is_not_understood_is_no_value() {
    for (name, value) in [
        ("emails", json!([null])),
        ("emails", json!([{}])),
        ("emails", json!([{"value": null}])),
        ("emails", json!([{"value": null, "type": null}, {"value": "a"}])),
        ("emails", json!([{"emails": [{"value": "a"}]}])),
        ("emails", json!([{"value": "a"}, {"address": "b"}])),
        ("name", json!({"name": {"givenName": "a"}})),
        (ENT, json!({ENT: {"department": "a"}})),
        (ENT, json!({"manager": {"manager": {"value": "a"}}})),
    ] {
        let mut body = json!({"userName": "b"});
        body[name] = value;
        refuse_value(body.clone(), name.rsplit(':').next().unwrap());
        let put = stored().replace(body, &user());
        assert_eq!(put.unwrap_err().kind(), ErrorKind::InvalidValue);
    }
    // What else is unknown is dropped, unless something that was there would go with it.
    let had = json!({"userName": "b", "name": {"givenName": "a"}, ENT: {"division": "a"}});
    let had = Resource::create(had, &user()).unwrap();
    let had_not = Resource::create(json!({"userName": "b"}), &user()).unwrap();
    for name in ["name", ENT] {
        let mut body = json!({"userName": "b"});
        body[name] = json!({"shoeSize": 1});
        assert_eq!(had.replace(body.clone(), &user()).unwrap_err().kind(), ErrorKind::InvalidValue);
        assert_eq!(had_not.replace(body, &user()).unwrap(), had_not);
    }
}

#[test]
fn whoever_is_inactive_comes_back_by_true_alone() {
    let of = |active: Value| Resource::create(json!({"userName": "b", "active": active}), &user()).unwrap();
    for (before, sent, after) in [
        (json!(false), json!({"userName": "b"}), json!(false)),
        (json!(false), json!({"userName": "b", "active": null}), json!(false)),
        (json!(false), json!({"userName": "b", "active": true}), json!(true)),
        (json!(true), json!({"userName": "b", "active": false}), json!(false)),
    ] {
        assert_eq!(of(before).replace(sent.clone(), &user()).unwrap().document()["active"], after, "{sent}");
    }
    let active = of(json!(true)).replace(json!({"userName": "b"}), &user()).unwrap();
    assert!(!active.document().contains_key("active"), "which means the same");
    let stranger = of(json!(null)).replace(json!({"userName": "b"}), &user()).unwrap();
    assert!(!stranger.document().contains_key("active"));
}

#[test]
fn equal_elements_collapse_and_a_password_is_kept() {
    check(
        json!({"userName": "b", "password": "t1meMa$heen", "emails": [{"value": "a"}, {"value": "b"}, {"VALUE": "a", "type": null}]}),
        json!({"schemas": [U], "userName": "b", "password": "t1meMa$heen", "emails": [{"value": "a"}, {"value": "b"}]}),
    );
    check(
        json!({"userName": "b", BADGE: {"number": 1, "doors": ["a", "b", "a"]}}),
        json!({"schemas": [U, BADGE], "userName": "b", BADGE: {"number": 1, "doors": ["a", "b"]}}),
    );
}

#[test]
fn values_that_are_wrong_are_named() {
    refuse_value(json!({}), "userName is required");
    refuse_value(json!({"userName": ""}), "userName is required and must not be empty");
    refuse_value(json!({"userName": "  "}), "userName is required and must not be empty");
    refuse_value(json!({"userName": 1}), "userName must be a string, but a number was sent");
    refuse_value(json!({"userName": "b", "active": "yes"}), "active must be a boolean");
    refuse_value(json!({"userName": "b", "emails": {"value": "a"}}), "emails must be a list, but an object was sent");
    refuse_value(json!({"userName": "b", "emails": ["a"]}), "emails[0] must be a complex attribute");
    refuse_value(json!({"userName": "b", "emails": [{}, {"primary": 1}]}), "emails[1].primary must be a boolean");
    refuse_value(
        json!({"userName": "b", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
        "emails[1].primary is true, and so is that of an earlier element",
    );
    refuse_value(json!({"userName": "b", BADGE: {"serial": "1"}}), "urn:example:2.0:Badge:number is required");
    refuse_value(
        json!({BADGE: {"serial": "1"}}),
        "userName is required and has no value. Send one. urn:example:2.0:Badge:number is required",
    );
    refuse_value(json!({"userName": "b", BADGE: {"number": 1.5}}), "Badge:number must be an integer");
    refuse_value(
        json!({"userName": "b", "x509Certificates": [{"value": "%"}]}),
        "x509Certificates[0].value is not base64",
    );
}

#[test]
fn shapes_that_are_wrong_are_syntax_errors() {
    let syntax = |body, part| refuse(body, Strictness::Lenient, ErrorKind::InvalidSyntax, part);
    syntax(json!([]), "not a JSON object");
    syntax(json!({"userName": "b", "USERNAME": "c"}), "userName is given more than once");
    syntax(json!({"userName": "b", "title": null, "Title": "x"}), "title is given more than once");
    syntax(json!({"userName": "b", ENT: {}, ENT.to_lowercase(): {}}), "is given more than once");
    syntax(
        json!({"userName": "b", "emails": [{"value": "a", "Value": "b"}]}),
        "emails[0].value is given more than once",
    );
    syntax(json!({"userName": "b", "schemas": U}), "schemas is not a list");
    syntax(json!({"userName": "b", "schemas": [1]}), "schemas holds something other than strings");
    syntax(json!({"userName": "b", ENT: "x"}), "is not a JSON object");
}

#[test]
fn what_no_schema_knows_is_dropped_or_refused() {
    for (body, part) in [
        (json!({"userName": "b", "shoeSize": 1}), "\"shoeSize\" is not an attribute"),
        (json!({"userName": "b", "department": "x"}), "\"department\" is not an attribute"),
        (json!({"userName": "b", "urn:x": {"a": 1}}), "\"urn:x\" is not an attribute"),
        (json!({"userName": "b", ENT: {"shoeSize": 1, "department": null}}), "User:shoeSize\" is not an attribute"),
        (json!({"userName": "b", "name": {"shoeSize": 1, "givenName": null}}), "\"name.shoeSize\" is not an attribute"),
        (json!({"userName": "b", "schemas": ["urn:old"]}), "schemas names \"urn:old\""),
    ] {
        check(body.clone(), json!({"schemas": [U], "userName": "b"}));
        refuse(body, Strictness::Strict, ErrorKind::InvalidSyntax, part);
    }
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    check(json!({"userName": "b", "deep": deep}), json!({"schemas": [U], "userName": "b"}));
}

#[test]
fn a_required_extension_must_be_there() {
    let mut rt = user();
    rt.extensions.iter_mut().for_each(|extension| extension.required = extension.schema.id == BADGE);
    let error = Resource::create(json!({"userName": "b"}), &rt).unwrap_err();
    assert_eq!((error.kind(), error.detail().starts_with(BADGE)), (ErrorKind::InvalidValue, true));
    assert!(Resource::create(json!({"userName": "b", BADGE: {"number": 1}}), &rt).is_ok());
}

fn stored() -> Resource {
    let badge =
        json!({"number": 1, "serial": "A1", "pin": "1234", "lock": {"maker": "Abus", "code": "x", "state": "open"}});
    let body = json!({"userName": "b", "title": "Boss", "password": "hash", BADGE: badge});
    Resource::create(body, &user()).unwrap()
}

#[test]
fn put_replaces_what_clients_can_know() {
    let put = |body: Value| stored().replace(body, &user()).map(|new| Value::Object(new.into_document()));
    let kept = json!({"serial": "A1", "pin": "1234"});
    // Left out: title goes, what is immutable or cannot be read stays.
    assert_eq!(
        put(json!({"userName": "c", BADGE: {"number": 2}})).unwrap(),
        json!({"schemas": [U, BADGE], "userName": "c", "password": "hash", BADGE: {"number": 2, "serial": kept["serial"], "pin": kept["pin"]}}),
    );
    let lock = json!({"maker": "ABUS", "state": "shut"});
    assert_eq!(
        put(
            json!({"userName": "c", "password": "new", BADGE: {"number": 1, "serial": "A1", "pin": "2", "lock": lock}})
        )
        .unwrap(),
        json!({"schemas": [U, BADGE], "userName": "c", "password": "new", BADGE: {
            "number": 1, "serial": "A1", "pin": "2", "lock": {"maker": "Abus", "code": "x", "state": "shut"}
        }}),
    );
    for (badge, part) in [
        (json!({"number": 1, "serial": "a1"}), "Badge:serial is immutable"),
        (json!({"number": 1, "lock": {"maker": "Yale"}}), "Badge:lock.maker is immutable"),
    ] {
        let error = put(json!({"userName": "c", BADGE: badge})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mutability);
        assert!(error.detail().contains(part), "{error}");
    }
    // The extension cannot go while it holds what must stay; its required attribute is then missing.
    assert_eq!(put(json!({"userName": "c"})).unwrap_err().kind(), ErrorKind::InvalidValue);
    assert_eq!(put(json!({})).unwrap_err().kind(), ErrorKind::InvalidValue);
}

#[test]
fn put_of_what_was_read_changes_nothing() {
    let old = stored();
    let mut body = old.document().clone();
    body.insert("id".to_owned(), json!("1"));
    body.insert("meta".to_owned(), json!({"resourceType": "User"}));
    assert_eq!(old.replace(Value::Object(body), &user()).unwrap(), old);
}

#[test]
fn an_error_carries_what_is_missing() {
    let registry = SchemaRegistry::core().with_core_schema("User", |schema| {
        for name in ["name", "displayName"] {
            let attribute = schema.attributes.iter_mut().find(|attribute| attribute.name == name).unwrap();
            let attribute = Arc::make_mut(attribute);
            attribute.required = true;
            for sub in attribute.sub_attributes.iter_mut().filter(|sub| sub.name.ends_with("Name")).take(2) {
                Arc::make_mut(sub).required = true;
            }
        }
    });
    let registry = registry.unwrap();
    let check = |body: Value, expect: &[(&str, bool)]| {
        let error = Resource::create(body, registry.resource_type("User").unwrap()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<RequiredMissing>().unwrap();
        let found: Vec<_> = source.0.iter().map(|missing| (missing.attribute.as_str(), missing.is_blank)).collect();
        assert_eq!(found, expect);
    };
    // A complex attribute without its required sub-attributes.
    check(
        json!({"userName": " "}),
        &[("userName", true), ("name.familyName", false), ("name.givenName", false), ("displayName", false)],
    );
    check(json!({"userName": "b", "displayName": "B", "name": {"givenName": "B"}}), &[("name.familyName", false)]);
}
