//! Periodic work of a running server.

mod health;
mod lag;

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use uuid::Uuid;

pub use self::lag::measure;
use crate::{
    admin::{UPKEEP, indexing, provision},
    administrator::AdminTokens,
    clock::Clock,
    http::{
        Service,
        tls::{
            Tls,
            validity::{Reminder, Warning},
        },
    },
    silence,
    store::{StoreError, TenantId},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Between two looks at which tokens need a reminder and which events are old.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long the upkeep lease lasts unless it is renewed: when its holder dies, another process takes over.
const LEASE_MILLIS: i64 = 15 * 1000;
/// How often the holder renews the lease, and how often the others try to take it.
const RENEWAL: Duration = Duration::from_secs(5);
/// How often a process looks for changes of other processes. A revoked token is refused everywhere
/// within this time and that of two short reads.
const POLL: Duration = Duration::from_millis(500);
/// How many events are read at a time.
const EVENTS: usize = 1000;
/// How often the holder of the upkeep lease looks for tenants that fall silent.
const LISTEN: Duration = Duration::from_secs(5);
/// How often a server checks whether a minute of counted calls is over.
const SETTLE: Duration = Duration::from_secs(5);

/// Each minute: stores when tokens were last used, and forgets clients that are within the rate limits.
pub async fn each_minute(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut minutes = interval(MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stopped.changed() => return,
        }
        service.addresses.sweep();
        service.anonymous.sweep();
        service.tokens.sweep();
        tell("noting when tokens were used", service.access.flush_last_used().await);
    }
}

/// Stores soon that somebody calls for the first time in a while, and when the server starts what the log knows of calls
/// that a process before it had not stored.
pub async fn note_calls(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut is_caught_up = false;
    let mut seconds = interval(SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if !is_caught_up {
            let caught_up = service.access.catch_up().await;
            is_caught_up = caught_up.is_ok();
            tell("looking for calls that were not noted", caught_up);
        }
        // Many who begin to call are stored together.
        let due = async {
            seconds.tick().await;
            service.access.due().await;
        };
        tokio::select! {
            () = due => {}
            _ = stopped.changed() => return,
        }
        tell("noting who has called", service.access.flush_due().await);
    }
}

/// Writes down the calls without a valid token of each minute that is over, and at the end all of them.
pub async fn settle(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut ticks = interval(SETTLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let goes_on = tokio::select! {
            _ = ticks.tick() => true,
            _ = stopped.changed() => false,
        };
        for one in service.refusals.settle(goes_on.then(|| service.clock.now())) {
            one.tell();
            let line = one.line();
            if let Some(requests) = &service.requests {
                requests.lose(one.unseen());
                if let Some(call) = one.call() {
                    requests.note(&call, line.trim_ascii_end());
                }
            }
            if let Some(audit) = &service.audit {
                audit.take(&line).await;
            }
        }
        tell("noting why clients were refused", service.access.flush_traces().await);
        if !goes_on {
            return;
        }
    }
}

/// The work that one of several processes on a store does for all: the one that holds the upkeep lease.
///
/// The holder renews its lease also while it works. When it dies, another process takes over within [`LEASE_MILLIS`]
/// and [`RENEWAL`]. That process finishes what the first has started. It repeats nothing, because the store records
/// what is done.
pub async fn upkeep(service: Arc<Service>, event_retention: Option<Duration>, mut stopped: watch::Receiver<()>) {
    let process = Uuid::new_v4();
    let mut turns = interval(RENEWAL);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            _ = stopped.changed() => return,
        }
        if !holds_lease(&service, process, LEASE_MILLIS).await {
            continue;
        }
        if service.operations.store.is_shared() {
            tracing::info!(
                "this process holds the upkeep lease: it reminds of tokens, deletes old events and finishes removals"
            );
        }
        let held = async {
            turns.tick().await;
            while holds_lease(&service, process, LEASE_MILLIS).await {
                turns.tick().await;
            }
        };
        tokio::select! {
            () = held => tracing::info!("this process has lost the upkeep lease"),
            () = work(&service, event_retention) => {}
            () = listen(&service) => {}
            _ = stopped.changed() => {
                holds_lease(&service, process, 0).await;
                return;
            }
        }
    }
}

/// Finishes what an earlier process has started: the removal of tenants and the filling of indexes. Then, and each
/// hour, reminds of tokens that expire soon, deletes old events, and purges what was deleted long ago.
async fn work(service: &Service, event_retention: Option<Duration>) {
    finish(service).await;
    loop {
        let now = service.clock.now();
        tell("reminding of tokens that end", service.access.reminders(now).await.map(drop));
        tell("reminding of secrets that end", service.access.remind_of_secrets(now).await);
        let administrators = AdminTokens::new(Arc::clone(&service.operations.store), Arc::clone(&service.clock));
        tell("reminding of administrators' tokens that end", administrators.remind().await);
        tell("forgetting what has ended", service.access.forget_ended(now).await);
        tell("forgetting when tenants that are gone were served", service.access.forget_gone().await);
        if let Some(retention) = event_retention {
            let age = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
            let before = Timestamp::from_millis(now.as_millis().saturating_sub(age));
            tell("forgetting old events", service.operations.store.forget_events(before).await.map(drop));
        }
        purge(service).await;
        if let Err(error) = service.access.directory().forget_copies().await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "removing what moved tenants have left failed; trying again");
        }
        tokio::time::sleep(HOUR).await;
    }
}

/// Tells when tenants fall silent, and when calls return.
async fn listen(service: &Service) {
    let mut cycles = silence::Cycles::default();
    loop {
        tokio::time::sleep(LISTEN).await;
        let look = silence::look(&service.access, &*service.operations.store, &mut cycles, service.clock.now());
        tell("looking for silent tenants", look.await);
        if let Some(spread) = service.operations.store.spread() {
            tell("telling what is not told yet", spread.tell_left().await);
        }
        end_moves(service).await;
    }
}

/// Gives up moves of tenants whose processes have ended.
async fn end_moves(service: &Service) {
    for tenant in service.access.tenants().into_iter().filter(|tenant| tenant.moving) {
        let directory = service.access.directory();
        let ended = async { directory.finish_move(directory.find(&tenant.id.to_string()).await?).await };
        match ended.await {
            Ok(true) => tracing::warn!(tenant = tenant.name, "gave up a move of the tenant that was interrupted"),
            Ok(false) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, tenant = tenant.name, "ending an interrupted move failed; trying again");
            }
        }
    }
}

/// Removes for good what each tenant deleted before its `restore_window`.
async fn purge(service: &Service) {
    for tenant in service.access.tenants() {
        let name = tenant.name.clone();
        match provision::purge_old(&service.operations, tenant).await {
            Ok(0) => {}
            Ok(purged) => {
                tracing::info!(tenant = name, purged, "purged deleted resources whose restore_window is over");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, tenant = name, "purging deleted resources failed; trying again");
            }
        }
    }
}

/// Takes or renews the upkeep lease for that time. Whether this process holds it.
async fn holds_lease(service: &Service, process: Uuid, millis: i64) -> bool {
    let lease = service.operations.store.lease(UPKEEP, process, millis).await;
    lease.unwrap_or_else(|error| {
        tracing::debug!(error = &error as &dyn std::error::Error, "cannot take or renew the upkeep lease");
        false
    })
}

/// On a shared store, other processes also change tenants and tokens. Checks often whether they have, and then reads
/// them again. Their changes are events of the system's tenant.
pub async fn follow(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    if !service.operations.store.is_shared() {
        return;
    }
    let mut seen = 0;
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = glance(&service, &mut seen).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "cannot look for changes of tenants and tokens; trying again");
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
    if let Some(spread) = service.operations.store.spread() {
        spread.noticed();
    }
    Ok(())
}

/// Warns of a certificate that ends soon or has ended: each process of the one that it serves.
pub async fn watch(tls: Arc<Tls>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<()>) {
    let mut reminder = Reminder::default();
    let mut minutes = interval(MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stopped.changed() => return,
        }
        let Some(end) = tls.end() else { continue };
        let (certificate, expires) = (tls.certificate().display(), end);
        match reminder.due(end, clock.now()) {
            Some(Warning::Ends(days_left)) => {
                tracing::warn!(%certificate, %expires, days_left, "the certificate expires soon: renew it, then send SIGHUP");
            }
            Some(Warning::Ended) => {
                tracing::error!(%certificate, %expires, "the certificate has expired and clients refuse it: renew it, then send SIGHUP");
            }
            None => {}
        }
    }
}

async fn finish(service: &Service) {
    match service.access.directory().finish_removals().await {
        Ok(removed) => {
            for tenant in removed {
                tracing::info!(tenant, "finished the interrupted deletion of a tenant");
            }
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot finish the interrupted deletion of a tenant; the next start tries again");
        }
    }
    match indexing::finish_filling(&service.administration()).await {
        Ok(filled) => {
            for tenant in filled {
                tracing::info!(tenant, "filled indexes that were incomplete or had values in an older form");
            }
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                error,
                "an index is incomplete, or has values in an older form; the next start tries again"
            );
        }
    }
}

fn tell(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(error = &error as &dyn std::error::Error, "{what} failed; trying again");
    }
}
