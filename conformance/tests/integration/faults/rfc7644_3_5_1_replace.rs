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
        ("replace-status", put().status(204)),
        ("replace-value", put().pretends()),
        ("replace-adds", put().pretends()),
        ("replace-clears", merges()),
        ("replace-multi-valued", merges()),
        ("replace-complex", put().pretends()),
        ("replace-extension", put().pretends()),
        ("replace-id-stays", put().says("/id", json!("another-id"))),
        ("replace-meta-ignored", get().says("/meta/location", json!("https://example.com/x"))),
        (
            "replace-created-stays",
            get().gives(|_, answer| {
                if let Some(body) = &mut answer.body {
                    body["meta"]["created"] = body["nickName"].clone();
                }
            }),
        ),
        ("replace-whole", put().having("\"meta\"").refuses(400)),
        ("replace-without-required", put().pretends()),
        ("replace-unknown", put().status(201)),
        ("replace-duplicate", put().pretends()),
        ("replace-members", on("PUT /Groups/*").pretends()),
    ]
}
