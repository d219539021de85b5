//! The identity of an object, which stays the same when its name changes, and its kind.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The identity of an entry: `objectGUID` the way Active Directory's tools print it, or `entryUUID`.
/// Becomes `externalId`. Renames, moves and changes of case leave it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Uuid);

impl SourceId {
    /// From the 16 bytes of `objectGUID`, whose first three fields are little-endian ([MS-DTYP] 2.3.4).
    pub fn from_object_guid(bytes: &[u8]) -> Option<Self> {
        Some(Self(Uuid::from_bytes_le(bytes.try_into().ok()?)))
    }

    /// From the text of `entryUUID` (RFC 4530), or of an id that was printed before.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text.trim()).ok().map(Self)
    }

    /// The bytes as `objectGUID` holds them: for search filters.
    pub fn to_object_guid(self) -> [u8; 16] {
        self.0.to_bytes_le()
    }

    /// The bytes in the order in which the text shows them: for keys.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the bytes of [`Self::as_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Uuid::from_bytes(bytes.try_into().ok()?)))
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A person's account.
    User,
    Group,
}

impl Kind {
    /// The SCIM endpoint of this kind (RFC 7644 §3.2).
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    /// The SCIM attribute that names one: unique at most targets.
    pub const fn naming_attribute(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_printed_the_way_active_directory_does() {
        let id = SourceId::from_object_guid(b"ABCDEFGHIJKLMNOP").unwrap();
        assert_eq!(id.to_string(), "44434241-4645-4847-494a-4b4c4d4e4f50");
        assert_eq!(&id.to_object_guid(), b"ABCDEFGHIJKLMNOP");
        assert_eq!(SourceId::parse(&id.to_string()), Some(id));
        assert_eq!(SourceId::from_object_guid(b"short"), None);
    }
}
