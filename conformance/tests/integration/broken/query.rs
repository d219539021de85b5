//! Queries: which resources, in which order, which of them on the page.

use std::cmp::Ordering;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use scim_protocol::{
    Error, ErrorKind,
    message::{LIST_RESPONSE_SCHEMA, Page, Query},
    path::BoundPath,
    schema::ResourceType,
    value::fold,
};
use serde_json::{Map, Value, json};

use super::{
    Answer, Asked, Service,
    service::{State, projection},
};

/// The most resources on a page.
pub(super) const MOST: u32 = 200;

/// A resource that fits: its whole document and its type.
struct Found<'a> {
    document: Map<String, Value>,
    rt: &'a ResourceType,
}

impl Service {
    /// A GET with parameters or a POST to `.search`; without a resource type, over all of them.
    pub(super) fn query(&self, asked: &Asked, rt: Option<&ResourceType>) -> Result<Answer, Error> {
        let query = if asked.method == "POST" {
            Query::from_search_request(asked.json())?
        } else {
            Query::from_pairs(asked.query.iter().map(|(name, value)| (name, value)))?
        };
        let state = self.state();
        let mut found = Vec::new();
        match rt {
            Some(rt) => self.find(&state, &query, rt, false, &mut found)?,
            None => {
                for rt in self.registry.resource_types() {
                    self.find(&state, &query, rt, true, &mut found)?;
                }
            }
        }
        if let Some(sort_by) = &query.sort_by {
            let key = |one: &Found| sort_by.bind(one.rt).ok().and_then(|path| sort_key(&one.document, &path));
            found.sort_by(|a, b| compare(key(a), key(b), query.descending));
        }
        page(&query, &found)
    }

    fn find<'a>(
        &self,
        state: &State,
        query: &Query,
        rt: &'a ResourceType,
        lenient: bool,
        found: &mut Vec<Found<'a>>,
    ) -> Result<(), Error> {
        let bound = query.filter.as_ref().map(|filter| if lenient { filter.bind_lenient(rt) } else { filter.bind(rt) });
        let bound = bound.transpose()?;
        for stored in state.stored.iter().filter(|stored| stored.rt == rt.name) {
            let mut document = self.document(state, stored, rt);
            // What is never returned must not be guessed by filters either.
            document.shift_remove("password");
            if bound.as_ref().is_none_or(|filter| filter.matches(&document)) {
                found.push(Found { document, rt });
            }
        }
        Ok(())
    }
}

fn page(query: &Query, found: &[Found<'_>]) -> Result<Answer, Error> {
    let count = query.count.unwrap_or(MOST).min(MOST);
    let start = match &query.page {
        Page::Cursor(None) | Page::Default => 0,
        Page::Cursor(Some(cursor)) => read_cursor(cursor, query, count)?,
        Page::Index { start } => usize::try_from(*start - 1).unwrap_or(usize::MAX),
    };
    let shown: Vec<_> = found.iter().skip(start).take(count as usize).collect();
    let mut resources = Vec::new();
    for one in &shown {
        let projection = projection(&query.attributes, &query.excluded_attributes, one.rt)?;
        resources.push(Value::Object(projection.apply(one.document.clone(), one.rt)));
    }
    let mut list = json!({"schemas": [LIST_RESPONSE_SCHEMA], "totalResults": found.len(), "itemsPerPage": shown.len()});
    if let Page::Cursor(_) = query.page {
        let next = start + shown.len();
        if next < found.len() && count > 0 {
            list["nextCursor"] = json!(write_cursor(next, query, count));
        }
    } else {
        list["startIndex"] = json!(start + 1);
    }
    list["Resources"] = Value::Array(resources);
    Ok(Answer::new(200, list))
}

/// The position, the page size and the query that it belongs to.
fn write_cursor(position: usize, query: &Query, count: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{position}/{count}/{}", query.filter_text.as_deref().unwrap_or_default()))
}

fn read_cursor(cursor: &str, query: &Query, count: u32) -> Result<usize, Error> {
    let wrong = || Error::new(ErrorKind::InvalidCursor, "This is no cursor of this query.");
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let mut parts = text.splitn(3, '/');
    let position = parts.next().and_then(|position| position.parse().ok()).ok_or_else(wrong)?;
    if parts.next().and_then(|size| size.parse().ok()) != Some(count) {
        return Err(Error::new(ErrorKind::InvalidCount, "Send the count of the first page."));
    }
    if parts.next() != Some(query.filter_text.as_deref().unwrap_or_default()) {
        return Err(wrong());
    }
    Ok(position)
}

/// By what a resource is sorted: the primary value, else the first (RFC 7644 §3.4.2.3).
fn sort_key(document: &Map<String, Value>, path: &BoundPath) -> Option<Value> {
    let top = match &path.extension {
        Some(urn) => document.get(&**urn)?.as_object()?,
        None => document,
    };
    let attribute = path.attribute.as_ref()?;
    let mut value = top.get(&attribute.name)?;
    if let Value::Array(elements) = value {
        value = elements.iter().find(|element| element["primary"] == true).or_else(|| elements.first())?;
    }
    let name = path.sub_attribute.as_ref().map(|sub| sub.name.as_str());
    let value = match name.or_else(|| value.is_object().then_some("value")) {
        Some(name) => value.get(name)?,
        None => value,
    };
    let exact = path.leaf().is_some_and(|leaf| leaf.case_exact);
    Some(match value {
        Value::String(text) if !exact => Value::String(fold(text)),
        other => other.clone(),
    })
}

/// Resources without a value come last in ascending order.
fn compare(a: Option<Value>, b: Option<Value>, descending: bool) -> Ordering {
    let order = match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(&b),
        (Some(a), Some(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    };
    if descending { order.reverse() } else { order }
}
