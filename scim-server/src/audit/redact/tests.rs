//! What stays in the log and what does not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn redact(body: &Value) -> Value {
    let mut written = Vec::new();
    super::document(
        &mut LineWriter::new(&mut written),
        body.to_string().as_bytes(),
        Author::Client,
        Vocabulary::core(),
    );
    serde_json::from_slice(&written).unwrap()
}

#[track_caller]
fn check(body: &Value, expect: &Value) {
    assert_eq!(&redact(body), expect, "{body}");
}

#[test]
fn structure_stays_and_values_go() {
    check(
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "Jane"],
            "id": "2819c223-7f76-453a-919d-413861904646",
            "userName": "bjensen",
            "active": true,
            "name": {"familyName": "Jensen", "middleName": null},
            "emails": [{"value": "bjensen@example.com", "primary": true, "type": "work"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": 701_984},
            "meta": {"resourceType": "User", "version": "W/\"1\"", "created": "2026-01-01T00:00:00.000Z",
                "location": "https://jane.example.com/t/scim/v2/Users/2819c223-7f76-453a-919d-413861904646"},
        }),
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", HIDDEN],
            "id": "2819c223-7f76-453a-919d-413861904646",
            "userName": HIDDEN,
            "active": true,
            "name": {"familyName": HIDDEN, "middleName": null},
            "emails": [{"value": HIDDEN, "primary": true, "type": HIDDEN}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": HIDDEN},
            "meta": {"resourceType": "User", "version": "W/\"1\"", "created": "2026-01-01T00:00:00.000Z",
                "location": "/Users/2819c223-7f76-453a-919d-413861904646"},
        }),
    );
}

#[test]
fn a_patch_shows_what_it_does_and_not_with_what() {
    check(
        &json!({"Operations": [
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "a@b.example"},
            {"op": "add", "value": {"name.givenName": "Jane", "emails[type eq \"work\"]": "x"}},
            {"op": "jane", "path": "jane@example.com"},
            {"op": "replace", "path": "active", "value": "False"},
        ]}),
        &json!({"Operations": [
            {"op": "Replace", "path": format!("emails[type eq \"{HIDDEN}\"].value"), "value": HIDDEN},
            {"op": "add", "value": {"name.givenName": HIDDEN, (format!("emails[type eq \"{HIDDEN}\"]")): HIDDEN}},
            {"op": HIDDEN, "path": HIDDEN},
            {"op": "replace", "path": "active", "value": HIDDEN},
        ]}),
    );
}

#[test]
fn an_answer_keeps_our_sentences_and_a_request_keeps_none() {
    let body = br#"{"detail": "Another User has this userName \"jane\"."}"#;
    for (author, expect) in
        [(Author::Server, format!("Another User has this userName \"{HIDDEN}\".")), (Author::Client, HIDDEN.to_owned())]
    {
        let mut written = Vec::new();
        super::document(&mut LineWriter::new(&mut written), body, author, Vocabulary::core());
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap()["detail"], expect);
    }
}

#[test]
fn a_document_that_would_fill_the_log_is_hidden_whole() {
    let lists = vec![vec![vec![1; 100]; 100]; 100];
    check(&json!(lists), &json!(HIDDEN));
}

#[test]
fn a_value_in_the_place_of_a_known_word_goes_too() {
    for (body, expect) in [
        (json!({"active": "False"}), json!({"active": "False"})),
        (json!({"active": "Jane"}), json!({"active": HIDDEN})),
        (json!({"id": "jane"}), json!({"id": HIDDEN})),
        (json!({"jane@example.com": 1}), json!({ HIDDEN: HIDDEN })),
        (json!({"jane": 1, "name": {"jane": 1}}), json!({ HIDDEN: HIDDEN, "name": { HIDDEN: HIDDEN } })),
        (
            json!({"meta": {"jane": 1, "resourceType": "jane"}}),
            json!({"meta": { HIDDEN: HIDDEN, "resourceType": HIDDEN }}),
        ),
        (json!({"meta": "jane"}), json!({"meta": HIDDEN})),
        (
            json!({"meta": {"version": "W/\"jane\"", "created": "jane", "location": "https://x/Users/jane"}}),
            json!({"meta": {"version": HIDDEN, "created": HIDDEN, "location": format!("/Users/{HIDDEN}")}}),
        ),
        (json!({"detail": "jane", "scimType": "jane"}), json!({"detail": HIDDEN, "scimType": HIDDEN})),
        (json!({"schemas": ["urn:jane", "urn:ietf:params:scim:jane"]}), json!({"schemas": [HIDDEN, HIDDEN]})),
        (json!({"count": 10, "startIndex": 15_551_234_567_u64}), json!({"count": 10, "startIndex": HIDDEN})),
        (
            json!({"filter": "userName eq jane and name.jane eq 'jane doe'"}),
            json!({"filter": format!("userName eq {HIDDEN} and {HIDDEN} eq \"{HIDDEN}\"")}),
        ),
        (json!({"attributes": "userName,jane"}), json!({"attributes": format!("userName,{HIDDEN}")})),
        (json!({"Jane Doe\u{e9}": 1}), json!({ HIDDEN: HIDDEN })),
        (json!({"method": "PATCH", "bulkId": "jane"}), json!({"method": "PATCH", "bulkId": HIDDEN})),
        (json!({"path": "/Users/jane"}), json!({"path": format!("/Users/{HIDDEN}")})),
        (json!({"path": "/Users/bulkId:jane"}), json!({"path": format!("/Users/bulkId:{HIDDEN}")})),
        (json!({"path": "/jane/2819c223-7f76-453a-919d-413861904646"}), json!({"path": HIDDEN})),
        (
            json!({"path": "/Users/2819c223-7f76-453a-919d-413861904646"}),
            json!({"path": "/Users/2819c223-7f76-453a-919d-413861904646"}),
        ),
        (json!({"status": "409", "scimType": "uniqueness"}), json!({"status": "409", "scimType": "uniqueness"})),
        (json!({"status": "jane"}), json!({"status": HIDDEN})),
        (json!({"filter": "userName eq \"j\\\"x\" and"}), json!({"filter": format!("userName eq \"{HIDDEN}\" and")})),
        (json!({"filter": "userName eq \"jane"}), json!({"filter": format!("userName eq \"{HIDDEN}\"")})),
        (json!("jane"), json!(HIDDEN)),
        (json!({"password": "secret"}), json!({"password": HIDDEN})),
    ] {
        check(&body, &expect);
    }
}

#[test]
fn long_lists_are_cut() {
    let members: Vec<Value> = (0..250).map(|number| json!({"value": number})).collect();
    let redacted = redact(&json!({ "members": members }));
    let list = redacted["members"].as_array().unwrap();
    assert_eq!(list.len(), MAX_ELEMENTS + 1);
    assert_eq!(list[MAX_ELEMENTS], "and 150 more");
}

#[track_caller]
fn check_message(detail: &str, expect: &str) {
    assert_eq!(Message(detail).to_string(), expect.replace('#', HIDDEN));
}

#[test]
fn messages_keep_names_and_lose_values() {
    check_message(
        "List attribute emails exceeds allowed limit of 1",
        "List attribute emails exceeds allowed limit of 1",
    );
    check_message("Value at 'name.familyName' failed", "Value at 'name.familyName' failed");
    check_message("userName \"bjensen\" is taken.", "userName \"#\" is taken.");
    check_message("\"emails[value eq \"jane\"]x\" is no path.", "\"#\" is no path.");
    check_message("an open \"quote jane", "an open \"#\"");
    check_message(
        "There is no User with the id \"2819c223-7f76-453a-919d-413861904646\".",
        "There is no User with the id \"2819c223-7f76-453a-919d-413861904646\".",
    );
}

#[track_caller]
fn check_query(query: &str, expect: &Value) {
    let mut written = Vec::new();
    super::query(&mut LineWriter::new(&mut written), query, Vocabulary::core());
    assert_eq!(&serde_json::from_slice::<Value>(&written).unwrap(), expect, "{query}");
}

#[test]
fn queries_keep_everything_but_literals() {
    check_query(
        "filter=userName%20eq+%22bjensen%22&count=10&startIndex=1&attributes=userName,name.familyName",
        &json!({
            "filter": format!("userName eq \"{HIDDEN}\""),
            "count": "10",
            "startIndex": "1",
            "attributes": "userName,name.familyName",
        }),
    );
    check_query("cursor=abc&count=jane&x", &json!({"cursor": HIDDEN, "count": HIDDEN, HIDDEN: HIDDEN}));
    check_query("j%40x=1&sortBy=jane@x", &json!({ HIDDEN: HIDDEN, "sortBy": HIDDEN }));
    check_query("jane=1&count=5551234567", &json!({ HIDDEN: HIDDEN, "count": HIDDEN }));
    check_query("&&", &json!({}));
}

/// A name of a person, with what names have in them and attribute names do not.
const NAME: &str = "Zo\u{eb} O'Neill";

/// A document with the name in the place of every string, also under the keys whose values stay.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (1_000_000..i32::MAX).prop_map(Value::from),
        "[a-z \"`\\\\]{0,4}".prop_map(|around| Value::from(format!("{around}{NAME}{around}"))),
    ];
    let key = prop_oneof![
        proptest::sample::select(vec![
            "schemas",
            "id",
            "active",
            "op",
            "path",
            "filter",
            "status",
            "method",
            "attributes",
            "meta",
            "location",
            "version",
            "detail",
            "scimType",
            "sortBy",
            "count"
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z.]{1,8}",
        Just(NAME.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn no_name_comes_through_wherever_it_stands(document in document()) {
        let line = redact(&document).to_string();
        prop_assert!(!line.contains("O'Neill"), "{line}");
        prop_assert!(!line.bytes().any(|byte| byte.is_ascii_digit()), "{line}");
    }
}
