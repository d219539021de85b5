//! A message: a CloudEvents 1.0 document that is a payload of Standard Webhooks 1.0 too.

use scim_protocol::Timestamp;
use serde_json::{Value, json};

use super::sign::{self, Keys};
use crate::{
    event::Event,
    operation::feed::{Shown, type_of},
    tenant::Tenant,
};

/// The largest body. What is larger tells paths, and where the resource is.
pub const MOST_BYTES: usize = 20_000;

/// A message as it is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// `webhook-id`: the same however often it is sent.
    pub id: String,
    pub body: Vec<u8>,
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
        let mut data = json!(Shown::new(event, tenant));
        let mut body = document(&id, &type_of(event), event.at(), tenant, event, &data);
        if body.len() > MOST_BYTES
            && let Value::Object(members) = &mut data
        {
            for name in ["document", "changes", "members"] {
                members.shift_remove(name);
            }
            members.insert("truncated".to_owned(), true.into());
            if let Some(url) = url(event, tenant, base) {
                members.insert("url".to_owned(), url.into());
            }
            body = document(&id, &type_of(event), event.at(), tenant, event, &data);
        }
        Self { id, body }
    }

    /// A message that says nothing, to try an endpoint.
    pub fn test(webhook: &str, random: u128, now: Timestamp) -> Self {
        let id = format!("msg_test_{random:032x}");
        let document = json!({
            "specversion": "1.0", "id": id, "source": "/webhooks", "type": "webhook.test", "time": now.to_string(),
            "timestamp": now.to_string(), "subject": webhook, "datacontenttype": "application/json",
            "data": {"webhook_id": webhook},
        });
        Self { id, body: document.to_string().into_bytes() }
    }

    /// The headers of Standard Webhooks, for a message that is sent at that time.
    pub fn headers(&self, keys: &[Keys], now: Timestamp) -> [(&'static str, String); 3] {
        let seconds = now.as_millis().div_euclid(1000);
        let signature = sign::signature(keys, now.as_millis(), &self.id, seconds, &self.body);
        [("webhook-id", self.id.clone()), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)]
    }
}

/// `timestamp` is what Standard Webhooks calls `time`; to CloudEvents it is an extension, as `sequence` is.
fn document(id: &str, kind: &str, at: Timestamp, tenant: &Tenant, event: &Event, data: &Value) -> Vec<u8> {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/{}/events/v1", tenant.id),
        "type": kind,
        "subject": format!("{}/{}", event.resource_type, event.target),
        "time": at.to_string(),
        "timestamp": at.to_string(),
        "sequence": event.sequence.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
    .to_string()
    .into_bytes()
}

/// Where the resource can be fetched. A path alone would not say on which server.
fn url(event: &Event, tenant: &Tenant, base: &str) -> Option<String> {
    if base.is_empty() {
        return None;
    }
    let (_, endpoint) = tenant.endpoints.iter().find(|(name, _)| name.as_str() == event.resource_type)?;
    Some(format!("{base}/{}/scim/v2{endpoint}/{}", tenant.id, event.target))
}
