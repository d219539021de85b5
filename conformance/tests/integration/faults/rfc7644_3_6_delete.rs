//! Faults in DELETE.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let delete = || on("DELETE /Users/*");
    vec![
        ("delete-status", delete().status(200), "Expected status 204 to DELETE"),
        ("delete-get", delete().pretends(), "Expected status 404 to GET"),
        ("delete-put", delete().pretends(), "Expected status 404 to PUT"),
        ("delete-patch", delete().pretends(), "Expected status 404 to PATCH"),
        ("delete-twice", delete().pretends(), "Expected status 404 to DELETE"),
        ("delete-unknown", delete().pretends(), "Expected status 404 to DELETE"),
        ("delete-query", delete().pretends(), "the deleted user not to be found"),
        ("delete-name-free", delete().pretends(), "to succeed; got 409"),
        (
            "delete-leaves-groups",
            on("GET /Groups/*").says("/members", json!([{"value": "1"}])),
            "Expected members to hold []",
        ),
    ]
}
