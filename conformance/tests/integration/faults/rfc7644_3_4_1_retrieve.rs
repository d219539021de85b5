//! Faults in retrieving.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    vec![("retrieve-known", on("GET /Users/*").refuses(404)), ("retrieve-unknown", on("GET /Users/*").status(200))]
}
