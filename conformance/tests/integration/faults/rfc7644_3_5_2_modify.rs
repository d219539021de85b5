//! Faults in PATCH.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![
        ("modify-add-single", on("PATCH /Users/*").pretends()),
        ("modify-add-appends", on("PATCH /Users/*").reads("\"add\"", "\"replace\"")),
    ]
}
