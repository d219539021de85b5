//! What is done now and then while a server runs.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{http::Service, store::StoreError};

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes between two looks at which tokens need a reminder and which events are old.
const HOUR: u64 = 60;

/// At once: finishes the removal of tenants that a process before this one began.
///
/// Each minute: writes down when tokens were last used, and forgets who is within the rate limits.
/// Each hour, and at once: reminds of tokens that end soon, and forgets old events.
pub async fn run(service: Arc<Service>, event_retention: Option<Duration>, mut stopped: watch::Receiver<()>) {
    tokio::select! {
        () = finish_removals(&service) => {}
        _ = stopped.changed() => return,
    }
    let mut minutes = interval(MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for minute in 0_u64.. {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stopped.changed() => return,
        }
        service.addresses.sweep();
        service.anonymous.sweep();
        service.tokens.sweep();
        tell("noting when tokens were used", service.access.flush_last_used().await);
        if minute % HOUR == 0 {
            let now = service.clock.now();
            tell("reminding of tokens that end", service.access.reminders(now).await.map(drop));
            if let Some(retention) = event_retention {
                let age = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
                let before = Timestamp::from_millis(now.as_millis().saturating_sub(age));
                tell("forgetting old events", service.operations.store.forget_events(before).await.map(drop));
            }
        }
    }
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
