//! `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3).
//!
//! If an index has the order already, the walk follows it. Otherwise the keys of all matches are collected and
//! sorted, within the same limit as for any other query that must read everything.

use std::cmp::Ordering;

use scim_protocol::{
    Error, ErrorKind, Timestamp,
    message::Query,
    path::BoundPath,
    schema::{ResourceType, Returned, Type},
};
use serde_json::{Map, Value};

use super::{
    Context, Operations,
    found::{Found, forward},
    scan::{Match, Scan, Selection, size},
};
use crate::{
    cursor::Cursor,
    index::text_value,
    plan::{Scope, Source},
    render::stored_document,
    store::{IndexRange, IndexValue, LAST_MODIFIED, Position, ResourceKey, Values},
};

/// The index with the requested order, if it contains every resource exactly once.
pub(super) fn source(query: &Query, rt: &ResourceType, scope: Scope<'_>) -> Result<Option<Source>, Error> {
    let Some(sort_by) = &query.sort_by else { return Ok(None) };
    let path = key_path(sort_by.bind(rt).map_err(|error| unsortable(error.detail().to_owned()))?)?;
    let name = path.to_string();
    let attribute = if name == LAST_MODIFIED {
        Some(LAST_MODIFIED.into())
    } else {
        // An index holds text, in which 10 comes before 9.
        let complete = path.leaf().is_some_and(|leaf| leaf.required && !leaf.multi_valued && leaf.kind.is_text())
            && path.sub_attribute.is_none();
        scope.specs.iter().find(|spec| complete && spec.filled && *spec.path == *name).map(|spec| spec.path.clone())
    };
    Ok(attribute.map(|attribute| {
        Source::Index(IndexRange {
            tenant: scope.tenant,
            resource_type: scope.resource_type.clone(),
            attribute,
            values: Values::All,
            descending: query.descending,
        })
    }))
}

/// A match in the requested order: its key, the selection's ordinal, and the resource.
struct Sorted {
    key: IndexValue,
    ordinal: usize,
    position: Position,
}

impl Operations {
    pub(super) async fn sorted_index(
        &self,
        context: &Context,
        selections: &[Selection],
        query: &Query,
        start: u64,
        count: usize,
    ) -> Result<Found, Error> {
        let sorted = self.sorted(context, selections, query).await?;
        let skip = usize::try_from(start.saturating_sub(1)).unwrap_or(usize::MAX);
        let (found, _) = self.read(context, selections, sorted.get(skip..).unwrap_or_default(), count).await?;
        Ok(Found { total: Some(sorted.len() as u64), start: Some(start), ..found })
    }

    pub(super) async fn sorted_cursor(
        &self,
        context: &Context,
        selections: &[Selection],
        query: &Query,
        count: usize,
        cursor: Option<Cursor>,
    ) -> Result<Found, Error> {
        let sorted = self.sorted(context, selections, query).await?;
        let skip = cursor.map_or(0, |cursor| {
            let at = |one: &Sorted| {
                order(&one.key, one.position.id, &cursor.position.value, cursor.position.id, query.descending)
            };
            sorted.partition_point(|one| at(one) != Ordering::Greater)
        });
        let rest = sorted.get(skip..).unwrap_or_default();
        let (found, read) = self.read(context, selections, rest, count).await?;
        let next = rest
            .get(..read)
            .and_then(<[_]>::last)
            .filter(|_| rest.len() > read)
            .map(|last| forward(last.ordinal, &Position { value: last.key.clone(), id: last.position.id }));
        Ok(Found { total: Some(sorted.len() as u64), next, ..found })
    }

    /// All matches, in order.
    async fn sorted(&self, context: &Context, selections: &[Selection], query: &Query) -> Result<Vec<Sorted>, Error> {
        let Some(sort_by) = &query.sort_by else { return Ok(Vec::new()) };
        let mut sorted = Vec::new();
        let mut examined = 0;
        let mut known = false;
        for (ordinal, selection) in selections.iter().enumerate() {
            // Of several types, those without the attribute have no value for it.
            let path = sort_by.find(&selection.rt).map(key_path).transpose()?;
            known |= path.is_some();
            let mut scan = Scan::new(self, context, selection, None, examined);
            while let Some(batch) = scan.next().await? {
                for found in batch {
                    context.pace.step(1 + size(&found.record) / 1024).await?;
                    let key = self.sort_key(context, selection, path.as_ref(), &found)?;
                    sorted.push(Sorted { key, ordinal, position: found.position });
                }
                scan.require_budget()?;
            }
            examined = scan.examined;
        }
        if !known {
            return Err(unsortable(format!(
                "sortBy names \"{}\", which is no attribute of what is listed.",
                sort_by.as_str()
            )));
        }
        sorted.sort_by(|a, b| order(&a.key, a.position.id, &b.key, b.position.id, query.descending));
        Ok(sorted)
    }

    fn sort_key(
        &self,
        context: &Context,
        selection: &Selection,
        path: Option<&BoundPath>,
        found: &Match,
    ) -> Result<IndexValue, Error> {
        let Some(path) = path else { return Ok(absent()) };
        let mut document = stored_document(&found.record)?;
        if path.is_core("meta") {
            let meta = self.renderer(context).meta_value(&selection.rt, found.position.id, &found.record);
            document.insert("meta".into(), meta);
        }
        Ok(key(&document, path))
    }

    /// The resources of one page, starting with the first of these, and how many of these it has used.
    async fn read(
        &self,
        context: &Context,
        selections: &[Selection],
        sorted: &[Sorted],
        count: usize,
    ) -> Result<(Found, usize), Error> {
        let mut found = Found::default();
        let mut room = self.room(context, count);
        let mut took = sorted.len().min(count);
        for (read, one) in sorted.iter().take(count).enumerate() {
            if room.is_full() {
                took = read;
                break;
            }
            let Some(selection) = selections.get(one.ordinal) else { continue };
            let key = ResourceKey {
                tenant: context.caller.tenant().home,
                resource_type: selection.name.clone(),
                id: one.position.id,
            };
            if let Some(record) = self.store.get(&key).await? {
                room.take(&record)?;
                found.matches.push((one.ordinal, Match { position: one.position.clone(), record, groups: None }));
            }
        }
        found.share = Some(room.into_share());
        Ok((found, took))
    }
}

/// The attribute that is compared: for a complex attribute its `value`.
fn key_path(path: BoundPath) -> Result<BoundPath, Error> {
    let parts = path.attribute.iter().chain(&path.sub_attribute);
    if let Some(never) = parts.into_iter().find(|part| part.returned == Returned::Never) {
        return Err(unsortable(format!("{} is never returned, so it may not be sorted by either.", never.name)));
    }
    let Some(attribute) = &path.attribute else {
        return Err(unsortable("sortBy names a whole extension; name one attribute.".to_owned()));
    };
    let mut parts = path.attribute.iter().chain(&path.sub_attribute);
    if parts.any(|part| part.returned == Returned::Never) {
        return Err(unsortable(format!("sortBy names {path}, which is never returned: its order would tell of it.")));
    }
    if !attribute.is_complex() || path.sub_attribute.is_some() {
        return Ok(path);
    }
    match attribute.sub_attribute("value") {
        Some(value) => Ok(BoundPath { sub_attribute: Some(value.clone()), ..path }),
        None => Err(unsortable(format!(
            "sortBy names the complex attribute {}; name one of its sub-attributes.",
            attribute.name
        ))),
    }
}

/// The key of a document: bytes in the order of the attribute's type, short enough for a cursor. Of a multi-valued attribute
/// the primary value counts, or else the first.
fn key(document: &Map<String, Value>, path: &BoundPath) -> IndexValue {
    let object = match &path.extension {
        Some(urn) => document.get(&**urn).and_then(Value::as_object),
        None => Some(document),
    };
    let value = object.zip(path.attribute.as_ref()).and_then(|(object, attribute)| object.get(&attribute.name));
    let value = match value {
        Some(Value::Array(elements)) => {
            let primary = elements.iter().find(|e| e.get("primary") == Some(&Value::Bool(true)));
            primary.or_else(|| elements.first())
        }
        value => value,
    };
    let value = match &path.sub_attribute {
        Some(sub) => value.and_then(|value| value.get(&sub.name)),
        None => value,
    };
    let kind = path.leaf().map(|leaf| (leaf.kind, leaf.case_exact));
    match (kind, value) {
        (Some((Type::DateTime, _)), Some(Value::String(text))) => {
            Timestamp::parse(text).map_or_else(absent, |at| present(IndexValue::instant(at).0))
        }
        (Some((_, case_exact)), Some(Value::String(text))) => present(text_value(text, case_exact).0),
        (_, Some(Value::Bool(flag))) => present(vec![u8::from(*flag)]),
        (_, Some(Value::Number(number))) => present(ordered(number.as_f64().unwrap_or_default())),
        _ => absent(),
    }
}

/// A resource without the value: last when ascending, first when descending.
fn absent() -> IndexValue {
    IndexValue(vec![0xFF])
}

fn present(mut bytes: Vec<u8>) -> IndexValue {
    bytes.insert(0, 0);
    IndexValue(bytes)
}

/// Bytes in the order of the numbers.
fn ordered(number: f64) -> Vec<u8> {
    let bits = number.to_bits();
    let ordered = if bits >> 63 == 0 { bits | (1 << 63) } else { !bits };
    ordered.to_be_bytes().to_vec()
}

fn order(
    a: &IndexValue,
    a_id: crate::store::ResourceId,
    b: &IndexValue,
    b_id: crate::store::ResourceId,
    descending: bool,
) -> Ordering {
    let ascending = a.cmp(b).then(a_id.cmp(&b_id));
    if descending { ascending.reverse() } else { ascending }
}

/// 400 for a `sortBy` that cannot be sorted by.
fn unsortable(detail: String) -> Error {
    Error::new(ErrorKind::InvalidValue, detail)
}
