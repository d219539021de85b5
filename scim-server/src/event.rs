//! What a commit says happened: the outbox. One sequence per tenant, written in the same
//! transaction as the change itself, so that whoever tails it misses nothing and invents nothing.
//!
//! An event is stored as JSON. Fields are only ever added, and each that was added may be absent: so every
//! program reads what an older one has written, and passes over what a newer one has added.

mod administration;
mod json;

use std::collections::BTreeMap;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    administration::{ADMINISTRATION, Deed},
    json::Json,
};
use crate::ids::ResourceId;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// POST
    Create,
    /// PUT
    Replace,
    /// PATCH
    Modify,
    Delete,
    /// What was kept of a deleted resource went for good.
    Purge,
    /// A token was issued, a tenant disabled …: administration.
    Administer,
    /// Nothing: the resource is there. Told to who begins with the state, and never stored.
    Present,
    /// A token nears its end (a reminder for people).
    Remind,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the tenant's log, from 1; set by the store.
    #[serde(default)]
    pub sequence: u64,
    /// When it was committed, in milliseconds since the epoch; set by the store.
    #[serde(default)]
    pub at: i64,
    /// Who did it: the id of a token or an OAuth client, [`SERVER`], an administrator ([`is_administrator`]), or a
    /// [setup link](SETUP_LINK).
    pub actor: String,
    /// Whether that is an OAuth client.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_client: bool,
    /// What was done.
    pub action: Action,
    /// What was done by administration: its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deed: Option<Deed>,
    /// The resource type of the target.
    pub resource_type: String,
    pub target: ResourceId,
    /// The target's version afterwards; set by the store, 0 when it is gone.
    #[serde(default)]
    pub version: u64,
    /// The target's version before, 0 when it was not there; set by the store. Absent in events of before 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<u64>,
    /// The `externalId` of the target, a JSON string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Json>,
    /// The `externalId` that a group had before, if it has another one now or none: rules for roles may name it. Also where
    /// the tenant leaves out values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_external_id: Option<Json>,
    /// The `externalId` of groups that change because of it, where a rule for roles names that: for the events of these groups
    /// ([`Self::consequence`]). It is not stored with this one.
    #[serde(skip)]
    pub groups: BTreeMap<ResourceId, Json>,
    /// The attributes that changed, by their paths: `title`, `name.givenName`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// The same of a return and of a deletion, which readers are not told, and an undo needs: how who returns differs from
    /// what was kept, and what is kept from what was there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// What `active` is afterwards, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// What the provider says of `active` afterwards, where that changed and no other event tells it: somebody has returned
    /// with another one than before the deletion, or it is kept aside because an administrator has
    /// disabled the user: nobody reads it, and an undo puts it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<bool>,
    /// What became of an administrator's lock on the user. `active` may have changed by it, whatever the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// Who has become a member of the target, and who has ceased to be one; set by the store, but for a deletion, where
    /// it is who was in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Box<Membership>>,
    /// The values, unless the tenant leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Box<Values>>,
    /// The request that did it.
    pub request: String,
    /// The names of the tenant's rewrites that changed what was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<String>,
    /// Whether a creation brought back what was deleted, under its old id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// Whether a POST took over what another source had made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// What became of the lock on a user whom an administrator keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    /// An administrator has disabled the user.
    Disabled,
    /// The user got the name of somebody who was locked out.
    Named,
    /// An administrator has disabled the user who was locked out already, perhaps by a name only.
    Kept,
    /// An administrator has enabled the user.
    Enabled,
}

/// Members that came and went in one change: as many as a request may change (`max_member_changes`), and all of a group
/// that is deleted or restored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Membership {
    /// Who came, in the order of ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<ResourceId>,
    /// Who went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<ResourceId>,
}

/// What an event says of values: those that are returned by default, and no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// The document afterwards, without `meta` and `members`; of a deleted resource the last one.
    pub document: Json,
    /// The attributes that changed, by path, where there was a document before, also one that was kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, Change>,
}

/// The values of one attribute before and after a change; absent where it had none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Change {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub before: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub after: Option<Json>,
}

/// The actor of what an administrator did at the command line. One with a token of their own is `admin:` and its name.
pub const ADMIN: &str = "admin";

/// What the actor begins with of whoever uses a setup link; behind it stands the link's name.
pub const SETUP_LINK: &str = "setup-link:";

/// The actor of what the server does by itself: reminders.
pub const SERVER: &str = "server";

/// Whether an actor is an administrator: `admin`, or `admin:` and a name.
pub fn is_administrator(actor: &str) -> bool {
    actor.strip_prefix(ADMIN).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

impl Event {
    /// When it was committed.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    /// What kind of actor it was.
    pub fn actor_type(&self) -> &'static str {
        match self.actor.as_str() {
            SERVER => "server",
            actor if actor.starts_with(SETUP_LINK) => "setup-link",
            actor if is_administrator(actor) => "administrator",
            _ if self.by_client => "client",
            _ => "token",
        }
    }

    /// A change of one resource, about which nothing more is known yet.
    pub fn new(action: Action, actor: &str, resource_type: &str, target: ResourceId) -> Self {
        Self {
            sequence: 0,
            at: 0,
            actor: actor.to_owned(),
            by_client: false,
            action,
            deed: None,
            resource_type: resource_type.to_owned(),
            target,
            version: 0,
            previous_version: None,
            external_id: None,
            former_external_id: None,
            groups: BTreeMap::new(),
            attributes: Vec::new(),
            differs: Vec::new(),
            active: None,
            aside: None,
            lock: None,
            members: None,
            values: None,
            request: String::new(),
            mapping: Vec::new(),
            restored: false,
            adopted: false,
        }
    }

    /// A change that no SCIM request made: to one of the system's own records. No request id.
    pub fn administration(action: Action, kind: &str, target: ResourceId, attributes: &[&str]) -> Self {
        let attributes = attributes.iter().map(|&name| name.to_owned()).collect();
        Self { attributes, ..Self::new(action, ADMIN, kind, target) }
    }

    /// That a group changed because of what this event tells: a member was deleted.
    #[must_use]
    pub fn consequence(&self, resource_type: &str, target: ResourceId, attribute: &str) -> Self {
        let (attributes, request) = (vec![attribute.to_owned()], self.request.clone());
        let event = Self::new(Action::Modify, &self.actor, resource_type, target);
        let external_id = self.groups.get(&target).cloned();
        Self { external_id, attributes, request, by_client: self.by_client, ..event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_before_are_read() {
        let old = r#"{"sequence":7,"at":1700000000000,"actor":"admin","action":"modify","resource_type":"User",
            "target":"019a0b70-11ab-7000-8000-9f2b6c3d4e5f","version":3,"attributes":["title"],"request":"r"}"#;
        let event: Event = serde_json::from_str(old).unwrap();
        assert_eq!((event.version, event.previous_version, event.values), (3, None, None));
    }

    #[test]
    fn no_value_is_shown_in_a_log() {
        let anna = || Json::of(&"anna");
        let change = Change { before: anna(), after: anna() };
        let values = Values { document: anna().unwrap(), changes: [("userName".to_owned(), change)].into() };
        let event = Event::new(Action::Create, ADMIN, "User", ResourceId(uuid::Uuid::nil()));
        let event = Event { external_id: anna(), values: Some(Box::new(values)), ..event };
        let text = format!("{event:?}");
        assert!(text.contains("userName") && !text.contains("anna"), "{text}");
    }
}
