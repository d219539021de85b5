//! Faults in versions.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let get = || on("GET /Users/*");
    vec![
        ("version-header", get().header("etag", "1"), "an entity tag in quotes"),
        ("version-meta", get().says("/meta/version", json!("1")), "meta.version to be \"W/\\\"1\\\"\""),
        ("version-changes", get().header("etag", "W/\"1\""), "another version after the change"),
        ("version-not-modified", get().overlooks("if-none-match"), "Expected status 304 to GET"),
        ("version-modified", get().having("no-version").refuses(304), "Expected status 200 to GET"),
        ("version-patch-match", on("PATCH /Users/*").having("if-match").refuses(412), "Expected PATCH"),
        ("version-patch-stale", on("PATCH /Users/*").overlooks("if-match"), "status 409 or 412 to PATCH"),
        ("version-put-stale", on("PUT /Users/*").overlooks("if-match"), "status 409 or 412 to PUT"),
        ("version-delete-stale", on("DELETE /Users/*").overlooks("if-match"), "status 409 or 412 to DELETE"),
    ]
}
