//! What a sink is told of an event, in the form that it wants.

use bytes::Bytes;
use scim_protocol::{Error, Timestamp};
use serde_json::json;

use crate::{
    event::Event,
    operation::feed::{Shown, type_of},
    store::TenantId,
    tenant::Tenant,
    webhook::Message,
};

/// What is told where events were forgotten before the sink has taken them.
const MISSING: &str = "events.missing";

/// How events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the feed shows them.
    Feed,
    /// As webhooks send them: CloudEvents 1.0 in JSON, of bounded size.
    #[cfg_attr(
        not(any(feature = "nats", feature = "kafka")),
        expect(dead_code, reason = "no sink of this build wants it")
    )]
    Message,
}

/// An event, or a gap, as a sink takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose log it is of.
    pub tenant: TenantId,
    /// Its number; of a gap the last number that is missing.
    pub sequence: u64,
    /// The same however often it is told, and of nothing else.
    pub id: String,
    /// The type of the event.
    pub kind: String,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// JSON without a line break.
    pub json: Bytes,
}

impl Line {
    /// An event. `base` is the URL of this server (`public_url`).
    pub fn of(form: Form, event: &Event, tenant: &Tenant, base: &str) -> Result<Self, Error> {
        let (id, json) = match form {
            Form::Feed => {
                let shown = serde_json::to_vec(&Shown::new(event, tenant)).map_err(Error::internal)?;
                (Message::id(event, tenant), shown.into())
            }
            Form::Message => {
                let message = Message::of(event, tenant, base);
                (message.id, message.body)
            }
        };
        Ok(Self { tenant: tenant.id, sequence: event.sequence, id, kind: type_of(event), at: event.at, json })
    }

    /// That the events behind one number and before another are missing.
    pub fn gap(form: Form, tenant: &Tenant, after: u64, oldest: u64, now: Timestamp) -> Self {
        let sequence = oldest.saturating_sub(1);
        let id = format!("missing_{}_{sequence}", tenant.home.0.simple());
        let data = json!({"type": MISSING, "tenant": tenant.id.to_string(), "after": after, "oldest": oldest});
        let told = match form {
            Form::Feed => data,
            Form::Message => json!({
                "specversion": "1.0", "id": id, "source": format!("/{}/events/v1", tenant.id), "type": MISSING,
                "time": now.to_string(), "timestamp": now.to_string(), "sequence": sequence.to_string(),
                "datacontenttype": "application/json", "data": data,
            }),
        };
        Self {
            tenant: tenant.id,
            sequence,
            id,
            kind: MISSING.to_owned(),
            at: now.as_millis(),
            json: told.to_string().into(),
        }
    }
}
