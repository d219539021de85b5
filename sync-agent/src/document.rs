//! The document of a resource, as text.
//!
//! A first run holds two for each of a hundred thousand people: what the target should hold, and what is
//! sent. As a tree of values one is some sixty objects on the heap and thousands of bytes; as text it is
//! one object of a few hundred. It is taken apart where it is compared or sent, and then let go.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
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

    /// The attribute of this name, where it is a text. The others are passed over, and not made.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::Deserializer::from_str(&self.0).deserialize_map(TextOf(name)).ok().flatten()
    }

    /// As JSON, in the order in which the attributes came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the attribute of this name.
struct TextOf<'a>(&'a str);

impl<'de> Visitor<'de> for TextOf<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut attributes: A) -> Result<Option<String>, A::Error> {
        let mut found = None;
        while let Some(name) = attributes.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = match attributes.next_value::<Value>()? {
                    Value::String(text) => Some(text),
                    _ => None,
                };
            } else {
                attributes.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_text_is_read_as_all_attributes_have_it() {
        let Value::Object(attributes) = json!({
            "schemas": ["userName"], "externalId": "e", "name": {"userName": "inner"}, "userName": "A \"b\" \u{e9}",
            "active": true, "emails": [{"value": "x", "externalId": "inner"}], "title": null, "quoted\"": "q",
        }) else {
            panic!("an object")
        };
        let document = Document::new(&attributes);
        for name in ["externalId", "userName", "name", "active", "emails", "title", "quoted\"", "value", "none", ""] {
            let expect = document.attributes().get(name).and_then(Value::as_str).map(str::to_owned);
            assert_eq!(document.text(name), expect, "{name}");
        }
    }
}
