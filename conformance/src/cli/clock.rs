//! The time.

use std::time::SystemTime;

/// The clock of this machine.
#[allow(clippy::disallowed_methods, reason = "the one place where the program asks for the time")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}
