//! Where an attribute of a generated case stands, and what its schema says of it.

use serde_json::{Value, json};

use super::super::attributes::{COMMON, Site};
use crate::{
    context::{Context, Draft},
    discovery::{Discovery, named},
    draft,
    subject::Subject,
    verdict::Stop,
};

/// An attribute of a resource type.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub resource_type: &'a str,
    site: Site<'a>,
    /// The sub-attribute, where the case is about one.
    pub sub: Option<&'a Value>,
    pub attribute: &'a Value,
}

impl<'a> std::ops::Deref for Place<'a> {
    type Target = Site<'a>;

    fn deref(&self) -> &Self::Target {
        &self.site
    }
}

impl<'a> Place<'a> {
    /// The place of a case's subject.
    pub fn of(scim: &'a Context) -> Result<Self, Stop> {
        let subject = scim.subject()?;
        let gone = || Stop::Skip(format!("The server's schemas have no {subject}."));
        let discovery = scim.discovery();
        let (urn, path) = match subject.path.rsplit_once(':') {
            Some((urn, path)) => (Some(urn), path),
            None => (None, subject.path.as_str()),
        };
        let schema = match urn {
            Some(urn) => discovery.schema(urn),
            None => discovery.core_schema(&subject.resource_type),
        };
        let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
        let attribute = named(&schema.ok_or_else(gone)?["attributes"], name).ok_or_else(gone)?;
        let sub = sub.and_then(|sub| named(&attribute["subAttributes"], sub));
        Ok(Self { resource_type: &subject.resource_type, site: Site { urn, name }, sub, attribute })
    }

    pub fn is_multi_valued(&self) -> bool {
        self.attribute["multiValued"] == true
    }

    /// A value that fits; those with another `variant` differ. What refers to a resource refers to one that is there.
    pub async fn sample(&self, scim: &Context, variant: usize) -> Result<Value, Stop> {
        let one = if refers(self.attribute) {
            json!({"value": scim.user().create().await?.id})
        } else {
            draft::value(self.attribute, "", scim.own_word(), variant)
        };
        Ok(if self.is_multi_valued() { json!([one]) } else { one })
    }

    /// Whether clients may write it and then read it.
    pub fn is_open(&self) -> bool {
        let is_shown = |sub: &Value| {
            sub["mutability"] != "readOnly" && sub["mutability"] != "writeOnly" && sub["returned"] != "never"
        };
        is_open(self.attribute) && self.sub.is_none_or(is_shown)
    }

    /// A draft of the resource type with this value.
    pub fn draft<'s>(&self, scim: &'s Context, value: &Value) -> Draft<'s> {
        scim.draft(self.resource_type).with(self.holding(value))
    }
}

/// Whether its value is the id of another resource: it has a `$ref` to resources, or is one of the RFC's that do.
fn refers(attribute: &Value) -> bool {
    let to_resource = named(&attribute["subAttributes"], "$ref").is_some_and(|reference| {
        let kinds = reference["referenceTypes"].as_array();
        kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind != "external" && kind != "uri"))
    });
    let is_known = ["members", "manager"].iter().any(|name| attribute["name"] == *name);
    (to_resource || is_known) && named(&attribute["subAttributes"], "value").is_some()
}

/// All attributes that clients write and read, with the path of each.
fn all(discovery: &Discovery) -> Vec<(Subject, &Value)> {
    let mut found = Vec::new();
    for name in discovery.type_names() {
        let core = discovery.core_schema(name).map(|schema| (None, schema));
        let extensions = discovery.extensions(name).into_iter();
        let extensions = extensions.filter_map(|(urn, _)| Some((Some(urn), discovery.schema(urn)?)));
        for (urn, schema) in core.into_iter().chain(extensions) {
            for attribute in schema["attributes"].as_array().into_iter().flatten().filter(|one| is_open(one)) {
                let Some(known) = attribute["name"].as_str().filter(|known| !COMMON.contains(known)) else { continue };
                let path = urn.map_or_else(|| known.to_owned(), |urn| format!("{urn}:{known}"));
                found.push((Subject { resource_type: name.to_owned(), path }, attribute));
            }
        }
    }
    found
}

/// Whether clients may write it and then read it, without asking for it.
fn is_open(attribute: &Value) -> bool {
    let is = |name: &str, words: &[&str]| {
        attribute[name].is_null() || attribute[name].as_str().is_some_and(|word| words.contains(&word))
    };
    is("mutability", &["readWrite"]) && is("returned", &["default", "always"])
}

fn subjects(discovery: &Discovery, fits: impl Fn(&Value) -> bool) -> Vec<Subject> {
    all(discovery).into_iter().filter(|(_, attribute)| fits(attribute)).map(|(subject, _)| subject).collect()
}

pub(super) fn writable(discovery: &Discovery) -> Vec<Subject> {
    subjects(discovery, |_| true)
}

/// Those that a resource may lack.
pub(super) fn optional(discovery: &Discovery) -> Vec<Subject> {
    subjects(discovery, |attribute| attribute["required"] != true)
}

/// Those that excludedAttributes can leave out.
pub(super) fn returned_by_default(discovery: &Discovery) -> Vec<Subject> {
    subjects(discovery, |attribute| attribute["required"] != true && attribute["returned"] != "always")
}

pub(super) fn multi_valued(discovery: &Discovery) -> Vec<Subject> {
    subjects(discovery, |attribute| attribute["multiValued"] == true)
}

/// Those with a text beside `value` that can be changed alone.
pub(super) fn with_parts(discovery: &Discovery) -> Vec<Subject> {
    subjects(discovery, |attribute| changeable(attribute).is_some() && !refers(attribute))
}

/// The sub-attribute that a change of one is tried with.
pub(super) fn changeable(attribute: &Value) -> Option<&Value> {
    let value = draft::value(attribute, "", "", 0);
    let mut subs = attribute["subAttributes"].as_array()?.iter().filter(|sub| {
        let written = sub["name"].as_str().is_some_and(|name| name != "value" && value.get(name).is_some());
        written && is_open(sub) && (sub["type"].is_null() || sub["type"] == "string")
    });
    // Its two values have to differ, and a multi-valued attribute needs a value to be chosen by.
    let chosen = subs.find(|sub| sub["canonicalValues"].as_array().is_none_or(|all| all.len() != 1))?;
    let selectable = attribute["multiValued"] != true || value.get("value").is_some();
    selectable.then_some(chosen)
}

/// What a filter can compare: attributes without parts, and the parts of the others.
pub(super) fn leaves(discovery: &Discovery) -> Vec<Subject> {
    leaves_that(discovery, |_, _| true)
}

/// Those of them that are texts of any content.
pub(super) fn texts(discovery: &Discovery) -> Vec<Subject> {
    leaves_that(discovery, |attribute, leaf| {
        let is_text = leaf["type"].is_null() || leaf["type"] == "string";
        is_text && !refers(attribute) && leaf["canonicalValues"].as_array().is_none_or(Vec::is_empty)
    })
}

/// Those of them whose values have an order, and more than one value. Ids are made by the server, in any order.
pub(super) fn ordered(discovery: &Discovery) -> Vec<Subject> {
    leaves_that(discovery, |attribute, leaf| {
        let kinds = ["string", "integer", "decimal", "dateTime"];
        let is_ordered = leaf["type"].is_null() || leaf["type"].as_str().is_some_and(|kind| kinds.contains(&kind));
        is_ordered && !refers(attribute) && leaf["canonicalValues"].as_array().is_none_or(|all| all.len() != 1)
    })
}

fn leaves_that(discovery: &Discovery, fits: impl Fn(&Value, &Value) -> bool) -> Vec<Subject> {
    let mut found = Vec::new();
    for (subject, attribute) in all(discovery) {
        if attribute["type"] != "complex" {
            found.extend(fits(attribute, attribute).then_some(subject));
            continue;
        }
        let value = draft::value(attribute, "", "", 0);
        for sub in attribute["subAttributes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|sub| is_open(sub) && fits(attribute, sub))
        {
            if let Some(name) = sub["name"].as_str().filter(|name| value.get(*name).is_some()) {
                let path = format!("{}.{name}", subject.path);
                found.push(Subject { resource_type: subject.resource_type.clone(), path });
            }
        }
    }
    found
}

/// The resource types whose schemas are known.
pub(super) fn types(discovery: &Discovery) -> Vec<Subject> {
    let known = discovery.type_names().filter(|name| discovery.core_schema(name).is_some());
    known.map(|name| Subject { resource_type: name.to_owned(), path: String::new() }).collect()
}
