//! The source of truth of a tenant: who may change its users and groups.

use std::fmt;

use scim_protocol::value::fold;
use serde::{Deserialize, Serialize};

/// Who may change the users and groups of a tenant; everybody else gets 403.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which.
    pub kind: SourceKind,
    /// The name of the only token or OAuth client that may write; all that have the scope when absent. A token that
    /// replaces another has its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

/// Where the truth about users and groups is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum SourceKind {
    /// An administrator changes them at the command line.
    Manual,
    /// An identity provider sends them.
    Scim,
    /// A directory, from which sync-agent sends them.
    Directory,
}

impl Source {
    /// Says what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        match (self.kind, &self.writer) {
            (SourceKind::Directory, None) => {
                Err("a directory needs \"writer\": the name of the token or OAuth client of sync-agent".to_owned())
            }
            (SourceKind::Manual, Some(_)) => Err("by hand nobody else may write: leave \"writer\" out".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether a token or client with that name may write.
    pub fn lets(&self, name: Option<&str>) -> bool {
        match (self.kind, &self.writer) {
            (SourceKind::Manual, _) => false,
            (_, None) => true,
            (_, Some(writer)) => name.is_some_and(|name| fold(name) == fold(writer)),
        }
    }
}

impl SourceKind {
    const NAMES: [(&str, Self); 3] = [("manual", Self::Manual), ("scim", Self::Scim), ("directory", Self::Directory)];

    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// As the subject of a sentence.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::Manual => f.write_str("the administrator, by hand,")?,
            SourceKind::Scim => f.write_str("the identity provider")?,
            SourceKind::Directory => f.write_str("the directory")?,
        }
        match &self.writer {
            Some(writer) => write!(f, ", as {writer:?},"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for SourceKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        known.ok_or_else(|| format!("{text:?} is not one of \"manual\", \"scim\" and \"directory\""))
    }
}

impl From<SourceKind> for String {
    fn from(kind: SourceKind) -> Self {
        kind.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_writer_may_write() {
        let source = |kind, writer: Option<&str>| Source { kind, writer: writer.map(str::to_owned) };
        assert!(!source(SourceKind::Manual, None).lets(Some("okta")));
        assert!(source(SourceKind::Scim, None).lets(None));
        let agent = source(SourceKind::Directory, Some("Agent"));
        assert_eq!([Some("agent"), Some("okta"), None].map(|name| agent.lets(name)), [true, false, false]);
        assert!(source(SourceKind::Directory, None).check().is_err() && agent.check().is_ok());
    }
}
