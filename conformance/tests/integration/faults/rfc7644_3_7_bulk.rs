//! Faults in bulk requests.

use serde_json::json;

use super::Faults;
use crate::broken::{
    Answer, Fault,
    fault::{On, on},
};

fn bulk() -> On {
    on("POST /Bulk")
}

/// Says that all is well, and does nothing.
fn idle() -> Fault {
    bulk().takes(|asked| asked.body = json!({"Operations": []}).to_string())
}

/// Does not know that a value refers to a bulkId.
fn literal() -> Fault {
    bulk().reads("\"bulkId:", "\"unknown:")
}

pub fn faults() -> Faults {
    vec![
        ("bulk-status", bulk().status(207), "Expected status 200 to POST"),
        ("bulk-schemas", bulk().omits("/schemas"), "BulkResponse among schemas"),
        ("bulk-post", bulk().having("userName").reads("-0@", "-0-x@"), "userName to be"),
        ("bulk-put", idle(), "nickName to be \"Babs\""),
        ("bulk-patch", idle(), "nickName to be \"Babs\""),
        ("bulk-delete", idle(), "Expected status 404 to GET"),
        ("bulk-id", bulk().omits("/Operations/1/bulkId"), "a result with the bulkId two"),
        ("bulk-operation-status", bulk().says("/Operations/1/status", json!("200")), "status to be 204; it is \"200\""),
        ("bulk-location", bulk().omits("/Operations/0/location"), "Expected a location in the result"),
        ("bulk-location-others", bulk().omits("/Operations/0/location"), "Expected a location in the result"),
        ("bulk-every-result", bulk().omits("/Operations/0"), "the results of 3 operations; there are 2"),
        ("bulk-reference", literal(), "members to hold"),
        ("bulk-reference-ahead", literal(), "members to hold"),
        ("bulk-reference-extension", literal(), "manager.value to be"),
        ("bulk-reference-patch", literal(), "members to hold"),
        ("bulk-circular", bulk().having("bulkId:b").refuses(500), "Expected status 200 to POST"),
        (
            "bulk-goes-on",
            bulk().takes(|asked| {
                let mut body = asked.json();
                body["failOnErrors"] = json!(1);
                asked.body = body.to_string();
            }),
            "a result with the bulkId one",
        ),
        ("bulk-error", bulk().omits("/Operations/0/response"), "to be an error of SCIM; it is null"),
        ("bulk-fail-on-errors", bulk().reads("failOnErrors", "x"), "after the first error not to be done"),
        (
            "bulk-fail-on-errors-more",
            bulk().reads("\"failOnErrors\":2", "\"failOnErrors\":1"),
            "after the first error to be done",
        ),
        ("bulk-unknown-reference", literal(), "no member that is an unresolved bulkId"),
        ("bulk-stale", bulk().reads("version", "x"), "status to be 409 or 412; it is \"204\""),
        ("bulk-most-operations", bulk().status(400), "Expected status 413 to POST"),
        (
            "bulk-most-operations-detail",
            bulk().gives(|_, answer| *answer = Answer::empty(413)),
            "to say the limit, 100",
        ),
        ("bulk-most-bytes", bulk().status(200), "Expected status 413 to POST"),
        ("bulk-not-a-request", bulk().status(200), "Expected status 400 to POST"),
    ]
}
