//! Faults in creating.

use serde_json::json;

use super::Faults;
use crate::broken::{
    Fault,
    fault::{On, on},
};

fn post() -> On {
    on("POST /Users")
}

fn get() -> On {
    on("GET /Users/*")
}

/// Makes the resource without an attribute of the request.
fn drops(name: &'static str) -> Fault {
    post().takes(move |asked| {
        let mut body = asked.json();
        if let Some(members) = body.as_object_mut() {
            members.shift_remove(name);
        }
        asked.body = body.to_string();
    })
}

/// Says that it was made, and what the client sent.
fn made(asked: &crate::broken::Asked, answer: &mut crate::broken::Answer) {
    let mut body = asked.json();
    body["id"] = json!("made-up");
    *answer = crate::broken::Answer::new(201, body);
}

#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
pub fn faults() -> Faults {
    vec![
        ("create-status", post().status(200), "Expected status 201 to POST"),
        ("create-body", post().empty(), "a JSON object from POST"),
        ("create-location", post().header("location", ""), "a Location header; there is none."),
        ("create-meta-location", post().says("/meta/location", json!("/Users/1")), "Expected meta.location to be \""),
        ("create-id", post().says("/id", json!(7)), "Expected id to be a string"),
        ("create-id-unique", post().says("/id", json!("7")), "two ids; both users have 7."),
        ("create-id-reserved", post().says("/id", json!("bulkId:7")), "an id without \"bulkId\""),
        ("create-id-ignored", post().says("/id", json!("my-own-id")), "Expected an id of the server's"),
        (
            "create-meta-ignored",
            post().says("/meta/created", json!("2001-01-01T00:00:00Z")),
            "meta.created of the server",
        ),
        ("create-schemas", post().omits("/schemas"), "schemas to hold \"urn:ietf:params:scim:schemas:core:2.0:User\""),
        ("create-resource-type", get().says("/meta/resourceType", json!("user")), "meta.resourceType to be \"User\""),
        (
            "create-times",
            get().says("/meta/lastModified", json!("2001-01-01T00:00:00Z")),
            "meta.lastModified to be the same as meta.created",
        ),
        (
            "create-duplicate",
            on("POST /Users").gives(|asked, answer| {
                if answer.status == 409 {
                    made(asked, answer);
                }
            }),
            "Expected status 409 to POST",
        ),
        (
            "create-duplicate-case",
            on("POST /Users").gives(|asked, answer| {
                if answer.status == 409 {
                    made(asked, answer);
                }
            }),
            "Expected status 409 to POST",
        ),
        (
            "create-without-required",
            post().gives(|asked, answer| {
                if answer.status == 400 {
                    made(asked, answer);
                }
            }),
            "Expected status 400 to POST",
        ),
        (
            "create-not-json",
            post().gives(|_, answer| {
                if answer.status == 400 {
                    answer.status = 500;
                }
            }),
            "Expected status 400 to POST",
        ),
        ("create-name-case", drops("NICKNAME"), "Expected nickName to be \"Babs\""),
        ("create-null", post().having("\"nickName\":null").status(400), "to succeed; got 400"),
        (
            "create-empty-list",
            post().reads("\"emails\":[]", "\"emails\":[{\"value\":\"a@example.com\"}]"),
            "Expected emails to hold []",
        ),
        ("create-complex", get().omits("/name/givenName"), "name.givenName to be \"Ada\""),
        (
            "create-multi-valued",
            get().omits("/emails/1"),
            "emails to hold [{\"value\":\"a@example.com\",\"type\":\"work\"},{\"value\":\"b@example.com\"",
        ),
        (
            "create-extension",
            drops("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User to be {\"department\":\"",
        ),
        ("create-external-id", get().says("/externalId", json!("ext-701984")), "externalId to be \"Ext-701984\""),
        ("create-unicode", post().reads("Žofie", "?ofie"), "displayName to be \"Žofie 曹操 عمر 🙂\""),
        ("create-password-hidden", post().says("/password", json!("***")), "password to be unassigned"),
        ("create-found", on("GET /Users").asks("filter", " eq ", " ne "), "one user with that userName; there are 0."),
        ("create-group", on("GET /Groups/*").omits("/displayName"), "displayName to be \"scim-conformance-0a1b2c-0\""),
        ("create-group-members", on("GET /Groups/*").omits("/members"), "members to be [{\"value\":\""),
        ("create-user-groups", get().omits("/groups"), "groups to be [{\"value\":\""),
        ("create-unknown-endpoint", on("POST /NoSuchThings").status(500), "Expected status 404 to POST"),
    ]
}
