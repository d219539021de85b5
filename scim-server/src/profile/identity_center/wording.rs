//! The error texts that people search for when provisioning fails, and that programs compare. Each is the whole text
//! of an error; what exactly is wrong goes to the logs ([`Explained`]).

use std::error::Error as _;

use scim_protocol::{Error, ErrorKind, resource::RequiredMissing};

use super::GROUP;
use crate::store::StoreError;

/// A `remove` has no path.
pub const MISSING_PATH: &str = "Missing path in PATCH request";
const DUPLICATE: &str = "Refused to create a new, duplicate resource";
const DUPLICATE_GROUP: &str = "Duplicate GroupDisplayName";
const INVALID_FILTER: &str = "Invalid Filter format";
const INVALID_JSON: &str = "Invalid JSON from RequestBody";
const SINGLE_ITEM: &str = "Currently list attributes only allow single item";
const UNPARSABLE: &str = "Request is unparsable, syntactically incorrect, or violates schema.";

/// What a value must satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    NotNull,
    /// It is not empty.
    Length,
    /// It has at most so many characters.
    MaxLength(usize),
    /// The characters of names, spaces among them.
    NameCharacters,
    /// The characters of user names: no white space.
    UserNameCharacters,
}

impl Constraint {
    fn text(self) -> String {
        match self {
            Self::NotNull => "Member must not be null".to_owned(),
            Self::Length => "Member must have length greater than or equal to 1".to_owned(),
            Self::MaxLength(most) => format!("Member must have length less than or equal to {most}"),
            Self::NameCharacters => {
                // With the space that it takes, before the closing bracket.
                r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+".to_owned()
            }
            Self::UserNameCharacters => {
                r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+".to_owned()
            }
        }
    }

    fn of_characters(attribute: &str) -> Self {
        if attribute == "userName" { Self::UserNameCharacters } else { Self::NameCharacters }
    }
}

/// Marks an error whose text must stay as it is.
#[derive(Debug, thiserror::Error)]
#[error("a constraint of the identity-center profile")]
struct Exact;

/// An error with exactly this text.
pub fn exact(kind: ErrorKind, text: impl Into<String>) -> Error {
    Error::new(kind, text).with_source(Exact)
}

/// These lists have more than their one value.
pub fn too_long(attributes: &[&str]) -> Result<(), Error> {
    match attributes {
        [] => Ok(()),
        [one] => Err(exact(ErrorKind::InvalidValue, format!("List attribute {one} exceeds allowed limit of 1"))),
        _ => Err(exact(ErrorKind::InvalidValue, SINGLE_ITEM)),
    }
}

/// 400 with all of these violations in one text; nothing if there are none.
pub fn violations(found: &[(String, Constraint)]) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let each = found.iter().map(|(attribute, constraint)| {
        format!("Value at '{attribute}' failed to satisfy constraint: {}", constraint.text())
    });
    // "1 validation errors" is how that system writes it.
    let text = format!("{} validation errors detected: {}", found.len(), each.collect::<Vec<_>>().join("; "));
    Err(exact(ErrorKind::InvalidValue, text))
}

/// The text of an error before it was replaced, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Explained(String);

/// What an error said before [`phrase`].
pub fn explanation(error: &Error) -> Option<&str> {
    error.source()?.downcast_ref::<Explained>().map(|Explained(text)| text.as_str())
}

/// The error in the profile's words.
pub fn phrase(error: Error) -> Error {
    if let Some(missing) = error.source().and_then(|source| source.downcast_ref()) {
        return required(missing);
    }
    let text = match (error.kind(), error.source()) {
        (_, Some(source)) if source.is::<Exact>() => return error,
        (ErrorKind::Uniqueness, source) => match source.and_then(|source| source.downcast_ref()) {
            Some(StoreError::Taken(entry))
                if entry.key.resource_type.as_str() == GROUP && *entry.key.attribute == *"displayName" =>
            {
                DUPLICATE_GROUP
            }
            _ => DUPLICATE,
        },
        (ErrorKind::InvalidFilter, _) => INVALID_FILTER,
        (ErrorKind::InvalidSyntax, Some(source)) if source.is::<serde_json::Error>() => INVALID_JSON,
        (
            ErrorKind::InvalidSyntax
            | ErrorKind::InvalidValue
            | ErrorKind::InvalidPath
            | ErrorKind::NoTarget
            | ErrorKind::Mutability,
            _,
        ) => UNPARSABLE,
        _ => return error,
    };
    Error::new(error.kind(), text).with_source(Explained(error.detail().to_owned()))
}

fn required(missing: &RequiredMissing) -> Error {
    let found: Vec<_> = missing
        .0
        .iter()
        .flat_map(|missing| {
            let attribute = &missing.attribute;
            let constraints = if missing.is_blank {
                vec![Constraint::Length, Constraint::of_characters(attribute)]
            } else {
                vec![Constraint::NotNull]
            };
            constraints.into_iter().map(|constraint| (attribute.clone(), constraint))
        })
        .collect();
    match violations(&found) {
        Err(error) => error,
        Ok(()) => Error::value(missing.to_string()),
    }
}
