//! Looks up the names of a filter and gives each value its attribute's type.

use serde_json::Value;

use super::{BoundFilter, CompareOperator, Filter, Operand};
use crate::{
    Error, ErrorKind, Timestamp,
    path::{AttributePath, BoundPath, no_sub_attribute},
    schema::{Attribute, ResourceType, Returned, Type},
    value::fold,
};

/// What becomes of an attribute that the resource type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It is an error.
    Refused,
    /// It counts as unassigned.
    Unassigned,
}

pub(super) fn bind(filter: &Filter, rt: &ResourceType, unknown: Unknown) -> Result<BoundFilter, Error> {
    bind_in(filter, Scope::Resource(rt, unknown))
}

/// Binds a filter that stands in brackets behind an attribute.
pub(crate) fn bind_element(filter: &Filter, of: &BoundPath) -> Result<BoundFilter, Error> {
    let selectable = of.attribute.as_ref().filter(|attribute| attribute.is_complex() || attribute.multi_valued);
    if of.sub_attribute.is_some() || selectable.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidFilter,
            format!("{of} has no elements to choose from; brackets can follow a complex or multi-valued attribute."),
        ));
    }
    bind_in(filter, Scope::Element(of))
}

/// Where the names of a filter are looked up.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Element(&'a BoundPath),
    Resource(&'a ResourceType, Unknown),
}

impl Scope<'_> {
    /// `None`: the attribute is unknown, and counts as unassigned.
    fn find(self, path: &AttributePath) -> Result<Option<BoundPath>, Error> {
        let found = match self {
            Self::Element(of) => in_element(path, of).map(Some),
            Self::Resource(rt, unknown) => match path.bind(rt) {
                Err(_) if unknown == Unknown::Unassigned => Ok(None),
                found => found.map(Some),
            },
        };
        let found = found.map_err(|error| invalid(error.detail()))?;
        match found.as_ref().and_then(BoundPath::leaf) {
            Some(leaf) if leaf.returned == Returned::Never => {
                Err(invalid(format!("{} is never returned, so it may not be filtered either.", leaf.name)))
            }
            _ => Ok(found),
        }
    }
}

/// A sub-attribute; of elements that have none, `value` is the element itself.
fn in_element(path: &AttributePath, of: &BoundPath) -> Result<BoundPath, Error> {
    let name = path.as_str();
    let attribute = of.attribute.as_ref();
    if let Some(sub_attribute) = attribute.and_then(|attribute| attribute.sub_attribute(name)) {
        return Ok(BoundPath { sub_attribute: Some(sub_attribute.clone()), ..of.clone() });
    }
    if attribute.is_some_and(|attribute| !attribute.is_complex()) && name.eq_ignore_ascii_case("value") {
        return Ok(of.clone());
    }
    Err(no_sub_attribute(name, of))
}

fn bind_in(filter: &Filter, scope: Scope<'_>) -> Result<BoundFilter, Error> {
    let bind_all = |all: &[Filter]| all.iter().map(|filter| bind_in(filter, scope)).collect::<Result<_, _>>();
    Ok(match filter {
        Filter::And(all) => BoundFilter::And(bind_all(all)?),
        Filter::Or(all) => BoundFilter::Or(bind_all(all)?),
        Filter::Not(inner) => BoundFilter::Not(Box::new(bind_in(inner, scope)?)),
        Filter::Present(path) => scope.find(path)?.map_or(NEVER, BoundFilter::Present),
        Filter::ValuePath { path, filter } => match scope.find(path)? {
            Some(path) => BoundFilter::ValuePath { filter: Box::new(bind_element(filter, &path)?), path },
            None => NEVER,
        },
        Filter::Compare { path, operator, value } => match scope.find(path)? {
            Some(path) => compare(path, *operator, value)?,
            None if (*operator == CompareOperator::Ne) != value.is_null() => ALWAYS,
            None => NEVER,
        },
    })
}

const ALWAYS: BoundFilter = BoundFilter::And(Vec::new());
const NEVER: BoundFilter = BoundFilter::Or(Vec::new());

fn compare(mut path: BoundPath, operator: CompareOperator, value: &Value) -> Result<BoundFilter, Error> {
    if value.is_null() {
        return match operator {
            CompareOperator::Eq | CompareOperator::Ne => {
                Ok(BoundFilter::Compare { path, operator, operand: Operand::Null })
            }
            _ => Err(invalid(format!("{path} cannot be compared with null by {}; use eq or ne.", operator.name()))),
        };
    }
    if let (Some(attribute), None) = (&path.attribute, &path.sub_attribute)
        && attribute.is_complex()
    {
        path.sub_attribute = attribute.sub_attribute("value").cloned();
    }
    let Some(leaf) = path.leaf().filter(|leaf| !leaf.is_complex()) else {
        return Err(invalid(format!(
            "{path} is complex, so {} has nothing to compare; name a sub-attribute, or use pr.",
            operator.name()
        )));
    };
    let operand = operand(leaf, value, &path)?;
    check_operator(leaf, operator, &path)?;
    Ok(BoundFilter::Compare { path, operator, operand })
}

/// RFC 7644 table 3: what has no order cannot be `gt`, and only text contains text.
fn check_operator(leaf: &Attribute, operator: CompareOperator, path: &BoundPath) -> Result<(), Error> {
    use CompareOperator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    let allowed = match operator {
        Eq | Ne => true,
        Co | Sw | Ew => leaf.kind.is_text(),
        Gt | Ge | Lt | Le => !matches!(leaf.kind, Type::Binary | Type::Boolean),
    };
    if allowed {
        return Ok(());
    }
    let kind = kind_name(leaf.kind);
    Err(invalid(format!("{path} is {kind}, which {} cannot compare; use eq or ne.", operator.name())))
}

fn operand(leaf: &Attribute, value: &Value, path: &BoundPath) -> Result<Operand, Error> {
    let operand = match (leaf.kind, value) {
        (Type::Boolean, Value::Bool(boolean)) => Some(Operand::Boolean(*boolean)),
        // Entra writes `primary eq "True"`.
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(Operand::Boolean(true)),
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Some(Operand::Boolean(false)),
        (Type::DateTime, Value::String(text)) => Timestamp::parse(text).map(Operand::DateTime),
        (Type::Decimal | Type::Integer, Value::Number(number)) => Some(Operand::Number(number.clone())),
        (kind, Value::String(text)) if kind.is_text() => Some(text_operand(leaf, text)),
        // An employee number that was written without quotes.
        (kind, Value::Number(number)) if kind.is_text() => Some(text_operand(leaf, &number.to_string())),
        _ => None,
    };
    operand
        .ok_or_else(|| invalid(format!("{path} is {}, so it cannot be compared with {value}.", kind_name(leaf.kind))))
}

fn text_operand(leaf: &Attribute, text: &str) -> Operand {
    let case_exact = leaf.case_exact;
    Operand::Text { value: if case_exact { text.to_owned() } else { fold(text) }, case_exact }
}

fn kind_name(kind: Type) -> &'static str {
    match kind {
        Type::Binary => "binary (base64 text)",
        Type::Boolean => "a boolean (true or false)",
        Type::Complex => "complex",
        Type::DateTime => "a dateTime (such as \"2011-05-13T04:42:34Z\")",
        Type::Decimal => "a decimal number",
        Type::Integer => "an integer",
        Type::Reference => "a reference (text)",
        Type::String => "a string",
    }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidFilter, detail)
}
