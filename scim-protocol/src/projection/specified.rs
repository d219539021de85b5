//! The attributes with `returned: request` that a client has specified in a write: the response contains them (RFC
//! 7643 §7).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    patch::Operation,
    path::BoundPath,
    schema::{Attribute, ResourceType, Returned},
};

/// Those in the document of a POST or PUT, under canonical names.
pub fn in_document(document: &Map<String, Value>, rt: &ResourceType) -> Vec<BoundPath> {
    let mut found = Vec::new();
    for (name, value) in document {
        if let Some(attribute) = rt.attribute(name) {
            in_value(None, attribute, value, &mut found);
        } else if let (Some(extension), Value::Object(content)) = (rt.extension(name), value) {
            let urn: Arc<str> = Arc::from(extension.schema.id.as_str());
            for (name, value) in content {
                if let Some(attribute) = extension.schema.attribute(name) {
                    in_value(Some(&urn), attribute, value, &mut found);
                }
            }
        }
    }
    found
}

/// Those that the operations of a PATCH add or replace.
pub fn in_operations(operations: &[Operation], rt: &ResourceType) -> Vec<BoundPath> {
    let mut found = Vec::new();
    for operation in operations {
        let (Operation::Add { path, value } | Operation::Replace { path, value }) = operation else { continue };
        match path {
            None => found.extend(value.as_object().map(|object| in_document(object, rt)).unwrap_or_default()),
            Some(path) => {
                let Some(bound) = path.attribute.find(rt) else { continue };
                let Some(attribute) = &bound.attribute else {
                    let whole = Map::from_iter([(path.attribute.to_string(), value.clone())]);
                    found.extend(in_document(&whole, rt));
                    continue;
                };
                let behind = path.sub_attribute.as_deref().and_then(|name| attribute.sub_attribute(name));
                match bound.sub_attribute.as_ref().or(behind) {
                    Some(sub) => in_sub_attribute(bound.extension.as_ref(), attribute, sub, &mut found),
                    None => in_value(bound.extension.as_ref(), attribute, value, &mut found),
                }
            }
        }
    }
    found
}

fn in_value(extension: Option<&Arc<str>>, attribute: &Arc<Attribute>, value: &Value, found: &mut Vec<BoundPath>) {
    if attribute.returned == Returned::Request {
        found.push(BoundPath {
            extension: extension.cloned(),
            attribute: Some(Arc::clone(attribute)),
            sub_attribute: None,
        });
        return;
    }
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.returned == Returned::Request) {
        let named = |element: &Value| {
            element.as_object().is_some_and(|element| element.keys().any(|name| name.eq_ignore_ascii_case(&sub.name)))
        };
        if elements.iter().any(named) {
            in_sub_attribute(extension, attribute, sub, found);
        }
    }
}

fn in_sub_attribute(
    extension: Option<&Arc<str>>,
    attribute: &Arc<Attribute>,
    sub: &Arc<Attribute>,
    found: &mut Vec<BoundPath>,
) {
    if attribute.returned == Returned::Request || sub.returned == Returned::Request {
        found.push(BoundPath {
            extension: extension.cloned(),
            attribute: Some(Arc::clone(attribute)),
            sub_attribute: Some(Arc::clone(sub)),
        });
    }
}
