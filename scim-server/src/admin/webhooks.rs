//! The commands about webhooks.

mod view;

use std::sync::Arc;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::view::DeliveryView;
pub(super) use self::view::WebhookView;
use super::{AdminContext, AdminError, Output, lifetime};
use crate::{
    event::Deed,
    operation::feed::TypePattern,
    store::{ATTEMPTS, ResourceId, StoreError, TenantId},
    tenant::Tenant,
    webhook::{
        DeadLetter, MOST_KEYS, MOST_RATE, Message, NewWebhook, Outcome, Replay, USUAL_RATE, Webhook, Webhooks,
        send_once,
    },
};

impl AdminContext {
    /// The webhooks of the store.
    pub(super) fn webhooks(&self) -> Webhooks {
        Webhooks::new(Arc::clone(&self.store)).by(self.author())
    }

    /// The same, where what is done to one that gets the events of this tenant, or of all, is told in their logs.
    fn webhooks_telling(&self, tenant: Option<TenantId>, deed: Deed) -> Webhooks {
        let tenants = self.tenants_of(tenant);
        let author = tenants.iter().fold(self.author().telling(deed), |author, tenant| author.in_log(tenant.home));
        self.webhooks().by(author)
    }

    pub(super) async fn webhook(&self, id: &str) -> Result<Webhook, AdminError> {
        let unknown =
            || AdminError::Missing(format!("there is no webhook {id:?}; `webhook list` shows those that there are"));
        let id = ResourceId::parse(id).ok_or_else(unknown)?;
        self.webhooks().find(id).await?.ok_or_else(unknown)
    }

    /// The tenants whose events a webhook gets.
    fn tenants_of(&self, webhook: Option<TenantId>) -> Vec<Arc<Tenant>> {
        let mut tenants = self.access.tenants();
        tenants.retain(|tenant| webhook.is_none_or(|only| only == tenant.id));
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        tenants
    }
}

/// What is asked about webhooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WebhookRequest {
    /// Makes one.
    Create {
        /// Whose events it gets; those of all tenants when absent.
        tenant: Option<String>,
        /// Where messages are sent.
        url: String,
        /// The types of events that it wants; all when there are none.
        #[serde(default)]
        types: Vec<String>,
        /// How many messages a second it gets at most, from 1 to 100,000; 10,000 when absent.
        rate: Option<u32>,
    },
    /// Lists what was given up of its messages.
    DeadLetters {
        /// Its id.
        webhook: String,
        #[serde(default)]
        send_again: bool,
    },
    /// Removes one.
    Delete {
        /// Its id.
        webhook: String,
    },
    /// Lets one that was disabled have messages again.
    Enable {
        /// Its id.
        webhook: String,
    },
    List {
        /// Those that get this tenant's events.
        tenant: Option<String>,
    },
    /// Has messages sent again.
    Replay {
        /// The webhook's id.
        webhook: String,
        /// Of whose log.
        tenant: String,
        /// The first number.
        from: u64,
        /// The last number; the newest when absent.
        to: Option<u64>,
    },
    /// Gives one new keys.
    Rotate {
        /// Its id.
        webhook: String,
        /// For how long the old ones sign too.
        #[serde(default = "lifetime::day")]
        overlap_seconds: u64,
    },
    Show {
        /// Its id.
        webhook: String,
    },
    /// Sends a message that says nothing.
    Test { webhook: String },
    /// Changes what is set for one.
    Update {
        /// Its id.
        webhook: String,
        /// How many messages a second it gets at most, from 1 to 100,000.
        rate: u32,
    },
}

impl WebhookRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "webhook-create",
            Self::DeadLetters { .. } => "webhook-dead-letters",
            Self::Delete { .. } => "webhook-delete",
            Self::Enable { .. } => "webhook-enable",
            Self::List { .. } => "webhook-list",
            Self::Replay { .. } => "webhook-replay",
            Self::Rotate { .. } => "webhook-rotate",
            Self::Show { .. } => "webhook-show",
            Self::Test { .. } => "webhook-test",
            Self::Update { .. } => "webhook-update",
        }
    }
}

/// Does what is asked.
pub(super) async fn execute(
    context: &AdminContext,
    request: WebhookRequest,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        WebhookRequest::Create { tenant, url, types, rate } => {
            let rate = checked(rate.unwrap_or(USUAL_RATE))?;
            create(context, tenant.as_deref(), NewWebhook { tenant: None, url, types, rate }, output).await
        }
        WebhookRequest::DeadLetters { webhook, send_again } => {
            dead_letters(context, &webhook, send_again, output).await
        }
        WebhookRequest::Delete { webhook } => delete(context, &webhook, output).await,
        WebhookRequest::Enable { webhook } => enable(context, &webhook, output).await,
        WebhookRequest::List { tenant } => list(context, tenant.as_deref(), output).await,
        WebhookRequest::Replay { webhook, tenant, from, to } => {
            replay(context, &webhook, &tenant, from, to, output).await
        }
        WebhookRequest::Rotate { webhook, overlap_seconds } => rotate(context, &webhook, overlap_seconds, output).await,
        WebhookRequest::Show { webhook } => show(context, &webhook, output).await,
        WebhookRequest::Test { webhook } => test(context, &webhook, output).await,
        WebhookRequest::Update { webhook, rate } => update(context, &webhook, checked(rate)?, output).await,
    }
}

/// A rate that an endpoint can have.
fn checked(rate: u32) -> Result<u32, AdminError> {
    if (1..=MOST_RATE).contains(&rate) {
        return Ok(rate);
    }
    let end = if rate == 0 { "; `webhook delete WEBHOOK` ends all messages" } else { "" };
    Err(AdminError::Invalid(format!(
        "the rate of a webhook is from 1 to {MOST_RATE} messages a second, not {rate}{end}"
    )))
}

/// Makes a webhook of one tenant, or of all.
async fn create(
    context: &AdminContext,
    tenant: Option<&str>,
    new: NewWebhook,
    output: &Output,
) -> Result<(), AdminError> {
    let only = match tenant {
        Some(name) => Some(context.built(name).await?),
        None => None,
    };
    TypePattern::check(&new.types, only.as_deref().map(|tenant| &tenant.registry))?;
    context.sender.check(&new.url).map_err(AdminError::Invalid)?;
    let tenant = only.map(|tenant| tenant.id);
    let new = NewWebhook { tenant, ..new };
    let tenants = context.tenants_of(tenant);
    let webhooks = context.webhooks_telling(tenant, Deed::WebhookCreated);
    let webhook = webhooks.create(context.operations.fresh_id(), new, &tenants).await?;
    output.row(&WebhookView::with_secret(&webhook, context.clock.now())).await
}

/// Lists the webhooks of a tenant and those of all tenants; all webhooks without a tenant.
async fn list(context: &AdminContext, tenant: Option<&str>, output: &Output) -> Result<(), AdminError> {
    let only = match tenant {
        Some(name) => Some(context.built(name).await?.id),
        None => None,
    };
    for webhook in context.webhooks().list().await? {
        // Where the events of all tenants go is not told to whoever administrates one of them.
        let is_shared = webhook.tenant.is_none() && context.by.tenant.is_none();
        if only.is_none() || is_shared || webhook.tenant == only {
            output.row(&WebhookView::new(&webhook, context.clock.now())).await?;
        }
    }
    Ok(())
}

/// Shows a webhook, and how far it is with each tenant.
async fn show(context: &AdminContext, id: &str, output: &Output) -> Result<(), AdminError> {
    let webhook = context.webhook(id).await?;
    let dead = context.webhooks().dead_letters(webhook.id).await?;
    let mut view = WebhookView::new(&webhook, context.clock.now());
    for tenant in context.tenants_of(webhook.tenant) {
        let delivery = context.webhooks().delivery(&webhook, &tenant).await?;
        let newest = context.store.log(tenant.home).await?.newest;
        let is_of = |letter: &&DeadLetter| letter.tenant == tenant.id;
        let dead_letters = dead.iter().filter(is_of).count();
        view.deliveries.push(DeliveryView::new(&tenant, delivery, newest, dead_letters));
    }
    output.row(&view).await
}

/// Removes a webhook.
async fn delete(context: &AdminContext, id: &str, output: &Output) -> Result<(), AdminError> {
    let webhook = context.webhook(id).await?;
    context.webhooks_telling(webhook.tenant, Deed::WebhookDeleted).delete(&webhook).await?;
    output.row(&json!({"webhook_id": webhook.id.to_string(), "url": webhook.url, "deleted": true})).await
}

/// Lets a webhook that was disabled have messages again. They go on where they ended. What is sent meanwhile, or fails,
/// changes the same records: then it is done again on what they say now.
async fn enable(context: &AdminContext, id: &str, output: &Output) -> Result<(), AdminError> {
    let mut conflict = None;
    for _ in 0..ATTEMPTS {
        match try_enable(context, id).await {
            Err(AdminError::Store(error @ (StoreError::Conflict(_) | StoreError::Missing(_)))) => {
                conflict = Some(error);
            }
            done => {
                let webhook = done?;
                return output.row(&WebhookView::new(&webhook, context.clock.now())).await;
            }
        }
    }
    conflict.map_or(Ok(()), |error| Err(error.into()))
}

async fn try_enable(context: &AdminContext, id: &str) -> Result<Webhook, AdminError> {
    let webhook = Webhook { disabled: None, ..context.webhook(id).await? };
    for tenant in context.tenants_of(webhook.tenant) {
        let mut delivery = context.webhooks().delivery(&webhook, &tenant).await?;
        delivery.failing_since = None;
        for pending in &mut delivery.pending {
            pending.at = 0;
        }
        context.webhooks().advance(&delivery, &[], &[]).await?;
    }
    let deed = Deed::WebhookEnabled;
    context.webhooks_telling(webhook.tenant, deed).keep(&webhook, deed.name()).await?;
    Ok(webhook)
}

/// Gives a webhook new keys. The ones before sign too, for so long.
async fn rotate(context: &AdminContext, id: &str, overlap_seconds: u64, output: &Output) -> Result<(), AdminError> {
    let now = context.clock.now().as_millis();
    let millis = i64::try_from(overlap_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    let rotate = |webhook: &mut Webhook| {
        if webhook.rotate(now, now.saturating_add(millis)) {
            return Ok(());
        }
        let until = webhook.keys.iter().filter_map(|keys| keys.ends).min().unwrap_or(now);
        Err(AdminError::Refused(format!(
            "{MOST_KEYS} keys of the webhook sign at the same time, which is the most; the first of them ends at {}",
            Timestamp::from_millis(until)
        )))
    };
    let webhook = edit(context, id, Deed::WebhookRotated, rotate).await?;
    output.row(&WebhookView::with_secret(&webhook, context.clock.now())).await
}

/// Changes how many messages a second a webhook gets at most.
async fn update(context: &AdminContext, id: &str, rate: u32, output: &Output) -> Result<(), AdminError> {
    let set = |webhook: &mut Webhook| {
        webhook.rate = rate;
        Ok(())
    };
    let webhook = edit(context, id, Deed::WebhookChanged, set).await?;
    output.row(&WebhookView::new(&webhook, context.clock.now())).await
}

/// Sends a message that says nothing, once.
async fn test(context: &AdminContext, id: &str, output: &Output) -> Result<(), AdminError> {
    let webhook = context.webhook(id).await?;
    let message = Message::test(&webhook.id.to_string(), rand::random(), context.clock.now());
    let id = message.id.clone();
    match send_once(&context.sender, &webhook, &*context.clock, message).await {
        Outcome::Taken => output.row(&json!({"webhook_id": webhook.id.to_string(), "id": id, "taken": true})).await,
        Outcome::Gone => Err(refused("the status 410, which means that it wants no messages")),
        Outcome::Failed(why, _) => Err(refused(&why)),
    }
}

fn refused(why: &str) -> AdminError {
    AdminError::Refused(format!("the endpoint has not taken the message: {why}"))
}

/// Has messages of a tenant sent again, from one number to another.
async fn replay(
    context: &AdminContext,
    id: &str,
    tenant: &str,
    from: u64,
    to: Option<u64>,
    output: &Output,
) -> Result<(), AdminError> {
    let webhook = context.webhook(id).await?;
    let tenant = context.built(tenant).await?;
    if webhook.tenant.is_some_and(|owner| owner != tenant.id) {
        return Err(AdminError::Refused(format!(
            "the webhook {id} does not get the events of tenant {:?}; `webhook list` shows whose it gets",
            tenant.name
        )));
    }
    let log = context.store.log(tenant.home).await?;
    // What the brake holds goes out to nobody.
    let newest = context.operations.newest_out(tenant.home).await?.map_or(log.newest, |held| held.min(log.newest));
    let to = to.unwrap_or(newest).min(newest);
    if from < log.oldest || from > to {
        return Err(AdminError::Invalid(format!(
            "numbers from {} to {} can be sent again, not from {from} to {to}",
            log.oldest, newest
        )));
    }
    again(context, &webhook, &tenant, from - 1, to, &[]).await?;
    let row = json!({"webhook_id": webhook.id.to_string(), "tenant": tenant.name, "from": from, "to": to});
    output.row(&row).await
}

/// Lists what was given up; sends it again if that is wanted.
async fn dead_letters(context: &AdminContext, id: &str, send_again: bool, output: &Output) -> Result<(), AdminError> {
    let webhook = context.webhook(id).await?;
    let letters = context.webhooks().dead_letters(webhook.id).await?;
    if letters.is_empty() {
        return output.row(&json!({"note": "no message of this webhook was given up"})).await;
    }
    for letter in letters {
        let tenant = context.access.tenant_of(letter.tenant);
        let mut sent_again = false;
        if let (true, Some(tenant)) = (send_again, tenant.as_ref().filter(|tenant| tenant.home == letter.log)) {
            again(context, &webhook, tenant, letter.sequence - 1, letter.sequence, std::slice::from_ref(&letter))
                .await?;
            sent_again = true;
        }
        let row = json!({
            "tenant": tenant.as_ref().map(|tenant| tenant.name.as_str()),
            "sequence": letter.sequence,
            "tries": letter.tries,
            "error": letter.error,
            "time": Timestamp::from_millis(letter.at).to_string(),
            "sent_again": sent_again,
        });
        output.row(&row).await?;
    }
    Ok(())
}

async fn again(
    context: &AdminContext,
    webhook: &Webhook,
    tenant: &Tenant,
    after: u64,
    to: u64,
    instead_of: &[DeadLetter],
) -> Result<(), AdminError> {
    let id = context.operations.fresh_id();
    let replay = Replay { id, webhook: webhook.id, tenant: tenant.id, log: tenant.home, after, to };
    Ok(context.webhooks_telling(Some(tenant.id), Deed::WebhookReplayed).replay(&replay, instead_of).await?)
}

/// Changes a webhook as an administrator says. The server disables one that fails for too long: what is changed in that
/// moment is changed as it is then.
async fn edit(
    context: &AdminContext,
    id: &str,
    deed: Deed,
    change: impl Fn(&mut Webhook) -> Result<(), AdminError>,
) -> Result<Webhook, AdminError> {
    for _ in 0..ATTEMPTS {
        let mut webhook = context.webhook(id).await?;
        change(&mut webhook)?;
        match context.webhooks_telling(webhook.tenant, deed).keep(&webhook, deed.name()).await {
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
            done => return Ok(done.map(|()| webhook)?),
        }
    }
    Err(AdminError::Refused(
        "the webhook was changed again and again meanwhile; look at `webhook show WEBHOOK` and try again".to_owned(),
    ))
}

#[cfg(test)]
mod tests;
