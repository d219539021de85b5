//! Value filters, elements made from them, and the one primary element.

use serde_json::{Value, json};

use super::{check, refuse, user};
use crate::ErrorKind;

#[test]
fn value_filters_select_elements() {
    let emails = |work: Value| json!({"emails": [work, {"value": "babs@jensen.org", "type": "home"}]});
    let before = user(emails(json!({"value": "b@work.org", "type": "work"})));
    check(
        before.clone(),
        json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@work.org"}]),
        user(emails(json!({"value": "new@work.org", "type": "work"}))),
    );
    check(
        before.clone(),
        json!([{"op": "add", "path": "emails[type eq \"WORK\"].display", "value": "Office"}]),
        user(emails(json!({"value": "b@work.org", "display": "Office", "type": "work"}))),
    );
    check(
        before.clone(),
        json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "new@work.org"}}]),
        user(emails(json!({"value": "new@work.org", "type": "work"}))),
    );
    check(
        before.clone(),
        json!([{"op": "replace", "path": "emails[type pr].display", "value": "x"}]),
        user(json!({"emails": [
            {"value": "b@work.org", "display": "x", "type": "work"}, {"value": "babs@jensen.org", "display": "x", "type": "home"}
        ]})),
    );
    // RFC 7644 §3.5.2.2, third example.
    check(
        user(
            json!({"emails": [{"value": "b@example.com", "type": "work"}, {"value": "b@example.org", "type": "work"}]}),
        ),
        json!([{"op": "remove", "path": "emails[type eq \"work\" and value ew \"example.com\"]"}]),
        user(json!({"emails": [{"value": "b@example.org", "type": "work"}]})),
    );
    check(
        before.clone(),
        json!([{"op": "remove", "path": "emails[type eq \"work\"].type"}]),
        user(emails(json!({"value": "b@work.org"}))),
    );
    check(before.clone(), json!([{"op": "remove", "path": "emails[type pr]"}]), user(json!({})));
    let no_target = |operation: Value| refuse(before.clone(), json!([operation]), ErrorKind::NoTarget, "emails");
    no_target(json!({"op": "remove", "path": "emails[type eq \"other\"]"}));
    no_target(json!({"op": "remove", "path": "emails[type eq \"other\"].value"}));
    no_target(json!({"op": "replace", "path": "emails[type eq \"other\"]", "value": {"value": "x"}}));
    no_target(json!({"op": "replace", "path": "emails[not (type pr)].value", "value": "x"}));
    no_target(json!({"op": "replace", "path": "emails[value eq \"gone@x.org\"].value", "value": "x"}));
    no_target(json!({"op": "replace", "path": "emails[value eq \"gone@x.org\"].type", "value": "home"}));
    no_target(json!({"op": "add", "path": "emails[type sw \"o\"].value", "value": "x"}));
}

/// RFC 7644 §3.5.2.3, the examples with addresses.
#[test]
fn the_work_address_is_replaced() {
    let home = json!({"streetAddress": "1 Home Lane", "type": "home", "primary": true});
    let work = json!({"streetAddress": "Old Road", "postalCode": "1", "type": "work"});
    let before = user(json!({"addresses": [home, work]}));
    check(
        before.clone(),
        json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {
            "type": "work", "streetAddress": "911 Universal City Plaza", "locality": "Hollywood", "region": "CA",
            "postalCode": "91608", "country": "US", "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US",
            "primary": true
        }}]),
        user(json!({"addresses": [
            {"streetAddress": "1 Home Lane", "type": "home", "primary": false},
            {"formatted": "911 Universal City Plaza\nHollywood, CA 91608 US", "streetAddress": "911 Universal City Plaza",
             "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "US", "type": "work", "primary": true}
        ]})),
    );
    check(
        before,
        json!([{"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave"}]),
        user(json!({"addresses": [home, {"streetAddress": "1010 Broadway Ave", "postalCode": "1", "type": "work"}]})),
    );
}

#[test]
fn an_element_is_created_from_the_terms_of_the_filter() {
    for op in ["add", "replace"] {
        check(
            user(json!({})),
            json!([{"op": op, "path": "emails[type eq \"work\"].value", "value": "b@blick.name"}]),
            user(json!({"emails": [{"value": "b@blick.name", "type": "work"}]})),
        );
        check(
            user(json!({"emails": [{"value": "a", "type": "home", "primary": true}]})),
            json!([{"op": op, "path": "emails[type eq \"work\" and primary eq true].value", "value": "b"}]),
            user(
                json!({"emails": [{"value": "a", "type": "home", "primary": false}, {"value": "b", "type": "work", "primary": true}]}),
            ),
        );
        check(
            user(json!({})),
            json!([
                {"op": op, "path": "roles[primary eq \"True\"].value", "value": "admin"},
                {"op": op, "path": "roles[primary eq \"True\"].display", "value": "Admin"}
            ]),
            user(json!({"roles": [{"value": "admin", "display": "Admin", "primary": true}]})),
        );
        // What is to be unassigned and is not there is unassigned.
        check(
            user(json!({})),
            json!([{"op": op, "path": "emails[type eq \"work\"].value", "value": null}]),
            user(json!({})),
        );
    }
    check(
        user(json!({})),
        json!([{"op": "add", "path": "emails[type eq \"Work\"]", "value": {"value": "b"}}]),
        user(json!({"emails": [{"value": "b", "type": "Work"}]})),
    );
}

#[test]
fn only_one_element_is_primary() {
    let emails = |first: bool, second: bool| {
        user(
            json!({"emails": [{"value": "a", "type": "work", "primary": first}, {"value": "b", "type": "home", "primary": second}]}),
        )
    };
    check(
        emails(true, false),
        json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]),
        emails(false, true),
    );
    check(
        emails(true, false),
        json!([{"op": "replace", "path": "emails[type eq \"work\"].primary", "value": false}]),
        emails(false, false),
    );
    check(
        emails(true, false),
        json!([{"op": "add", "path": "emails", "value": {"value": "b", "type": "home", "primary": true}}]),
        emails(false, true),
    );
    check(
        user(json!({})),
        json!([{"op": "replace", "path": "emails", "value": [
            {"value": "a", "type": "work", "primary": true}, {"value": "b", "type": "home", "primary": true}
        ]}]),
        emails(false, true),
    );
    check(
        emails(false, false),
        json!([{"op": "replace", "path": "emails.primary", "value": true}]),
        emails(false, true),
    );
}
