//! The stored form of a token: a record of the system's own tenant.

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};

use super::{
    Scopes, Step, reminder,
    secret::{Digest, PREFIX},
    succession::Life,
};
use crate::{
    naming, own,
    store::{
        Body, IndexEntry, IndexKey, IndexRange, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId,
        TypeName, Values,
    },
};

/// The kind of record.
pub const KIND: &str = "Token";

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A token as it is stored; times other than `created` are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id, by which administrators distinguish tokens: a UUIDv7.
    pub id: ResourceId,
    pub tenant: TenantId,
    /// The SHA-256 of its text.
    #[serde(with = "hex::serde")]
    pub digest: Digest,
    /// Its name, such as that of its user. A token that replaces another has the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The first of the tokens that replaced each other up to this one; itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<ResourceId>,
    /// Its place among the tenant's tokens. The store has a unique index entry for each place, so that even two
    /// administrators at once cannot issue too many tokens.
    pub slot: u8,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends.
    pub expires: i64,
    /// When it was to end before it was replaced, if it ends sooner because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<i64>,
    /// When it was last used, stored once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<i64>,
    /// When the last reminder of its expiry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<i64>,
    /// When it was issued: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
}

/// How near a token is to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TokenStatus"))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It no longer lets anybody in.
    Expired,
    /// 90 days or less are left.
    Expiring,
    /// More than 90 days are left.
    Valid,
}

impl Status {
    /// Of something that ends then, in milliseconds since the epoch.
    pub fn of(expires: i64, now: Timestamp) -> Self {
        match expires - now.as_millis() {
            left if left <= 0 => Self::Expired,
            left if left <= 90 * DAY => Self::Expiring,
            _ => Self::Valid,
        }
    }

    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Expiring => "expiring",
            Self::Valid => "valid",
        }
    }
}

impl Token {
    /// The first of the tokens that replaced each other up to this one.
    pub fn line(&self) -> ResourceId {
        self.line.unwrap_or(self.id)
    }

    /// Whether both are of one writer: of such tokens each takes the place of the one before.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.writer() == other.writer()
    }

    /// What its end asks of somebody, with the other tokens that there are.
    pub fn step(&self, tokens: &[Self], now: Timestamp) -> Step {
        let alike: Vec<_> = tokens.iter().filter(|other| other.is_alike(self)).map(Self::life).collect();
        Step::of(&self.life(), &alike, now)
    }

    /// From when to when it lives.
    pub fn life(&self) -> Life {
        let (created, is_used) = (self.created.as_millis(), self.last_used.is_some());
        Life { id: self.id, created, expires: self.expires, meant: self.meant.unwrap_or(self.expires), is_used }
    }

    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let token: Self = own::read(record, format_args!("token {id}"))?;
        Ok(Self { id, created: record.header.created, ..token })
    }

    /// As it is stored. Its display name is its id.
    pub fn body(&self) -> Result<Body, StoreError> {
        own::body(self.id.to_string(), self)
    }

    /// Where it is stored.
    pub fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record: its digest and its place, both unique.
    pub fn entries(&self) -> Vec<IndexEntry> {
        [digest_key(&self.digest), slot_key(self.tenant, self.slot)]
            .into_iter()
            .map(|key| IndexEntry { key, id: self.id, unique: true })
            .collect()
    }

    /// As whom it writes, which a rotation does not change: its name in one case, or the id of the first of the tokens
    /// without a name that replaced each other.
    pub fn writer(&self) -> String {
        self.name.as_deref().map_or_else(|| self.line().to_string(), fold)
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.expires)
    }

    /// Whether it is still valid.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now.as_millis() < self.expires
    }

    /// How near it is to its end.
    pub fn status(&self, now: Timestamp) -> Status {
        Status::of(self.expires, now)
    }

    /// Days until it ends; never more than it was issued for, whoever's clock is asked, and when.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        reminder::days_left(self.expires, now.max(self.created))
    }
}

/// Where the token with that id is stored.
pub fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of a digest.
pub fn digest_key(digest: &Digest) -> IndexKey {
    system_key("digest", digest.to_vec())
}

/// The index key of one of a tenant's places for tokens.
pub fn slot_key(tenant: TenantId, slot: u8) -> IndexKey {
    system_key("slot", [tenant.0.as_bytes().as_slice(), &[slot]].concat())
}

/// The index keys of all places of a tenant that are taken.
pub fn slots(tenant: TenantId) -> IndexRange {
    let IndexKey { tenant: system, resource_type, attribute, .. } = slot_key(tenant, 0);
    let values = Values::Prefix(IndexValue(tenant.0.as_bytes().to_vec()));
    IndexRange { tenant: system, resource_type, attribute, values, descending: false }
}

/// Checks a word that is to be `what` ("a token's name"), and is no token itself.
pub fn check_name(what: &str, name: &str) -> Result<(), String> {
    if name.starts_with(PREFIX) {
        return Err(format!("{what} does not begin as a token does; never pass a token itself"));
    }
    naming::check_word(what, name)
}

fn system_key(attribute: &str, value: Vec<u8>) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value),
    }
}

/// A new token's id: a UUIDv7 of that instant, of as many random bytes as it has room for.
pub fn new_id(now: Timestamp, random: [u8; 32]) -> ResourceId {
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let mut tail = [0; 10];
    tail.copy_from_slice(&random[..10]);
    ResourceId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn token() -> Token {
        Token {
            id: new_id(Timestamp::from_millis(1_700_000_000_000), [7; 32]),
            tenant: TenantId(Uuid::from_u128(1)),
            digest: *b"0123456789abcdef\x00\x01\xfe\xffghijklmnopqr",
            name: None,
            line: None,
            slot: 1,
            scopes: Scopes::ALL,
            expires: 1_000 * DAY,
            meant: None,
            last_used: None,
            reminded: None,
            created: Timestamp::default(),
        }
    }

    #[track_caller]
    fn check(days_left_in_millis: i64, expect: Status) {
        let now = Timestamp::from_millis(1_000 * DAY - days_left_in_millis);
        assert_eq!(token().status(now), expect);
        assert_eq!(token().is_live(now), expect != Status::Expired);
    }

    #[test]
    fn status_follows_the_time_left() {
        check(365 * DAY, Status::Valid);
        check(90 * DAY + 1, Status::Valid);
        check(90 * DAY, Status::Expiring);
        check(1, Status::Expiring);
        check(0, Status::Expired);
        check(-1, Status::Expired);
    }

    /// Somebody may have looked at the clock before it was issued, or at one that is behind.
    #[test]
    fn a_token_never_has_more_days_than_it_was_issued_for() {
        let created = Timestamp::from_millis(635 * DAY);
        let left = |now: i64| Token { created, ..token() }.days_left(Timestamp::from_millis(635 * DAY + now));
        assert_eq!([-DAY, -1, 0, 1, DAY - 1, DAY, 365 * DAY].map(left), [365, 365, 365, 365, 365, 364, 0]);
    }

    #[test]
    fn a_record_reads_back_as_the_same_token() {
        let token = token();
        let record = Record { body: token.body().unwrap(), ..Record::default() };
        assert_eq!(Token::from_record(token.id, &record).unwrap(), token);
        assert_eq!(token.id.0.get_version_num(), 7);
    }

    #[test]
    fn a_token_writes_as_those_that_it_replaces() {
        let first = token();
        let second = Token { id: new_id(Timestamp::default(), [8; 32]), line: Some(first.id), ..token() };
        assert_eq!(second.writer(), first.id.to_string());
        assert_eq!(first.writer(), second.writer());
        assert_eq!(Token { name: Some("Okta".to_owned()), ..second }.writer(), "okta");
    }
}
