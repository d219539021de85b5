//! The stored form of a resource: its bytes and its index entries.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use scim_protocol::{
    Error, Resource,
    schema::{Attribute, ResourceType},
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    index,
    render::is_served_by_default,
    store::{Body, IndexEntry, ResourceId, ResourceKey},
    tenant::IndexSpec,
};

/// A valid resource in the form in which it is kept.
#[derive(Debug, PartialEq)]
pub struct StoredForm {
    /// What is stored.
    pub body: Body,
    /// Under which values it is found.
    pub entries: BTreeSet<IndexEntry>,
}

impl StoredForm {
    /// Made from a resource without members, whose password is a hash.
    pub fn new(key: &ResourceKey, resource: &Resource, rt: &ResourceType, specs: &[IndexSpec]) -> Result<Self, Error> {
        let document = resource.document();
        let entries = index::entries(key, document, specs);
        let (mut visible, hidden) = parted(document, rt);
        // Behind `schemas`, where readers expect it.
        let place = usize::from(document.keys().next().is_some_and(|name| name == "schemas"));
        visible.0.insert(place, ("id", AttributeValue::Id(key.id)));
        let body = Body {
            display: Bytes::from(display(document).to_owned()),
            visible: visible.bytes()?,
            hidden: if hidden.0.is_empty() { Bytes::new() } else { hidden.bytes()? },
        };
        Ok(Self { body, entries })
    }
}

/// Some attributes of a document, borrowed from it.
struct Attributes<'a>(Vec<(&'a str, AttributeValue<'a>)>);

/// The value of one of them.
enum AttributeValue<'a> {
    Id(ResourceId),
    Whole(&'a Value),
    /// Some attributes of an extension.
    Some(Attributes<'a>),
}

/// Splits a document by `returned`: what is served by default, and what is not.
fn parted<'a>(document: &'a Map<String, Value>, rt: &ResourceType) -> (Attributes<'a>, Attributes<'a>) {
    let by_default = |attribute: Option<&Arc<Attribute>>| attribute.is_none_or(|a| is_served_by_default(a));
    let (mut visible, mut hidden) = (Attributes(Vec::with_capacity(document.len() + 1)), Attributes(Vec::new()));
    for (name, value) in document {
        match (rt.extension(name), value) {
            (Some(extension), Value::Object(attributes)) => {
                let pieces = attributes.iter().map(|(name, value)| (name.as_str(), AttributeValue::Whole(value)));
                let (shown, kept): (Vec<_>, Vec<_>) =
                    pieces.partition(|(name, _)| by_default(extension.schema.attribute(name)));
                for (part, pieces) in [(&mut visible, shown), (&mut hidden, kept)] {
                    if !pieces.is_empty() {
                        part.0.push((name, AttributeValue::Some(Attributes(pieces))));
                    }
                }
            }
            _ if by_default(rt.attribute(name)) => visible.0.push((name, AttributeValue::Whole(value))),
            _ => hidden.0.push((name, AttributeValue::Whole(value))),
        }
    }
    (visible, hidden)
}

impl Attributes<'_> {
    fn bytes(&self) -> Result<Bytes, Error> {
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, self).map_err(Error::internal)?;
        Ok(bytes.into())
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, piece)| (name, piece)))
    }
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => id.serialize(serializer),
            Self::Whole(value) => value.serialize(serializer),
            Self::Some(part) => part.serialize(serializer),
        }
    }
}

/// The `display` of the resource where another one refers to it; empty if it has no name. A userName is no
/// substitute: it is an identifier, and clients compare the members that they sent with those in the response.
fn display(document: &Map<String, Value>) -> &str {
    let named = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let formatted = || document.get("name").and_then(|name| name.get("formatted")).and_then(Value::as_str);
    named("displayName").or_else(formatted).unwrap_or_default()
}
