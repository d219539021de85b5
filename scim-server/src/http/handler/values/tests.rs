use scim_protocol::schema::SchemaRegistry;

use super::*;

const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

/// The schemas of the RFC, and one with secrets whose names are in many words.
fn registry() -> SchemaRegistry {
    let definition = json!({"extends": "User", "schema": {"id": BADGE, "name": "Badge", "attributes": [
        {"name": "pin", "returned": "never"},
        {"name": "safe", "type": "complex", "returned": "never", "subAttributes": [{"name": "value"}, {"name": "code"}]}
    ]}});
    SchemaRegistry::core().with_definition(&definition).unwrap()
}

fn with<T>(does: impl FnOnce(Kept<'_>) -> T) -> T {
    let registry = registry();
    does(Kept::new(Secrets::of(&registry), &Vocabulary::of(&registry)))
}

fn kept_of(document: &Value) -> Option<Value> {
    with(|kept| kept.document(document.to_string().as_bytes()))
}

fn hidden(document: &Value) -> Value {
    kept_of(document).unwrap()
}

fn query(query: &str) -> Value {
    with(|kept| kept.query(query).into())
}

#[track_caller]
fn check(document: &Value, expect: &Value) {
    assert_eq!(hidden(document), *expect);
}

#[test]
fn values_stay_and_secrets_do_not() {
    check(
        &json!({"userName": "anna", "password": "x", "name": {"givenName": "Anna"}, "X-Auth_Token": 5}),
        &json!({"userName": "anna", "password": HIDDEN, "name": {"givenName": "Anna"}, "X-Auth_Token": HIDDEN}),
    );
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let operations = |first: &str, second: &str, path: &str| {
        json!({"Operations": [
            {"op": "replace", "path": path, "value": first},
            {"op": "add", "value": {format!("{user}:password"): second, "title": "Engineer"}},
        ]})
    };
    check(&operations("x", "y", "Password"), &operations(HIDDEN, HIDDEN, HIDDEN));
    check(&json!({"data": [{"client_secret": {"a": 1}}]}), &json!({"data": [{"client_secret": HIDDEN}]}));
    for key in ["scim_abc", "scimat_abc", "whsec_abc"] {
        check(&json!({"note": format!("with {key}")}), &json!({ "note": HIDDEN }));
    }
    check(&json!({"filter": "password eq \"x\""}), &json!({ "filter": HIDDEN }));
    check(&json!({"detail": "\"x\" is no password"}), &json!({ "detail": HIDDEN }));
    check(&json!({"detail": "\"anna\" is taken"}), &json!({"detail": "\"anna\" is taken"}));
}

#[test]
fn parameters_are_shown_as_they_were_meant() {
    let expect = json!({"filter": "userName eq \"a&b\"", "count": "10", "access_token": HIDDEN});
    assert_eq!(query("filter=userName+eq+%22a%26b%22&count=10&access_token=x"), expect);
    for filter in ["password%20sw%20%22a%22", "PIN+eq+%271%27", "title+eq+%22a%22+and+pin+eq+1", "%22pin+eq+1"] {
        assert_eq!(query(&format!("filter={filter}")), json!({ "filter": HIDDEN }), "{filter}");
    }
    for name in ["pin", "PIN", "p%69n", "code", "urn:example:params:scim:schemas:extension:badge:2.0:User:pin"] {
        let shown = query(&format!("{name}=1234")).to_string();
        assert!(shown.contains(HIDDEN) && !shown.contains("1234"), "{shown}");
    }
    // Without a sign between them the value is in the name.
    for pair in ["pin:1234", "pin%201234", "pin%3D1234", "a=1;pin=1234", "scim_1234"] {
        assert!(!query(pair).to_string().contains("1234"), "{pair}: {}", query(pair));
    }
}

#[test]
fn a_short_name_hides_only_what_has_it() {
    let document = json!({
        "userName": "pinky", "displayName": "Shipping, pin board", "title": "Secretary of pins", "spinning": "x",
        "emails": [{"value": "pin@example.com", "type": "work"}], "profileUrl": "https://example.com/pin/token",
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", BADGE], BADGE: {"colour": "red"},
        "meta": {"resourceType": "User", "location": "http://localhost:8080/Users/1"}
    });
    check(&document, &document);
    check(&json!({BADGE: {"pin": "1", "Safe": 2}}), &json!({BADGE: {"pin": HIDDEN, "Safe": HIDDEN}}));
    let operations = |path: &str, value: &str, shown: &str| {
        let of = |path: &str, value: &str| json!({"Operations": [{"op": "add", "path": path, "value": value}]});
        check(&of(path, value), &of(if shown == HIDDEN { HIDDEN } else { path }, shown));
    };
    operations("emails[type eq \"pin\"].value", "a@example.com", "a@example.com");
    operations("nickName", "the pin", "the pin");
    operations(&format!("{BADGE}:Pin"), "1234", HIDDEN);
    operations("safe[code eq \"1\"].value", "1234", HIDDEN);
    operations("pin]", "1234", HIDDEN);
    let filter = query("filter=displayName+co+%22pin+code%22&sortBy=spin");
    assert_eq!(filter, json!({"filter": "displayName co \"pin code\"", "sortBy": "spin"}));
}

#[test]
fn a_body_that_names_a_secret_where_no_name_belongs_is_left_out() {
    for name in ["password", "pin", "newPassword"] {
        for operation in [
            json!({"op": "replace", "path": [name], "value": "x"}),
            json!({"op": "replace", "path": {"attr": name}, "value": "x"}),
            json!({"op": "replace", "attribute": name, "value": "x"}),
            json!({"op": "replace", "attribute": format!("the {name}"), "value": "x"}),
            json!(["replace", name, "x"]),
            json!({"op": "replace", "value": {"name": name, "value": "x"}}),
            json!({"op": "replace", "value": format!("{{\"{name}\": \"x\"}}")}),
            json!({"op": "replace", "value": format!("title eq 1 or {name}=x")}),
            json!({"op": "replace", "value": {format!("emails[{name} eq \"x\"].value"): "y"}}),
        ] {
            let body = json!({"Operations": [operation]});
            assert_eq!(kept_of(&body), None, "{body}");
        }
    }
}

/// The answer to a filter on a secret quotes what it was compared with, and names no attribute.
#[test]
fn an_error_about_a_secret_is_not_told() {
    let detail = json!({"detail": "Expected a value in double quotes, found \"1234\".", "status": "400"});
    let hidden = json!({"detail": HIDDEN, "status": "400"});
    let answer = |kept: &Kept<'_>| kept.document(detail.to_string().as_bytes());
    let behind = |query: &str, body: Value| {
        with(|kept| {
            kept.query(query);
            kept.document(body.to_string().as_bytes());
            answer(&kept)
        })
    };
    assert_eq!(behind("filter=pin+eq+'1234'", json!({})), Some(hidden.clone()));
    assert_eq!(behind("count=1", json!({"filter": "pin eq '1234'"})), Some(hidden.clone()));
    assert_eq!(behind("", json!({"Operations": [{"path": ["pin"], "value": "1234"}]})), Some(hidden));
    assert_eq!(behind("filter=title+eq+'1'", json!({"title": "Pin board", "password": "x"})), Some(detail.clone()));
}

#[test]
fn what_is_long_or_no_json_is_left_out() {
    assert_eq!(with(|kept| kept.document(b"{")), None);
    assert_eq!(kept_of(&json!({"title": "x".repeat(LONGEST)})), None);
}

#[test]
fn what_stands_in_place_of_attributes_may_be_a_secret() {
    for astray in [json!("4711"), json!(["4712"]), json!(4713), json!([{"value": "4714"}])] {
        check(&json!({ BADGE: astray }), &json!({ BADGE: HIDDEN }));
        let operation = |value: &Value| json!({"Operations": [{"op": "replace", "path": BADGE, "value": value}]});
        check(&operation(&astray), &operation(&json!(HIDDEN)));
    }
    let open = json!({BADGE: {"colour": "red", "pin": "1"}, "schemas": [BADGE]});
    check(&open, &json!({BADGE: {"colour": "red", "pin": HIDDEN}, "schemas": [BADGE]}));
}
