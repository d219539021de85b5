//! Faults in PUT.

use serde_json::json;

use super::Faults;
use crate::broken::{
    Asked, Fault,
    fault::{On, on},
};

fn put() -> On {
    on("PUT /Users/*")
}

fn get() -> On {
    on("GET /Users/*")
}

/// Takes PUT for a PATCH of what the body has.
fn merges() -> Fault {
    put().takes(|asked: &mut Asked| {
        let mut value = asked.json();
        if let Some(members) = value.as_object_mut() {
            members.retain(|name, _| !matches!(name.as_str(), "id" | "meta" | "schemas"));
        }
        "PATCH".clone_into(&mut asked.method);
        asked.body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "value": value}]})
        .to_string();
    })
}

pub fn faults() -> Faults {
    vec![
        ("replace-status", put().status(204), "Expected status 200 to PUT"),
        ("replace-value", put().pretends(), "Expected nickName to be \"Babs\""),
        ("replace-adds", put().pretends(), "Expected nickName to be \"Babs\""),
        ("replace-clears", merges(), "title to be unassigned"),
        ("replace-multi-valued", merges(), "emails to hold [{\"value\":\"b@example.com\",\"type\":\"home\"}]"),
        ("replace-complex", put().pretends(), "name.familyName to be \"Reed\""),
        (
            "replace-extension",
            put().pretends(),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department to be \"Sup",
        ),
        ("replace-id-stays", put().says("/id", json!("another-id")), "Expected id to be \""),
        (
            "replace-meta-ignored",
            get().says("/meta/location", json!("https://example.com/x")),
            "meta.location of the server",
        ),
        (
            "replace-created-stays",
            get().gives(|_, answer| {
                if let Some(body) = &mut answer.body {
                    body["meta"]["created"] = body["meta"]["lastModified"].clone();
                }
            }),
            "meta.created to be \"2023-11-14T22:13:21.000Z\"",
        ),
        ("replace-whole", put().having("\"meta\"").refuses(400), "to succeed; got 400"),
        ("replace-without-required", put().pretends(), "Expected status 400 to PUT"),
        ("replace-unknown", put().status(201), "Expected PUT"),
        ("replace-duplicate", get().says("/userName", json!("another's")), "Expected userName to be"),
        ("replace-members", on("PUT /Groups/*").pretends(), "members to hold [{\"value\":\""),
    ]
}
