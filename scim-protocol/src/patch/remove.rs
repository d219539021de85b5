//! `remove` (RFC 7644 §3.5.2.2).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    apply::{Editor, mutability, refuse_read_only},
    elements::{identity, is_reference, no_target, put, selected, take, value_key},
};
use crate::{
    Error,
    filter::BoundFilter,
    path::Path,
    resource::{location::Location, typed},
    schema::{Attribute, Mutability, Strictness},
};

impl Editor<'_> {
    pub(super) fn remove(&mut self, path: &Path, value: Option<&Value>) -> Result<(), Error> {
        let target = path.bind(self.rt)?;
        refuse_read_only(&target.path)?;
        let urn = target.path.extension.as_deref();
        let filter = target.filter.as_ref();
        match (&target.path.attribute, urn) {
            (None, None) => {
                Err(mutability("The core schema cannot be removed. Name the attribute to remove.".to_owned()))
            }
            (None, Some(urn)) => self.remove_extension(urn),
            (Some(_), _) if target.path.is_core("schemas") => self.remove_schemas(filter, value),
            (Some(attribute), _) => {
                let sub = target.path.sub_attribute.as_deref();
                let removal = Removal { attribute, sub, filter, listed: value, strictness: self.rt.strictness };
                let terms = filter.map_or(1, BoundFilter::terms).max(1);
                self.edit(urn, attribute, terms, |container, at| removal.run(container, at))
            }
        }
    }

    pub(super) fn remove_extension(&mut self, urn: &str) -> Result<(), Error> {
        let Some(extension) = self.rt.extension(urn) else { return Ok(()) };
        let Some(Value::Object(content)) = self.document.get(&extension.schema.id) else { return Ok(()) };
        if extension.required {
            return Err(mutability(format!(
                "{urn} is required and cannot be removed. Replace its attributes instead."
            )));
        }
        let is_set = |attribute: &&Attribute| content.contains_key(&attribute.name);
        let mut immutable = extension.schema.attributes.iter().map(|attribute| &**attribute).filter(is_set);
        if let Some(attribute) = immutable.find(|attribute| attribute.mutability == Mutability::Immutable) {
            return Err(mutability(format!("{urn}:{} is immutable and cannot be removed.", attribute.name)));
        }
        self.document.remove(&extension.schema.id);
        Ok(())
    }

    /// An extension's URN taken out of `schemas` takes the extension with it.
    fn remove_schemas(&mut self, filter: Option<&BoundFilter>, value: Option<&Value>) -> Result<(), Error> {
        let is_named = |urn: &str| match (filter, value) {
            (Some(filter), _) => filter.matches_element(&Value::from(urn)),
            (None, Some(Value::Array(listed))) => listed.iter().any(|item| names(item, urn)),
            (None, Some(item)) => names(item, urn),
            (None, None) => true,
        };
        if is_named(&self.rt.schema.id) {
            return Err(mutability(format!(
                "schemas must keep {}. Remove only URNs of extensions.",
                self.rt.schema.id
            )));
        }
        let extensions: Vec<&str> = self.rt.extensions.iter().map(|extension| extension.schema.id.as_str()).collect();
        extensions.into_iter().filter(|urn| is_named(urn)).try_for_each(|urn| self.remove_extension(urn))
    }
}

fn names(item: &Value, urn: &str) -> bool {
    item.as_str().is_some_and(|item| item.eq_ignore_ascii_case(urn))
}

/// What is removed: an attribute, or those of its elements that a filter or a list selects, or a
/// sub-attribute of either.
struct Removal<'a> {
    attribute: &'a Attribute,
    sub: Option<&'a Attribute>,
    filter: Option<&'a BoundFilter>,
    listed: Option<&'a Value>,
    strictness: Strictness,
}

impl Removal<'_> {
    fn run(&self, container: &mut Map<String, Value>, at: &Location) -> Result<(), Error> {
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
