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

impl Subject {
    /// The attribute that it is, or is a part of, with its resource type before it.
    pub fn attribute(&self) -> String {
        let (urn, path) = self.path.rsplit_once(':').map_or(("", self.path.as_str()), |(urn, path)| (urn, path));
        let name = path.split('.').next().unwrap_or(path);
        let separator = if urn.is_empty() { "" } else { ":" };
        format!("{}:{urn}{separator}{name}", self.resource_type)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource_type)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ":{}", self.path) }
    }
}
