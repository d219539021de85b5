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
    /// `eq`: the values are the same; case counts where the attribute is `caseExact`.
    Eq,
    /// `ne`: the values differ, or there is none.
    Ne,
    /// `co`: the text contains the operand.
    Co,
    /// `sw`: the text begins with the operand.
    Sw,
    /// `ew`: the text ends with the operand.
    Ew,
    /// `gt`: greater, later, or after it in the order of text.
    Gt,
    /// `ge`: as `gt`, or equal.
    Ge,
    /// `lt`: less, earlier, or before it in the order of text.
    Lt,
    /// `le`: as `lt`, or equal.
    Le,
}

impl CompareOperator {
    /// Every operator, in the order of RFC 7644 table 3.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator of that name, in any case.
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name().eq_ignore_ascii_case(name))
    }

    /// Its name in the grammar: `eq`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// A parsed filter: its grammar is valid, its names are not resolved yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// `and`: each of these holds. Of none: it always holds.
    And(Vec<Filter>),
    /// `attribute op value`; the value is a JSON string, number, boolean or null
    Compare {
        /// The attribute, as written.
        path: AttributePath,
        /// How the two are compared.
        operator: CompareOperator,
        /// what it is compared with
        value: Value,
    },
    /// `not (…)`: the filter in it does not hold.
    Not(Box<Filter>),
    /// `or`: at least one of these holds. Of none: it never holds.
    Or(Vec<Filter>),
    /// `attribute pr`: it has a value (RFC 7644 §3.4.2.2).
    Present(AttributePath),
    /// `attribute[filter]`: one element for which all of the filter holds
    ValuePath {
        /// The attribute before the brackets.
        path: AttributePath,
        /// The filter in the brackets; its names are sub-attributes.
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
        bind::bind(self, rt, bind::Unknown::Refused)
    }

    /// As [`Filter::bind`], for a search over several resource types at once (RFC 7644 §3.4.2.1): an
    /// attribute that this type does not have counts as unassigned, so that the comparison holds
    /// for none (`BoundFilter::Or` of nothing) or, with `ne` and `eq null`, for all of its resources
    /// (`BoundFilter::And` of nothing).
    pub fn bind_lenient(&self, rt: &ResourceType) -> Result<BoundFilter, Error> {
        bind::bind(self, rt, bind::Unknown::Unassigned)
    }
}

/// Prints the filter in its canonical form; parsing that gives the same filter again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => write_joined(f, all, " and ", |child| matches!(child, Self::And(_) | Self::Or(_))),
            Self::Or(all) => write_joined(f, all, " or ", |child| matches!(child, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, operator, value } => write!(f, "{path} {} {value}", operator.name()),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::ValuePath { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    all: &[Filter],
    separator: &str,
    needs_parentheses: fn(&Filter) -> bool,
) -> fmt::Result {
    for (position, filter) in all.iter().enumerate() {
        f.write_str(if position == 0 { "" } else { separator })?;
        if needs_parentheses(filter) { write!(f, "({filter})")? } else { write!(f, "{filter}")? }
    }
    Ok(())
}

/// The value that an attribute is compared with, by the attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A `boolean`; compared by `eq` and `ne` only.
    Boolean(bool),
    /// A `dateTime`; compared as an instant, whatever its offset.
    DateTime(Timestamp),
    /// `null`: equal to an unassigned attribute (RFC 7643 §2.5)
    Null,
    /// An `integer` or `decimal`; compared as a number.
    Number(serde_json::Number),
    /// text, folded already when the attribute is not `caseExact`
    Text {
        /// the text to compare with
        value: String,
        /// Whether case counts: the attribute is `caseExact`.
        case_exact: bool,
    },
}

/// A filter resolved against one resource type.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundFilter {
    /// `and`: each of these holds. Of none: it always holds.
    And(Vec<BoundFilter>),
    /// a comparison; of a complex attribute its `value` sub-attribute is meant
    Compare {
        /// the attribute; when it stands in brackets, `attribute` is the element's sub-attribute's
        /// parent as usual and `sub_attribute` is set
        path: BoundPath,
        /// How the two are compared.
        operator: CompareOperator,
        /// What it is compared with, in the type of the attribute.
        operand: Operand,
    },
    /// `not (…)`: the filter in it does not hold.
    Not(Box<BoundFilter>),
    /// `or`: at least one of these holds. Of none: it never holds.
    Or(Vec<BoundFilter>),
    /// `pr`: the attribute has a value that is not empty.
    Present(BoundPath),
    /// one element for which all of the filter holds
    ValuePath {
        /// The attribute in whose elements the filter looks.
        path: BoundPath,
        /// What one element has to satisfy.
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

    /// The most comparisons that testing one element needs.
    pub fn terms(&self) -> usize {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Compare { .. } | Self::Present(_) => 1,
            Self::ValuePath { filter, .. } => filter.terms(),
        }
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
