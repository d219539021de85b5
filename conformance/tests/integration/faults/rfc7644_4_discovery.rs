//! Faults in discovery.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![
        ("discovery-config", on("GET /ServiceProviderConfig").refuses(404)),
        ("discovery-config-features", on("GET /ServiceProviderConfig").says("/patch/supported", json!("true"))),
    ]
}
