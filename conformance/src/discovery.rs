//! The discovery documents of a server (RFC 7644 §4), read once before the first case.
//!
//! Reading is lenient: the discovery cases test whether these documents are valid. If one is missing, nothing counts
//! as declared, except that users and groups have the endpoints of RFC 7644 §3.2.

mod presumed;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::uri;

#[derive(Debug, Clone, Default)]
pub struct Discovery {
    base: String,
    config: Value,
    resource_types: Vec<Value>,
    schemas: Vec<Value>,
}

/// What a server without (or with wrong) discovery is said to have: the words of `--assume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Assumed {
    /// The schemas User, EnterpriseUser and Group of RFC 7643, with all their attributes
    Schemas,
    Patch,
    Filter,
    Sort,
    Bulk,
    Etag,
    /// schemas, patch and filter: what most servers have that have no discovery
    Usual,
    /// All of these
    All,
}

impl Assumed {
    /// What a word stands for, where it stands for several.
    const fn parts(self) -> Option<&'static [Self]> {
        match self {
            Self::Usual => Some(&[Self::Schemas, Self::Patch, Self::Filter]),
            Self::All => Some(&[Self::Schemas, Self::Patch, Self::Filter, Self::Sort, Self::Bulk, Self::Etag]),
            _ => None,
        }
    }
}

/// The URN of the User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension of User (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Discovery {
    /// From the bodies of `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas`; `None` where
    /// there was no usable answer.
    pub fn new(config: Option<Value>, resource_types: Option<&Value>, schemas: Option<&Value>) -> Self {
        let resources = |list: Option<&Value>| list.and_then(|list| list["Resources"].as_array().cloned());
        let presumed = || {
            vec![
                json!({"name": "User", "endpoint": "/Users", "schema": USER}),
                json!({"name": "Group", "endpoint": "/Groups", "schema": GROUP}),
            ]
        };
        Self {
            base: String::new(),
            config: config.unwrap_or_default(),
            resource_types: resources(resource_types).unwrap_or_else(presumed),
            schemas: resources(schemas).unwrap_or_default(),
        }
    }

    /// With the base URL that endpoints are resolved against.
    #[must_use]
    pub fn at(self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self }
    }

    /// With what its administrator says that it has.
    #[must_use]
    pub fn assuming(mut self, assumed: &[Assumed]) -> Self {
        for one in assumed {
            if let Some(parts) = one.parts() {
                self = self.assuming(parts);
                continue;
            }
            let feature = match one {
                Assumed::Schemas => {
                    self.resource_types = presumed::resource_types();
                    self.schemas = presumed::schemas();
                    continue;
                }
                Assumed::Patch => "patch",
                Assumed::Filter => "filter",
                Assumed::Sort => "sort",
                Assumed::Bulk => "bulk",
                Assumed::Etag => "etag",
                Assumed::Usual | Assumed::All => continue,
            };
            if !self.config.is_object() {
                self.config = json!({});
            }
            if !self.config[feature].is_object() {
                self.config[feature] = json!({});
            }
            self.config[feature]["supported"] = json!(true);
        }
        self
    }

    /// `/ServiceProviderConfig`, or null.
    pub fn config(&self) -> &Value {
        &self.config
    }

    pub fn resource_types(&self) -> &[Value] {
        &self.resource_types
    }

    pub fn schemas(&self) -> &[Value] {
        &self.schemas
    }

    /// Whether a feature is declared: `patch`, `bulk`, `filter`, `sort`, `etag`, `changePassword`.
    pub fn supports(&self, feature: &str) -> bool {
        self.config[feature]["supported"] == true
    }

    /// A resource type by name.
    pub fn resource_type(&self, name: &str) -> Option<&Value> {
        self.resource_types.iter().find(|one| one["name"].as_str() == Some(name))
    }

    /// The endpoint of a resource type, with its slash: `/Users`.
    pub fn endpoint(&self, name: &str) -> Option<String> {
        let written = self.resource_type(name)?["endpoint"].as_str()?;
        Some(uri::endpoint(&self.base, written))
    }

    /// A path as the server declares it: the endpoint of a resource type may end with a slash.
    pub fn as_declared(&self, path: String) -> String {
        let end = path.find('?').unwrap_or(path.len());
        let (endpoint, query) = path.split_at(end);
        let mut written = self.resource_types.iter().filter_map(|one| one["endpoint"].as_str());
        let has_slash = written.any(|one| one.ends_with('/') && uri::endpoint(&self.base, one) == endpoint);
        if has_slash { format!("{endpoint}/{query}") } else { path }
    }

    /// The names of the resource types.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.resource_types.iter().filter_map(|one| one["name"].as_str())
    }

    /// A schema by URN, in any case.
    pub fn schema(&self, urn: &str) -> Option<&Value> {
        self.schemas.iter().find(|schema| schema["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(urn)))
    }

    /// The URNs of the extensions of a resource type, and whether each is required.
    pub fn extensions(&self, resource_type: &str) -> Vec<(&str, bool)> {
        let extensions = self.resource_type(resource_type).and_then(|one| one["schemaExtensions"].as_array());
        let extensions = extensions.into_iter().flatten();
        extensions.filter_map(|one| Some((one["schema"].as_str()?, one["required"] == true))).collect()
    }

    /// The core schema of a resource type.
    pub fn core_schema(&self, resource_type: &str) -> Option<&Value> {
        self.schema(self.resource_type(resource_type)?["schema"].as_str()?)
    }

    /// An attribute by resource type and path: `name.familyName`, `urn:…:User:manager.value`.
    pub fn attribute(&self, resource_type: &str, path: &str) -> Option<&Value> {
        let (schema, path) = match path.rsplit_once(':') {
            Some((urn, path)) => {
                let known = self.extensions(resource_type).iter().any(|(one, _)| one.eq_ignore_ascii_case(urn));
                (self.schema(urn).filter(|_| known)?, path)
            }
            None => (self.core_schema(resource_type)?, path),
        };
        let mut names = path.split('.');
        let first = named(&schema["attributes"], names.next()?)?;
        names.try_fold(first, |attribute, name| named(&attribute["subAttributes"], name))
    }

    /// Cases about text use the attributes `nickName` and `title` of users. Where a server does not have one of them
    /// (or not as an ordinary text), another attribute of its core schema stands in; `None`: it has no other.
    pub fn text(&self, name: &str) -> Option<&str> {
        if !TEXTS.contains(&name) {
            return None;
        }
        let attributes = self.core_schema("User")?["attributes"].as_array()?;
        let plain = |one: &&Value| is_text(one) && !SPECIAL.iter().any(|special| one["name"] == *special);
        let own = |name: &str| attributes.iter().filter(plain).find(|one| one["name"] == name);
        let spare = attributes.iter().filter(plain).filter(|one| !TEXTS.iter().any(|text| one["name"] == *text));
        // The first text takes the first spare; the second the next one, unless the first did not need it.
        let place = TEXTS.iter().take_while(|text| **text != name).filter(|text| own(text).is_none()).count();
        own(name).or_else(|| spare.clone().nth(place))?["name"].as_str()
    }
}

/// The attributes of users that cases about text name.
pub const TEXTS: [&str; 2] = ["nickName", "title"];

/// Texts that a server may compare, check or change for what they mean.
const SPECIAL: [&str; 7] =
    ["userName", "password", "locale", "preferredLanguage", "timezone", "externalId", "userType"];

/// Whether an attribute is an ordinary text that clients may write and read.
fn is_text(attribute: &Value) -> bool {
    let is = |name: &str, usual: &str| attribute[name].is_null() || attribute[name] == usual;
    let free = attribute["canonicalValues"].as_array().is_none_or(Vec::is_empty);
    is("type", "string")
        && is("mutability", "readWrite")
        && is("returned", "default")
        && is("uniqueness", "none")
        && attribute["multiValued"] != true
        && attribute["required"] != true
        && free
}

/// The attribute of that name, in any case, in a list of attributes.
pub fn named<'a>(attributes: &'a Value, name: &str) -> Option<&'a Value> {
    let mut attributes = attributes.as_array()?.iter();
    attributes.find(|one| one["name"].as_str().is_some_and(|one| one.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_path() {
        let types = json!({"Resources": [{"name": "User", "endpoint": "Users", "schema": USER,
            "schemaExtensions": [{"schema": ENTERPRISE, "required": false}]}]});
        let schemas = json!({"Resources": [
            {"id": USER, "attributes": [{"name": "name", "subAttributes": [{"name": "givenName"}]}]},
            {"id": ENTERPRISE, "attributes": [{"name": "department"}]}]});
        let discovery = Discovery::new(None, Some(&types), Some(&schemas));
        assert_eq!(discovery.endpoint("User").as_deref(), Some("/Users"));
        assert!(discovery.attribute("User", "NAME.givenname").is_some());
        assert!(discovery.attribute("User", &format!("{ENTERPRISE}:department")).is_some());
        assert!(discovery.attribute("User", "name.middleName").is_none());
        assert!(discovery.attribute("Group", "name").is_none());
    }

    #[test]
    fn an_endpoint_keeps_its_slash() {
        let types =
            json!({"Resources": [{"name": "User", "endpoint": "/Users/"}, {"name": "Group", "endpoint": "Groups"}]});
        let discovery = Discovery::new(None, Some(&types), None).at("https://example.com/scim");
        let declared = |path: &str| discovery.as_declared(path.to_owned());
        assert_eq!(discovery.endpoint("User").as_deref(), Some("/Users"));
        assert_eq!(declared("/Users?count=1"), "/Users/?count=1");
        assert_eq!((declared("/Users"), declared("/Users/1")), ("/Users/".to_owned(), "/Users/1".to_owned()));
        assert_eq!(declared("/Groups"), "/Groups");
    }
}
