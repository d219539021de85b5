//! Faults in filters.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![
        ("filter-eq", on("GET /Users").asks("filter", " eq ", " ne ")),
        ("filter-sw", on("GET /Users").asks("filter", "-b", "-")),
        ("filter-pr", on("GET /Users").asks("filter", "title pr", "not (title pr)")),
    ]
}
