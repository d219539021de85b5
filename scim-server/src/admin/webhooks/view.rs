//! Webhooks as they are shown.

use scim_protocol::Timestamp;
use serde::Serialize;

use crate::{
    tenant::Tenant,
    webhook::{Delivery, Keys, Pending, Reason, Webhook},
};

/// A webhook as it is shown. Its secret is shown once, when it is made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Webhook"))]
pub(in crate::admin) struct WebhookView<'a> {
    webhook_id: String,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    types: &'a [String],
    /// How many messages a second it gets at most.
    rate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<Reason>,
    /// Until when keys that were replaced sign too.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_keys_until: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) deliveries: Vec<DeliveryView>,
}

/// How far a webhook is with a tenant.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WebhookDelivery"))]
pub(in crate::admin) struct DeliveryView {
    tenant: String,
    position: u64,
    lag: u64,
    pending: usize,
    dead_letters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// The first ten messages that were tried and not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<WaitingView>,
}

impl DeliveryView {
    pub(super) fn new(tenant: &Tenant, delivery: Delivery, newest: u64, dead_letters: usize) -> Self {
        Self {
            tenant: tenant.name.clone(),
            position: delivery.position,
            lag: newest.saturating_sub(delivery.position),
            pending: delivery.pending.len(),
            dead_letters,
            failing_since: delivery.failing_since.map(|at| Timestamp::from_millis(at).to_string()),
            waiting: WaitingView::all(&delivery.pending),
            last_error: delivery.last_error,
        }
    }
}

/// A message that is tried again.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WebhookWaiting"))]
pub(in crate::admin) struct WaitingView {
    /// The number of its event.
    sequence: u64,
    /// How often it was tried.
    tries: u32,
    next_try: String,
}

impl WaitingView {
    /// So many are shown.
    const MOST: usize = 10;

    fn all(pending: &[Pending]) -> Vec<Self> {
        let tried = pending.iter().filter(|one| one.tries > 0).take(Self::MOST);
        let view = |one: &Pending| Self {
            sequence: one.sequence,
            tries: one.tries,
            next_try: Timestamp::from_millis(one.at).to_string(),
        };
        tried.map(view).collect()
    }
}

impl<'a> WebhookView<'a> {
    pub(super) fn new(webhook: &'a Webhook, now: Timestamp) -> Self {
        let old = webhook.old_keys_until(now.as_millis());
        Self {
            webhook_id: webhook.id.to_string(),
            url: &webhook.url,
            tenant_id: webhook.tenant.map(|tenant| tenant.to_string()),
            types: &webhook.types,
            rate: webhook.rate,
            secret: None,
            public_key: webhook.keys.first().and_then(Keys::public_key),
            disabled: webhook.disabled,
            old_keys_until: old.map(|at| Timestamp::from_millis(at).to_string()),
            deliveries: Vec::new(),
        }
    }

    /// With its secret: when it is made, and when it has new keys.
    pub(super) fn with_secret(webhook: &'a Webhook, now: Timestamp) -> Self {
        let secret = webhook.keys.first().map(Keys::secret);
        Self { secret, ..Self::new(webhook, now) }
    }
}
