//! Why a request has no answer.

use std::{error::Error, fmt};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent(pub String);

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotSent {}
