//! What an event tells of a change: the paths of the attributes, and their values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use scim_protocol::schema::{Attribute, ResourceType};

use crate::{
    event::{Change, Event, Json, Lock, Values},
    render::is_served_by_default,
    store::Body,
    tenant::roles::GROUP,
};

/// What people call a resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    user_name: Option<String>,
    display_name: Option<String>,
}

/// The `userName` or `displayName` in a document that an event holds.
pub(super) fn name(document: &Json) -> Option<String> {
    let names: Names = serde_json::from_str(document.text()).ok()?;
    names.user_name.or(names.display_name)
}

/// An attribute that differs between two documents.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a> {
    /// `title`, `name.givenName`, `urn:…:User:department`.
    pub path: String,
    pub before: Option<&'a Value>,
    pub after: Option<&'a Value>,
    /// Whether its values are returned by default: what is not is told by its path alone.
    is_shown: bool,
}

/// The attributes that differ. Of a complex attribute its sub-attributes are told, of one with several values the
/// attribute.
pub(super) fn differences<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
    rt: &ResourceType,
) -> Vec<Difference<'a>> {
    let is_shown = |attribute: Option<&std::sync::Arc<Attribute>>| attribute.is_none_or(|a| is_served_by_default(a));
    let mut found = Vec::new();
    for (name, before, after) in differing(old, new) {
        if let Some(extension) = rt.extension(name) {
            for (attribute, before, after) in differing(object(before), object(after)) {
                let is_shown = is_shown(extension.schema.attribute(attribute));
                add(&mut found, Difference { path: format!("{name}:{attribute}"), before, after, is_shown });
            }
        } else {
            let is_shown = is_shown(rt.attribute(name));
            add(&mut found, Difference { path: name.to_owned(), before, after, is_shown });
        }
    }
    found
}

/// How somebody who returns differs from what was kept, or what is kept from what was there, as an event tells it.
#[derive(Default)]
pub(super) struct Comparison {
    /// What the provider says of `active`.
    pub aside: Option<bool>,
    /// What became of an administrator's lock.
    pub lock: Option<Lock>,
    /// The paths of what differs.
    pub differs: Vec<String>,
    /// The values of those that are told.
    pub changes: BTreeMap<String, Change>,
}

impl Comparison {
    /// Of two documents as the provider knows them.
    pub fn new(old: &Map<String, Value>, new: &Map<String, Value>, rt: &ResourceType) -> Self {
        let differences = differences(old, new, rt);
        let differs = differences.iter().map(|one| one.path.clone()).collect();
        Self { differs, changes: changes(differences), ..Self::default() }
    }

    /// The event with that, and with the values of a body if it tells values.
    pub fn of(self, event: Event, body: &Body, tells_values: bool) -> Event {
        let Self { aside, lock, differs, changes } = self;
        let values = if tells_values { changed(body, changes) } else { None };
        Event { differs, aside, lock, values, ..event }
    }
}

/// The values before and after of the attributes that differ.
pub(super) fn changes(differences: Vec<Difference<'_>>) -> BTreeMap<String, Change> {
    let shown = differences.into_iter().filter(|one| one.is_shown);
    let changes = shown.map(|one| {
        let [before, after] = [one.before, one.after].map(|value| value.and_then(Json::of));
        (one.path, Change { before, after })
    });
    changes.collect()
}

/// The values that an event of a change tells.
pub(super) fn changed(body: &Body, changes: BTreeMap<String, Change>) -> Option<Box<Values>> {
    Some(Box::new(Values { document: Json::read(&body.visible)?, changes }))
}

/// The values that an event tells where there is one document only: the first or the last.
pub(super) fn whole(body: &Body) -> Option<Box<Values>> {
    changed(body, BTreeMap::new())
}

/// The `externalId` of a document.
pub(super) fn external_id(document: &Map<String, Value>) -> Option<Json> {
    document.get("externalId").and_then(Json::of)
}

/// The event of a change with the `externalId` of the resource, and the one that a group had before.
pub(super) fn with_external_ids(event: Event, old: &Map<String, Value>, new: &Map<String, Value>) -> Event {
    let is_group = event.resource_type == GROUP;
    let (former, external_id) = (external_id(old).filter(|_| is_group), external_id(new));
    Event { former_external_id: former.filter(|former| Some(former) != external_id.as_ref()), external_id, ..event }
}

fn add<'a>(found: &mut Vec<Difference<'a>>, one: Difference<'a>) {
    let is_complex = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if !is_complex(one.before) || !is_complex(one.after) {
        return found.push(one);
    }
    found.extend(differing(object(one.before), object(one.after)).map(|(sub, before, after)| Difference {
        path: format!("{}.{sub}", one.path),
        before,
        after,
        is_shown: one.is_shown,
    }));
}

type Pair<'a> = (&'a str, Option<&'a Value>, Option<&'a Value>);

fn differing<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> impl Iterator<Item = Pair<'a>> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let names = new.keys().chain(gone);
    names.map(|name| (name.as_str(), old.get(name), new.get(name))).filter(|(_, old, new)| old != new)
}

fn object(value: Option<&Value>) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.and_then(Value::as_object).unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use scim_protocol::schema::SchemaRegistry;
    use serde_json::json;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn paths_lead_to_what_differs() {
        let registry = SchemaRegistry::core();
        let rt = registry.resource_type("User").unwrap();
        let old = json!({"userName": "a", "name": {"givenName": "A", "familyName": "F"}, "emails": [{"value": "a"}],
            "password": "one", ENTERPRISE: {"department": "x", "manager": {"value": "1"}}});
        let new = json!({"userName": "a", "name": {"givenName": "B", "familyName": "F"}, "emails": [{"value": "b"}],
            "password": "two", "title": "t", ENTERPRISE: {"manager": {"value": "2"}}});
        let (old, new) = (old.as_object().unwrap(), new.as_object().unwrap());
        let found = differences(old, new, rt);
        let paths: Vec<_> = found.iter().map(|one| (one.path.as_str(), one.is_shown)).collect();
        let (manager, department) = (format!("{ENTERPRISE}:manager.value"), format!("{ENTERPRISE}:department"));
        let mut expect = vec![("name.givenName", true), ("emails", true), ("password", false), ("title", true)];
        expect.extend([(manager.as_str(), true), (department.as_str(), true)]);
        assert_eq!(paths, expect);
        let body = Body { visible: "{}".into(), ..Body::default() };
        let values = changed(&body, changes(found)).unwrap();
        assert!(!values.changes.contains_key("password"));
        let name = &values.changes["name.givenName"];
        assert_eq!((name.before.as_ref().unwrap().text(), name.after.as_ref().unwrap().text()), ("\"A\"", "\"B\""));
        assert_eq!(values.changes[&department].after, None);
        assert!(differences(old, old, rt).is_empty());
    }
}
