//! Attributes of users, found by what a server's schemas say of them.
//!
//! Cases about characteristics need not an attribute of a certain name, but any that is immutable,
//! or binary, or never returned.

use serde_json::{Value, json};

use crate::{context::Context, draft, verdict::Stop};

/// Attributes that every resource has: cases of their own are about them.
pub(super) const COMMON: [&str; 4] = ["externalId", "id", "meta", "schemas"];

/// Where an attribute stands in a resource: in the core schema, or below the URN of an extension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub urn: Option<&'a str>,
    pub name: &'a str,
}

impl Site<'_> {
    /// As parameters and paths name it.
    pub fn path(&self) -> String {
        self.urn.map_or_else(|| self.name.to_owned(), |urn| format!("{urn}:{}", self.name))
    }

    /// What is laid over a resource to give the attribute this value.
    pub fn holding(&self, value: &Value) -> Value {
        match self.urn {
            Some(urn) => json!({urn: {self.name: value}}),
            None => json!({self.name: value}),
        }
    }

    /// The value in a resource; null when there is none.
    pub fn value<'v>(&self, resource: &'v Value) -> &'v Value {
        match self.urn {
            Some(urn) => &resource[urn][self.name],
            None => &resource[self.name],
        }
    }
}

/// An attribute of users, and what its schema says of it.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    site: Site<'a>,
    pub attribute: &'a Value,
}

impl<'a> std::ops::Deref for Place<'a> {
    type Target = Site<'a>;

    fn deref(&self) -> &Self::Target {
        &self.site
    }
}

impl Place<'_> {
    /// A value that fits the definition.
    pub fn sample(&self, mark: &str) -> Value {
        let value = draft::sample(self.attribute, mark, 0);
        if self.attribute["multiValued"] == true { json!([value]) } else { value }
    }
}

/// The first attribute of users that fits, core schema first, or the reason why the case does not
/// apply: `what` completes "The server's schemas have no User attribute …".
pub(super) fn find<'a>(scim: &'a Context, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Place<'a>, Stop> {
    let discovery = scim.discovery();
    let core = discovery.core_schema("User").map(|schema| (None, schema));
    let extensions = discovery.extensions("User").into_iter();
    let extensions = extensions.filter_map(|(urn, _)| Some((Some(urn), discovery.schema(urn)?)));
    let mut places = core.into_iter().chain(extensions).flat_map(|(urn, schema)| {
        let attributes = schema["attributes"].as_array().into_iter().flatten();
        attributes.filter_map(move |attribute| {
            let site = Site { urn, name: attribute["name"].as_str()? };
            Some(Place { site, attribute })
        })
    });
    let found = places.find(|place| !COMMON.contains(&place.name) && fits(place.attribute));
    found.ok_or_else(|| Stop::Skip(format!("The server's schemas have no User attribute {what}.")))
}

/// Whether it has one value, without parts, that clients may write and then read.
pub(super) fn is_plain(attribute: &Value) -> bool {
    let multi_valued = attribute["multiValued"] == true;
    let readable = attribute["returned"].is_null() || attribute["returned"] == "default";
    let writable = attribute["mutability"].is_null() || attribute["mutability"] == "readWrite";
    !multi_valued && readable && writable && attribute["type"] != "complex"
}
