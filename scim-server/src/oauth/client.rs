//! What is stored of a client: a record of the system's own tenant, with all its ways to authenticate.

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Scope;
use crate::{
    own,
    store::{
        Body, IndexEntry, IndexKey, IndexRange, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId,
        TypeName, Values,
    },
    token::{Status, Step, reminder, secret::Digest, succession::Life},
};

/// The kind of record. Exports have it behind its tenant, since that comes first by its name.
pub const KIND: &str = "TenantClient";
/// The most secrets of a client that live at once: one in use, and one that replaces it.
pub const MOST_SECRETS: usize = 2;
/// The most trusts of a client.
pub const MOST_TRUSTS: usize = 10;
/// The most clients of a tenant.
pub const MOST_CLIENTS: usize = 100;

/// A client as it is stored; times other than `created` are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its `client_id`: a UUIDv7.
    pub id: ResourceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it: whom it is for. Unique in its tenant, whatever its case.
    pub name: String,
    /// The most that its tokens may do.
    pub scope: Scope,
    /// Whether it gets no token, and those that it has let nobody in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Its secrets, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ClientSecret>,
    /// Whose assertions it may show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusts: Vec<Trust>,
    /// When it was made: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// A secret of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Its id, by which people tell secrets apart.
    pub id: ResourceId,
    /// The SHA-256 of its text.
    #[serde(with = "hex::serde")]
    pub digest: Digest,
    /// When it was issued.
    pub created: i64,
    /// When it ends.
    pub expires: i64,
    /// When it was to end before it was replaced, if it ends sooner because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<i64>,
    /// When it, or a token that it got, was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<i64>,
    /// When people were last reminded of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<i64>,
}

/// Whose assertions stand for a client (RFC 7523 §3): exactly this issuer, subject and audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Its id, by which people tell trusts apart.
    pub id: ResourceId,
    /// The `iss`.
    pub issuer: String,
    /// The `sub`.
    pub subject: String,
    /// The `aud`.
    pub audience: String,
    /// By whose keys an assertion must be signed.
    pub keys: Keys,
    /// When it was added.
    pub created: i64,
    /// When it, or a token that it got, was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<i64>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// At this URL, as a JWK Set (RFC 7517).
    JwksUri(String),
    /// Here: the JWK Set itself.
    Jwks(Value),
}

impl Client {
    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let client: Self = own::read(record, format_args!("client {id}"))?;
        Ok(Self { id, created: record.header.created, version: record.header.version, ..client })
    }

    /// As it is stored.
    pub fn body(&self) -> Result<Body, StoreError> {
        own::body(self.name.clone(), self)
    }

    /// Where it is stored.
    pub fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record, all unique: its name in its tenant, and each trust,
    /// since an assertion must stand for one client.
    pub fn entries(&self) -> Vec<IndexEntry> {
        let trusts = self.trusts.iter().map(|trust| trust_key(&trust.digest(self.tenant)));
        let keys = [name_key(self.tenant, &self.name)].into_iter().chain(trusts);
        keys.map(|key| IndexEntry { key, id: self.id, unique: true }).collect()
    }

    /// As whom it writes: its name in one case.
    pub fn writer(&self) -> String {
        fold(&self.name)
    }

    /// Whether that secret or trust of it lets somebody in now.
    pub fn admits(&self, credential: ResourceId, now: Timestamp) -> bool {
        let by_secret = self.secrets.iter().any(|secret| secret.id == credential && secret.is_live(now));
        !self.disabled && (by_secret || self.trusts.iter().any(|trust| trust.id == credential))
    }

    /// Whether it can get a token now.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.disabled && (!self.trusts.is_empty() || self.secrets.iter().any(|secret| secret.is_live(now)))
    }

    /// What the end of a secret of it asks of somebody.
    pub fn step(&self, secret: &ClientSecret, now: Timestamp) -> Step {
        let lives: Vec<_> = self.secrets.iter().map(ClientSecret::life).collect();
        Step::of(&secret.life(), &lives, now)
    }
}

impl ClientSecret {
    /// From when to when it lives.
    pub fn life(&self) -> Life {
        Life {
            id: self.id,
            created: self.created,
            expires: self.expires,
            meant: self.meant.unwrap_or(self.expires),
            is_used: self.last_used.is_some(),
        }
    }

    /// Whether it still lets its bearer in.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now.as_millis() < self.expires
    }

    /// How near it is to its end.
    pub fn status(&self, now: Timestamp) -> Status {
        Status::of(self.expires, now)
    }

    /// Days until it ends; never more than it was issued for.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        reminder::days_left(self.expires, now.max(Timestamp::from_millis(self.created)))
    }
}

impl Trust {
    /// What stands for issuer, subject and audience in a tenant.
    pub fn digest(&self, tenant: TenantId) -> Digest {
        trust_digest(tenant, &self.issuer, &self.subject, &self.audience)
    }
}

/// One digest for a tenant, an issuer, a subject and an audience.
pub fn trust_digest(tenant: TenantId, issuer: &str, subject: &str, audience: &str) -> Digest {
    let mut digest = Sha256::new();
    digest.update(tenant.0.as_bytes());
    for part in [issuer, subject, audience] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// Where the client with that id is stored.
pub fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of a name, in any case.
pub fn name_key(tenant: TenantId, name: &str) -> IndexKey {
    system_key("name", [tenant.0.as_bytes().as_slice(), fold(name).as_bytes()].concat())
}

/// The index keys of all names in a tenant.
pub fn names(tenant: TenantId) -> IndexRange {
    let IndexKey { tenant: system, resource_type, attribute, .. } = name_key(tenant, "");
    let values = Values::Prefix(IndexValue(tenant.0.as_bytes().to_vec()));
    IndexRange { tenant: system, resource_type, attribute, values, descending: false }
}

fn trust_key(digest: &Digest) -> IndexKey {
    system_key("trust", digest.to_vec())
}

fn system_key(attribute: &str, value: Vec<u8>) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value),
    }
}
