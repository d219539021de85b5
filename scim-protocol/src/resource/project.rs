//! Which attributes an answer carries (RFC 7644 §3.9, RFC 7643 §7 `returned`).

use serde_json::{Map, Value};

use crate::{Error, path::BoundPath, schema::ResourceType};

/// What the client asked to see.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projection {
    /// Neither parameter: `always` and `default` attributes.
    #[default]
    Default,
    /// `attributes=`: these, and what is always returned.
    Attributes(Vec<BoundPath>),
    /// `excludedAttributes=`: the default ones without these; never drops what is always returned.
    Excluded(Vec<BoundPath>),
}

impl Projection {
    /// From the two parameters, each a list of names in attribute notation (already split at
    /// commas). Both together: 400 `invalidValue`. Names that no schema knows are ignored, since a
    /// client may ask one question of several resource types.
    pub fn new(_attributes: &[&str], _excluded: &[&str], _rt: &ResourceType) -> Result<Self, Error> {
        todo!()
    }

    /// The part of a whole document (with `id`, `meta`, `groups`, `members` in it) that is returned.
    /// Sub-attributes have their own `returned`; a parent with nothing left in it goes too.
    pub fn apply(&self, _document: Map<String, Value>, _rt: &ResourceType) -> Map<String, Value> {
        todo!()
    }

    /// Whether an answer under this projection carries the core attribute (some of it).
    pub fn wants(&self, _attribute: &str, _rt: &ResourceType) -> bool {
        todo!()
    }
}
