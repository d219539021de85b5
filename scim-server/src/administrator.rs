//! Administrators: who gives a command, what they may do, and the tokens by which the server knows them.
//!
//! Whoever has the file `admin.token` of the data directory, or the store itself, may do everything. Further
//! administrators have a token each ([`ledger`] issues, rotates and deletes them, [`record`] is what is stored): a
//! name, a role, an end, and perhaps one tenant that all their commands must be about.

pub mod ledger;
pub mod record;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::{
    ledger::{AdminTokens, Issued, TokenError},
    record::AdminToken,
};
use crate::{
    event::{ADMIN, SETUP_LINK},
    ids::{ResourceId, TenantId},
};

/// What an administrator may do. Each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reports how it stands, and is told what was decided: a program (`sync-agent`). Looks at nothing.
    Agent,
    /// Looks, and changes nothing.
    Viewer,
    /// Handles people, tokens, clients, webhooks, the brake and what was deleted.
    Operator,
    /// Does everything: tenants, their settings, administrators, imports, keys.
    Administrator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Viewer, Self::Operator, Self::Administrator];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// Whether people have it: they may look at something.
    pub fn is_of_people(self) -> bool {
        self >= Self::Viewer
    }

    /// Reads the word. The error names the words that there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == word);
        role.ok_or_else(|| format!("there is no role {word:?}; use viewer, operator or administrator, or agent for a sync-agent that reports"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// What people call them: the name of a token, or a person. `None` is whoever has `admin.token` or the store.
    pub name: Option<Arc<str>>,
    pub role: Role,
    /// The only tenant that their commands may be about; any when absent.
    pub tenant: Option<TenantId>,
    /// What let them in.
    by: By,
}

/// What lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A token of that id; or the store itself, and whoever has `admin.token`.
    Token(Option<ResourceId>),
    /// The identity provider of the administrators, for one session.
    Provider,
    /// A setup link, whose name is theirs.
    SetupLink,
}

impl Administrator {
    /// Whoever has `admin.token`, or the store itself: may do everything.
    pub fn root() -> Self {
        Self { name: None, role: Role::Administrator, tenant: None, by: By::Token(None) }
    }

    /// A person whom the identity provider of the administrators has named.
    pub fn person(name: &str, role: Role) -> Self {
        Self { name: Some(Arc::from(name)), role, tenant: None, by: By::Provider }
    }

    /// Whoever has a token.
    pub fn bearer(token: &AdminToken) -> Self {
        let by = By::Token(Some(token.id));
        Self { name: Some(Arc::from(token.name.as_str())), role: token.role, tenant: token.tenant, by }
    }

    /// Whoever has opened a setup link of that name: its tenant alone.
    pub fn setup_link(name: &str, tenant: TenantId) -> Self {
        Self { name: Some(Arc::from(name)), role: Role::Operator, tenant: Some(tenant), by: By::SetupLink }
    }

    /// Whether a provider has named them: nothing that is kept here can take that back.
    pub fn is_person(&self) -> bool {
        self.by == By::Provider
    }

    /// The name on a page.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(ADMIN)
    }

    /// The same with another role.
    #[must_use]
    pub fn with_role(&self, role: Role) -> Self {
        Self { role, ..self.clone() }
    }

    /// What events call them: `admin`, or `admin:` and the name ([`crate::event::is_administrator`]).
    pub fn actor(&self) -> Arc<str> {
        match &self.name {
            None => Arc::from(ADMIN),
            Some(name) if self.by == By::SetupLink => Arc::from(format!("{SETUP_LINK}{name}")),
            Some(name) => Arc::from(format!("{ADMIN}:{name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    #[test]
    fn a_role_may_what_the_one_before_may() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::parse("root").unwrap_err().contains("operator"));
    }

    #[test]
    fn events_tell_administrators_from_tokens() {
        let (root, named) = (Administrator::root(), Administrator::person("anna@example.com", Role::Viewer));
        assert_eq!((&*root.actor(), &*named.actor()), ("admin", "admin:anna@example.com"));
        assert!(event::is_administrator(&root.actor()) && event::is_administrator(&named.actor()));
        for other in ["", "server", "administrator", "019a0b70-11ab-7000-8000-9f2b6c3d4e5f"] {
            assert!(!event::is_administrator(other), "{other}");
        }
    }
}
