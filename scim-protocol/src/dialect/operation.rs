//! Rewrites of one PATCH operation.

use serde_json::{Map, Value, json};

use super::{RawOperation, Rewrite, Strict, Transform, message::canonical_key};
use crate::{
    filter::{CompareOperator, Filter},
    patch::Path,
    path::AttributePath,
    schema::{Attribute, ResourceType, Type},
};

pub(super) const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "operation-keys-in-any-case",
        sent_by: &["clients written against Microsoft's reference code"],
        sent: r#"{"Op":"add","Path":"title","Value":"Boss"}"#,
        standard: r#"{"op":"add","path":"title","value":"Boss"}"#,
        because: "Attribute names are compared without case (RFC 7643 §2.1), and clients take that to hold for operations too.",
        in_strict: Strict::Taken,
        step: Transform::Operation(operation_keys_in_any_case),
    },
    Rewrite {
        name: "op-in-any-case",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"Replace","path":"userName","value":"jyoung"}"#,
        standard: r#"{"op":"replace","path":"userName","value":"jyoung"}"#,
        because: "Entra ID writes Add, Remove and Replace unless the tenant URL carries its aadOptscim062020 flag.",
        in_strict: Strict::Taken,
        step: Transform::Operation(op_in_any_case),
    },
    Rewrite {
        name: "false-left-out",
        sent_by: &["Databricks SDK for Python"],
        sent: r#"{"op":"replace","path":"active"}"#,
        standard: r#"{"op":"replace","path":"active","value":false}"#,
        because: "The SDK leaves false values out when it writes JSON, and an operation on a boolean without a value means nothing else.",
        in_strict: Strict::Refused,
        step: Transform::Operation(false_left_out),
    },
    Rewrite {
        name: "remove-of-a-single-value-with-value",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"remove","path":"emails[type eq \"work\"].value","value":"old@e.com"}"#,
        standard: r#"{"op":"remove","path":"emails[type eq \"work\"].value"}"#,
        because: "The path already says what goes; the value only repeats what the client believes to be there.",
        in_strict: Strict::Taken,
        step: Transform::Operation(remove_of_a_single_value_with_value),
    },
    Rewrite {
        name: "add-of-a-selected-member",
        sent_by: &["OneLogin (reported)"],
        sent: r#"{"op":"add","path":"members[value eq \"89bb1940\"]"}"#,
        standard: r#"{"op":"add","path":"members","value":[{"value":"89bb1940"}]}"#,
        because: "The filter names the member to add, as it would name the one to remove.",
        in_strict: Strict::Refused,
        step: Transform::Operation(add_of_a_selected_member),
    },
    Rewrite {
        name: "paths-as-keys",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq","emails[type eq \"work\"].value":"b@blick.name"}}"#,
        standard: r#"[{"op":"replace","value":{"displayName":"Bjfe"}},{"op":"replace","path":"name.givenName","value":"Kkom"},{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"Aklq"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@blick.name"}]"#,
        because: "With its aadOptscim062020 flag Entra ID puts several replacements into one value object and writes each path as a key.",
        in_strict: Strict::Refused,
        step: Transform::Operation(paths_as_keys),
    },
];

fn operation_keys_in_any_case(operation: &mut RawOperation, _: &ResourceType) -> Vec<RawOperation> {
    for key in ["op", "path", "value"] {
        canonical_key(operation, key);
    }
    Vec::new()
}

fn op_in_any_case(operation: &mut RawOperation, _: &ResourceType) -> Vec<RawOperation> {
    if let Some(Value::String(op)) = operation.get_mut("op") {
        op.make_ascii_lowercase();
    }
    Vec::new()
}

fn false_left_out(operation: &mut RawOperation, rt: &ResourceType) -> Vec<RawOperation> {
    let sets = matches!(op(operation), Some("add" | "replace"));
    if sets && !operation.contains_key("value") {
        let target = path(operation).and_then(|path| path.find(rt));
        let leaf = target.as_ref().and_then(|target| target.path.leaf());
        if leaf.is_some_and(|leaf| leaf.kind == Type::Boolean) {
            operation.insert("value".to_owned(), Value::Bool(false));
        }
    }
    Vec::new()
}

fn remove_of_a_single_value_with_value(operation: &mut RawOperation, rt: &ResourceType) -> Vec<RawOperation> {
    if op(operation) == Some("remove") && operation.contains_key("value") {
        let target = path(operation).and_then(|path| path.find(rt));
        let is_list = |attribute: &Attribute| attribute.multi_valued;
        let chooses_from_list = target.as_ref().is_none_or(|target| {
            let whole = target.filter.is_none() && target.path.sub_attribute.is_none();
            whole && target.path.attribute.as_deref().is_some_and(is_list)
        });
        if !chooses_from_list {
            operation.shift_remove("value");
        }
    }
    Vec::new()
}

fn add_of_a_selected_member(operation: &mut RawOperation, rt: &ResourceType) -> Vec<RawOperation> {
    if op(operation) == Some("add")
        && let Some(path) = path(operation)
        && path.sub_attribute.is_none()
        && let Some(Filter::Compare { path: name, operator: CompareOperator::Eq, value: id }) = &path.filter
        && name.as_str().eq_ignore_ascii_case("value")
        && path
            .find(rt)
            .is_some_and(|target| target.path.attribute.is_some_and(|list| list.sub_attribute("$ref").is_some()))
    {
        let members = match operation.shift_remove("value") {
            Some(Value::Array(members)) if !members.is_empty() => Value::Array(members),
            Some(Value::Object(mut member)) => {
                canonical_key(&mut member, "value");
                member.entry("value").or_insert_with(|| id.clone());
                json!([member])
            }
            _ => json!([{ "value": id }]),
        };
        operation.insert("path".to_owned(), path.attribute.as_str().into());
        operation.insert("value".to_owned(), members);
    }
    Vec::new()
}

/// Removes the keys that are paths, and not names, from a value object without a path. They become operations of
/// their own, in their order.
fn paths_as_keys(operation: &mut RawOperation, rt: &ResourceType) -> Vec<RawOperation> {
    let op = match op(operation) {
        Some(op @ ("add" | "replace")) if operation.get("path").is_none_or(Value::is_null) => op.to_owned(),
        _ => return Vec::new(),
    };
    let Some(Value::Object(attributes)) = operation.get_mut("value") else { return Vec::new() };
    let mut following = Vec::new();
    let mut names = Map::with_capacity(attributes.len());
    for (key, value) in std::mem::take(attributes) {
        let is_name = rt.attribute(&key).is_some() || rt.extension(&key).is_some();
        if !is_name && is_path(&key, rt) {
            following.push(Map::from_iter([
                ("op".to_owned(), Value::from(op.as_str())),
                ("path".to_owned(), Value::from(key)),
                ("value".to_owned(), value),
            ]));
        } else {
            names.insert(key, value);
        }
    }
    *attributes = names;
    following
}

/// Whether a key is a path to a known attribute. A key with a filter is a path even if the part after the attribute's
/// name is wrong, so that it is reported and not dropped as unknown.
fn is_path(key: &str, rt: &ResourceType) -> bool {
    match Path::parse(key) {
        Ok(path) if path.filter.is_some() => path.attribute.find(rt).is_some(),
        Ok(path) => path.find(rt).is_some(),
        Err(_) => key
            .split_once('[')
            .is_some_and(|(name, _)| AttributePath::parse(name.trim()).is_ok_and(|name| name.find(rt).is_some())),
    }
}

fn op(operation: &RawOperation) -> Option<&str> {
    operation.get("op").and_then(Value::as_str)
}

fn path(operation: &RawOperation) -> Option<Path> {
    Path::parse(operation.get("path")?.as_str()?).ok()
}
