//! The values of one attribute as a list of elements, also where there is only one.
//!
//! If every attribute is a list, a filter, a sub-attribute or a merge means the same for `name` and for `emails`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind,
    filter::{BoundFilter, CompareOperator, Filter},
    resource::{
        finish::{is_true, is_unassigned, primary_of},
        location::Location,
        typed,
    },
    schema::{Attribute, Strictness, Type},
    value::fold,
};

/// Takes the values of an attribute out of the object that holds them.
pub(super) fn take(container: &mut Map<String, Value>, attribute: &Attribute) -> Vec<Value> {
    match container.remove(&attribute.name) {
        Some(Value::Array(elements)) if attribute.multi_valued => elements,
        value => value.into_iter().collect(),
    }
}

/// Puts them back, without those that have become empty or equal to an earlier one.
pub(super) fn put(container: &mut Map<String, Value>, attribute: &Attribute, mut elements: Vec<Value>) {
    elements.retain(|element| !is_unassigned(element));
    let value = if attribute.multi_valued {
        let mut seen = HashSet::with_capacity(elements.len());
        let first: Vec<bool> = elements.iter().map(|element| seen.insert(element)).collect();
        let mut first = first.into_iter();
        elements.retain(|_| first.next().unwrap_or(true));
        if elements.is_empty() { None } else { Some(Value::Array(elements)) }
    } else {
        elements.pop()
    };
    if let Some(value) = value {
        container.insert(attribute.name.clone(), value);
    }
}

/// The positions of the elements that a filter selects; all of them without a filter.
pub(super) fn selected(elements: &[Value], filter: Option<&BoundFilter>) -> Vec<usize> {
    let matches = |element: &Value| filter.is_none_or(|filter| filter.matches_element(element));
    elements.iter().enumerate().filter(|(_, element)| matches(element)).map(|(index, _)| index).collect()
}

/// Adds elements to a list; an element that exists already is merged. Returns the positions of the added elements.
pub(super) fn append(elements: &mut Vec<Value>, added: Vec<Value>, attribute: &Attribute) -> Vec<usize> {
    let known = elements.iter().enumerate().rev();
    let mut positions: HashMap<String, usize> =
        known.map(|(index, element)| (identity(attribute, element), index)).collect();
    let mut touched = Vec::with_capacity(added.len());
    for element in added {
        let index = *positions.entry(identity(attribute, &element)).or_insert(elements.len());
        touched.push(index);
        match (elements.get_mut(index), element) {
            (None, element) => elements.push(element),
            (Some(Value::Object(known)), Value::Object(element)) => {
                known.extend(element);
                arrange(known, attribute);
            }
            (Some(known), element) => *known = element,
        }
    }
    touched
}

/// Restores an attribute whose absence has a meaning, if the absence would be the opposite of the old value and the
/// operation did not name the attribute: `true` or `remove` activate an inactive user, a null does not.
pub(super) fn keep_opposite(container: &mut Map<String, Value>, attribute: &Attribute, before: Option<Value>) {
    if let Some(before) = before.filter(|before| attribute.is_opposite_of_absent(before)) {
        container.entry(&attribute.name).or_insert(before);
    }
}

/// Whether the elements refer to resources: then `value` is an id, and alone says which.
pub(super) fn is_reference(attribute: &Attribute) -> bool {
    attribute.is_complex() && attribute.sub_attribute("$ref").is_some()
}

/// The significant value of an element (RFC 7643 §2.4, `value`) in comparable form.
pub(super) fn value_key(attribute: &Attribute, element: &Value) -> Option<String> {
    let (value, definition) = match element {
        Value::Object(object) => {
            let sub = attribute.sub_attribute("value")?;
            (object.get(&sub.name)?, &**sub)
        }
        value => (value, attribute),
    };
    Some(comparable(value, definition))
}

/// What makes an element the same as another: its value, and its type where the value is not a
/// reference (RFC 7643 §2.4 speaks of the `(type, value)` combination). An element without a value
/// is the same only as one equal to it.
pub(super) fn identity(attribute: &Attribute, element: &Value) -> String {
    let Some(value) = value_key(attribute, element) else { return element.to_string() };
    let kind = attribute.sub_attribute("type").filter(|_| !is_reference(attribute));
    match kind.and_then(|sub| Some(comparable(element.get(&sub.name)?, sub))) {
        Some(kind) => format!("{value}\u{0}{kind}"),
        None => value,
    }
}

fn comparable(value: &Value, definition: &Attribute) -> String {
    match value {
        Value::String(text) if definition.case_exact => text.clone(),
        Value::String(text) => fold(text),
        value => value.to_string(),
    }
}

/// Leaves `primary` true on one element only: the last of those that the operation touched
/// (RFC 7644 §3.5.2).
pub(super) fn settle_primary(elements: &mut [Value], touched: &[usize], attribute: &Attribute) {
    let Some(primary) = primary_of(attribute) else { return };
    let is_primary = |index: &&usize| elements.get(**index).is_some_and(|element| is_true(element, primary));
    let Some(&preferred) = touched.iter().rev().find(is_primary) else { return };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != preferred
            && let Some(flag @ Value::Bool(true)) = element.get_mut(primary)
        {
            *flag = Value::Bool(false);
        }
    }
}

/// Puts the sub-attributes of a complex value in schema order.
pub(super) fn arrange(object: &mut Map<String, Value>, attribute: &Attribute) {
    let mut ordered = Map::with_capacity(object.len());
    for sub in &attribute.sub_attributes {
        if let Some((name, value)) = object.remove_entry(&sub.name) {
            ordered.insert(name, value);
        }
    }
    ordered.append(object);
    *object = ordered;
}

/// The element that a filter of `eq` terms describes; `None` when the filter says anything else.
pub(super) fn described_by(filter: &Filter, attribute: &Attribute) -> Option<Map<String, Value>> {
    let mut element = Map::new();
    describe(filter, attribute, &mut element)?;
    Some(element)
}

fn describe(filter: &Filter, attribute: &Attribute, element: &mut Map<String, Value>) -> Option<()> {
    match filter {
        Filter::And(terms) => terms.iter().try_for_each(|term| describe(term, attribute, element)),
        Filter::Compare { path, operator: CompareOperator::Eq, value } => {
            let sub = attribute.sub_attribute(path.as_str())?;
            let value = match value {
                // Entra writes `roles[primary eq "True"]`.
                Value::String(text) if sub.kind == Type::Boolean => Value::Bool(text.to_lowercase().parse().ok()?),
                value => value.clone(),
            };
            let value = typed::attribute(value, sub, &Location::core(&sub.name), Strictness::Lenient).ok()??;
            match element.insert(sub.name.clone(), value.clone()) {
                Some(other) if other != value => None,
                _ => Some(()),
            }
        }
        _ => None,
    }
}

/// The refusal of a filter that selects nothing.
pub(super) fn no_target(at: &Location) -> Error {
    Error::new(
        ErrorKind::NoTarget,
        format!(
            "The filter on {at} selects none of its values. Read the resource, and send a filter that selects one."
        ),
    )
}
