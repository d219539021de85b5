//! The rules of a whole document, applied last by POST, PUT and PATCH alike: what is required is
//! there, at most one element is primary, `schemas` says what is present, and the order is the
//! schema's.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::location::Location;
use crate::{
    Error,
    schema::{Attribute, Mutability, ResourceType, Type},
};

/// Checks a document of canonical names and typed values, and puts it in order.
pub(crate) fn finish(mut document: Map<String, Value>, rt: &ResourceType) -> Result<Map<String, Value>, Error> {
    let mut ordered = Map::new();
    document.remove("schemas");
    ordered.insert("schemas".to_owned(), Value::Null);
    for attribute in ResourceType::common_attributes().iter().chain(&rt.schema.attributes) {
        if attribute.name == "schemas" {
            continue;
        }
        move_over(&mut document, &mut ordered, attribute, &Location::core(&attribute.name))?;
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
                move_over(&mut given, &mut content, attribute, &at.name(&attribute.name))?;
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
    ordered.insert("schemas".to_owned(), Value::Array(schemas));
    // Attributes of a schema that was taken away after they were stored are not ours to delete.
    ordered.append(&mut document);
    Ok(ordered)
}

fn move_over(
    from: &mut Map<String, Value>,
    to: &mut Map<String, Value>,
    attribute: &Arc<Attribute>,
    at: &Location,
) -> Result<(), Error> {
    let value = from.remove(&attribute.name).filter(|value| !is_unassigned(value));
    require(value.as_ref(), attribute, at)?;
    if let Some(value) = value {
        match &value {
            Value::Array(elements) if attribute.is_complex() => {
                check_primary(elements, attribute, at)?;
                for (index, element) in elements.iter().enumerate() {
                    require_subs(element, attribute, &at.index(index))?;
                }
            }
            value if attribute.is_complex() => require_subs(value, attribute, at)?,
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

fn require_subs(element: &Value, attribute: &Attribute, at: &Location) -> Result<(), Error> {
    if let Value::Object(object) = element {
        for sub in &attribute.sub_attributes {
            require(object.get(&sub.name), sub, &at.name(&sub.name))?;
        }
    }
    Ok(())
}

fn require(value: Option<&Value>, attribute: &Attribute, at: &Location) -> Result<(), Error> {
    if !attribute.required || attribute.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    match value {
        None => Err(Error::value(format!("{at} is required and has no value. Send one."))),
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err(Error::value(format!("{at} is required and must not be empty. Send a value that is not blank.")))
        }
        Some(_) => Ok(()),
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
