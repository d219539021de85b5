//! Validates bodies of POST and PUT (RFC 7644 §3.3, §3.5.1).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Resource,
    finish::finish,
    location::Location,
    typed::{self, given_twice, same, unknown_attribute},
};
use crate::{
    Error, ErrorKind,
    schema::{Attribute, Mutability, ResourceType, Strictness},
};

pub(super) fn create(body: Value, rt: &ResourceType) -> Result<Resource, Error> {
    let document = read(body, rt)?;
    Ok(Resource { document: finish(document, rt)? })
}

pub(super) fn replace(old: &Resource, body: Value, rt: &ResourceType) -> Result<Resource, Error> {
    let not_understood = not_understood(&body, rt);
    let mut document = read(body, rt)?;
    for (name, attributes) in not_understood {
        if old.document.contains_key(name) {
            return Err(typed::not_understood(&Location::core(name), attributes));
        }
    }
    let core = ResourceType::common_attributes().iter().chain(&rt.schema.attributes);
    for attribute in core {
        carry_over(&old.document, &mut document, attribute, &Location::core(&attribute.name))?;
    }
    for extension in &rt.extensions {
        let urn = &extension.schema.id;
        if let Some(Value::Object(before)) = old.document.get(urn) {
            let mut after = match document.remove(urn) {
                Some(Value::Object(after)) => after,
                _ => Map::new(),
            };
            let at = Location::extension(urn);
            for attribute in &extension.schema.attributes {
                carry_over(before, &mut after, attribute, &at.name(&attribute.name))?;
            }
            document.insert(urn.clone(), Value::Object(after));
        }
    }
    Ok(Resource { document: finish(document, rt)? })
}

/// The single-valued complex attributes and the extensions with only unknown content in a body, with the names that
/// they can have. In a PUT, dropping this content would unassign the stored value.
fn not_understood<'r>(body: &Value, rt: &'r ResourceType) -> Vec<(&'r str, &'r [Arc<Attribute>])> {
    let attributes = body.as_object().into_iter().flatten();
    let understood_as = |name: &str| match (rt.attribute(name), rt.extension(name)) {
        (Some(attribute), _) if attribute.is_complex() && attribute.mutability != Mutability::ReadOnly => {
            Some((attribute.name.as_str(), attribute.sub_attributes.as_slice()))
        }
        (None, Some(extension)) => Some((extension.schema.id.as_str(), extension.schema.attributes.as_slice())),
        _ => None,
    };
    attributes
        .filter_map(|(name, value)| Some((value.as_object()?, understood_as(name)?)))
        .filter(|(given, (_, attributes))| typed::is_unknown(given, attributes, rt.strictness))
        .map(|(_, understood_as)| understood_as)
        .collect()
}

/// The body with canonical names and checked values, in the order in which they came.
fn read(body: Value, rt: &ResourceType) -> Result<Map<String, Value>, Error> {
    let Value::Object(body) = body else {
        return Err(Error::syntax("The body is not a JSON object. Send the resource as one object."));
    };
    let strictness = rt.strictness;
    let mut document = Map::new();
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in body {
        let (name, value) = if key.eq_ignore_ascii_case("schemas") {
            check_schemas(&value, rt)?;
            ("schemas", None)
        } else if let Some(attribute) = rt.attribute(&key) {
            let at = Location::core(&attribute.name);
            (attribute.name.as_str(), typed::attribute(value, attribute, &at, strictness)?)
        } else if let Some(extension) = rt.extension(&key) {
            let schema = &extension.schema;
            (schema.id.as_str(), read_extension(value, &schema.id, &schema.attributes, strictness)?)
        } else {
            unknown_attribute(&Location::core(&key), strictness)?;
            continue;
        };
        if seen.contains(&name) {
            return Err(given_twice(&Location::core(name)));
        }
        seen.push(name);
        if let Some(value) = value {
            document.insert(name.to_owned(), value);
        }
    }
    Ok(document)
}

fn read_extension(
    value: Value,
    urn: &str,
    attributes: &[Arc<Attribute>],
    strictness: Strictness,
) -> Result<Option<Value>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Object(given) => {
            let at = Location::extension(urn);
            typed::refuse_wrapped(&given, urn, attributes, &at, strictness)?;
            let object = typed::object(given, attributes, &at, strictness)?;
            Ok(Some(Value::Object(object)))
        }
        _ => Err(Error::syntax(format!("{urn} is not a JSON object. Send the extension's attributes as one object."))),
    }
}

/// `schemas` in a body says nothing that the content does not: it is computed. Clients leave it out
/// and send old URNs, so it only has to be a list of strings.
fn check_schemas(value: &Value, rt: &ResourceType) -> Result<(), Error> {
    let urns = match value {
        Value::Null => return Ok(()),
        Value::Array(urns) => urns,
        _ => return Err(Error::syntax("schemas is not a list. Send a JSON array of schema URNs.")),
    };
    for urn in urns {
        let Value::String(urn) = urn else {
            return Err(Error::syntax("schemas holds something other than strings. Send a JSON array of schema URNs."));
        };
        let known = rt.schema.id.eq_ignore_ascii_case(urn) || rt.extension(urn).is_some();
        if !known && rt.strictness == Strictness::Strict {
            return Err(Error::syntax(format!(
                "schemas names \"{urn}\", which {} does not have. Send only URNs that /ResourceTypes/{} lists.",
                rt.name, rt.name
            )));
        }
    }
    Ok(())
}

/// The part of the old value that a PUT keeps: `immutable` values; `writeOnly` values, which a client cannot know and
/// so cannot send; and a value whose absence would mean the opposite (`active: false`).
fn carry_over(
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    attribute: &Attribute,
    at: &Location,
) -> Result<(), Error> {
    let name = &attribute.name;
    let Some(before) = old.get(name) else { return Ok(()) };
    match (attribute.mutability, new.get_mut(name)) {
        (Mutability::Immutable | Mutability::WriteOnly, None) => {
            new.insert(name.clone(), before.clone());
        }
        (Mutability::ReadWrite, None) if attribute.is_opposite_of_absent(before) => {
            new.insert(name.clone(), before.clone());
        }
        (Mutability::Immutable, Some(after)) => {
            if !same(attribute, before, after) {
                return Err(Error::new(
                    ErrorKind::Mutability,
                    format!(
                        "{at} is immutable and already has another value. Leave it out, or send the value that it has."
                    ),
                ));
            }
            *after = before.clone();
        }
        (Mutability::ReadWrite, Some(Value::Object(after))) => {
            if let Value::Object(before) = before {
                for sub in &attribute.sub_attributes {
                    carry_over(before, after, sub, &at.name(&sub.name))?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
