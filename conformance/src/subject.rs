//! What a generated case is about.

use std::fmt;

/// What one finding of a generated case is about: an attribute of a resource type, or with an empty path the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// By name.
    pub resource_type: String,
    /// As `emails.type`, or with the URN of an extension before it.
    pub path: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource_type)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ":{}", self.path) }
    }
}
