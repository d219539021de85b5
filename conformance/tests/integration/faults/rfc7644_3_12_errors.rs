//! Faults in errors.

use std::{collections::HashSet, sync::Mutex};

use serde_json::json;

use super::Faults;
use crate::broken::{
    Fault,
    fault::{On, on},
};

fn get() -> On {
    on("GET /Users/*")
}

fn post() -> On {
    on("POST /Users")
}

fn patch() -> On {
    on("PATCH /Users/*")
}

/// Gives a user whose userName a PATCH was to change that of another.
fn renames_unasked() -> Fault {
    let changed = Mutex::new(HashSet::new());
    on("* **").gives(move |asked, answer| {
        let mut changed = changed.lock().expect("no panic while it is held");
        if asked.method == "PATCH" && asked.body.contains("userName") {
            changed.insert(asked.path.clone());
        }
        if let Some(body) = answer.body.as_mut().filter(|_| asked.method == "GET" && changed.contains(&asked.path)) {
            body["userName"] = json!("another's");
        }
    })
}

pub fn faults() -> Faults {
    let other = "somethingElse";
    vec![
        ("error-schemas", get().says("/schemas", json!([])), "messages:2.0:Error among schemas"),
        ("error-schemas-400", post().says("/schemas", json!([])), "messages:2.0:Error among schemas"),
        ("error-schemas-409", post().omits("/schemas"), "messages:2.0:Error among schemas"),
        ("error-schemas-endpoint", on("GET /NoSuchThings").text("<html>404</html>"), "Expected a JSON object"),
        ("error-status", get().says("/status", json!(404)), "to be \"404\"; it is 404"),
        ("error-status-400", post().says("/status", json!("500")), "to be \"400\"; it is \"500\""),
        ("error-detail", get().says("/detail", json!(["x"])), "the detail of the error to be a text"),
        ("error-media-type", get().header("content-type", "text/plain"), "it is \"text/plain\""),
        ("error-not-json", post().omits("/scimType"), "the scimType invalidSyntax; it is null"),
        ("error-list-for-object", post().says("/scimType", json!(other)), "the scimType invalidSyntax"),
        ("error-missing-value", post().says("/scimType", json!(other)), "the scimType invalidValue"),
        ("error-wrong-type", post().swallows(), "Expected status 400 to POST"),
        ("error-filter", on("GET /Users").ignores("filter"), "Expected status 400 to GET"),
        ("error-path", patch().says("/scimType", json!(other)), "the scimType invalidPath"),
        ("error-path-filter", patch().says("/scimType", json!(other)), "the scimType invalidFilter or invalidPath"),
        ("error-mutability", patch().pretends(), "Expected status 400 to PATCH"),
        ("error-patch-value", patch().pretends(), "Expected status 400 to PATCH"),
        (
            "error-patch-operation",
            patch().says("/scimType", json!(other)),
            "the scimType invalidSyntax or invalidValue",
        ),
        ("error-patch-duplicate", patch().omits("/scimType"), "the scimType uniqueness; it is null"),
        ("error-patch-duplicate-kept", renames_unasked(), "Expected userName to be"),
    ]
}
