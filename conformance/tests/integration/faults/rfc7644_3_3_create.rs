//! Faults in creating.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![
        ("create-status", on("POST /Users").status(200)),
        ("create-location", on("POST /Users").header("location", "")),
    ]
}
