//! The document of a resource, as text.
//!
//! A first run holds two for each of a hundred thousand people: what the target should hold, and what is
//! sent. As a tree of values one is some sixty objects on the heap and thousands of bytes; as text it is
//! one object of a few hundred. It is taken apart where it is compared or sent, and then let go.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The attributes of a resource. Cheap to clone. A plan file has it as an object, laid out for people like
/// all around it, which is why writing it takes it apart once more.
///
/// The text is only ever made here, of attributes: neither making it nor taking it apart can fail.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Arc<str>);

impl Document {
    /// Of these attributes.
    pub fn new(attributes: &Map<String, Value>) -> Self {
        Self(serde_json::to_string(attributes).unwrap_or_default().into())
    }

    pub fn attributes(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The attribute of this name, where it is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.attributes().get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// As JSON, in the order in which the attributes came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.attributes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(|attributes| Self::new(&attributes))
    }
}

/// Digest of a document: what was last written is compared without being kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// The digest of these bytes: the first half of their hash, in hexadecimal.
    pub fn of(hasher: Sha256) -> Self {
        Self(hex::encode(hasher.finalize().get(..16).unwrap_or_default()))
    }

    /// The digest of a document that was written only in part. No document has it, so the next run compares again.
    pub const fn unfinished() -> Self {
        Self(String::new())
    }
}
