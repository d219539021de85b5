//! A message: a CloudEvents 1.0 document that is a payload of Standard Webhooks 1.0 too.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use scim_protocol::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::sign::{self, Keys};
use crate::{
    event::Event,
    operation::feed::{Shown, type_of},
    store::TenantId,
    tenant::Tenant,
};

/// The largest body. What is larger tells paths, and where the resource is.
pub const MOST_BYTES: usize = 20_000;

/// A message as it is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// `webhook-id`: the same however often it is sent.
    pub id: String,
    pub body: Bytes,
    /// The id of the request that the event is of; empty where none is.
    pub request: Arc<str>,
}

/// Messages that were made of late. Several endpoints want the same ones at nearly the same time, each signed by keys of
/// its own.
pub struct Messages(Cache<(TenantId, u64), Made>);

/// A message, and what it was made by besides the event.
#[derive(Clone)]
struct Made {
    tenant: Arc<Tenant>,
    base: String,
    message: Message,
}

/// As many as the endpoints of a busy tenant are apart; at most 5 MB.
const OF_LATE: usize = 256;

impl Default for Messages {
    fn default() -> Self {
        Self(Cache::new(OF_LATE))
    }
}

impl Messages {
    /// The message of an event: the one that was made already, if the tenant and the base are the same as then.
    pub fn of(&self, event: &Event, tenant: &Arc<Tenant>, base: &str) -> Message {
        let key = (tenant.home, event.sequence);
        let known = self.0.get(&key).filter(|made| Arc::ptr_eq(&made.tenant, tenant) && made.base == base);
        if let Some(made) = known {
            return made.message;
        }
        let message = Message::of(event, tenant, base);
        self.0.insert(key, Made { tenant: Arc::clone(tenant), base: base.to_owned(), message: message.clone() });
        message
    }
}

/// The document. `timestamp` is what Standard Webhooks calls `time`; to CloudEvents it is an extension, as `sequence` is.
#[derive(Serialize)]
struct Document<'a, T> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: String,
    timestamp: String,
    sequence: String,
    datacontenttype: &'static str,
    data: T,
}

impl Message {
    /// The id of the message of an event.
    pub fn id(event: &Event, tenant: &Tenant) -> String {
        format!("msg_{}_{}", tenant.home.0.simple(), event.sequence)
    }

    /// The message of an event. `base` is the URL of this server (`public_url`); without it no message tells where the
    /// resource is.
    pub fn of(event: &Event, tenant: &Tenant, base: &str) -> Self {
        let id = Self::id(event, tenant);
        let shown = Shown::new(event, tenant);
        let mut body = document(&id, tenant, event, &shown);
        if body.len() > MOST_BYTES
            && let Value::Object(mut members) = json!(shown)
        {
            for name in ["document", "changes", "members"] {
                members.shift_remove(name);
            }
            members.insert("truncated".to_owned(), true.into());
            if let Some(url) = url(event, tenant, base) {
                members.insert("url".to_owned(), url.into());
            }
            body = document(&id, tenant, event, &members);
        }
        Self { id, body: body.into(), request: event.request.as_str().into() }
    }

    /// A message that says nothing, to try an endpoint.
    pub fn test(webhook: &str, random: u128, now: Timestamp) -> Self {
        let id = format!("msg_test_{random:032x}");
        let document = json!({
            "specversion": "1.0", "id": id, "source": "/webhooks", "type": "webhook.test", "time": now.to_string(),
            "timestamp": now.to_string(), "subject": webhook, "datacontenttype": "application/json",
            "data": {"webhook_id": webhook},
        });
        Self { id, body: document.to_string().into(), request: Arc::default() }
    }

    /// The headers of Standard Webhooks, for a message that is sent at that time.
    pub fn headers(&self, keys: &[Keys], now: Timestamp) -> [(&'static str, String); 3] {
        let seconds = now.as_millis().div_euclid(1000);
        let signature = sign::signature(keys, now.as_millis(), &self.id, seconds, &self.body);
        [("webhook-id", self.id.clone()), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)]
    }
}

fn document(id: &str, tenant: &Tenant, event: &Event, data: &impl Serialize) -> Vec<u8> {
    let time = event.at().to_string();
    let document = Document {
        specversion: "1.0",
        id,
        source: format!("/{}/events/v1", tenant.id),
        kind: type_of(event),
        subject: format!("{}/{}", event.resource_type, event.target),
        timestamp: time.clone(),
        time,
        sequence: event.sequence.to_string(),
        datacontenttype: "application/json",
        data,
    };
    // Texts and numbers: nothing in it can fail to be JSON.
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Where the resource can be fetched. A path alone would not say on which server.
fn url(event: &Event, tenant: &Tenant, base: &str) -> Option<String> {
    if base.is_empty() {
        return None;
    }
    let (_, endpoint) = tenant.endpoints.iter().find(|(name, _)| name.as_str() == event.resource_type)?;
    Some(format!("{base}/{}/scim/v2{endpoint}/{}", tenant.id, event.target))
}
