//! Attribute notation (RFC 7644 §3.10) and PATCH paths (§3.5.2, figure 7).
//!
//! A name is first text ([`AttributePath`], [`Path`]) and then, resolved against a resource type, a
//! [`BoundPath`]. Binding, not parsing, splits a URN from an attribute name: only the schema knows
//! where `urn:…:2.0:User:name.givenName` ends being a URN.

use std::sync::Arc;

use crate::{
    Error,
    filter::{BoundFilter, Filter},
    schema::{Attribute, ResourceType},
};

/// An attribute as a client wrote it: `name.givenName`, `urn:…:User:userName`, a whole extension's
/// URN. Its characters are checked, its meaning is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath(String);

impl AttributePath {
    /// Checks the characters of attribute notation. `ErrorKind::InvalidPath` otherwise.
    pub fn parse(_text: &str) -> Result<Self, Error> {
        todo!()
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Finds the attribute in the schemas of a resource type. `ErrorKind::InvalidPath` when there
    /// is none.
    pub fn bind(&self, _rt: &ResourceType) -> Result<BoundPath, Error> {
        todo!()
    }
}

/// An attribute that exists: where it stands in a document, and its definition.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundPath {
    /// For an attribute of an extension, the extension's canonical URN (the key in the document).
    pub extension: Option<Arc<str>>,
    /// The attribute; `None` for a whole extension.
    pub attribute: Option<Arc<Attribute>>,
    /// The sub-attribute, where one is named.
    pub sub_attribute: Option<Arc<Attribute>>,
}

impl BoundPath {
    /// The innermost definition: the sub-attribute's, else the attribute's.
    pub fn leaf(&self) -> Option<&Arc<Attribute>> {
        self.sub_attribute.as_ref().or(self.attribute.as_ref())
    }

    /// Whether it is this core or common attribute (not of an extension), by canonical name.
    pub fn is_core(&self, name: &str) -> bool {
        self.extension.is_none() && self.attribute.as_ref().is_some_and(|a| a.name == name)
    }
}

/// The canonical notation: an extension's attribute is written with its URN.
impl std::fmt::Display for BoundPath {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// `PATH = attrPath / valuePath [subAttr]`: as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The attribute, with its sub-attribute when there is no filter between.
    pub attribute: AttributePath,
    /// The filter in brackets.
    pub filter: Option<Filter>,
    /// The sub-attribute behind the brackets.
    pub sub_attribute: Option<String>,
}

impl Path {
    /// Parses a PATCH path. `ErrorKind::InvalidPath` with the position and what was expected; an
    /// error inside the brackets is `ErrorKind::InvalidFilter`.
    pub fn parse(_text: &str) -> Result<Self, Error> {
        todo!()
    }

    /// Resolves it against a resource type.
    pub fn bind(&self, _rt: &ResourceType) -> Result<BoundTarget, Error> {
        todo!()
    }
}

/// What a PATCH operation points at.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundTarget {
    /// The attribute and sub-attribute (also the one behind the brackets).
    pub path: BoundPath,
    /// The filter over the elements of the attribute.
    pub filter: Option<BoundFilter>,
}
