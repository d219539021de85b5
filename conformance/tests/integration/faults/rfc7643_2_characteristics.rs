//! Faults in what characteristics promise.

use serde_json::{Value, json};

use super::Faults;
use crate::broken::{
    Answer, Asked, Fault,
    fault::{On, on},
    schemas::KIT,
};

fn post() -> On {
    on("POST /Users")
}

fn put() -> On {
    on("PUT /Users/*")
}

fn patch() -> On {
    on("PATCH /Users/*")
}

fn get() -> On {
    on("GET /Users/*")
}

/// Says of the kit's attribute what the client sent.
fn echoes(on: On, name: &'static str) -> Fault {
    on.gives(move |asked, answer| {
        let sent = asked.json();
        if let Some(body) = answer.body.as_mut() {
            body[KIT][name] = sent[KIT][name].clone();
        }
    })
}

/// Changes an answer's kit.
fn says(on: On, name: &'static str, value: Value) -> Fault {
    on.gives(move |_: &Asked, answer: &mut Answer| {
        if let Some(body) = answer.body.as_mut() {
            body[KIT][name] = value.clone();
        }
    })
}

pub fn faults() -> Faults {
    let groups = |asked: &Asked, answer: &mut Answer| {
        let sent = asked.json();
        if let Some(body) = answer.body.as_mut() {
            body["groups"] = sent["groups"].clone();
        }
    };
    vec![
        ("attribute-read-only-post", post().gives(groups), "value of the read-only groups to be ignored"),
        ("attribute-read-only-put", put().having("groups").refuses(400), "to succeed; got 400"),
        ("attribute-read-only-patch", patch().pretends(), "to be refused"),
        (
            "attribute-immutable-post",
            get().omits("/urn:example:params:scim:schemas:extension:kit:2.0:User/serial"),
            "kit:2.0:User:serial to be",
        ),
        ("attribute-immutable-put-same", put().having("serial").refuses(400), "to succeed; got 400"),
        ("attribute-immutable-put-other", says(get(), "serial", json!("another")), "it is \"another\""),
        ("attribute-immutable-put-error", put().pretends(), "Expected status 400 to PUT"),
        ("attribute-immutable-put-first", put().pretends(), "kit:2.0:User:serial to be"),
        ("attribute-immutable-patch", patch().pretends(), "to be refused"),
        ("attribute-immutable-patch-first", patch().pretends(), "kit:2.0:User:serial to be"),
        ("attribute-write-only", echoes(post(), "pin"), "User:pin not to be returned"),
        (
            "attribute-never",
            says(get().having("attributes"), "pin", json!("1234")),
            "User:pin not to be returned; it is \"1234\"",
        ),
        ("attribute-request-asked", get().ignores("attributes"), "User:notes in the answer that asks for it"),
        ("attribute-request-default", says(get(), "notes", json!("x")), "User:notes only when it is asked for"),
        ("attribute-request-post", says(post(), "notes", Value::Null), "User:notes in the answer to the POST"),
        ("attribute-always", says(get(), "emblem", Value::Null), "User:emblem although others are asked for"),
        ("attribute-unique", post().swallows(), "to be refused"),
        ("attribute-case-exact-kept", post().reads("Exact-", "exact-"), "to be \"Exact-"),
        (
            "attribute-case-exact-filter",
            on("GET /Users").takes(|asked| {
                for (_, value) in &mut asked.query {
                    *value = value
                        .replace("\"EXACT-SCIM-CONFORMANCE", "\"Exact-scim-conformance")
                        .replace("0A1B2C", "0a1b2c");
                }
            }),
            "User:code in another case to find nobody",
        ),
        ("attribute-null-put", put().reads(",\"nickName\":null", ",\"nickName\":\"Ann\""), "nickName to be unassigned"),
        (
            "attribute-empty-list-put",
            put().reads("\"emails\":[]", "\"emails\":[{\"value\":\"a@example.com\"}]"),
            "emails to be unassigned",
        ),
        ("attribute-primary-once", post().swallows(), "at most one primary address; there are 2"),
        ("attribute-same-values", post().says("/emails", json!([{}, {}])), "the answer has it 2 times"),
    ]
}
