//! `remove` (RFC 7644 §3.5.2.2).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    elements::{identity, is_reference, no_target, put, selected, take, value_key},
    read_only::mutability,
};
use crate::{
    Error,
    filter::BoundFilter,
    resource::{location::Location, typed},
    schema::{Attribute, Mutability, Strictness},
};

/// The target: an attribute, the elements that a filter or a list selects, or a sub-attribute of either.
pub(super) struct Removal<'a> {
    pub(super) attribute: &'a Attribute,
    pub(super) sub: Option<&'a Attribute>,
    pub(super) filter: Option<&'a BoundFilter>,
    pub(super) listed: Option<&'a Value>,
    pub(super) strictness: Strictness,
}

impl Removal<'_> {
    pub(super) fn run(&self, container: &mut Map<String, Value>, at: &Location) -> Result<(), Error> {
        let attribute = self.attribute;
        let mut elements = take(container, attribute);
        let chosen = selected(&elements, self.filter);
        // The dialect `remove-of-what-is-not-there`.
        let must_be_there = self.strictness == Strictness::Strict && !is_reference(attribute);
        if self.filter.is_some() && chosen.is_empty() && must_be_there {
            return Err(no_target(at));
        }
        let changed = match (self.sub, self.listed) {
            (Some(sub), _) => remove_sub(&mut elements, &chosen, sub, &at.name(&sub.name))?,
            (None, Some(listed)) if self.filter.is_none() && attribute.multi_valued => {
                self.remove_listed(&mut elements, listed, at)?
            }
            (None, _) => {
                let chosen: HashSet<usize> = chosen.into_iter().collect();
                let mut index = 0..;
                elements.retain(|_| index.next().is_none_or(|index| !chosen.contains(&index)));
                !chosen.is_empty()
            }
        };
        put(container, attribute, elements);
        if changed && attribute.mutability == Mutability::Immutable {
            return Err(mutability(format!("{at} is immutable and cannot be removed. Leave the operation out.")));
        }
        if changed && attribute.required && !container.contains_key(&attribute.name) {
            return Err(mutability(format!("{at} is required and cannot be removed. Replace it with another value.")));
        }
        Ok(())
    }

    /// Removes the elements that are listed, each by its `value` and, where it is given, its `type`.
    fn remove_listed(&self, elements: &mut Vec<Value>, listed: &Value, at: &Location) -> Result<bool, Error> {
        let listed = listed.as_array().cloned().unwrap_or_else(|| vec![listed.clone()]);
        let listed = typed::elements(listed, self.attribute, at, self.strictness)?;
        let listed: HashSet<String> = listed.iter().map(|element| identity(self.attribute, element)).collect();
        let before = elements.len();
        elements.retain(|element| {
            let value = value_key(self.attribute, element);
            let by_value = value.is_some_and(|value| listed.contains(&value));
            !by_value && !listed.contains(&identity(self.attribute, element))
        });
        Ok(elements.len() < before)
    }
}

fn remove_sub(elements: &mut [Value], chosen: &[usize], sub: &Attribute, at: &Location) -> Result<bool, Error> {
    let mut changed = false;
    for &index in chosen {
        let Some(Value::Object(object)) = elements.get_mut(index) else { continue };
        if object.shift_remove(&sub.name).is_none() {
            continue;
        }
        changed = true;
        if sub.mutability == Mutability::Immutable {
            return Err(mutability(format!(
                "{at} is immutable and cannot be removed. Remove the whole element instead."
            )));
        }
        if sub.required {
            return Err(mutability(format!("{at} is required and cannot be removed. Replace it with another value.")));
        }
    }
    Ok(changed)
}
