//! Faults in retrieving.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![
        ("retrieve-known", on("GET /Users/*").refuses(404), "Expected status 200 to GET"),
        ("retrieve-unknown", on("GET /Users/*").status(200), "Expected status 404 to GET"),
    ]
}
