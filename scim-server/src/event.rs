//! What a commit says happened: the outbox. One sequence per tenant, written in the same
//! transaction as the change itself, so that whoever tails it misses nothing and invents nothing.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// DELETE
    Delete,
    /// What was kept of a deleted resource went for good.
    Purge,
    /// A token was issued, a tenant disabled …: administration.
    Administer,
    /// A token nears its end (a reminder for people).
    Remind,
}

/// One change. It names attributes and never holds their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the tenant's log, from 1; set by the store.
    #[serde(default)]
    pub sequence: u64,
    /// When it was committed, in milliseconds since the epoch; set by the store.
    #[serde(default)]
    pub at: i64,
    /// Who did it: a token's id, or `admin`.
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// The resource type of the target.
    pub resource_type: String,
    /// The target.
    pub target: ResourceId,
    /// The target's version afterwards; set by the store, 0 when it is gone.
    #[serde(default)]
    pub version: u64,
    /// The attributes that changed, by canonical name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// What `active` is afterwards, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The request that did it.
    pub request: String,
    /// Whether a creation brought back what was deleted, under its old id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
}

impl Event {
    /// When it was committed.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }
}

/// The actor of what an administrator did at the command line.
pub const ADMIN: &str = "admin";

impl Event {
    /// A change that no SCIM request made: to one of the system's own records. No request id.
    pub fn administration(action: Action, kind: &str, target: ResourceId, attributes: &[&str]) -> Self {
        Self {
            sequence: 0,
            at: 0,
            actor: ADMIN.to_owned(),
            action,
            resource_type: kind.to_owned(),
            target,
            version: 0,
            attributes: attributes.iter().map(|&name| name.to_owned()).collect(),
            active: None,
            request: String::new(),
            restored: false,
        }
    }
}
