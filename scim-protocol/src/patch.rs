//! PATCH (RFC 7644 §3.5.2).
//!
//! [`parse`] reads the message, [`apply()`] applies it. Where the
//! RFC leaves a choice, or where every provider needs more than it says, the engine does this:
//!
//! - **Create on absent element.** `add` with a value filter that matches nothing creates an
//!   element, with the filter's `eq` terms as its first sub-attributes. So does `replace` when the
//!   path ends in a sub-attribute (`emails[type eq "work"].value`), since RFC 7644 §3.5.2.3 treats
//!   the replacement of what does not exist as an `add`. A filter that says more than `eq` and
//!   `and` describes no element, and gets `noTarget`; so does `replace` of a whole element, and every
//!   `replace` where requests are read strictly.
//! - **Merge.** A complex value, also that of the elements that a filter selects, keeps the
//!   sub-attributes that the operation does not name.
//! - **Null** unassigns (RFC 7643 §2.5): the attribute, the selected elements, or, inside an
//!   object, the sub-attribute. Adding nothing to a list changes nothing.
//! - **The same element.** Adding an element whose `value` and `type` are there already merges into
//!   it, so that repeating an `add` changes nothing. Where elements refer to resources (they have a
//!   `$ref`), `value` alone decides.
//! - **`remove` with a value list** takes only those elements out of a multi-valued attribute.
//! - **What is not there** may be removed: the RFC says so of members, and other operations of the
//!   request must not fail for it. Read strictly, a filter that selects nothing is `noTarget`.
//! - **Each element** of a list is meant by a path to a sub-attribute without a filter. What would lose
//!   a value by it is refused, as is a value of which nothing is understood.
//! - **`readOnly`** attributes are an error where a path names them, and are ignored inside a value
//!   object, because Okta sends the `id` in each.
//! - **`schemas`** is computed from the content. Adding URNs changes nothing; removing an
//!   extension's URN removes the extension.

mod apply;
mod assign;
mod elements;
mod path;
mod read_only;
mod remove;
mod work;

use serde_json::{Map, Value};

pub use apply::{MAX_ELEMENTS_VISITED, apply};
pub use path::{BoundTarget, Path};

use crate::{Error, ErrorKind};

/// The schema URI of a PATCH body.
pub const PATCH_OP_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The most operations in one request.
pub const MAX_OPERATIONS: usize = 1000;

/// One operation, as a standard request states it. What providers write instead is rewritten
/// before, in [`crate::dialect`].
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Adds a value, or sets an attribute (RFC 7644 §3.5.2.1).
    Add {
        /// What it is set in; without a path, the resource itself.
        path: Option<Path>,
        /// The value to add.
        value: Value,
    },
    /// Takes values away (RFC 7644 §3.5.2.2).
    Remove {
        /// What is removed.
        path: Path,
        /// Not in the RFC: remove only these elements of a multi-valued attribute. Entra,
        /// JumpCloud and others send it.
        value: Option<Value>,
    },
    /// Puts a value in the place of others (RFC 7644 §3.5.2.3).
    Replace {
        /// What it is set in; without a path, the resource itself.
        path: Option<Path>,
        /// The new value; null unassigns.
        value: Value,
    },
}

/// Parses a standard PATCH body (after [`crate::dialect::standardise_patch`]): `Operations`, each
/// with `op` `add`, `remove` or `replace`. Errors: `invalidSyntax` for the shape, `invalidPath`,
/// `noTarget` for a `remove` without a path, `invalidValue` for an `add` or `replace` without a
/// value, `PayloadTooLarge` for more than [`MAX_OPERATIONS`].
pub fn parse(body: Value) -> Result<Vec<Operation>, Error> {
    let Value::Object(mut message) = body else {
        return Err(Error::syntax("The body is not a JSON object. Send a PatchOp message with Operations."));
    };
    check_schemas(message.get("schemas"))?;
    let Some(Value::Array(operations)) = message.remove("Operations") else {
        return Err(Error::syntax("Operations is missing or not a list. Send a JSON array of operations."));
    };
    if operations.is_empty() {
        return Err(Error::syntax("Operations is empty. Send at least one operation."));
    }
    if operations.len() > MAX_OPERATIONS {
        return Err(too_many(operations.len()));
    }
    let numbered = operations.into_iter().enumerate();
    numbered.map(|(index, operation)| parse_operation(operation).map_err(|error| at(index, &error))).collect()
}

fn check_schemas(schemas: Option<&Value>) -> Result<(), Error> {
    let is_patch_op = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP_SCHEMA));
    match schemas {
        Some(Value::Array(urns)) if urns.iter().any(is_patch_op) => Ok(()),
        _ => Err(Error::syntax(format!(
            "schemas does not name {PATCH_OP_SCHEMA}. Send \"schemas\": [\"{PATCH_OP_SCHEMA}\"]."
        ))),
    }
}

fn parse_operation(operation: Value) -> Result<Operation, Error> {
    let Value::Object(mut operation) = operation else {
        return Err(Error::syntax("is not a JSON object. Send an object with op, path and value."));
    };
    let path = parse_path(&mut operation)?;
    let value = operation.remove("value");
    let some_value = |value: Option<Value>| {
        value.ok_or_else(|| Error::value("has no value. Send the value to set, or null to unassign the attribute."))
    };
    match operation.get("op").and_then(Value::as_str) {
        Some("add") => Ok(Operation::Add { path, value: some_value(value)? }),
        Some("replace") => Ok(Operation::Replace { path, value: some_value(value)? }),
        Some("remove") => match path {
            // The dialect `remove-of-listed-values`: what is no list and names nothing is as good as absent.
            Some(path) => Ok(Operation::Remove { path, value: value.filter(|value| !value.is_null() && *value != "") }),
            None => Err(Error::new(
                ErrorKind::NoTarget,
                "is a remove without a path. Send the path of the attribute or element to remove.",
            )),
        },
        _ => Err(Error::syntax("has no op that is known. Send \"op\" as add, remove or replace.")),
    }
}

fn parse_path(operation: &mut Map<String, Value>) -> Result<Option<Path>, Error> {
    match operation.remove("path") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(path)) => Path::parse(&path).map(Some),
        Some(_) => Err(Error::new(ErrorKind::InvalidPath, "has a path that is not a string. Send attribute notation.")),
    }
}

/// The error with the operation that it belongs to, counted from 0 as the body's array is.
fn at(index: usize, error: &Error) -> Error {
    Error::new(error.kind(), format!("Operations[{index}]: {}", error.detail()))
}

fn too_many(operations: usize) -> Error {
    Error::new(
        ErrorKind::PayloadTooLarge,
        format!("Operations holds {operations} operations, and {MAX_OPERATIONS} is the most. Send several requests."),
    )
}

#[cfg(test)]
mod tests;
