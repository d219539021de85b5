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

pub fn faults() -> Faults {
    vec![
        ("create-status", post().status(200)),
        ("create-body", post().empty()),
        ("create-location", post().header("location", "")),
        ("create-meta-location", post().says("/meta/location", json!("/Users/1"))),
        ("create-id", post().says("/id", json!(7))),
        ("create-id-unique", post().says("/id", json!("7"))),
        ("create-id-reserved", post().says("/id", json!("bulkId:7"))),
        ("create-id-ignored", post().says("/id", json!("my-own-id"))),
        ("create-meta-ignored", post().says("/meta/created", json!("2001-01-01T00:00:00Z"))),
        ("create-schemas", post().omits("/schemas")),
        ("create-resource-type", post().says("/meta/resourceType", json!("user"))),
        ("create-times", post().says("/meta/lastModified", json!("2001-01-01T00:00:00Z"))),
        (
            "create-duplicate",
            on("POST /Users").gives(|asked, answer| {
                if answer.status == 409 {
                    made(asked, answer);
                }
            }),
        ),
        (
            "create-duplicate-case",
            on("POST /Users").gives(|asked, answer| {
                if answer.status == 409 {
                    made(asked, answer);
                }
            }),
        ),
        (
            "create-without-required",
            post().gives(|asked, answer| {
                if answer.status == 400 {
                    made(asked, answer);
                }
            }),
        ),
        (
            "create-not-json",
            post().gives(|_, answer| {
                if answer.status == 400 {
                    answer.status = 500;
                }
            }),
        ),
        ("create-name-case", drops("NICKNAME")),
        ("create-null", post().status(400)),
        ("create-empty-list", get().says("/emails", json!([{"value": ""}]))),
        ("create-complex", get().omits("/name/givenName")),
        ("create-multi-valued", get().omits("/emails/1")),
        ("create-extension", drops("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")),
        ("create-external-id", get().says("/externalId", json!("ext-701984"))),
        ("create-unicode", get().says("/displayName", json!("?ofie ?? ??? ?"))),
        ("create-password-hidden", post().says("/password", json!("***"))),
        ("create-found", on("GET /Users").asks("filter", " eq ", " ne ")),
        ("create-group", on("GET /Groups/*").omits("/displayName")),
        ("create-group-members", on("GET /Groups/*").omits("/members")),
        ("create-user-groups", get().omits("/groups")),
        ("create-unknown-endpoint", on("POST /NoSuchThings").status(500)),
    ]
}
