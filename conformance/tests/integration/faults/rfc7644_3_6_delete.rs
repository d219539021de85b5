//! Faults in DELETE.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let delete = || on("DELETE /Users/*");
    vec![
        ("delete-status", delete().status(200)),
        ("delete-get", delete().pretends()),
        ("delete-put", delete().pretends()),
        ("delete-patch", delete().pretends()),
        ("delete-twice", delete().pretends()),
        ("delete-unknown", delete().pretends()),
        ("delete-query", delete().pretends()),
        ("delete-name-free", delete().pretends()),
        ("delete-leaves-groups", on("GET /Groups/*").says("/members", json!([{"value": "1"}]))),
    ]
}
