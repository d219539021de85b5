//! Users and groups, as paths and headings tell them apart; and what a page says of one in a word.

use serde_json::Value;

use super::{path::of_tenant, row::Row};
use crate::web::{Cell, Tone, form};

/// Users, or groups.
#[derive(Debug)]
pub struct People {
    pub resource_type: &'static str,
    /// The part of the path, and the heading.
    pub part: &'static str,
    pub title: &'static str,
    /// What the command line calls one.
    pub word: &'static str,
    /// The attribute that people know them by. There is an index of it.
    pub name: &'static str,
}

pub const USERS: People =
    People { resource_type: "User", part: "users", title: "Users", word: "user", name: "userName" };
pub const GROUPS: People =
    People { resource_type: "Group", part: "groups", title: "Groups", word: "group", name: "displayName" };

/// Those of a resource type, if it is one of these.
pub fn of_type(resource_type: &str) -> Option<&'static People> {
    [&USERS, &GROUPS].into_iter().find(|people| people.resource_type == resource_type)
}

impl People {
    /// What people call one of them: its name, or its id where it has none.
    pub fn called<'r>(&self, row: &'r Value, id: &'r str) -> &'r str {
        [row.text(&format!("/{}", self.name)), id].into_iter().find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// The path of one of them.
    pub fn path(&self, tenant: &str, id: &str) -> String {
        of_tenant(tenant, &format!("{}/{}", self.part, form::encode(id)))
    }
}

/// What a user is called beside the user name.
pub fn display(row: &Value) -> Cell {
    let known = ["/displayName", "/name/formatted"].into_iter().map(|at| row.text(at)).find(|text| !text.is_empty());
    let both = format!("{} {}", row.text("/name/givenName"), row.text("/name/familyName"));
    Cell::from(known.map_or_else(|| both.trim().to_owned(), str::to_owned))
}

/// Whether a user may come in.
pub fn active(row: &Value) -> Cell {
    if row.pointer("/active") == Some(&Value::Bool(false)) {
        Cell::Badge(Tone::Warn, "inactive".to_owned())
    } else {
        Cell::Badge(Tone::Good, "active".to_owned())
    }
}
