//! What is stored of an endpoint, and of what is sent to it: records of the system's own tenant.

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{pace::USUAL_RATE, sign::Keys};
use crate::{
    own,
    store::{Body, Record, ResourceId, ResourceKey, StoreError, TenantId},
};

/// A kind of record, which is found by its id.
pub trait Kept: Serialize + DeserializeOwned {
    /// The kind of record.
    const KIND: &'static str;

    fn id(&self) -> ResourceId;

    /// Where it is stored.
    fn key(&self) -> ResourceKey {
        key::<Self>(self.id())
    }

    /// As it is stored.
    fn body(&self) -> Result<Body, StoreError> {
        own::body(self.id().to_string(), self)
    }

    fn read(record: &Record) -> Result<Self, StoreError> {
        own::read(record, format_args!("a record of the kind {}", Self::KIND))
    }
}

/// Where the record of that kind with that id is stored.
pub fn key<T: Kept>(id: ResourceId) -> ResourceKey {
    own::key(T::KIND, id)
}

/// So many keys of an endpoint sign at the same time.
pub const MOST_KEYS: usize = 4;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: ResourceId,
    /// Whose events it gets; those of all tenants when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Where messages are sent.
    pub url: String,
    /// The types of events that it wants, as they were written; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// How many messages a second it gets at most.
    #[serde(default = "usual_rate")]
    pub rate: u32,
    /// Why nothing is sent to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Reason>,
    /// What signs its messages, the newest first. Not part of the document that is shown.
    #[serde(skip)]
    pub keys: Vec<Keys>,
    /// When it was made: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// That of an endpoint which was made before rates could be said.
fn usual_rate() -> u32 {
    USUAL_RATE
}

impl Webhook {
    /// Gives it new keys. The ones before sign too until `ends`; those that an earlier rotation has promised for a time
    /// sign for that time. `false` when so many sign already that there is no room in a header for more.
    pub fn rotate(&mut self, now: i64, ends: i64) -> bool {
        self.keys.retain(|keys| keys.ends.is_none_or(|ends| now < ends));
        if self.keys.len() >= MOST_KEYS {
            return false;
        }
        for keys in self.keys.iter_mut().filter(|keys| keys.ends.is_none()) {
            keys.ends = Some(ends);
        }
        self.keys.insert(0, Keys::new(rand::random(), rand::random()));
        true
    }

    /// Until when keys sign that have been replaced, in milliseconds since the epoch: the latest; `None` when none does.
    pub fn old_keys_until(&self, now: i64) -> Option<i64> {
        self.keys.iter().filter_map(|keys| keys.ends).filter(|ends| now < *ends).max()
    }
}

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WebhookDisabled"))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It has taken nothing for five days.
    Failing,
    /// It has answered 410.
    Gone,
}

impl Reason {
    /// The same in words.
    pub fn because(self) -> &'static str {
        match self {
            Self::Gone => "its endpoint has answered 410",
            Self::Failing => "its endpoint has taken nothing for five days",
        }
    }
}

/// How far an endpoint has come with a tenant's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The endpoint.
    pub webhook: ResourceId,
    pub tenant: TenantId,
    /// The log that its numbers are of: the tenant's home.
    pub log: TenantId,
    /// The last number that was looked at.
    pub position: u64,
    /// What was looked at and is not taken, in the order of the numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Since when nothing was taken, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<i64>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The record's version; 0 when it is not stored yet.
    #[serde(skip)]
    pub version: u64,
}

/// A message that is still to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The number of its event.
    pub sequence: u64,
    /// What it is about: messages about one resource keep their order.
    pub about: ResourceId,
    /// Whether everything behind it waits until it is taken: it says that the tenant was replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_mark: bool,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, in milliseconds since the epoch.
    pub at: i64,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The endpoint that did not take it.
    pub webhook: ResourceId,
    pub tenant: TenantId,
    /// The log that its number is of.
    pub log: TenantId,
    /// The number of its event.
    pub sequence: u64,
    /// How often it was tried.
    pub tries: u32,
    /// What went wrong last.
    pub error: String,
    /// When it was given up, in milliseconds since the epoch.
    pub at: i64,
}

/// Numbers that are to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    pub id: ResourceId,
    /// To which endpoint.
    pub webhook: ResourceId,
    pub tenant: TenantId,
    /// The log that the numbers are of.
    pub log: TenantId,
    /// Those behind this one,
    pub after: u64,
    /// up to this one.
    pub to: u64,
}

impl Kept for Webhook {
    const KIND: &'static str = "Webhook";

    fn id(&self) -> ResourceId {
        self.id
    }

    fn body(&self) -> Result<Body, StoreError> {
        let json = |value: serde_json::Result<Vec<u8>>| value.map_err(|error| StoreError::Corrupt(error.to_string()));
        let (visible, hidden) = (json(serde_json::to_vec(self))?, json(serde_json::to_vec(&self.keys))?);
        Ok(Body { display: self.id.to_string().into(), visible: visible.into(), hidden: hidden.into() })
    }

    fn read(record: &Record) -> Result<Self, StoreError> {
        let unread = |error: serde_json::Error| StoreError::Corrupt(format!("a webhook: {error}"));
        let webhook: Self = serde_json::from_slice(&record.body.visible).map_err(unread)?;
        let keys = serde_json::from_slice(&record.body.hidden).map_err(unread)?;
        Ok(Self { keys, created: record.header.created, version: record.header.version, ..webhook })
    }
}

impl Kept for Delivery {
    const KIND: &'static str = "Delivery";

    fn id(&self) -> ResourceId {
        Self::id_of(self.webhook, self.tenant)
    }

    fn read(record: &Record) -> Result<Self, StoreError> {
        let unread = |error: serde_json::Error| StoreError::Corrupt(format!("a delivery: {error}"));
        let delivery: Self = serde_json::from_slice(&record.body.visible).map_err(unread)?;
        Ok(Self { version: record.header.version, ..delivery })
    }
}

impl Delivery {
    /// The id of the record of an endpoint and a tenant: it follows from both.
    pub fn id_of(webhook: ResourceId, tenant: TenantId) -> ResourceId {
        ResourceId::derived(&[webhook.0.as_bytes(), tenant.0.as_bytes()])
    }
}

impl Kept for DeadLetter {
    const KIND: &'static str = "DeadLetter";

    fn id(&self) -> ResourceId {
        ResourceId::derived(&[self.webhook.0.as_bytes(), self.log.0.as_bytes(), &self.sequence.to_be_bytes()])
    }
}

impl Kept for Replay {
    const KIND: &'static str = "Replay";

    fn id(&self) -> ResourceId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        let json = serde_json::json!({"id": uuid::Uuid::from_u128(1), "url": "https://example.com/"});
        let webhook: Webhook = serde_json::from_value(json).unwrap();
        Webhook { keys: vec![Keys::new([1; 32], [2; 32])], ..webhook }
    }

    #[test]
    fn one_that_was_stored_before_there_were_rates_has_the_usual_one() {
        assert_eq!(webhook().rate, USUAL_RATE);
        let slow = Webhook { rate: 7, ..webhook() };
        let stored = slow.body().unwrap().visible;
        assert_eq!(serde_json::from_slice::<Webhook>(&stored).unwrap().rate, 7);
    }

    #[test]
    fn what_an_earlier_rotation_has_promised_holds() {
        let mut webhook = webhook();
        assert!(webhook.rotate(0, 100) && webhook.rotate(10, 10));
        assert_eq!(webhook.keys.iter().map(|keys| keys.ends).collect::<Vec<_>>(), [None, Some(10), Some(100)]);
        assert_eq!((webhook.old_keys_until(10), webhook.old_keys_until(100)), (Some(100), None));
        assert!(webhook.rotate(20, 500));
        assert_eq!(webhook.keys.iter().map(|keys| keys.ends).collect::<Vec<_>>(), [None, Some(500), Some(100)]);
    }

    #[test]
    fn keys_that_sign_together_fit_into_a_header() {
        let mut webhook = webhook();
        for _ in 1..MOST_KEYS {
            assert!(webhook.rotate(0, 100));
        }
        assert!(!webhook.rotate(99, 200));
        assert_eq!(webhook.keys.len(), MOST_KEYS);
        assert!(webhook.rotate(100, 200));
    }
}
