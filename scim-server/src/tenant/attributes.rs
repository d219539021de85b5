//! Access attributes: keys that the policies of an application use, each made of one attribute of the user.
//!
//! The values are `${path:…}` and fixed texts, as AWS IAM Identity Center has them ("attributes for access control").
//! A path leads to exactly one text: [`LISTED`] are those of the core schemas, and what an administrator has added to
//! the schema may be named by its URN.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use scim_protocol::{
    Error,
    path::{AttributePath, BoundPath},
    schema::{ResourceType, SchemaRegistry, Strictness, core::ENTERPRISE_USER},
    value::fold,
};
use serde_json::{Map, Value};

use crate::render::is_served_by_default;

/// The resource type of users.
pub const USER: &str = "User";
/// The most keys of a tenant.
pub const MOST_KEYS: usize = 50;
/// The most characters of a key, and of a value.
pub const MOST_CHARACTERS: usize = 256;

/// The paths that can be used, as they are written.
pub const LISTED: [&str; 23] = [
    "userName",
    "name.familyName",
    "name.givenName",
    "displayName",
    "nickName",
    "emails[primary eq true].value",
    "addresses[type eq \"work\"].streetAddress",
    "addresses[type eq \"work\"].locality",
    "addresses[type eq \"work\"].region",
    "addresses[type eq \"work\"].postalCode",
    "addresses[type eq \"work\"].country",
    "addresses[type eq \"work\"].formatted",
    "phoneNumbers[type eq \"work\"].value",
    "userType",
    "title",
    "locale",
    "timezone",
    "enterprise.employeeNumber",
    "enterprise.costCenter",
    "enterprise.organization",
    "enterprise.division",
    "enterprise.department",
    "enterprise.manager.value",
];

/// What stands before a path.
const BEGIN: &str = "${path:";

/// The keys of a tenant and where their values come from, in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccessAttributes(Vec<(String, Source)>);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// It is the same for everybody.
    Fixed(String),
    /// It is found in the user's document.
    Found(Place),
}

/// A place in the document of a user.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    extension: Option<String>,
    attribute: String,
    /// Which of several values.
    which: Option<Which>,
    sub_attribute: Option<String>,
}

/// Which of several values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Which {
    Primary,
    Work,
}

impl AccessAttributes {
    /// Reads keys and values. The error says which key is wrong, and what can be used.
    pub fn build(given: Option<&BTreeMap<String, String>>, registry: &SchemaRegistry) -> Result<Self, Error> {
        let Some(given) = given else { return Ok(Self::default()) };
        if given.len() > MOST_KEYS {
            let found = given.len();
            return Err(Error::value(format!(
                "access_attributes: there would be {found} keys, and {MOST_KEYS} is the most. Remove one that is not needed first; `access list` shows them."
            )));
        }
        let mut names = BTreeMap::new();
        let mut keys = Vec::new();
        for (key, value) in given {
            let wrong = |why: String| Error::value(format!("access_attributes: the key \"{key}\": {why}"));
            check_key(key).map_err(wrong)?;
            if let Some(other) = names.insert(fold(key), key) {
                return Err(wrong(format!(
                    "it differs from the key \"{other}\" by its case only. Remove one of them."
                )));
            }
            keys.push((key.clone(), Source::parse(value, registry).map_err(wrong)?));
        }
        Ok(Self(keys))
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that a user has a value for, and the values.
    pub fn resolve<'a>(&'a self, document: &'a Map<String, Value>) -> BTreeMap<&'a str, Cow<'a, str>> {
        let value = |source: &'a Source| match source {
            Source::Fixed(text) => Some(Cow::Borrowed(text.as_str())),
            Source::Found(place) => place.find(document),
        };
        self.0.iter().filter_map(|(key, source)| Some((key.as_str(), value(source)?))).collect()
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+@-".contains(c);
    if key.trim().is_empty() || key.chars().count() > MOST_CHARACTERS || !key.chars().all(allowed) {
        return Err(format!(
            "a key is 1 to {MOST_CHARACTERS} letters, digits, spaces, or characters of _.:/=+@-. Use another key."
        ));
    }
    Ok(())
}

impl Source {
    /// Reads a value. The error says why it cannot be used.
    fn parse(text: &str, registry: &SchemaRegistry) -> Result<Self, String> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix('}')) {
            return Place::parse(path.trim(), registry).map(Self::Found);
        }
        if text.is_empty() || text.chars().count() > MOST_CHARACTERS || text.chars().any(char::is_control) {
            return Err(format!("a value is 1 to {MOST_CHARACTERS} characters, and no control characters."));
        }
        if text.contains("${") {
            return Err(format!(
                "\"{text}\" mixes a path with text. A value is either one path, such as {BEGIN}userName}}, or a text without \"${{\"."
            ));
        }
        Ok(Self::Fixed(text.to_owned()))
    }
}

/// The listed paths by their plain form.
static PLACES: LazyLock<BTreeMap<String, Place>> =
    LazyLock::new(|| LISTED.into_iter().map(|path| (plain(path), Place::of(path))).collect());

/// A path without regard to case, spaces, and the ways in which one can be written.
fn plain(path: &str) -> String {
    let path: String = path.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let path = path.replace("[ ", "[").replace(" ]", "]").replace("[primary]", "[primary eq true]");
    let urn = ENTERPRISE_USER.to_lowercase();
    match path.strip_prefix(&urn).and_then(|rest| rest.strip_prefix([':', '.'])) {
        Some(rest) => format!("enterprise.{rest}"),
        None => path,
    }
}

impl Place {
    /// The place of a listed path.
    fn of(path: &str) -> Self {
        let (extension, path) = match path.strip_prefix("enterprise.") {
            Some(rest) => (Some(ENTERPRISE_USER.to_owned()), rest),
            None => (None, path),
        };
        let (names, which) = match path.split_once('[') {
            Some((name, rest)) => {
                let which = if rest.starts_with("primary") { Which::Primary } else { Which::Work };
                (format!("{name}{}", rest.split_once(']').map_or("", |(_, sub)| sub)), Some(which))
            }
            None => (path.to_owned(), None),
        };
        let (attribute, sub_attribute) = match names.split_once('.') {
            Some((attribute, sub)) => (attribute.to_owned(), Some(sub.to_owned())),
            None => (names, None),
        };
        Self { extension, attribute, which, sub_attribute }
    }

    fn parse(path: &str, registry: &SchemaRegistry) -> Result<Self, String> {
        if let Some(place) = PLACES.get(&plain(path)) {
            return Ok(place.clone());
        }
        let listed = format!("Use one of {}, or a single text of a schema of your own.", LISTED.join(", "));
        let rt = registry.resource_type(USER).ok_or("there are no users")?;
        let (name, chosen) = match path.split_once('[') {
            Some((name, _)) => (name, true),
            None => (path, false),
        };
        let rt = ResourceType { strictness: Strictness::Lenient, ..ResourceType::clone(rt) };
        // The extension by its short name, as the listed paths have it.
        let short = name.trim().split_once('.').filter(|(short, _)| short.eq_ignore_ascii_case("enterprise"));
        let name = short.map_or_else(|| name.trim().to_owned(), |(_, rest)| format!("{ENTERPRISE_USER}:{rest}"));
        let bound = AttributePath::parse(&name).ok().and_then(|path| path.find(&rt));
        let Some(bound) = bound else {
            return Err(format!("a user has no attribute \"{path}\". {listed}"));
        };
        if bound.attribute.as_ref().is_some_and(|attribute| attribute.multi_valued) && !chosen {
            return Err(format!(
                "\"{path}\" may have several values, and a key has one. Choose one of them, such as {BEGIN}emails[primary eq true].value}}. {listed}"
            ));
        }
        match Self::of_own_schema(&bound) {
            Some(place) if !chosen => Ok(place),
            _ => Err(format!("\"{path}\" is not among the paths that can be used. {listed}")),
        }
    }

    /// The place of an attribute that an administrator has added.
    fn of_own_schema(bound: &BoundPath) -> Option<Self> {
        let extension = bound.extension.as_deref().filter(|urn| !urn.eq_ignore_ascii_case(ENTERPRISE_USER))?;
        let (attribute, leaf) = (bound.attribute.as_ref()?, bound.leaf()?);
        let is_single = !attribute.multi_valued && !leaf.multi_valued && !leaf.is_complex();
        (is_single && is_served_by_default(attribute) && is_served_by_default(leaf)).then(|| Self {
            extension: Some(extension.to_owned()),
            attribute: attribute.name.clone(),
            which: None,
            sub_attribute: bound.sub_attribute.as_ref().map(|sub| sub.name.clone()),
        })
    }

    /// The text in this place; `None` where there is none.
    fn find<'a>(&self, document: &'a Map<String, Value>) -> Option<Cow<'a, str>> {
        let object = match &self.extension {
            Some(urn) => document.get(urn)?.as_object()?,
            None => document,
        };
        let value = object.get(&self.attribute)?;
        let value = match self.which {
            Some(which) => which.among(value.as_array()?)?,
            None => value,
        };
        let value = match &self.sub_attribute {
            Some(sub) => value.get(sub)?,
            None => value,
        };
        match value {
            Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
            Value::Bool(_) | Value::Number(_) => Some(Cow::Owned(value.to_string())),
            _ => None,
        }
    }
}

impl Which {
    /// Of several that fit, the primary one, else the first.
    fn among(self, values: &[Value]) -> Option<&Value> {
        let is_primary = |value: &&Value| value.get("primary") == Some(&Value::Bool(true));
        let is_work =
            |value: &&Value| value.get("type").and_then(Value::as_str).is_some_and(|t| t.eq_ignore_ascii_case("work"));
        match self {
            Self::Primary => values.iter().find(is_primary),
            Self::Work => {
                let work = || values.iter().filter(is_work);
                work().find(is_primary).or_else(|| work().next())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user() -> Map<String, Value> {
        let user = json!({
            "userName": "anna", "name": {"givenName": "Anna"}, "nickName": "",
            "emails": [{"value": "a@home.example"}, {"value": "anna@example.com", "primary": true}],
            "phoneNumbers": [{"type": "mobile", "value": "1"}, {"type": "Work", "value": "2"},
                {"type": "work", "value": "3", "primary": true}],
            ENTERPRISE_USER: {"costCenter": "4711", "manager": {"value": "m"}},
        });
        user.as_object().unwrap().clone()
    }

    fn value(text: &str) -> Result<Option<String>, String> {
        let keys = BTreeMap::from([("Key".to_owned(), text.to_owned())]);
        let built = AccessAttributes::build(Some(&keys), &SchemaRegistry::core());
        let built = built.map_err(|error| error.detail().to_owned())?;
        Ok(built.resolve(&user()).get("Key").map(|value| value.clone().into_owned()))
    }

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(value(text), Ok(expect.map(str::to_owned)), "{text}");
    }

    #[test]
    fn paths_lead_to_one_text() {
        check("${path:userName}", Some("anna"));
        check("${path:USERNAME}", Some("anna"));
        check("${path:name.givenName}", Some("Anna"));
        check("${path:emails[primary eq true].value}", Some("anna@example.com"));
        check("${path:emails[primary].value}", Some("anna@example.com"));
        check("${path:phoneNumbers[type eq \"work\"].value}", Some("3"));
        check("${path:enterprise.costCenter}", Some("4711"));
        check(&format!("${{path:{ENTERPRISE_USER}:costCenter}}"), Some("4711"));
        check("${path:enterprise.manager.value}", Some("m"));
        check("${path:nickName}", None);
        check("${path:title}", None);
        check(" blue ", Some("blue"));
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let said = value(text).expect_err(text);
        assert!(said.contains(why), "{text}: {said}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        refused("${path:emails.value}", "several values");
        refused("${path:emails}", "several values");
        refused("${path:roles[primary eq true].value}", "not among the paths");
        refused("${path:emails[type eq \"work\"].value}", "not among the paths");
        refused("${path:externalId}", "not among the paths");
        refused("${path:password}", "not among the paths");
        refused("${path:enterprise.manager}", "not among the paths");
        refused("${path:Enterprise.manager.displayName}", "not among the paths");
        refused(&format!("${{path:{ENTERPRISE_USER}:manager}}"), "not among the paths");
        refused("${path:enterprise.shoeSize}", "no attribute");
        refused("${path:shoeSize}", "no attribute");
        refused("${path:}", "no attribute");
        refused("${user:name}", "mixes a path");
        refused("Dr. ${path:name.familyName}", "mixes a path");
        refused("", "1 to 256");
    }

    #[test]
    fn attributes_of_own_schemas_can_be_used() {
        let definition = json!({"extends": "User", "schema": {"id": "urn:example:badge", "name": "Badge",
            "attributes": [{"name": "number", "type": "integer"}, {"name": "zones", "type": "string", "multiValued": true}]}});
        let registry = SchemaRegistry::core().with_definition(&definition).unwrap();
        let keys = |path: &str| BTreeMap::from([("Badge".to_owned(), format!("${{path:urn:example:badge:{path}}}"))]);
        let built = AccessAttributes::build(Some(&keys("number")), &registry).unwrap();
        let document = json!({"urn:example:badge": {"number": 7}});
        assert_eq!(built.resolve(document.as_object().unwrap())["Badge"], "7");
        assert!(AccessAttributes::build(Some(&keys("zones")), &registry).is_err());
    }

    #[test]
    fn keys_are_few_and_differ() {
        let keys =
            |names: &[String]| names.iter().map(|name| (name.clone(), "x".to_owned())).collect::<BTreeMap<_, _>>();
        let build = |names: &[String]| AccessAttributes::build(Some(&keys(names)), &SchemaRegistry::core());
        let many: Vec<_> = (0..=MOST_KEYS).map(|n| format!("key{n}")).collect();
        assert!(build(&many[1..]).is_ok() && build(&many).is_err());
        assert!(build(&["Team".to_owned(), "team".to_owned()]).unwrap_err().detail().contains("case"));
        assert!(build(&["a\u{7}".to_owned()]).is_err() && build(&[" ".to_owned()]).is_err());
    }
}
