//! The constraints on users and groups.

use scim_protocol::{Error, schema::ResourceType, value::is_blank};
use serde_json::{Map, Value};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{
    GROUP, USER,
    schema::UNSUPPORTED,
    wording::{self, Constraint},
};
use crate::store::ResourceKey;

/// Attributes of users that take one value, although they are lists.
const SINGLE: [&str; 4] = ["emails", "addresses", "phoneNumbers", "roles"];
/// The most characters of a user name.
const USER_NAME: usize = 100;
/// The most characters of a group's name, and of its description.
const GROUP_TEXT: usize = 1024;
/// Names of users beside the `userName`, and in the last two of them also of groups.
const NAMES: [&str; 7] = [
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    "displayName",
];

/// Refuses unsupported attributes of users if they have a value. If they were dropped, a client would believe that a
/// password was set.
pub fn check_body(rt: &ResourceType, body: &Value) -> Result<(), Error> {
    let Value::Object(attributes) = body else { return Ok(()) };
    if rt.name == GROUP {
        return check_description(attributes);
    }
    if rt.name != USER {
        return Ok(());
    }
    for (name, value) in attributes {
        let unsupported = UNSUPPORTED.iter().find(|unsupported| unsupported.eq_ignore_ascii_case(name));
        if let Some(unsupported) = unsupported.filter(|_| !is_unassigned(value)) {
            return Err(Error::value(format!(
                "{unsupported} is not supported under the identity-center profile of this tenant. Leave it out of what is sent."
            )));
        }
    }
    Ok(())
}

/// The description of a group is not an attribute of RFC 7643 and is dropped, like every unknown attribute. A text that AWS
/// IAM Identity Center would refuse is refused first; what is no text has no rule.
fn check_description(group: &Map<String, Value>) -> Result<(), Error> {
    let description = member(group, "description").map(|(_, description)| description.clone());
    let document = Map::from_iter(description.map(|description| ("description".to_owned(), description)));
    let mut found = too_many(&document, "description", GROUP_TEXT);
    if text(&document, "description").is_some_and(is_blank) {
        found.push(("description".to_owned(), Constraint::Length));
        found.push(("description".to_owned(), Constraint::NameCharacters));
    } else {
        found.extend(names(&document, &["description"]));
    }
    wording::violations(&found)
}

/// A member of an object by its name, in any case.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))
}

fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.iter().all(Value::is_null),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// Checks a document that is valid by its schema: the characters of names, and lists of one.
pub fn check(rt: &ResourceType, document: &Map<String, Value>) -> Result<(), Error> {
    match rt.name.as_str() {
        USER => {
            let found = [user_name(document), names(document, &NAMES), email(document)].concat();
            wording::violations(&found)?;
            let is_long = |name: &&&str| matches!(document.get(**name), Some(Value::Array(all)) if all.len() > 1);
            wording::too_long(&SINGLE.iter().filter(is_long).copied().collect::<Vec<_>>())?;
            check_primary(document)
        }
        GROUP => {
            let long = too_many(document, "displayName", GROUP_TEXT);
            wording::violations(&[long, names(document, &["displayName"])].concat())
        }
        _ => Ok(()),
    }
}

fn user_name(document: &Map<String, Value>) -> Vec<(String, Constraint)> {
    let name = text(document, "userName").filter(|name| !name.chars().all(is_visible));
    let characters = name.map(|_| ("userName".to_owned(), Constraint::UserNameCharacters));
    too_many(document, "userName", USER_NAME).into_iter().chain(characters).collect()
}

/// What is wrong with the length of a text.
fn too_many(document: &Map<String, Value>, path: &str, most: usize) -> Vec<(String, Constraint)> {
    let long = text(document, path).is_some_and(|text| text.chars().count() > most);
    long.then(|| (path.to_owned(), Constraint::MaxLength(most))).into_iter().collect()
}

/// An email that says something has characters of user names.
fn email(document: &Map<String, Value>) -> Vec<(String, Constraint)> {
    let emails = document.get("emails").and_then(Value::as_array).into_iter().flatten();
    let values = emails.filter_map(|email| email.get("value").and_then(Value::as_str));
    let wrong = values.filter(|value| !value.chars().all(is_visible));
    wrong.map(|_| ("emails.value".to_owned(), Constraint::UserNameCharacters)).collect()
}

fn names(document: &Map<String, Value>, paths: &[&str]) -> Vec<(String, Constraint)> {
    let allowed = |c| is_visible(c) || matches!(c, '\t' | '\n' | '\r' | ' ' | '\u{a0}');
    let wrong = |path: &&&str| text(document, path).is_some_and(|name| !name.chars().all(allowed));
    paths.iter().filter(wrong).map(|path| ((*path).to_owned(), Constraint::NameCharacters)).collect()
}

fn text<'a>(document: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    match path.split_once('.') {
        None => document.get(path)?.as_str(),
        Some((attribute, sub)) => document.get(attribute)?.get(sub)?.as_str(),
    }
}

/// Letters, marks, symbols, numbers and punctuation: `[\p{L}\p{M}\p{S}\p{N}\p{P}]`.
fn is_visible(c: char) -> bool {
    c.is_ascii_graphic()
        || matches!(
            c.general_category_group(),
            GeneralCategoryGroup::Letter
                | GeneralCategoryGroup::Mark
                | GeneralCategoryGroup::Symbol
                | GeneralCategoryGroup::Number
                | GeneralCategoryGroup::Punctuation
        )
}

fn check_primary(document: &Map<String, Value>) -> Result<(), Error> {
    let Some(Value::Array(emails)) = document.get("emails") else { return Ok(()) };
    if emails.iter().all(|email| email.get("primary") == Some(&Value::Bool(true))) {
        return Ok(());
    }
    Err(Error::value("emails[0].primary must be true: the only email address of a user is the primary one."))
}

/// Groups hold users only.
pub fn check_member(member: &ResourceKey) -> Result<(), Error> {
    if member.resource_type.as_str() != GROUP {
        return Ok(());
    }
    Err(Error::value(format!(
        "members names the group \"{}\". Nested groups are not supported under the identity-center profile of this tenant: name its users instead.",
        member.id
    )))
}
