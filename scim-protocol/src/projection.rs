//! Which attributes a response contains (RFC 7644 §3.9, RFC 7643 §7 `returned`).

pub mod specified;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Error,
    patch::Path,
    path::{AttributePath, BoundPath},
    schema::{Attribute, ResourceType, Returned},
};

/// The most names in `attributes` or `excludedAttributes`. Each is looked up in every schema, so their number must be
/// limited.
pub const MAX_NAMES: usize = 200;

/// What the client asked to see.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projection {
    /// Neither parameter: `always` and `default` attributes.
    #[default]
    Default,
    /// `attributes=`: these, and what is always returned.
    Attributes(Vec<BoundPath>),
    /// `excludedAttributes=`: the default ones without these; never drops what is always returned.
    Excluded(Vec<BoundPath>),
    /// Neither parameter, in the answer to a write: as by default, and these, which the client has
    /// specified and which are otherwise returned on request only ([`specified`]).
    Written(Vec<BoundPath>),
}

/// Which part of an attribute the client's list names.
enum Named<'a> {
    /// The list does not name it.
    Not,
    /// Some of its sub-attributes, by canonical name.
    Partly(Vec<&'a str>),
    /// All of it, by its own name or that of its schema.
    Wholly,
}

impl Projection {
    /// From the two parameters, each a list of names in attribute notation (already split at
    /// commas). Both together: 400 `invalidValue`. Names that no schema knows are ignored, since a
    /// client may ask one question of several resource types.
    pub fn new(attributes: &[&str], excluded: &[&str], rt: &ResourceType) -> Result<Self, Error> {
        if attributes.len().max(excluded.len()) > MAX_NAMES {
            return Err(Error::value(format!(
                "attributes and excludedAttributes take at most {MAX_NAMES} names. Name a whole attribute in place of its sub-attributes."
            )));
        }
        let is_given = |names: &[&str]| names.iter().any(|name| !name.trim().is_empty());
        match (is_given(attributes), is_given(excluded)) {
            (false, false) => Ok(Self::Default),
            (true, false) => Ok(Self::Attributes(bind(attributes, rt, wider))),
            (false, true) => Ok(Self::Excluded(bind(excluded, rt, |_, _| None))),
            (true, true) => Err(Error::value(
                "attributes and excludedAttributes are both given, and each rules the other out (RFC 7644 §3.9). Send one.",
            )),
        }
    }

    /// The response to a write that specified these attributes. The client's own parameters take precedence.
    #[must_use]
    pub fn written(self, specified: Vec<BoundPath>) -> Self {
        if self == Self::Default && !specified.is_empty() { Self::Written(specified) } else { self }
    }

    /// The part of a whole document (with `id`, `meta`, `groups`, `members` in it) that is returned.
    /// Sub-attributes have their own `returned`; a parent with nothing left in it goes too.
    pub fn apply(&self, document: Map<String, Value>, rt: &ResourceType) -> Map<String, Value> {
        let mut answer = Map::new();
        for (key, value) in document {
            let kept = if let Some(attribute) = rt.attribute(&key) {
                self.attribute(None, attribute, value)
            } else if let Some(extension) = rt.extension(&key)
                && let Value::Object(content) = value
            {
                let known = &extension.schema;
                let kept: Map<String, Value> = content
                    .into_iter()
                    .filter_map(|(name, value)| {
                        let kept = self.attribute(Some(&known.id), known.attribute(&name)?, value)?;
                        Some((name, kept))
                    })
                    .collect();
                if kept.is_empty() { None } else { Some(Value::Object(kept)) }
            } else {
                None
            };
            if let Some(value) = kept {
                answer.insert(key, value);
            }
        }
        answer
    }

    /// Whether an answer under this projection carries the core attribute (some of it).
    pub fn wants(&self, attribute: &str, rt: &ResourceType) -> bool {
        let Some(attribute) = rt.attribute(attribute) else { return false };
        match attribute.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default | Returned::Request => {
                let named = self.named(None, attribute);
                match self {
                    Self::Default => attribute.returned == Returned::Default,
                    Self::Attributes(_) => !matches!(named, Named::Not),
                    Self::Excluded(_) => attribute.returned == Returned::Default && !matches!(named, Named::Wholly),
                    Self::Written(_) => attribute.returned == Returned::Default || !matches!(named, Named::Not),
                }
            }
        }
    }

    fn attribute(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        let keep_subs = |keep: &dyn Fn(&Attribute) -> bool| keep_subs(value, attribute, keep);
        let by_default = |sub: &Attribute| matches!(sub.returned, Returned::Always | Returned::Default);
        let is_always = attribute.returned == Returned::Always;
        let is_default = is_always || attribute.returned == Returned::Default;
        if attribute.returned == Returned::Never {
            return None;
        }
        match (self, self.named(extension, attribute)) {
            (Self::Attributes(_) | Self::Written(_), Named::Wholly) => {
                keep_subs(&|sub| sub.returned != Returned::Never)
            }
            (Self::Written(_), Named::Partly(names)) if is_default => keep_subs(&|sub| {
                by_default(sub) || (sub.returned != Returned::Never && names.contains(&sub.name.as_str()))
            }),
            (Self::Attributes(_) | Self::Written(_), Named::Partly(names)) => keep_subs(&|sub| match sub.returned {
                Returned::Always => true,
                Returned::Never => false,
                Returned::Default | Returned::Request => names.contains(&sub.name.as_str()),
            }),
            (Self::Attributes(_), Named::Not) | (Self::Excluded(_), Named::Wholly) if !is_always => None,
            (Self::Excluded(_), Named::Partly(names)) if is_default => keep_subs(&|sub| {
                by_default(sub) && (sub.returned == Returned::Always || !names.contains(&sub.name.as_str()))
            }),
            _ if is_default => keep_subs(&by_default),
            _ => None,
        }
    }

    fn named(&self, extension: Option<&str>, attribute: &Attribute) -> Named<'_> {
        let (Self::Attributes(paths) | Self::Excluded(paths) | Self::Written(paths)) = self else { return Named::Not };
        let mut subs = Vec::new();
        for path in paths.iter().filter(|path| path.extension.as_deref() == extension) {
            match (&path.attribute, &path.sub_attribute) {
                (Some(named), _) if named.name != attribute.name => {}
                (Some(_), Some(sub)) => subs.push(sub.name.as_str()),
                (Some(_) | None, _) => return Named::Wholly,
            }
        }
        if subs.is_empty() { Named::Not } else { Named::Partly(subs) }
    }
}

/// Resolves the names, in their order; `else_meant` handles those that name no attribute.
fn bind(names: &[&str], rt: &ResourceType, else_meant: fn(&str, &ResourceType) -> Option<BoundPath>) -> Vec<BoundPath> {
    let is_core = |name: &&&str| name.trim().eq_ignore_ascii_case(&rt.schema.id);
    let whole = |attribute: &Arc<Attribute>| BoundPath {
        extension: None,
        attribute: Some(Arc::clone(attribute)),
        sub_attribute: None,
    };
    let core = names.iter().find(is_core).into_iter().flat_map(|_| rt.schema.attributes.iter().map(whole));
    let named = names.iter().map(|name| name.trim());
    let named = named.filter_map(|name| {
        let known = AttributePath::parse(name).ok().and_then(|path| path.find(rt));
        known.or_else(|| else_meant(name, rt))
    });
    core.chain(named).collect()
}

/// The dialect `value-paths-in-attributes`: the whole attribute, since some of its elements cannot be
/// asked for, and without `type` nobody could tell which is which.
fn wider(name: &str, rt: &ResourceType) -> Option<BoundPath> {
    let path = Path::parse(name).ok()?.find(rt)?.path;
    Some(BoundPath { sub_attribute: None, ..path })
}

/// The value without the sub-attributes that are not to be kept; `None` when nothing is left.
fn keep_subs(value: Value, attribute: &Attribute, keep: &dyn Fn(&Attribute) -> bool) -> Option<Value> {
    let keep_all = attribute.sub_attributes.iter().map(Arc::as_ref).all(keep);
    if !attribute.is_complex() || keep_all {
        return Some(value);
    }
    match value {
        Value::Object(mut object) => {
            object.retain(|name, _| attribute.sub_attribute(name).is_some_and(|sub| keep(sub)));
            if object.is_empty() { None } else { Some(Value::Object(object)) }
        }
        Value::Array(elements) => {
            let kept: Vec<Value> =
                elements.into_iter().filter_map(|element| keep_subs(element, attribute, keep)).collect();
            if kept.is_empty() { None } else { Some(Value::Array(kept)) }
        }
        value => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    use crate::{ErrorKind, schema::SchemaRegistry};

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    const SECRET: &str = "urn:example:2.0:Secret";

    #[test]
    fn the_number_of_names_has_a_bound() {
        let registry = SchemaRegistry::core();
        let rt = registry.resource_type("User").unwrap();
        let names = vec!["userName"; MAX_NAMES + 1];
        assert!(Projection::new(&names[1..], &[], rt).is_ok());
        for refused in [Projection::new(&names, &[], rt), Projection::new(&[], &names, rt)] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidValue);
        }
    }

    fn user() -> ResourceType {
        let secret = json!({"schema": {"id": SECRET, "name": "Secret", "attributes": [
            {"name": "rare", "returned": "request"},
            {"name": "firm", "returned": "always"},
            {"name": "box", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "key", "returned": "always"}, {"name": "content", "returned": "request"},
                {"name": "code", "returned": "never"}, {"name": "label"}
            ]}
        ]}, "extends": "User"});
        let registry = SchemaRegistry::core().with_definition(&secret).unwrap();
        ResourceType::clone(registry.resource_type("User").unwrap())
    }

    fn whole() -> Map<String, Value> {
        let document = json!({
            "schemas": [CORE, ENT, SECRET], "id": "1", "userName": "b", "name": {"givenName": "B", "familyName": "J"},
            "password": "hash", "emails": [{"value": "a", "type": "work"}, {"type": "home"}],
            ENT: {"department": "d", "manager": {"value": "2"}},
            SECRET: {"rare": "r", "firm": "f", "box": [{"key": "k", "content": "c", "code": "x", "label": "l"}]},
            "meta": {"resourceType": "User", "version": "1"}, "gone": 1
        });
        document.as_object().cloned().unwrap()
    }

    /// `expect` without what is in every answer: `schemas`, `id` and the extension's `firm`.
    #[track_caller]
    fn check(attributes: &[&str], excluded: &[&str], mut expect: Value) {
        let rt = user();
        let answer = Projection::new(attributes, excluded, &rt).unwrap().apply(whole(), &rt);
        let object = expect.as_object_mut().unwrap();
        object.insert("schemas".to_owned(), json!([CORE, ENT, SECRET]));
        object.insert("id".to_owned(), json!("1"));
        object.entry(SECRET).or_insert_with(|| json!({}))["firm"] = json!("f");
        assert_eq!(Value::Object(answer), expect);
    }

    fn default_without(keys: &[&str]) -> Value {
        let mut document = whole();
        for key in [&["password", "gone"], keys].concat() {
            document.remove(key);
        }
        document[SECRET] = json!({"box": [{"key": "k", "label": "l"}]});
        Value::Object(document)
    }

    #[test]
    fn by_default() {
        check(&[], &[], default_without(&[]));
        check(&[""], &[" "], default_without(&[]));
    }

    #[test]
    fn named_attributes() {
        check(&["userName"], &[], json!({"userName": "b"}));
        check(&[" username ", "nonsense"], &[], json!({"userName": "b"}));
        check(&["nonsense"], &[], json!({}));
        check(&["name.givenName"], &[], json!({"name": {"givenName": "B"}}));
        check(&["emails"], &[], json!({"emails": [{"value": "a", "type": "work"}, {"type": "home"}]}));
        check(&["emails.value"], &[], json!({"emails": [{"value": "a"}]}));
        check(&["name.middleName"], &[], json!({}));
        check(&["password"], &[], json!({}));
        check(&["meta.version"], &[], json!({"meta": {"version": "1"}}));
        check(&[&format!("{CORE}:userName")], &[], json!({"userName": "b"}));
        check(&[ENT], &[], json!({ENT: {"department": "d", "manager": {"value": "2"}}}));
        let core = json!({
            "userName": "b", "name": {"givenName": "B", "familyName": "J"},
            "emails": [{"value": "a", "type": "work"}, {"type": "home"}]
        });
        check(&[CORE], &[], core.clone());
        check(&[&CORE.to_uppercase(), CORE, "nonsense"], &[], core);
        let emails = json!({"emails": [{"value": "a", "type": "work"}, {"type": "home"}]});
        check(&["emails[type eq \"work\"].value"], &[], emails.clone());
        check(&["emails[type eq \"work\"]"], &[], emails);
        check(&["emails[type eq 'work'].value", "emails[tpye eq \"work\"]", "nonsense[a eq \"b\"]"], &[], json!({}));
        check(&[&format!("{ENT}:department")], &[], json!({ENT: {"department": "d"}}));
    }

    #[test]
    fn excluded_attributes() {
        check(&[], &["userName", "id", "schemas", "nonsense"], default_without(&["userName"]));
        check(&[], &["meta"], default_without(&["meta"]));
        let mut expect = default_without(&[]);
        expect["emails"] = json!([{"value": "a"}]);
        check(&[], &["emails.type"], expect);
        check(&[], &[ENT], default_without(&[ENT]));
        check(&[], &[CORE], default_without(&["userName", "name", "emails"]));
        check(&[], &["emails[type eq \"work\"]"], default_without(&[]));
        let mut expect = default_without(&[]);
        expect[ENT] = json!({"manager": {"value": "2"}});
        check(&[], &[&format!("{ENT}:department")], expect);
    }

    #[test]
    fn returned_counts_in_sub_attributes() {
        check(&[&format!("{SECRET}:rare")], &[], json!({SECRET: {"rare": "r"}}));
        check(&[&format!("{SECRET}:box")], &[], json!({SECRET: {"box": [{"key": "k", "content": "c", "label": "l"}]}}));
        check(&[&format!("{SECRET}:box.label")], &[], json!({SECRET: {"box": [{"key": "k", "label": "l"}]}}));
        let mut expect = default_without(&[]);
        expect[SECRET] = json!({"box": [{"key": "k"}]});
        check(&[], &[&format!("{SECRET}:box.label"), &format!("{SECRET}:box.key")], expect);
    }

    #[track_caller]
    fn check_written(specified: Vec<BoundPath>, secret: &Value) {
        let rt = user();
        let answer = Projection::Default.written(specified).apply(whole(), &rt);
        let mut expect = default_without(&[]);
        expect[SECRET] = secret.clone();
        assert_eq!(Value::Object(answer), expect);
    }

    #[test]
    fn the_answer_to_a_write_shows_what_was_specified() {
        let rt = user();
        let by_default = json!({"firm": "f", "box": [{"key": "k", "label": "l"}]});
        let with_rare = json!({"rare": "r", "firm": "f", "box": [{"key": "k", "label": "l"}]});
        let with_content = json!({"firm": "f", "box": [{"key": "k", "content": "c", "label": "l"}]});
        for (document, secret) in [
            (json!({"userName": "b", "password": "p", SECRET: {"firm": "f"}}), &by_default),
            (json!({SECRET: {"RARE": "r"}}), &with_rare),
            (json!({SECRET: {"box": [{"key": "k"}, {"Content": "c", "code": "x"}]}}), &with_content),
        ] {
            check_written(specified::in_document(document.as_object().unwrap(), &rt), secret);
        }
        for (operation, secret) in [
            (json!({"op": "add", "value": {SECRET: {"rare": "r"}}}), &with_rare),
            (json!({"op": "replace", "path": format!("{SECRET}:rare"), "value": "r"}), &with_rare),
            (json!({"op": "replace", "path": SECRET, "value": {"rare": "r"}}), &with_rare),
            (
                json!({"op": "replace", "path": format!("{SECRET}:box[key eq \"k\"].content"), "value": "c"}),
                &with_content,
            ),
            (json!({"op": "replace", "path": "userName", "value": "b"}), &by_default),
            (json!({"op": "remove", "path": format!("{SECRET}:rare")}), &by_default),
        ] {
            let body = json!({"schemas": [crate::patch::PATCH_OP_SCHEMA], "Operations": [operation]});
            let operations = crate::patch::parse(body).unwrap();
            check_written(specified::in_operations(&operations, &rt), secret);
        }
        let asked = Projection::new(&["userName"], &[], &rt).unwrap();
        let rare = specified::in_document(json!({SECRET: {"rare": "r"}}).as_object().unwrap(), &rt);
        assert_eq!(asked.clone().written(rare), asked);
    }

    #[test]
    fn both_parameters_are_refused() {
        let error = Projection::new(&["userName"], &["title"], &user()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
    }

    #[test]
    fn wants_what_it_returns() {
        let rt = user();
        let check = |attributes: &[&str], excluded: &[&str], attribute, expect| {
            let projection = Projection::new(attributes, excluded, &rt).unwrap();
            assert_eq!(projection.wants(attribute, &rt), expect, "{attributes:?} {excluded:?} {attribute}");
        };
        check(&[], &[], "groups", true);
        check(&[], &[], "password", false);
        check(&[], &["groups"], "groups", false);
        check(&[], &["groups.display"], "groups", true);
        check(&["userName"], &[], "groups", false);
        check(&["groups.value"], &[], "groups", true);
        check(&["userName"], &[], "id", true);
        check(&[], &[], "nonsense", false);
    }
}
