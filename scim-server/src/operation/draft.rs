//! A resource as it is about to be stored: its bytes and its index entries.

use std::collections::BTreeSet;

use bytes::Bytes;
use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::{Map, Value};

use crate::{
    index,
    render::split_returned,
    store::{Body, IndexEntry, ResourceKey},
    tenant::IndexSpec,
};

/// A valid resource in the form in which it is kept.
#[derive(Debug, PartialEq)]
pub struct Draft {
    /// What is stored.
    pub body: Body,
    /// Under which values it is found.
    pub entries: BTreeSet<IndexEntry>,
}

impl Draft {
    /// From a resource whose members were taken out and whose password is a hash.
    pub fn new(key: &ResourceKey, resource: &Resource, rt: &ResourceType, specs: &[IndexSpec]) -> Result<Self, Error> {
        let document = resource.document();
        let entries = index::entries(key, document, specs);
        let (visible, hidden) = split_returned(document, rt);
        let body = Body {
            display: Bytes::from(display(document).to_owned()),
            visible: bytes(&with_id(visible, key))?,
            hidden: if hidden.is_empty() { Bytes::new() } else { bytes(&hidden)? },
        };
        Ok(Self { body, entries })
    }
}

/// Puts `id` behind `schemas`, where readers expect it.
fn with_id(visible: Map<String, Value>, key: &ResourceKey) -> Map<String, Value> {
    let mut document = Map::with_capacity(visible.len() + 1);
    let mut rest = visible.into_iter().peekable();
    if let Some((name, schemas)) = rest.next_if(|(name, _)| name == "schemas") {
        document.insert(name, schemas);
    }
    document.insert("id".into(), key.id.to_string().into());
    document.extend(rest);
    document
}

/// How the resource is called where another refers to it; empty when nobody named it. A userName is
/// no substitute: it identifies, and clients compare the members that they sent with those that
/// come back.
fn display(document: &Map<String, Value>) -> &str {
    let named = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let formatted = || document.get("name").and_then(|name| name.get("formatted")).and_then(Value::as_str);
    named("displayName").or_else(formatted).unwrap_or_default()
}

fn bytes(document: &Map<String, Value>) -> Result<Bytes, Error> {
    serde_json::to_vec(document).map(Bytes::from).map_err(Error::internal)
}
