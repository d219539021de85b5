//! What is stored of a stream: a record of the system's own tenant.

use std::{collections::BTreeSet, fmt, sync::Arc};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{KIND, SESSION_REVOKED, supported};
use crate::{
    own,
    store::{Body, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName},
};

/// What is sent over a stream (SSF 1.0 §8.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "StreamStatus"))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything.
    #[default]
    Enabled,
    /// Nothing now; what happens meanwhile is sent when it is enabled again.
    Paused,
    /// Nothing; what happens meanwhile is never sent, nor what was held until then.
    Disabled,
}

/// A stream as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its id.
    pub id: ResourceId,
    /// Whose events.
    pub tenant: TenantId,
    /// The log that its numbers are of: the tenant's home when it was made.
    pub log: TenantId,
    /// The events that the receiver has asked for; all but those of CAEP when there are none.
    #[serde(default)]
    pub requested: Vec<String>,
    /// What the receiver calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub status: Status,
    /// Why, as the receiver said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number up to which everything was acknowledged.
    pub place: u64,
    /// What was acknowledged behind it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub acknowledged: BTreeSet<Part>,
    /// What is told of the stream itself and is not acknowledged, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// The resources of which nothing is sent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<ResourceId>,
    /// How many tokens its receiver said it cannot use.
    #[serde(default)]
    pub refused: u64,
    /// Where tokens are sent; absent of a stream that is polled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Push>,
    /// What stands in the header `Authorization` where tokens are sent. Not part of the document that is shown.
    #[serde(skip)]
    pub authorization: Option<Credential>,
    /// When it was kept last: the record's own time, not part of the document.
    #[serde(skip)]
    pub kept: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// A token about an event: the number of the event, and which of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part(pub u64, pub u8);

/// What is told of the stream itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What its `jti` is made of.
    pub id: Uuid,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// What happened.
    pub tells: Tells,
}

/// What a notice tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tells {
    /// That it works (SSF 1.0 §8.1.4.1): the state to give back.
    Verification(Option<String>),
    /// That the server has changed its status (SSF 1.0 §8.1.5), and why.
    Updated(Status, String),
    /// That a resource is told of again (RFC 9967 §2.3.1): its `sub_id`.
    Added(Value),
    /// That a resource is told of no more (RFC 9967 §2.3.2).
    Removed(Value),
}

/// Where tokens are sent (RFC 8935), and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The receiver's URL.
    pub url: String,
    /// `iss`: how the receiver called the transmitter when it asked for this.
    pub issuer: String,
    /// How often the token that is next was tried.
    #[serde(default)]
    pub tries: u32,
    /// When it is tried next, in milliseconds since the epoch.
    #[serde(default)]
    pub due: i64,
    /// Since when nothing was taken, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<i64>,
    /// Why the last try has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What lets the server in at a receiver. A log shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credential(pub String);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Stream {
    /// A new one, which begins behind that number of the log.
    pub fn new(id: ResourceId, tenant: TenantId, log: TenantId, place: u64) -> Self {
        Self {
            id,
            tenant,
            log,
            requested: Vec::new(),
            description: None,
            status: Status::Enabled,
            reason: None,
            place,
            acknowledged: BTreeSet::new(),
            notices: Vec::new(),
            removed: BTreeSet::new(),
            refused: 0,
            push: None,
            authorization: None,
            kept: Timestamp::default(),
            version: 1,
        }
    }

    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let unread = |error: serde_json::Error| StoreError::Corrupt(format!("stream {id}: {error}"));
        let stream: Self = serde_json::from_slice(&record.body.visible).map_err(unread)?;
        let hidden = &record.body.hidden;
        let authorization = if hidden.is_empty() { None } else { serde_json::from_slice(hidden).map_err(unread)? };
        Ok(Self { id, authorization, kept: record.header.last_modified, version: record.header.version, ..stream })
    }

    /// The events that are sent: those that were asked for and that there are. Those of CAEP only if asked for.
    pub fn delivered(&self, tells_values: bool) -> Vec<&'static str> {
        let wants = |uri: &&str| match &self.requested[..] {
            [] => *uri != SESSION_REVOKED,
            requested => requested.iter().any(|one| one == uri),
        };
        supported(tells_values).filter(wants).collect()
    }

    /// What `jti` is of a token about an event: the same however often it is given, and of this stream and log alone.
    pub fn jti(&self, part: Part) -> String {
        let (begin, Part(sequence, part)) = (self.begin_of_jti(), part);
        if part == 0 { format!("{begin}{sequence}") } else { format!("{begin}{sequence}-{part}") }
    }

    fn begin_of_jti(&self) -> String {
        format!("{}-", ResourceId::derived(&[self.id.0.as_bytes(), self.log.0.as_bytes()]).0.simple())
    }

    /// What a receiver has by its `jti`; nothing when no token of the stream can have it.
    fn part(&self, jti: &str) -> Option<Part> {
        let rest = jti.strip_prefix(&self.begin_of_jti())?;
        match rest.split_once('-') {
            Some((sequence, part)) => Some(Part(sequence.parse().ok()?, part.parse().ok()?)),
            None => Some(Part(rest.parse().ok()?, 0)),
        }
    }

    /// Takes notice that a receiver has a token. What it can never have had is passed over: RFC 8936 knows no error for
    /// it. No more than `most` numbers behind the place are kept. Gives whether there was something to take notice of.
    pub fn acknowledge(&mut self, jti: &str, most: u64) -> bool {
        if let Some(id) = jti.strip_prefix("v-").and_then(|id| Uuid::try_parse(id).ok()) {
            let before = self.notices.len();
            self.notices.retain(|notice| notice.id != id);
            return self.notices.len() < before;
        }
        let part = self.part(jti).filter(|part| part.0 > self.place && part.0 - self.place <= most);
        part.is_some_and(|part| self.acknowledged.insert(part))
    }

    /// Changes what is sent. `newest` is where the log stands: what happens while it is disabled is not sent.
    pub fn set_status(&mut self, status: Status, newest: u64) {
        if Status::Disabled == status || Status::Disabled == self.status {
            self.place = self.place.max(newest);
            self.acknowledged.clear();
            self.notices.clear();
        }
        self.status = status;
        self.try_again();
    }

    /// Has what is next tried at once.
    pub fn try_again(&mut self) {
        if let Some(push) = &mut self.push {
            (push.tries, push.due, push.failing_since, push.last_error) = (0, 0, None, None);
        }
    }

    /// The index entries that belong to its record: whose it is, and whether its tokens are sent.
    pub fn entries(&self) -> Vec<IndexEntry> {
        let of = |key| IndexEntry { key, id: self.id, unique: false };
        let mut entries = vec![of(tenant_key(self.tenant))];
        entries.extend(self.push.as_ref().map(|_| of(push_key())));
        entries
    }

    pub(super) fn key(&self) -> ResourceKey {
        key(self.id)
    }

    pub(super) fn body(&self) -> Result<Body, StoreError> {
        let hidden = self.authorization.as_ref().map(own::json).transpose()?;
        Ok(Body { hidden: hidden.unwrap_or_default(), ..own::body("", self)? })
    }
}

/// Where the stream with that id is stored.
pub(super) fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of a tenant's streams.
pub(super) fn tenant_key(tenant: TenantId) -> IndexKey {
    index_key("tenant", tenant.0.as_bytes())
}

/// The index key of the streams whose tokens are sent.
pub(super) fn push_key() -> IndexKey {
    index_key("push", b"")
}

fn index_key(attribute: &str, value: &[u8]) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value.to_vec()),
    }
}
