//! Waits until a directory says that something changed: a change then arrives in seconds, and not with the next
//! cycle.
//!
//! Where a directory can notify ([`Watch`]), the daemon listens between cycles. An ordinary cycle then reads what
//! changed, so a notification that is lost costs no more than the interval. Notifications come in bursts, so a
//! burst is over before the cycle begins.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    config::Config,
    source::{Watermark, settings::SourceSettings, watch::Watch},
};

/// After a connection that failed the next is opened so much later.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Listens to every source.
#[derive(Default)]
pub struct Notifier {
    sources: Vec<SourceNotifier>,
    /// A source has notified, and the burst may not be over.
    notified: bool,
}

/// Listens to one source.
#[derive(Default)]
struct SourceNotifier {
    watch: Option<Watch>,
}

impl SourceNotifier {
    /// Returns when this source has said that something changed; never where it cannot say so.
    async fn changed(&mut self, settings: &SourceSettings, since: &Watermark) {
        loop {
            let watch = match &mut self.watch {
                Some(watch) => watch,
                empty => match Watch::open(settings, since).await {
                    Ok(Some(watch)) => empty.insert(watch),
                    Ok(None) => return std::future::pending().await,
                    Err(error) => {
                        tracing::info!(%error, "the directory cannot notify; it is asked again in a minute");
                        tokio::time::sleep(AFTER_FAILURE).await;
                        continue;
                    }
                },
            };
            match watch.changed().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::info!(%error, "the notification of changes ended; it is opened again in a minute");
                    self.watch = None;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }
}

impl Notifier {
    /// Returns when a source has said that something changed and the burst is over; never where no source can say
    /// so. It may be dropped while it waits, and called again.
    pub async fn changed(&mut self, config: &Config, since: Option<&Watermark>) {
        let (Some(since), Some(follow)) = (since, config.schedule.follow) else { return std::future::pending().await };
        if !self.notified {
            self.sources.resize_with(config.sources().count(), SourceNotifier::default);
            let each = self.sources.iter_mut().zip(config.sources()).zip(since.each());
            let mut changed: FuturesUnordered<_> =
                each.map(|((source, settings), since)| source.changed(settings, since)).collect();
            if changed.next().await.is_none() {
                return std::future::pending().await;
            }
            self.notified = true;
        }
        tokio::time::sleep(follow).await;
        // The next watch begins where the cycle has read to, and so says nothing twice.
        *self = Self::default();
    }
}
