//! What is measured now and then: how far those who read the events are behind, and how tenants stand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{health, tell};
use crate::{
    http::Service,
    metrics::Lags,
    sink,
    store::StoreError,
    stream::{Status, Streams},
    tenant::{Tenant, judged::is_of_a_run},
    webhook::Webhooks,
};

/// How often the metrics are told.
const MEASURE: Duration = Duration::from_secs(10);

/// Now and then: tells the metrics how far consumers, webhooks, streams and the sinks of this process are behind, and how
/// each tenant stands.
pub async fn measure(service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut ticks = interval(MEASURE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        tell("measuring how far readers of events are behind", lags(&service).await);
        tell("measuring how tenants stand", health::show(&service).await);
    }
}

/// Readers of one kind, and how many events each has not had.
#[derive(Default)]
struct Behind(BTreeMap<Vec<(&'static str, String)>, u64>);

impl Behind {
    fn note(&mut self, tenant: &Tenant, kind: &'static str, name: String, events: u64) {
        self.0.insert(vec![("tenant", tenant.name.clone()), (kind, name)], events);
    }

    /// Shows these, and no more those that are gone.
    fn show(self, family: &Lags) {
        family.clear();
        for (labels, lag) in self.0 {
            family.get_or_create(&labels).set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
    }
}

async fn lags(service: &Service) -> Result<(), StoreError> {
    let (store, metrics) = (&service.operations.store, &service.metrics.events);
    let shelf = Webhooks::new(Arc::clone(store));
    let (all, streams) = (shelf.list().await?, Streams::new(Arc::clone(store)));
    let [mut consumers, mut webhooks, mut receivers, mut taken] = <[Behind; 4]>::default();
    let mut tenants = service.access.tenants();
    tenants.retain(|tenant| !store.is_away(tenant.home) && !is_of_a_run(&tenant.name));
    for tenant in tenants {
        let newest = store.log(tenant.home).await?.newest;
        for consumer in service.operations.consumers().list(tenant.id).await? {
            // After an import has replaced the tenant it reads no more.
            if consumer.log == tenant.home {
                consumers.note(&tenant, "consumer", consumer.name, newest.saturating_sub(consumer.place.sequence));
            }
        }
        for webhook in all.iter().filter(|webhook| webhook.tenant.is_none_or(|only| only == tenant.id)) {
            let delivery = shelf.delivery(webhook, &tenant).await?;
            let lag = newest.saturating_sub(delivery.position) + delivery.pending.len() as u64;
            webhooks.note(&tenant, "webhook", webhook.id.to_string(), lag);
        }
        for stream in streams.list(tenant.id).await? {
            if stream.log == tenant.home && stream.status != Status::Disabled {
                receivers.note(&tenant, "stream", stream.id.to_string(), newest.saturating_sub(stream.place));
            }
        }
        for name in &*service.sinks {
            let place = sink::position(&**store, name, &tenant).await?.unwrap_or_default();
            taken.note(&tenant, "sink", (*name).to_owned(), newest.saturating_sub(place));
        }
    }
    consumers.show(&metrics.consumers);
    webhooks.show(&metrics.webhooks);
    receivers.show(&metrics.streams);
    taken.show(&metrics.sinks);
    Ok(())
}
