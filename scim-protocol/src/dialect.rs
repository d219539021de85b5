//! Named rewrites of the requests that providers really send into standard requests.
//!
//! Entra ID writes booleans as strings, Okta and OneLogin leave things out, several clients send one value where a
//! list belongs. Each deviation is one [`Rewrite`] in one table, [`rewrites`], with its senders, an example, and the
//! reason why the rewrite is right. All other code sees standard requests only, so a reader can distinguish the
//! standard from the deviations.
//!
//! The rewrites are on unless requests are read strictly: one Entra tenant sends both forms in one day, and no
//! rewrite turns a valid standard request into another one. An error that no provider is known to send is left as it
//! is, so that validation refuses it.
//!
//! Some [courtesies] are not rewrites but ways to read requests; they are in a table too. Each row of both tables
//! says whether it [contradicts](Strict::Refused) the text of the RFCs. [`Strictness::Strict`] turns these off.

mod courtesy;
mod message;
mod operation;
mod resource;
mod value;

pub use courtesy::{Courtesy, courtesies};

use serde_json::{Map, Value};

use crate::{
    patch::Path,
    schema::{Attribute, Mutability, ResourceType, Strictness},
};
use value::Site;

/// A deviation from the standard that the server accepts, with its standard form.
#[derive(Debug, Clone, Copy)]
pub struct Rewrite {
    /// A short name, for documentation and logs.
    pub name: &'static str,
    /// The providers that are known to send it.
    pub sent_by: &'static [&'static str],
    /// An example, as JSON: a whole PATCH body, one operation, or the body of a resource.
    pub sent: &'static str,
    /// The standard form of the example, as JSON.
    pub standard: &'static str,
    /// Why this is what the client means, in one sentence.
    pub because: &'static str,
    /// What happens to it if requests are read strictly.
    pub in_strict: Strict,
    step: Transform,
}

impl Rewrite {
    fn is_made(&self, rt: &ResourceType) -> bool {
        self.in_strict == Strict::Taken || rt.strictness == Strictness::Lenient
    }
}

/// What happens to a deviation if requests are read [strictly](Strictness::Strict).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    /// It contradicts the text of the RFCs, and is left as it is: validation refuses it, or it has its literal
    /// meaning.
    Refused,
    /// The RFCs allow it, do not mention it, or use it themselves.
    Taken,
}

/// One operation of a PATCH, still as JSON.
type RawOperation = Map<String, Value>;

/// What a rewrite looks at.
#[derive(Debug, Clone, Copy)]
enum Transform {
    /// The body of a PATCH as a whole.
    Message(fn(&mut Value)),
    /// One operation; what is returned are operations to do right after it.
    Operation(fn(&mut RawOperation, &ResourceType) -> Vec<RawOperation>),
    /// The body of a POST or PUT as a whole.
    Resource(fn(&mut Map<String, Value>, &ResourceType)),
    /// The object of an extension's attributes, in a PATCH or in the body of a resource.
    Extension(fn(&mut Map<String, Value>)),
    /// The value of one attribute, in a PATCH or in the body of a resource.
    Value(fn(&mut Value, &Site)),
}

/// All rewrites, in the order in which they are applied: to the message, to each operation, to a resource's body, to
/// each extension, to each value. The reference page is generated from it.
pub fn rewrites() -> impl Iterator<Item = &'static Rewrite> {
    [message::REWRITES, operation::REWRITES, resource::REWRITES, value::REWRITES].into_iter().flatten()
}

/// Those that are made for requests for these resources.
fn made(rt: &ResourceType) -> impl Iterator<Item = &'static Rewrite> {
    rewrites().filter(|rewrite| rewrite.is_made(rt))
}

/// The body of a POST or PUT of a resource, rewritten into a standard one.
pub fn standardise_resource(body: &mut Value, rt: &ResourceType) {
    if let Value::Object(body) = body {
        for rewrite in made(rt) {
            if let Transform::Resource(apply) = rewrite.step {
                apply(body, rt);
            }
        }
        standardise_attributes(body, rt);
    }
}

/// The body of a PATCH, rewritten into a standard one. Also takes the list of operations alone, as
/// bulk requests carry it in `data`.
pub fn standardise_patch(body: &mut Value, rt: &ResourceType) {
    for rewrite in made(rt) {
        if let Transform::Message(apply) = rewrite.step {
            apply(body);
        }
    }
    let Some(Value::Array(operations)) = body.get_mut("Operations") else { return };
    let mut standard = Vec::with_capacity(operations.len());
    for operation in operations.drain(..) {
        match operation {
            Value::Object(operation) => standardise_operation(operation, rt, &mut standard),
            other => standard.push(other),
        }
    }
    *operations = standard;
}

fn standardise_operation(mut operation: RawOperation, rt: &ResourceType, standard: &mut Vec<Value>) {
    let mut following = Vec::new();
    for rewrite in made(rt) {
        if let Transform::Operation(apply) = rewrite.step {
            following.extend(apply(&mut operation, rt));
        }
    }
    // An operation whose keys have all become operations of their own is empty.
    let is_spent =
        !following.is_empty() && operation.get("value").and_then(Value::as_object).is_some_and(Map::is_empty);
    let first = if is_spent { None } else { Some(operation) };
    for mut operation in first.into_iter().chain(following) {
        standardise_operation_value(&mut operation, rt);
        standard.push(Value::Object(operation));
    }
}

fn standardise_operation_value(operation: &mut RawOperation, rt: &ResourceType) {
    let path = operation.get("path").and_then(Value::as_str).map(Path::parse);
    let is_remove = operation.get("op").and_then(Value::as_str) == Some("remove");
    let Some(value) = operation.get_mut("value") else { return };
    let target = match path {
        None => {
            if let Value::Object(attributes) = value {
                standardise_attributes(attributes, rt);
            }
            return;
        }
        Some(path) => path.ok().and_then(|path| path.find(rt)),
    };
    // The engine refuses a path that names no attribute.
    let Some(target) = target else { return };
    let path = &target.path;
    match (&path.attribute, &path.sub_attribute, &path.extension) {
        (Some(attribute), None, _) => {
            let is_list = attribute.multi_valued && target.filter.is_none();
            if is_remove && is_list && !value.is_array() && !value.is_null() && *value != "" {
                // A value to remove is always in a list here, so that an empty element never becomes "no list", which
                // would mean all values.
                *value = Value::Array(vec![value.take()]);
            }
            standardise_value(value, attribute, is_list, rt);
        }
        (Some(_), Some(sub), _) => standardise_value(value, sub, sub.multi_valued, rt),
        (None, _, Some(urn)) => standardise_extension(value, urn, rt),
        (None, _, None) => {}
    }
}

fn standardise_attributes(attributes: &mut Map<String, Value>, rt: &ResourceType) {
    for (name, value) in attributes {
        if let Some(attribute) = rt.attribute(name) {
            standardise_value(value, attribute, attribute.multi_valued, rt);
        } else {
            standardise_extension(value, name, rt);
        }
    }
}

fn standardise_extension(value: &mut Value, urn: &str, rt: &ResourceType) {
    if let (Some(extension), Value::Object(content)) = (rt.extension(urn), value) {
        for rewrite in made(rt) {
            if let Transform::Extension(apply) = rewrite.step {
                apply(content);
            }
        }
        for (name, value) in content {
            if let Some(attribute) = extension.schema.attribute(name) {
                standardise_value(value, attribute, attribute.multi_valued, rt);
            }
        }
    }
}

/// Rewrites a value, then what is in it: the elements of a list, the sub-attributes of an object.
/// The schema bounds the depth.
fn standardise_value(value: &mut Value, attribute: &Attribute, is_list: bool, rt: &ResourceType) {
    if attribute.mutability == Mutability::ReadOnly {
        return;
    }
    let site = Site { attribute, is_list };
    for rewrite in made(rt) {
        if let Transform::Value(apply) = rewrite.step {
            apply(value, &site);
        }
    }
    match value {
        Value::Array(elements) if is_list => {
            // A value that is rewritten to nothing is removed; a null that was sent stays, so that validation sees
            // it.
            elements.retain_mut(|element| {
                let was_sent_as_null = element.is_null();
                standardise_value(element, attribute, false, rt);
                was_sent_as_null || !element.is_null()
            });
        }
        Value::Object(object) if attribute.is_complex() && !is_list => {
            for (name, value) in object {
                if let Some(sub) = attribute.sub_attribute(name) {
                    standardise_value(value, sub, sub.multi_valued, rt);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
