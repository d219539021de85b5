//! Operations on a document (RFC 7644 §3.5.2).
//!
//! A copy of the document is edited and handed out only when every operation has succeeded, so an
//! error leaves nothing behind. Each value is checked as it comes in; the rules of the whole
//! document are checked once, at the end.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    MAX_OPERATIONS, Operation, Path,
    assign::{Assignment, Mode},
    at,
    read_only::{is_read_only, mutability, refuse_read_only},
    remove::Removal,
    too_many,
    work::{beyond_one, elements},
};
use crate::{
    Error, ErrorKind, Resource,
    filter::BoundFilter,
    path::{AttributePath, BoundPath},
    resource::{
        finish::finish,
        location::Location,
        typed::{given_twice, is_unknown, not_understood, refuse_wrapped, unknown_attribute},
    },
    schema::{Attribute, Mutability, ResourceType},
};

/// The most list elements that the operations of one request may look at, all together, one counted
/// once for each term of the filter that is tried on it. An operation looks at each element of its
/// list, so a thousand operations on a list of thousands, or a hundred with filters of a thousand
/// terms, would otherwise be a way to keep a server busy. A long element counts as several, and so
/// does one into which a long value is written: [`super::work`] has the measure.
pub const MAX_ELEMENTS_VISITED: usize = 250_000;

/// The resource with the operations of a PATCH applied in order (RFC 7644 §3.5.2). One that fails fails all
/// of them.
pub fn apply(old: &Resource, operations: &[Operation], rt: &ResourceType) -> Result<Resource, Error> {
    if operations.len() > MAX_OPERATIONS {
        return Err(too_many(operations.len()));
    }
    let mut editor = Editor { document: old.document().clone(), rt, visited: 0 };
    for (index, operation) in operations.iter().enumerate() {
        editor.operation(operation).map_err(|error| at(index, &error))?;
    }
    Ok(Resource::from_stored(finish(editor.document, rt)?))
}

/// A document in the middle of a PATCH: names are canonical and values typed, order and emptiness
/// are settled at the end.
struct Editor<'a> {
    document: Map<String, Value>,
    rt: &'a ResourceType,
    visited: usize,
}

impl Editor<'_> {
    fn operation(&mut self, operation: &Operation) -> Result<(), Error> {
        match operation {
            Operation::Add { path, value } => self.set(path.as_ref(), value, Mode::Add),
            Operation::Replace { path, value } => self.set(path.as_ref(), value, Mode::Replace),
            Operation::Remove { path, value } => self.remove(path, value.as_ref()),
        }
    }

    fn set(&mut self, path: Option<&Path>, value: &Value, mode: Mode) -> Result<(), Error> {
        let Some(path) = path else { return self.set_resource(value, mode) };
        let target = path.bind(self.rt)?;
        refuse_read_only(&target.path)?;
        self.require_understood(&target.path, value)?;
        let urn = target.path.extension.as_deref();
        match (&target.path.attribute, urn) {
            (None, None) => self.set_resource(value, mode),
            (None, Some(urn)) => self.set_extension(urn, value, mode),
            (Some(_), _) if target.path.is_core("schemas") => check_schemas(value),
            (Some(attribute), _) => {
                let sub = target.path.sub_attribute.as_deref();
                let filter = target.filter.as_ref().zip(path.filter.as_ref());
                self.assign(urn, &Assignment { attribute, sub, filter, mode, strictness: self.rt.strictness }, value)
            }
        }
    }

    /// Refuses an object for a path of which nothing is understood: the operation would do nothing, and
    /// the client believe that it was done.
    fn require_understood(&self, path: &BoundPath, value: &Value) -> Result<(), Error> {
        let extension = path.extension.as_deref().and_then(|urn| self.rt.extension(urn));
        let attributes = match (path.leaf(), extension) {
            (Some(leaf), _) if leaf.is_complex() => &leaf.sub_attributes,
            (None, Some(extension)) => &extension.schema.attributes,
            _ => return Ok(()),
        };
        if value.as_object().is_some_and(|given| is_unknown(given, attributes, self.rt.strictness)) {
            return Err(not_understood(&Location::core(&path.to_string()), attributes));
        }
        Ok(())
    }

    /// A value object without a path: each key names an attribute, in any of the forms that
    /// attribute notation has.
    fn set_resource(&mut self, value: &Value, mode: Mode) -> Result<(), Error> {
        let Value::Object(given) = value else {
            return Err(Error::value(
                "There is no path, so value must be an object of attributes. Send such an object, or a path.",
            ));
        };
        let mut seen = HashSet::new();
        for (key, value) in given {
            let Some(path) = AttributePath::parse(key).ok().and_then(|path| path.find(self.rt)) else {
                unknown_attribute(&Location::core(key), self.rt.strictness)?;
                continue;
            };
            if !seen.insert(path.to_string()) {
                return Err(given_twice(&Location::core(&path.to_string())));
            }
            if is_read_only(&path) || path.is_core("schemas") {
                continue;
            }
            let urn = path.extension.as_deref();
            match (&path.attribute, urn) {
                (None, Some(urn)) => self.set_extension(urn, value, mode)?,
                (None, None) => {
                    return Err(Error::syntax(format!(
                        "\"{key}\" is the core schema. Send its attributes by name, without an object around them."
                    )));
                }
                (Some(attribute), _) => {
                    let sub = path.sub_attribute.as_deref();
                    let whole = Assignment { attribute, sub, filter: None, mode, strictness: self.rt.strictness };
                    self.assign(urn, &whole, value)?;
                }
            }
        }
        Ok(())
    }

    fn set_extension(&mut self, urn: &str, value: &Value, mode: Mode) -> Result<(), Error> {
        let Some(extension) = self.rt.extension(urn) else { return Ok(()) };
        let given = match (value, mode) {
            (Value::Null, Mode::Add) => return Ok(()),
            (Value::Null, Mode::Replace) => return self.remove_extension(urn),
            (Value::Object(given), _) => given,
            _ => {
                let detail = format!("{urn} must be an object. Send the extension's attributes in one object.");
                return Err(Error::value(detail));
            }
        };
        let schema = Arc::clone(&extension.schema);
        let at = Location::extension(urn);
        refuse_wrapped(given, urn, &schema.attributes, &at, self.rt.strictness)?;
        let mut seen = HashSet::new();
        for (key, value) in given {
            let Some(attribute) = schema.attribute(key) else {
                unknown_attribute(&at.name(key), self.rt.strictness)?;
                continue;
            };
            if !seen.insert(&attribute.name) {
                return Err(given_twice(&at.name(&attribute.name)));
            }
            if attribute.mutability != Mutability::ReadOnly {
                let whole = Assignment { attribute, sub: None, filter: None, mode, strictness: self.rt.strictness };
                self.assign(Some(urn), &whole, value)?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, path: &Path, value: Option<&Value>) -> Result<(), Error> {
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

    fn remove_extension(&mut self, urn: &str) -> Result<(), Error> {
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

    fn assign(&mut self, urn: Option<&str>, assignment: &Assignment, value: &Value) -> Result<(), Error> {
        let filter = assignment.filter.map(|(bound, _)| bound);
        // What is written into chosen elements is written as often as there are such.
        let copied = filter.is_some() || assignment.sub.is_some();
        let each = filter.map_or(1, BoundFilter::terms).max(1) + if copied { beyond_one(value) } else { 0 };
        self.edit(urn, assignment.attribute, each, |container, at| assignment.run(container, value, at))
    }

    /// Lets `change` edit the object that holds the attribute: the document, or the content of an
    /// extension. `each` is how much `change` will do for each element.
    fn edit(
        &mut self,
        urn: Option<&str>,
        attribute: &Attribute,
        each: usize,
        change: impl FnOnce(&mut Map<String, Value>, &Location) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(urn) = urn else {
            visit(&mut self.visited, &self.document, attribute, each)?;
            return change(&mut self.document, &Location::core(&attribute.name));
        };
        let mut content = match self.document.remove(urn) {
            Some(Value::Object(content)) => content,
            _ => Map::new(),
        };
        visit(&mut self.visited, &content, attribute, each)?;
        change(&mut content, &Location::extension(urn).name(&attribute.name))?;
        if !content.is_empty() {
            self.document.insert(urn.to_owned(), Value::Object(content));
        }
        Ok(())
    }
}

fn visit(visited: &mut usize, container: &Map<String, Value>, attribute: &Attribute, each: usize) -> Result<(), Error> {
    let elements = container.get(&attribute.name).map_or(0, elements);
    *visited = visited.saturating_add(elements.saturating_mul(each));
    if *visited > MAX_ELEMENTS_VISITED {
        let name = &attribute.name;
        return Err(Error::new(
            ErrorKind::TooMany,
            format!(
                "The operations on {name} take too much work together. Send fewer operations, each with more values."
            ),
        ));
    }
    Ok(())
}

fn names(item: &Value, urn: &str) -> bool {
    item.as_str().is_some_and(|item| item.eq_ignore_ascii_case(urn))
}

fn check_schemas(value: &Value) -> Result<(), Error> {
    let is_urns = match value {
        Value::Array(urns) => urns.iter().all(Value::is_string),
        value => value.is_string(),
    };
    if is_urns {
        Ok(())
    } else {
        Err(Error::value("schemas must be a list of schema URNs. Send a JSON array of strings."))
    }
}
