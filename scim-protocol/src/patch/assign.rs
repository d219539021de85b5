//! `add` and `replace` of one attribute (RFC 7644 §3.5.2.1 and §3.5.2.3).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    elements::{
        append, arrange, described_by, is_reference, keep_opposite, no_target, put, selected, settle_primary, take,
    },
    read_only::mutability,
};
use crate::{
    Error,
    filter::{BoundFilter, Filter},
    resource::{
        location::Location,
        typed::{self, given_twice, refuse_wrapped, same, unknown_attribute},
    },
    schema::{Attribute, Mutability, Strictness},
};

/// How `add` and `replace` differ is asked in few places; everything else they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Add,
    Replace,
}

/// The target: an attribute, the elements that a filter selects, or a sub-attribute of either.
pub(super) struct Assignment<'a> {
    pub(super) attribute: &'a Attribute,
    pub(super) sub: Option<&'a Attribute>,
    pub(super) filter: Option<(&'a BoundFilter, &'a Filter)>,
    pub(super) mode: Mode,
    pub(super) strictness: Strictness,
}

impl Assignment<'_> {
    /// Sets it in the object that holds the attribute.
    pub(super) fn run(&self, container: &mut Map<String, Value>, value: &Value, at: &Location) -> Result<(), Error> {
        let attribute = self.attribute;
        let is_immutable = attribute.mutability == Mutability::Immutable;
        let is_kept = is_immutable || attribute.absent_means.is_some();
        let before = container.get(&attribute.name).filter(|_| is_kept).cloned();
        let had_value = container.contains_key(&attribute.name);

        let mut elements = take(container, attribute);
        let touched = if self.filter.is_some() || self.sub.is_some() || !self.takes_whole_values() {
            self.edit_selected(&mut elements, value, at)?
        } else {
            self.set_whole(&mut elements, value, at)?
        };
        settle_primary(&mut elements, &touched, attribute);
        put(container, attribute, elements);
        keep_opposite(container, attribute, before.clone());

        let after = container.get(&attribute.name);
        if let Some(before) = before.filter(|_| is_immutable)
            && !after.is_some_and(|after| same(attribute, &before, after))
        {
            return Err(mutability(format!(
                "{at} is immutable and already has another value. Leave the operation out."
            )));
        }
        if attribute.required && had_value && after.is_none() {
            return Err(mutability(format!(
                "{at} is required and cannot be unassigned. Replace it with another value."
            )));
        }
        Ok(())
    }

    /// Whether the attribute as a whole takes new values, where a single complex value is merged
    /// with the one that is there.
    fn takes_whole_values(&self) -> bool {
        self.attribute.multi_valued || !self.attribute.is_complex()
    }

    fn set_whole(&self, elements: &mut Vec<Value>, value: &Value, at: &Location) -> Result<Vec<usize>, Error> {
        if !self.attribute.multi_valued {
            *elements = typed::element(value.clone(), self.attribute, at, self.strictness)?.into_iter().collect();
            return Ok(Vec::new());
        }
        let given = match value {
            Value::Array(given) => given.clone(),
            Value::Null => Vec::new(),
            // A single new value need not stand in a list (RFC 7644 §3.5.2.1).
            value => vec![value.clone()],
        };
        let given = typed::elements(given, self.attribute, at, self.strictness)?;
        match self.mode {
            Mode::Add => Ok(append(elements, given, self.attribute)),
            Mode::Replace => {
                *elements = given;
                Ok((0..elements.len()).collect())
            }
        }
    }

    fn edit_selected(&self, elements: &mut Vec<Value>, value: &Value, at: &Location) -> Result<Vec<usize>, Error> {
        let mut touched = selected(elements, self.filter.map(|(bound, _)| bound));
        if touched.is_empty() {
            let Some(element) = self.new_element(value, at)? else { return Ok(touched) };
            touched.push(elements.len());
            elements.push(Value::Object(element));
        }
        for &index in &touched {
            if let Some(element) = elements.get_mut(index) {
                self.edit_element(element, value, at)?;
            }
        }
        self.refuse_loss(elements, value, at)?;
        Ok(touched)
    }

    /// Refuses a change that would make two elements equal, because one of them would be lost: an `add` never removes
    /// anything, and a `replace` only if its filter selects these elements (RFC 7644 §3.5.2.3).
    fn refuse_loss(&self, elements: &[Value], value: &Value, at: &Location) -> Result<(), Error> {
        let is_meant = value.is_null() || (self.mode == Mode::Replace && self.filter.is_some());
        let distinct: HashSet<_> = elements.iter().collect();
        if is_meant || distinct.len() == elements.len() { Ok(()) } else { Err(self.lossy(at)) }
    }

    /// The value that an `add` to each element must not overwrite. Where a filter selects the element, its
    /// sub-attribute is a target with one value, and is replaced (RFC 7644 §3.5.2.1).
    fn guarded(&self, object: &Map<String, Value>, sub: &Attribute) -> Option<Value> {
        let adds_to_each = self.mode == Mode::Add && self.attribute.multi_valued && self.filter.is_none();
        object.get(&sub.name).filter(|_| adds_to_each && !sub.multi_valued).cloned()
    }

    fn lossy(&self, at: &Location) -> Error {
        let sub = self.sub.map_or("", |sub| &sub.name);
        Error::value(format!(
            "{at}.{sub} stands for that of each element, and values that are there would be lost. Add a whole element to {at}, or choose one with a filter in brackets."
        ))
    }

    /// The initial element if there is none to edit. `None` if there is nothing to do, because the value to unassign
    /// does not exist.
    fn new_element(&self, value: &Value, at: &Location) -> Result<Option<Map<String, Value>>, Error> {
        if value.is_null() {
            return Ok(None);
        }
        let Some((_, filter)) = self.filter else { return Ok(Some(Map::new())) };
        // The dialect `replace-of-an-element-that-is-not-there`.
        let creates = self.sub.is_some() && self.strictness == Strictness::Lenient;
        let may_create = self.mode == Mode::Add || creates;
        let element = described_by(filter, self.attribute).filter(|_| may_create);
        match (element, self.sub) {
            // `emails[value eq "old"].value` means a value that is there, not a new one, and so does a
            // replacement of anything else of it.
            (Some(element), Some(sub))
                if element.contains_key(&sub.name) || (self.mode == Mode::Replace && element.contains_key("value")) =>
            {
                Err(no_target(at))
            }
            (Some(element), _) => Ok(Some(element)),
            (None, _) => Err(no_target(at)),
        }
    }

    fn edit_element(&self, element: &mut Value, value: &Value, at: &Location) -> Result<(), Error> {
        let attribute = self.attribute;
        match (self.sub, value, &mut *element) {
            (Some(sub), value, Value::Object(object)) => {
                let guarded = self.guarded(object, sub);
                let referred = object.get("value").cloned();
                self.set_sub(object, sub, value, &at.name(&sub.name))?;
                if let (Some(before), Some(after)) = (guarded, object.get(&sub.name))
                    && !same(sub, &before, after)
                {
                    return Err(self.lossy(at));
                }
                forget_other_reference(attribute, object, referred.as_ref(), &[&sub.name]);
                arrange(object, attribute);
            }
            (None, Value::Null, element) => *element = Value::Null,
            (None, Value::Object(given), Value::Object(object)) => self.merge(object, given, at)?,
            (_, value, element) => {
                *element = typed::element(value.clone(), attribute, at, self.strictness)?.unwrap_or(Value::Null);
            }
        }
        Ok(())
    }

    /// Sets the sub-attributes that are given and leaves the others (RFC 7644 §3.5.2.3).
    fn merge(&self, object: &mut Map<String, Value>, given: &Map<String, Value>, at: &Location) -> Result<(), Error> {
        let attribute = self.attribute;
        refuse_wrapped(given, &attribute.name, &attribute.sub_attributes, at, self.strictness)?;
        let referred = object.get("value").cloned();
        let mut seen: Vec<&str> = Vec::with_capacity(given.len().min(self.attribute.sub_attributes.len()));
        for (key, value) in given {
            let Some(sub) = self.attribute.sub_attribute(key) else {
                unknown_attribute(&at.name(key), self.strictness)?;
                continue;
            };
            let at = at.name(&sub.name);
            if seen.contains(&sub.name.as_str()) {
                return Err(given_twice(&at));
            }
            seen.push(&sub.name);
            if sub.mutability != Mutability::ReadOnly {
                self.set_sub(object, sub, value, &at)?;
            }
        }
        forget_other_reference(self.attribute, object, referred.as_ref(), &seen);
        arrange(object, self.attribute);
        Ok(())
    }

    fn set_sub(
        &self,
        object: &mut Map<String, Value>,
        sub: &Attribute,
        value: &Value,
        at: &Location,
    ) -> Result<(), Error> {
        let old = object.get(&sub.name);
        let new = match (value, old) {
            (value, Some(Value::Array(old))) if sub.multi_valued && self.mode == Mode::Add => {
                let given = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                let mut list = old.clone();
                append(&mut list, typed::elements(given, sub, at, self.strictness)?, sub);
                Some(Value::Array(list))
            }
            (value, _) => typed::attribute(value.clone(), sub, at, self.strictness)?,
        };
        // Whole elements of a list may be exchanged; inside one, or in the only value, what is
        // immutable stays.
        let stays = sub.mutability == Mutability::Immutable && (self.sub.is_some() || !self.attribute.multi_valued);
        match (old, &new) {
            (Some(old), Some(new)) if stays && same(sub, old, new) => return Ok(()),
            (Some(_), _) if stays => {
                return Err(mutability(format!("{at} is immutable and already has another value. Leave it out.")));
            }
            (Some(_), None) if sub.required => {
                return Err(mutability(format!("{at} is required and cannot be unassigned. Send another value.")));
            }
            _ => {}
        }
        match new {
            Some(new) => object.insert(sub.name.clone(), new),
            None => object.remove(&sub.name),
        };
        Ok(())
    }
}

/// A reference with another `value` is another reference: its old `$ref` and display name, unless
/// they were given with it, would describe the wrong resource.
fn forget_other_reference(
    attribute: &Attribute,
    object: &mut Map<String, Value>,
    referred: Option<&Value>,
    given: &[&str],
) {
    if is_reference(attribute) && referred.is_some() && object.get("value") != referred {
        object.retain(|name, _| given.contains(&name.as_str()));
    }
}
