//! The rules of a whole document, applied last by POST, PUT and PATCH: required attributes have values, at most one
//! element is primary, `schemas` lists what is present, and the order is that of the schema.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::location::Location;
use crate::{
    Error,
    schema::{Attribute, Mutability, ResourceType, Type},
    value::is_blank,
};

/// How many missing attributes a detail names. A list may have any number of elements that lack the same attribute,
/// and a response must not be many times as long as the request.
const MOST_NAMED: usize = 20;

/// A required attribute without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its canonical path: `name.familyName`, `emails[0].value`.
    pub attribute: String,
    /// The value is blank text.
    pub is_blank: bool,
}

/// All missing required attributes: the source of the error, for servers that use another text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequiredMissing(pub Vec<Missing>);

impl RequiredMissing {
    fn note(&mut self, value: Option<&Value>, attribute: &Attribute, at: &Location) {
        if !attribute.required || attribute.mutability == Mutability::ReadOnly {
            return;
        }
        match value {
            // In a complex attribute only what a client must send is required.
            None if attribute.sub_attributes.iter().any(|sub| sub.required) => {
                attribute.sub_attributes.iter().for_each(|sub| self.note(None, sub, &at.name(&sub.name)));
            }
            None => self.0.push(Missing { attribute: at.to_string(), is_blank: false }),
            Some(Value::String(text)) if is_blank(text) => {
                self.0.push(Missing { attribute: at.to_string(), is_blank: true });
            }
            Some(_) => {}
        }
    }

    fn note_subs(&mut self, element: &Value, attribute: &Attribute, at: &Location) {
        if let Value::Object(object) = element {
            for sub in &attribute.sub_attributes {
                self.note(object.get(&sub.name), sub, &at.name(&sub.name));
            }
        }
    }

    fn into_result(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::value(self.to_string()).with_source(self)) }
    }
}

impl std::error::Error for RequiredMissing {}

impl fmt::Display for RequiredMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Missing { attribute, is_blank }) in self.0.iter().take(MOST_NAMED).enumerate() {
            f.write_str(if position == 0 { "" } else { " " })?;
            let (lack, send) =
                if *is_blank { ("must not be empty", "a value that is not blank") } else { ("has no value", "one") };
            write!(f, "{attribute} is required and {lack}. Send {send}.")?;
        }
        match self.0.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, " {more} more are missing."),
        }
    }
}

/// Checks a document of canonical names and typed values, and puts it in order.
pub(crate) fn finish(mut document: Map<String, Value>, rt: &ResourceType) -> Result<Map<String, Value>, Error> {
    let mut ordered = Map::new();
    let mut missing = RequiredMissing::default();
    document.remove("schemas");
    ordered.insert("schemas".to_owned(), Value::Null);
    for attribute in ResourceType::common_attributes().iter().chain(&rt.schema.attributes) {
        if attribute.name == "schemas" {
            continue;
        }
        move_over(&mut document, &mut ordered, attribute, &Location::core(&attribute.name), &mut missing)?;
    }
    let mut schemas = vec![Value::from(rt.schema.id.as_str())];
    for extension in &rt.extensions {
        let schema = &extension.schema;
        let mut content = Map::new();
        if let Some(Value::Object(mut given)) = document.remove(&schema.id)
            && !given.is_empty()
        {
            let at = Location::extension(&schema.id);
            for attribute in &schema.attributes {
                move_over(&mut given, &mut content, attribute, &at.name(&attribute.name), &mut missing)?;
            }
            content.append(&mut given);
        }
        if !content.is_empty() {
            schemas.push(Value::from(schema.id.as_str()));
            ordered.insert(schema.id.clone(), Value::Object(content));
        } else if extension.required {
            let urn = &schema.id;
            return Err(Error::value(format!("{urn} is required. Send an object under that key with its attributes.")));
        }
    }
    missing.into_result()?;
    ordered.insert("schemas".to_owned(), Value::Array(schemas));
    // Attributes of a schema that was removed after they were stored are kept.
    ordered.append(&mut document);
    Ok(ordered)
}

fn move_over(
    from: &mut Map<String, Value>,
    to: &mut Map<String, Value>,
    attribute: &Arc<Attribute>,
    at: &Location,
    missing: &mut RequiredMissing,
) -> Result<(), Error> {
    let value = from.remove(&attribute.name).filter(|value| !is_unassigned(value));
    missing.note(value.as_ref(), attribute, at);
    if let Some(value) = value {
        match &value {
            Value::Array(elements) if attribute.is_complex() => {
                check_primary(elements, attribute, at)?;
                for (index, element) in elements.iter().enumerate() {
                    missing.note_subs(element, attribute, &at.index(index));
                }
            }
            value if attribute.is_complex() => missing.note_subs(value, attribute, at),
            _ => {}
        }
        to.insert(attribute.name.clone(), value);
    }
    Ok(())
}

/// Whether a canonical value means that there is none (RFC 7643 §2.5).
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

fn check_primary(elements: &[Value], attribute: &Attribute, at: &Location) -> Result<(), Error> {
    let Some(primary) = primary_of(attribute) else { return Ok(()) };
    let mut found = elements.iter().enumerate().filter(|(_, element)| is_true(element, primary)).skip(1);
    found.next().map_or(Ok(()), |(index, _)| {
        let at = at.index(index);
        Err(Error::value(format!(
            "{} is true, and so is that of an earlier element. Send true for one element only (RFC 7643 §2.4).",
            at.name(primary)
        )))
    })
}

/// The canonical name of the sub-attribute that marks the preferred element, where there is one.
pub(crate) fn primary_of(attribute: &Attribute) -> Option<&str> {
    let sub = attribute.sub_attribute("primary").filter(|sub| attribute.multi_valued && sub.kind == Type::Boolean)?;
    Some(&sub.name)
}

/// Whether the sub-attribute of this element is `true`.
pub(crate) fn is_true(element: &Value, sub_attribute: &str) -> bool {
    element.get(sub_attribute) == Some(&Value::Bool(true))
}
