//! Values of a document by the paths that events name: read, and put back.

use std::collections::BTreeMap;

use scim_protocol::schema::ResourceType;
use serde_json::{Map, Value};

use super::{
    history::{ACTIVE, SCHEMAS},
    step::{Other, Step},
};
use crate::{event::Json, store::ResourceId};

/// What was changed, and what was to be put back.
pub(super) type Steps = BTreeMap<String, Option<Step<Option<Json>>>>;

/// A document in which values are as they were before.
#[derive(Debug, Default)]
pub(super) struct PutBack {
    pub document: Map<String, Value>,
    /// The paths of what was put back.
    pub done: Vec<String>,
    /// What was not, and why.
    pub refused: Vec<(String, String)>,
}

impl PutBack {
    /// Puts back in a document what can be put back without losing what somebody else has done.
    pub fn new(document: &Map<String, Value>, steps: &Steps, rt: &ResourceType, id: ResourceId) -> Self {
        let aside = [temporary(id).into(), temporary_number(id).into()];
        let mut put_back = Self { document: document.clone(), ..Self::default() };
        for (path, step) in steps.iter().filter_map(|(path, step)| Some((path, step.as_ref()?))) {
            let Some(place) = Place::of(path, rt) else {
                put_back.refused.push((path.clone(), "the tenant's schemas no longer have it".to_owned()));
                continue;
            };
            let [before, after] = [&step.before, &step.after].map(|json| json.as_ref().and_then(value));
            let now = place.get(document);
            // What others have made of it may be what it was before, in other words.
            if mean_the_same(path, now, before.as_ref()) {
                continue;
            }
            // Only an undo gives such a name, and this may be the one that completes it.
            let is_aside = now.is_some_and(|now| aside.iter().any(|aside| has(now, aside)));
            match &step.other {
                Some(other) if !is_aside => put_back.refused.push((path.clone(), since(other))),
                None if !mean_the_same(path, now, after.as_ref()) && !is_aside => {
                    put_back.refused.push((path.clone(), "it has changed since".to_owned()));
                }
                _ => {
                    place.set(&mut put_back.document, before);
                    put_back.done.push(path.clone());
                }
            }
        }
        put_back.name_schemas(rt);
        put_back
    }

    /// `schemas` lists what is there.
    fn name_schemas(&mut self, rt: &ResourceType) {
        if !self.done.iter().any(|path| path.starts_with(URN)) {
            return;
        }
        let there = rt.extensions.iter().map(|one| &one.schema.id).filter(|urn| self.document.contains_key(*urn));
        let schemas = std::iter::once(&rt.schema.id).chain(there).map(|urn| Value::from(urn.as_str())).collect();
        self.document.insert(SCHEMAS.to_owned(), Value::Array(schemas));
    }
}

/// The name that a resource has for the meantime, while names that were exchanged in a ring go back.
fn temporary(id: ResourceId) -> String {
    format!("undo-{id}")
}

/// The same where names are numbers: one that nobody gives, and that is this resource's own.
fn temporary_number(id: ResourceId) -> i64 {
    let random = i64::try_from(id.0.as_u128() & 0x000F_FFFF_FFFF_FFFF).unwrap_or_default();
    -1 - random
}

/// Gives a resource that name in place of one at this path. Whether it has that one.
pub(super) fn set_aside(
    document: &mut Map<String, Value>,
    (rt, id): (&ResourceType, ResourceId),
    path: &str,
    is_it: &dyn Fn(&Value) -> bool,
) -> bool {
    let Some(Place { extension, attribute, sub }) = Place::of(path, rt) else { return false };
    let holder = match extension {
        Some(urn) => document.get_mut(urn).and_then(Value::as_object_mut),
        None => Some(document),
    };
    let value = holder.and_then(|holder| holder.get_mut(attribute));
    value.is_some_and(|value| replace(value, sub, is_it, id))
}

/// Replaces what is meant: the value, those of its elements, or their sub-attribute. Whether there was any.
fn replace(value: &mut Value, sub: Option<&str>, is_it: &dyn Fn(&Value) -> bool, id: ResourceId) -> bool {
    match (value, sub) {
        (Value::Array(all), sub) => {
            let mut found = false;
            for one in all {
                found |= replace(one, sub, is_it, id);
            }
            found
        }
        (Value::Object(one), Some(sub)) => one.get_mut(sub).is_some_and(|one| replace(one, None, is_it, id)),
        (one @ (Value::String(_) | Value::Number(_)), None) if is_it(one) => {
            *one = if one.is_string() { temporary(id).into() } else { temporary_number(id).into() };
            true
        }
        _ => false,
    }
}

/// Whether a value is that one, or has it somewhere in it.
fn has(value: &Value, one: &Value) -> bool {
    value == one
        || match value {
            Value::Array(all) => all.iter().any(|value| has(value, one)),
            Value::Object(all) => all.values().any(|value| has(value, one)),
            _ => false,
        }
}

/// Whether two values of an attribute mean the same: who has no `active` is active.
pub(super) fn mean_the_same(path: &str, one: Option<&Value>, other: Option<&Value>) -> bool {
    let active = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(true),
        Some(value) => value.as_bool(),
    };
    one == other || path == ACTIVE && active(one).is_some_and(|one| active(other) == Some(one))
}

/// Says who has changed something since.
pub(super) fn since(other: &Other) -> String {
    format!("event {} by {} has changed it since", other.sequence, other.actor)
}

const URN: &str = "urn:";

/// A path of an event: of an extension or not, an attribute or a sub-attribute.
pub(super) struct Place<'a> {
    extension: Option<&'a str>,
    attribute: &'a str,
    sub: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// `None` if the resource type has no such attribute.
    pub fn of(path: &'a str, rt: &'a ResourceType) -> Option<Self> {
        let (extension, rest) = if path.starts_with(URN) {
            rt.extensions.iter().find_map(|one| {
                let rest = path.strip_prefix(one.schema.id.as_str())?.strip_prefix(':')?;
                Some((Some(one), rest))
            })?
        } else {
            (None, path)
        };
        let (attribute, sub) = rest.split_once('.').map_or((rest, None), |(attribute, sub)| (attribute, Some(sub)));
        match extension {
            Some(extension) => extension.schema.attribute(attribute)?,
            None => rt.attribute(attribute)?,
        };
        Some(Self { extension: extension.map(|one| one.schema.id.as_str()), attribute, sub })
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.extension.into_iter().chain([self.attribute]).chain(self.sub)
    }

    fn get<'d>(&self, document: &'d Map<String, Value>) -> Option<&'d Value> {
        let mut names = self.names();
        let first = document.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    /// Puts a value there, or removes it.
    pub fn set(&self, document: &mut Map<String, Value>, value: Option<Value>) {
        set(document, &self.names().collect::<Vec<_>>(), value);
    }
}

/// Sets a value, or removes it; an object that is empty then goes with it.
fn set(object: &mut Map<String, Value>, names: &[&str], value: Option<Value>) {
    match (names, value) {
        ([], _) => {}
        ([name], Some(value)) => {
            object.insert((*name).to_owned(), value);
        }
        ([name], None) => {
            object.shift_remove(*name);
        }
        ([name, rest @ ..], value) => {
            let inner = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { return };
            set(inner, rest, value);
            if inner.is_empty() {
                object.shift_remove(*name);
            }
        }
    }
}

/// The value that an event tells.
pub(super) fn value(json: &Json) -> Option<Value> {
    serde_json::from_str(json.text()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut document: Value, names: &[&str], value: Option<Value>, expect: &Value) {
        set(document.as_object_mut().unwrap(), names, value);
        assert_eq!(document, *expect);
    }

    #[test]
    fn who_has_no_active_is_active() {
        let (yes, no, text) = (json!(true), json!(false), json!("x"));
        assert!(mean_the_same("active", None, Some(&yes)) && mean_the_same("active", Some(&yes), None));
        assert!(!mean_the_same("active", None, Some(&no)) && !mean_the_same("active", None, Some(&text)));
        assert!(!mean_the_same("title", None, Some(&yes)) && mean_the_same("title", Some(&text), Some(&text)));
    }

    #[test]
    fn a_name_steps_aside_wherever_it_stands() {
        let (registry, id) = (scim_protocol::schema::SchemaRegistry::core(), ResourceId(uuid::Uuid::nil()));
        let user = registry.resource_type("User").unwrap();
        let aside = temporary(id);
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let number = format!("{urn}:employeeNumber");
        for (path, document, expect) in [
            ("userName", json!({"userName": "a"}), Some(json!({"userName": aside}))),
            ("userName", json!({"userName": "b"}), None),
            (
                "emails.value",
                json!({"emails": [{"value": "a", "type": "work"}, {"value": "b"}, {"type": "home"}]}),
                Some(json!({"emails": [{"value": aside, "type": "work"}, {"value": "b"}, {"type": "home"}]})),
            ),
            ("name.familyName", json!({"name": {"familyName": "a"}}), Some(json!({"name": {"familyName": aside}}))),
            (&number, json!({urn: {"employeeNumber": "a"}}), Some(json!({urn: {"employeeNumber": aside}}))),
            (&number, json!({"userName": "a"}), None),
            // The core schema has no number that could be unique; what a schema of a tenant has is treated alike.
            ("title", json!({"title": 7}), Some(json!({"title": temporary_number(id)}))),
        ] {
            let mut now = document.as_object().unwrap().clone();
            assert_eq!(
                set_aside(&mut now, (user, id), path, &|value| *value == "a" || *value == 7),
                expect.is_some(),
                "{path}"
            );
            assert_eq!(Value::Object(now.clone()), expect.clone().unwrap_or(document), "{path}");
            let now = Value::Object(now);
            assert_eq!(has(&now, &aside.as_str().into()) || has(&now, &temporary_number(id).into()), expect.is_some());
        }
    }

    #[test]
    fn values_come_and_go_with_what_holds_them() {
        check(json!({}), &["name", "givenName"], Some(json!("A")), &json!({"name": {"givenName": "A"}}));
        check(json!({"name": {"givenName": "A"}, "title": "t"}), &["name", "givenName"], None, &json!({"title": "t"}));
        check(json!({"urn:x": {"manager": {"value": "1"}}}), &["urn:x", "manager", "value"], None, &json!({}));
        check(json!({"title": "a"}), &["title"], Some(json!("b")), &json!({"title": "b"}));
    }
}
