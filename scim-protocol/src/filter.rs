//! Filters (RFC 7644 §3.4.2.2): text → [`Filter`] → [`BoundFilter`] → yes or no.
//!
//! Parsing knows the grammar, binding knows the schema, matching knows the document. Only a bound
//! filter can be matched, so the matcher never meets an unknown attribute or a wrong type.

pub mod bind;
pub mod matches;
pub mod parse;

use std::fmt;

use serde_json::Value;

use crate::{
    Error, Timestamp,
    path::{AttributePath, BoundPath},
    schema::ResourceType,
};

/// The longest filter that is read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// How deep parentheses, brackets and `not` may nest.
pub const MAX_DEPTH: usize = 32;

/// A comparison operator (RFC 7644 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOperator {
    /// equal
    Eq,
    /// not equal
    Ne,
    /// contains
    Co,
    /// starts with
    Sw,
    /// ends with
    Ew,
    /// greater than
    Gt,
    /// greater than or equal to
    Ge,
    /// less than
    Lt,
    /// less than or equal to
    Le,
}

/// A filter as it was written: the grammar is right, the names are not yet looked up.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// all of them
    And(Vec<Filter>),
    /// `attribute op value`; the value is a JSON string, number, boolean or null
    Compare {
        /// the attribute
        path: AttributePath,
        /// the operator
        operator: CompareOperator,
        /// what it is compared with
        value: Value,
    },
    /// none of it
    Not(Box<Filter>),
    /// any of them
    Or(Vec<Filter>),
    /// `attribute pr`
    Present(AttributePath),
    /// `attribute[filter]`: one element for which all of the filter holds
    ValuePath {
        /// the multi-valued attribute
        path: AttributePath,
        /// over its sub-attributes
        filter: Box<Filter>,
    },
}

impl Filter {
    /// Parses a filter. `ErrorKind::InvalidFilter` with the position (in characters, from 1) and
    /// what was expected there; also when longer than [`MAX_LENGTH`] or deeper than [`MAX_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// Resolves names and types against a resource type. `ErrorKind::InvalidFilter` for an unknown
    /// attribute, a value of the wrong type, an operator that the type does not have (RFC 7644
    /// table 3: no `gt` on booleans and binaries), or an attribute that may not be filtered
    /// (`returned: never`).
    pub fn bind(&self, rt: &ResourceType) -> Result<BoundFilter, Error> {
        bind::bind(self, rt)
    }
}

/// Prints the filter in its canonical form; parsing that gives the same filter again.
impl fmt::Display for Filter {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// What an attribute is compared with, by the attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// a boolean
    Boolean(bool),
    /// an instant
    DateTime(Timestamp),
    /// `null`: equal to an unassigned attribute (RFC 7643 §2.5)
    Null,
    /// an integer or decimal
    Number(serde_json::Number),
    /// text, folded already when the attribute is not `caseExact`
    Text {
        /// the text to compare with
        value: String,
        /// whether case counts
        case_exact: bool,
    },
}

/// A filter resolved against one resource type.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundFilter {
    /// all of them
    And(Vec<BoundFilter>),
    /// a comparison; of a complex attribute its `value` sub-attribute is meant
    Compare {
        /// the attribute; when it stands in brackets, `attribute` is the element's sub-attribute's
        /// parent as usual and `sub_attribute` is set
        path: BoundPath,
        /// the operator
        operator: CompareOperator,
        /// the operand
        operand: Operand,
    },
    /// none of it
    Not(Box<BoundFilter>),
    /// any of them
    Or(Vec<BoundFilter>),
    /// has a value
    Present(BoundPath),
    /// one element for which all of the filter holds
    ValuePath {
        /// the attribute
        path: BoundPath,
        /// over one element
        filter: Box<BoundFilter>,
    },
}

impl BoundFilter {
    /// Whether the document satisfies the filter. The document is a JSON object in canonical
    /// spelling; attributes that are not in it count as unassigned.
    pub fn matches(&self, document: &serde_json::Map<String, Value>) -> bool {
        matches::matches(self, document)
    }

    /// Whether one element of the multi-valued attribute satisfies a filter that stood in brackets.
    pub fn matches_element(&self, element: &Value) -> bool {
        matches::matches_element(self, element)
    }

    /// Whether the filter looks at this core attribute anywhere, by canonical name.
    pub fn mentions(&self, attribute: &str) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(|f| f.mentions(attribute)),
            Self::Not(inner) => inner.mentions(attribute),
            Self::Compare { path, .. } | Self::Present(path) | Self::ValuePath { path, .. } => path.is_core(attribute),
        }
    }
}
