//! Faults for the cases of the same name.

use super::Faults;

pub fn faults() -> Faults {
    Vec::new()
}
