//! The types of events, and patterns of them.

use std::sync::Arc;

use scim_protocol::{
    Error,
    schema::{ResourceType, SchemaRegistry},
};

use crate::{
    event::{ADMINISTRATION, Action, Event},
    membership::MEMBERS,
};

/// A type of event, or all whose names begin so: `user.created`, `scim.group.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern {
    begin: String,
    whole: bool,
}

impl TypePattern {
    /// Several, separated by commas. Each must fit a type of event that a tenant with these resource types can have:
    /// a misspelt one would pass over everything.
    pub fn list(text: &str, registry: &SchemaRegistry) -> Result<Vec<Self>, Error> {
        text.split(',').map(|text| Self::known(text, registry)).collect()
    }

    /// Checks several. With the resource types of a tenant each must fit a type that the tenant can have.
    pub fn check(texts: &[String], registry: Option<&SchemaRegistry>) -> Result<(), Error> {
        texts.iter().try_for_each(|text| match registry {
            Some(registry) => Self::known(text, registry).map(drop),
            None => Self::parse(text).map(drop),
        })
    }

    /// Several that were checked when they were given, and may fit nothing that a tenant has.
    pub fn read(texts: &[String]) -> Vec<Self> {
        texts.iter().filter_map(|text| Self::parse(text).ok()).collect()
    }

    /// Whether a type is one of these; always when there are none.
    pub fn fit(patterns: &[Self], name: &str) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(name))
    }

    /// Whether there is an event about resources of a type that fits one of these; always when there are none.
    pub fn any_of(patterns: &[Self], resource_type: &str) -> bool {
        let names = HAPPENINGS.map(|(what, _)| format!("{}.{what}", resource_type.to_ascii_lowercase()));
        patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| pattern.fits(name)))
    }

    /// One that fits a type of event that a tenant with these resource types can have.
    fn known(text: &str, registry: &SchemaRegistry) -> Result<Self, Error> {
        let of =
            |rt: &Arc<ResourceType>| HAPPENINGS.map(|(what, _)| format!("{}.{what}", rt.name.to_ascii_lowercase()));
        let administration = ADMINISTRATION.iter().map(|(_, name, _)| (*name).to_owned());
        let mut known = registry.resource_types().iter().flat_map(of).chain(administration);
        let pattern = Self::parse(text)?;
        if known.any(|name| pattern.fits(&name)) { Ok(pattern) } else { Err(no_type(text)) }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::value(
                "A type of event is empty. Write types like user.created,group.*, or leave types out to have all.",
            ));
        }
        let begin = text.strip_suffix('*');
        let name = begin.unwrap_or(text).to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !name.chars().all(is_name) || begin.is_some_and(|begin| !begin.is_empty() && !begin.ends_with('.')) {
            return Err(no_type(text));
        }
        let name = name.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(name);
        Ok(Self { begin: name, whole: begin.is_none() })
    }

    /// Whether a type is one of these.
    pub fn fits(&self, name: &str) -> bool {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        if self.whole { name == self.begin } else { name.starts_with(&self.begin) }
    }
}

fn no_type(text: &str) -> Error {
    Error::value(format!("\"{text}\" is no type of event. Write it like user.created, group.* or *."))
}

/// What can have happened to a resource, and when that is told.
pub const HAPPENINGS: [(&str, &str); 7] = [
    ("created", "It was made, or was brought back after it was deleted (`restored`)."),
    ("updated", "Attributes changed, or a POST took it over from another source (`adopted`)."),
    ("deactivated", "`active` became false."),
    ("reactivated", "`active` became true."),
    ("membership.changed", "Nothing but the members of a group changed."),
    ("deleted", "It was deleted."),
    ("purged", "What was kept of it went for good."),
];

/// How the types of events about SCIM resources begin.
const PREFIX: &str = "scim.";

/// The type of an event: `scim.user.created`, `scim.group.membership.changed`.
pub fn type_of(event: &Event) -> String {
    if let Some(deed) = event.deed {
        return deed.name().to_owned();
    }
    let what = match (event.action, event.active) {
        (Action::Create, _) => "created",
        (Action::Delete, _) => "deleted",
        (Action::Purge, _) => "purged",
        (Action::Replace | Action::Modify, Some(false)) => "deactivated",
        (Action::Replace | Action::Modify, Some(true)) => "reactivated",
        (Action::Replace | Action::Modify, None) if event.attributes == [MEMBERS] => "membership.changed",
        (Action::Replace | Action::Modify, None) => "updated",
        (Action::Present, _) => "present",
        (Action::Administer, _) => "administered",
        (Action::Remind, _) => "reminded",
    };
    format!("{PREFIX}{}.{what}", event.resource_type.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_types() {
        let fits = |pattern: &str, name: &str| TypePattern::parse(pattern).unwrap().fits(name);
        assert!(fits("user.created", "scim.user.created") && fits("scim.user.*", "scim.user.deleted"));
        assert!(fits("*", "scim.group.created") && fits("Group.Membership.*", "scim.group.membership.changed"));
        assert!(!fits("user.created", "scim.user.created.more") && !fits("user.*", "scim.users.created"));
        for wrong in ["user*", "us er.*", "user.**", ""] {
            assert!(TypePattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
