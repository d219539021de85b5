//! Documents that are known to be valid (RFC 7643 §3).

pub(crate) mod finish;
pub(crate) mod location;
pub(crate) mod typed;
pub mod validate;

pub use finish::{Missing, RequiredMissing};
use serde_json::{Map, Value};

use crate::{Error, schema::ResourceType};

/// A document that has passed validation: canonical attribute names, schema order (`schemas` first,
/// then `externalId`, then core attributes as the schema lists them, then extensions), no nulls, no
/// empty lists or objects, `schemas` holding the URNs present, each value of its attribute's type.
///
/// It contains what clients assert. It never contains `id`, `meta` or another `readOnly` attribute: the server adds
/// these when it renders the resource. It contains `members` if the client sent them.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    document: Map<String, Value>,
}

impl Resource {
    /// From the body of a POST (RFC 7644 §3.3). `readOnly` attributes are ignored.
    pub fn create(body: Value, rt: &ResourceType) -> Result<Self, Error> {
        validate::create(body, rt)
    }

    /// This resource replaced by the body of a PUT (RFC 7644 §3.5.1): `immutable` attributes that are set must match
    /// or be left out (400 `mutability`), `writeOnly` attributes that are left out stay, and so does `active: false`,
    /// because leaving it out must not activate a user; other attributes that are left out are cleared.
    pub fn replace(&self, body: Value, rt: &ResourceType) -> Result<Self, Error> {
        validate::replace(self, body, rt)
    }

    /// From a document that was valid when it was stored. No check is made.
    pub fn from_stored(document: Map<String, Value>) -> Self {
        Self { document }
    }

    /// What the client asserts, under canonical names in schema order.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// As [`Self::document`], by value.
    pub fn into_document(self) -> Map<String, Value> {
        self.document
    }

    /// Takes a top-level core attribute out (for what is stored outside the document: `members`).
    pub fn take(&mut self, attribute: &str) -> Option<Value> {
        self.document.shift_remove(attribute)
    }

    /// Sets a top-level core attribute that is already valid (a password's hash).
    pub fn set(&mut self, attribute: &str, value: Value) {
        self.document.insert(attribute.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
