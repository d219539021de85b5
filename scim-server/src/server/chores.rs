//! What is done now and then while a server runs.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use uuid::Uuid;

use crate::{
    http::Service,
    store::{StoreError, TenantId},
};

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes between two looks at which tokens need a reminder and which events are old.
const HOUR: u64 = 60;
/// How long the keeper stays it without saying so again: when it dies, another takes over.
const LEASE_MILLIS: i64 = 90 * 1000;
/// How often it is looked for changes of other processes. A revoked token is refused everywhere
/// within this time and that of two short reads.
const GLANCE: Duration = Duration::from_millis(500);
/// How many events are read at a time.
const EVENTS: usize = 1000;

/// Each minute: writes down when tokens were last used, and forgets who is within the rate limits.
///
/// Of several processes on one store, one at a time is its keeper. When it becomes so, it finishes
/// the removal of tenants that a process before it began; then, and each hour, it reminds of tokens
/// that end soon, and forgets old events.
pub async fn run(service: Arc<Service>, event_retention: Option<Duration>, mut stopped: watch::Receiver<()>) {
    let process = Uuid::new_v4();
    let mut keeper = None;
    let mut minutes = interval(MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for minute in 0_u64.. {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stopped.changed() => break,
        }
        service.addresses.sweep();
        service.anonymous.sweep();
        service.tokens.sweep();
        tell("noting when tokens were used", service.access.flush_last_used().await);
        if !keeps(&service, process, LEASE_MILLIS).await {
            keeper = None;
            continue;
        }
        if keeper.is_none() {
            tokio::select! {
                () = finish_removals(&service) => {}
                _ = stopped.changed() => break,
            }
        }
        let since = *keeper.get_or_insert(minute);
        if (minute - since) % HOUR == 0 {
            upkeep(&service, event_retention).await;
        }
    }
    if keeper.is_some() {
        keeps(&service, process, 0).await;
    }
}

async fn upkeep(service: &Service, event_retention: Option<Duration>) {
    let now = service.clock.now();
    tell("reminding of tokens that end", service.access.reminders(now).await.map(drop));
    if let Some(retention) = event_retention {
        let age = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(age));
        tell("forgetting old events", service.operations.store.forget_events(before).await.map(drop));
    }
}

/// Whether this process is the store's keeper, and stays so for that time.
async fn keeps(service: &Service, process: Uuid, millis: i64) -> bool {
    let lease = service.operations.store.lease("upkeep", process, millis).await;
    lease.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the keeper's lease failed; it is tried again");
        false
    })
}

/// Where other processes change tenants and tokens, too: looks often whether they have, and then
/// reads them again. Their changes are events of the system's tenant.
pub async fn follow(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    if !service.operations.store.is_shared() {
        return;
    }
    let mut seen = 0;
    let mut ticks = interval(GLANCE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = glance(&service, &mut seen).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "changes of tenants and tokens cannot be looked for; it is tried again");
        }
    }
}

async fn glance(service: &Service, seen: &mut u64) -> Result<(), StoreError> {
    let mut last = *seen;
    while let Some(event) = service.operations.store.events(TenantId::SYSTEM, last, EVENTS).await?.last() {
        last = event.sequence;
    }
    // A tenant opens at the end of its import without an event: its log is the one that was imported.
    if last > *seen || service.access.awaits_import() {
        service.access.reload().await?;
        *seen = last;
    }
    Ok(())
}

async fn finish_removals(service: &Service) {
    match service.access.directory().finish_removals().await {
        Ok(removed) => {
            for tenant in removed {
                tracing::info!(tenant, "removed a tenant whose deletion was cut off");
            }
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a tenant whose deletion was cut off is not removed; the next start tries again");
        }
    }
}

fn tell(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(error = &error as &dyn std::error::Error, "{what} failed; it is tried again");
    }
}
