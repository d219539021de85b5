//! Those to whom events go, and what waits: webhooks, streams, sinks, and accepted requests.

use std::sync::Arc;

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{Problem, State};
use crate::{
    admin::{AdminContext, UPKEEP},
    command_line::line,
    deferred::Deferrals,
    event::Event,
    sink,
    store::StoreError,
    stream::{self, Streams},
    tenant::Tenant,
    webhook::Webhook,
};

/// For how long something may wait until that is a problem, in milliseconds.
const LATE: i64 = 60_000;
/// For how long a receiver that polls may leave something, in milliseconds: some poll once a day.
const POLLED: i64 = 36 * 3_600_000;
/// The sinks, and what people call them.
const SINKS: [(&str, &str); 3] = [("file", "The event file"), ("nats", "NATS"), ("kafka", "Kafka")];

/// Whether a server runs on the store: this one, or another that shares it.
pub(super) async fn is_served(context: &AdminContext) -> Result<bool, StoreError> {
    Ok(context.sinks.is_some() || is_held(context, UPKEEP).await?)
}

/// Whether a process has the lease of a chore. Of a store that is not shared none is known.
async fn is_held(context: &AdminContext, chore: &str) -> Result<bool, StoreError> {
    Ok(!context.store.lease(chore, Uuid::new_v4(), 0).await?)
}

/// All of them.
pub(super) async fn problems(context: &AdminContext, tenant: &Tenant) -> Result<Vec<Problem>, StoreError> {
    let mut problems = of_webhooks(context, tenant).await?;
    problems.extend(of_streams(context, tenant).await?);
    problems.extend(of_sinks(context, tenant).await?);
    Ok(problems)
}

/// Webhooks that get nothing of the tenant's events any more, take none, or were given up on.
async fn of_webhooks(context: &AdminContext, tenant: &Tenant) -> Result<Vec<Problem>, StoreError> {
    let (shelf, mut problems) = (context.webhooks(), Vec::new());
    for webhook in shelf.list().await? {
        if webhook.tenant.is_some_and(|only| only != tenant.id) {
            continue;
        }
        let (url, id) = (&webhook.url, webhook.id);
        problems.extend(disabled(&webhook));
        let delivery = shelf.delivery(&webhook, tenant).await?;
        if let (Some(since), None) = (delivery.failing_since, webhook.disabled) {
            let (since, why) = (Timestamp::from_millis(since), delivery.last_error.unwrap_or_default());
            let detail = format!(
                "The webhook to {url} has taken nothing since {since} ({why}). It is tried again; `{}` says how much waits.",
                line(&["webhook", "show", &id.to_string()])
            );
            problems.push(Problem::new(State::Warning, "WebhookFailing", detail));
        }
        let dead = shelf.dead_letters(id).await?.iter().filter(|letter| letter.tenant == tenant.id).count();
        if dead > 0 {
            let detail = format!(
                "Messages to the webhook {url} were given up: {dead}. `{}` sends them again.",
                line(&["webhook", "dead-letters", &id.to_string(), "--send-again"])
            );
            problems.push(Problem::new(State::Warning, "WebhookDeadLetters", detail));
        }
    }
    Ok(problems)
}

fn disabled(webhook: &Webhook) -> Option<Problem> {
    let why = webhook.disabled?.because();
    let detail = format!(
        "The webhook to {} gets no events: {why}. `{}` sends them again.",
        webhook.url,
        line(&["webhook", "enable", &webhook.id.to_string()])
    );
    Some(Problem::new(State::Warning, "WebhookDisabled", detail))
}

/// Streams of security event tokens that are paused, or whose receiver takes or fetches nothing.
async fn of_streams(context: &AdminContext, tenant: &Tenant) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    for stream in Streams::new(Arc::clone(&context.store)).list(tenant.id).await? {
        let (id, name) = (stream.id, stream.description.as_deref().unwrap_or("security event tokens"));
        let enable = line(&["stream", "enable", "--tenant", &tenant.name, &id.to_string()]);
        let failing = stream.push.as_ref().and_then(|push| Some((push.failing_since?, push)));
        if stream.status == stream::Status::Paused {
            let why = stream.reason.unwrap_or_else(|| "its receiver has paused it".to_owned());
            let detail = format!("The stream {id} ({name}) gives nothing: {} `{enable}` goes on.", sentence(&why));
            problems.push(Problem::new(State::Warning, "StreamPaused", detail));
        } else if let Some((since, push)) = failing {
            let since = Timestamp::from_millis(since);
            let detail = format!(
                "The receiver of the stream {id} ({name}) at {} has taken nothing since {since} ({}). It is tried again; `{enable}` tries at once.",
                push.url,
                push.last_error.as_deref().unwrap_or_default()
            );
            problems.push(Problem::new(State::Warning, "StreamFailing", detail));
        } else if stream.status == stream::Status::Enabled
            && stream.push.is_none()
            && stream.log == tenant.home
            && let Some(next) = waits(context, tenant, stream.place, POLLED).await?
        {
            let detail = format!(
                "The receiver of the stream {id} ({name}) has not acknowledged the event {}, of {}, nor what follows. Look whether it still polls; nothing is lost within event_retention.",
                next.sequence,
                next.at()
            );
            problems.push(Problem::new(State::Warning, "StreamBehind", detail));
        }
    }
    Ok(problems)
}

/// With a full stop at its end, which texts of receivers may lack.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end().trim_end_matches('.'))
}

/// Sinks of this server, or of others on the store, that have not taken what is older than it should be.
async fn of_sinks(context: &AdminContext, tenant: &Tenant) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    for (sink, called) in SINKS {
        let is_ours = context.sinks.as_ref().is_some_and(|ours| ours.contains(&sink));
        if !is_ours && !is_held(context, &sink::chore(sink)).await? {
            continue;
        }
        let place = sink::position(&*context.store, sink, tenant).await?.unwrap_or_default();
        if let Some(next) = waits(context, tenant, place, LATE).await? {
            let detail = format!(
                "{called} has not taken the event {}, of {}, nor what follows. The server's log says why; nothing is lost within event_retention.",
                next.sequence,
                next.at()
            );
            problems.push(Problem::new(State::Warning, "SinkFailing", detail));
        }
    }
    Ok(problems)
}

/// The event behind a place in the log, if it may go out and is older than that many milliseconds.
async fn waits(context: &AdminContext, tenant: &Tenant, place: u64, age: i64) -> Result<Option<Event>, StoreError> {
    let Some(next) = context.store.events(tenant.home, place, 1).await?.into_iter().next() else { return Ok(None) };
    let out = context.operations.newest_out(tenant.home).await?.unwrap_or(u64::MAX);
    let is_late = context.clock.now().as_millis() - next.at().as_millis() > age;
    Ok(Some(next).filter(|next| next.sequence <= out && is_late))
}

/// How many accepted requests wait to be completed, and whether they do for too long.
pub(super) async fn waiting(context: &AdminContext, tenant: &Tenant) -> Result<(usize, Option<Problem>), StoreError> {
    let deferrals = Deferrals::new(Arc::clone(&context.store));
    let number = deferrals.number_waiting(tenant.id).await?;
    let Some(first) = deferrals.first_waiting(tenant.id).await? else { return Ok((number, None)) };
    let is_late = context.clock.now().as_millis() - first.at > LATE;
    let problem = is_late.then(|| {
        let at = Timestamp::from_millis(first.at);
        let detail = format!(
            "{number} accepted request(s) wait to be completed, the first since {at}. A server completes them; its log says what is in the way."
        );
        Problem::new(State::Warning, "RequestsWaiting", detail)
    });
    Ok((number, problem))
}
