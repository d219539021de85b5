//! Faults in groups.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::Faults;
use crate::broken::{
    Asked, Fault,
    fault::{On, on},
};

fn patch() -> On {
    on("PATCH /Groups/*")
}

fn get() -> On {
    on("GET /Groups/*")
}

/// Shows each member twice.
fn doubled() -> Fault {
    get().gives(|_, answer| {
        if let Some(Value::Array(members)) = answer.body.as_mut().and_then(|body| body.get_mut("members")) {
            members.extend(members.clone());
        }
    })
}

/// Takes each of the PATCH's operations for another.
fn operations(change: fn(&mut Value)) -> Fault {
    patch().takes(move |asked: &mut Asked| {
        let mut body = asked.json();
        body["Operations"].as_array_mut().into_iter().flatten().for_each(change);
        asked.body = body.to_string();
    })
}

/// Has no users any more once a group was deleted.
fn takes_members_along() -> Fault {
    let is_deleted = AtomicBool::new(false);
    on("* **").gives(move |asked, answer| {
        if asked.method == "DELETE" && asked.path.starts_with("/Groups/") {
            is_deleted.store(true, Ordering::Relaxed);
        }
        if asked.method == "GET" && asked.path.starts_with("/Users/") && is_deleted.load(Ordering::Relaxed) {
            answer.status = 404;
        }
    })
}

fn at_groups(asked: &mut Asked) {
    asked.path = asked.path.replace("/Users/", "/Groups/");
}

pub fn faults() -> Faults {
    let add_for_replace = || patch().reads("\"op\":\"replace\"", "\"op\":\"add\"");
    let replace_for_add = || patch().reads("\"op\":\"add\"", "\"op\":\"replace\"");
    vec![
        ("group-external-id", get().omits("/externalId"), "Expected externalId to be"),
        ("group-put-name", on("PUT /Groups/*").pretends(), "Expected displayName to be"),
        ("group-put-keeps-members", on("PUT /Groups/*").reads("\"members\"", "\"others\""), "Expected members to be"),
        ("group-rename", patch().pretends(), "Expected displayName to be"),
        ("group-rename-without-path", patch().pretends(), "Expected displayName to be"),
        ("group-add-first", patch().pretends(), "Expected members to be"),
        ("group-add-keeps", replace_for_add(), "Expected members to hold"),
        ("group-add-without-path", replace_for_add(), "Expected members to hold"),
        ("group-add-several", operations(|one| one["value"] = json!([one["value"][0]])), "Expected members to hold"),
        ("group-add-again", doubled(), "Expected members to hold"),
        ("group-replace-members", add_for_replace(), "Expected members to hold"),
        ("group-replace-members-without-path", add_for_replace(), "Expected members to hold"),
        ("group-remove-member", operations(|one| one["path"] = json!("members")), "Expected members to be"),
        ("group-remove-several", patch().reads(" or ", " and "), "Expected members to hold []"),
        ("group-remove-all", patch().pretends(), "Expected members to hold []"),
        (
            "group-patch-in-order",
            patch().takes(|asked| {
                let mut body = asked.json();
                body["Operations"].as_array_mut().into_iter().for_each(|all| all.reverse());
                asked.body = body.to_string();
            }),
            "Expected members to be",
        ),
        (
            "group-patch-atomic",
            patch().reads(",{\"op\":\"replace\",\"path\":\"id\",\"value\":\"another-id\"}", "").but_says(400),
            "Expected members to hold",
        ),
        ("group-patch-time", get().says("/meta/lastModified", json!("2001-01-01T00:00:00Z")), "to be later than 2001"),
        ("group-patch-version", get().header("etag", "W/\"1\""), "another version after the change"),
        ("group-member-once", doubled(), "Expected one member; there are 2"),
        ("group-member-ref", get().says("/members/*/$ref", json!("https://example.com/Users/1")), "$ref to lead to"),
        (
            "group-member-type",
            get().says("/members/*/type", json!("Group")),
            "member's type to be User; it is \"Group\"",
        ),
        (
            "group-member-immutable",
            operations(|one| *one = json!({"op": "add", "path": "members", "value": [{"value": one["value"]}]})),
            "Expected 2 members after 200",
        ),
        ("group-query", on("GET /Groups").omits("/Resources/*/members"), "Expected members to be"),
        ("group-attributes", get().ignores("attributes"), "Expected members to hold []"),
        ("group-delete-keeps-members", takes_members_along(), "Expected status 200 to GET"),
        ("group-at-users", on("GET /Users/*").takes(at_groups), "not to give the group; it does"),
        ("group-changed-at-users", on("DELETE /Users/*").takes(at_groups), "at the endpoint of users; got 404"),
    ]
}
