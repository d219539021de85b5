//! Faults in versions.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let get = || on("GET /Users/*");
    vec![
        ("version-header", get().header("etag", "1")),
        ("version-meta", get().says("/meta/version", json!("1"))),
        ("version-changes", get().header("etag", "W/\"1\"")),
        ("version-not-modified", get().overlooks("if-none-match")),
        ("version-modified", get().having("no-version").refuses(304)),
        ("version-patch-match", on("PATCH /Users/*").having("if-match").refuses(412)),
        ("version-patch-stale", on("PATCH /Users/*").overlooks("if-match")),
        ("version-put-stale", on("PUT /Users/*").overlooks("if-match")),
        ("version-delete-stale", on("DELETE /Users/*").overlooks("if-match")),
    ]
}
