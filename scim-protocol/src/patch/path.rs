//! The path of a PATCH operation (RFC 7644 §3.5.2, figure 7): an attribute, optionally a filter over its elements,
//! and optionally a sub-attribute of these.

use std::{fmt, sync::Arc};

use crate::{
    Error,
    filter::{BoundFilter, Filter, bind::bind_element, parse::parse_path},
    path::{AttributePath, BoundPath, no_sub_attribute},
    schema::{ResourceType, Strictness},
};

/// `PATH = attrPath / valuePath [subAttr]`: as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The attribute, with its sub-attribute when there is no filter between.
    pub attribute: AttributePath,
    /// The filter in brackets, over the elements of the attribute.
    pub filter: Option<Filter>,
    /// The sub-attribute behind the brackets.
    pub sub_attribute: Option<String>,
}

impl Path {
    /// Parses a PATCH path. `ErrorKind::InvalidPath` with the position and what was expected; an
    /// error inside the brackets is `ErrorKind::InvalidFilter`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (attribute, filter, sub_attribute) = parse_path(text)?;
        Ok(Self { attribute, filter, sub_attribute })
    }

    /// Resolves it against a resource type. Names in the brackets are sub-attributes of the
    /// attribute; of a multi-valued attribute without sub-attributes, `value` is the element itself.
    /// A filter over a complex attribute with one value is a condition on that value.
    pub fn bind(&self, rt: &ResourceType) -> Result<BoundTarget, Error> {
        self.bind_behind(self.attribute.bind(rt)?, rt.strictness)
    }

    /// As [`Self::bind`], for callers to whom an unknown path is no error.
    pub fn find(&self, rt: &ResourceType) -> Option<BoundTarget> {
        self.bind_behind(self.attribute.find(rt)?, rt.strictness).ok()
    }

    /// Resolves what stands behind the attribute. What it says of an unknown name looks only at the
    /// few sub-attributes of one attribute.
    fn bind_behind(&self, mut path: BoundPath, strictness: Strictness) -> Result<BoundTarget, Error> {
        let filter = match &self.filter {
            Some(filter) => Some(bind_element(filter, &path, strictness)?),
            None => None,
        };
        if let Some(name) = &self.sub_attribute {
            let sub_attribute = path.attribute.as_ref().and_then(|attribute| attribute.sub_attribute(name));
            path.sub_attribute = Some(Arc::clone(sub_attribute.ok_or_else(|| no_sub_attribute(name, &path))?));
        }
        Ok(BoundTarget { path, filter })
    }
}

/// The canonical notation; parsing it gives the same path again.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attribute)?;
        self.filter.as_ref().map_or(Ok(()), |filter| write!(f, "[{filter}]"))?;
        self.sub_attribute.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
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

#[cfg(test)]
mod tests;
