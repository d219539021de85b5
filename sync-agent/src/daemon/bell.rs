//! Follows the directory: a change arrives in seconds, and not with the next cycle.
//!
//! Where the directory can ring ([`Watch`]) the daemon listens between cycles. Whatever rang is then
//! read by an ordinary cycle, so a ring that is lost costs no more than the interval. Rings come in
//! bursts, so one is waited out before the cycle begins.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    config::{Config, SourceSettings},
    source::{Watermark, watch::Watch},
};

/// After a connection that failed the next is opened so much later.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Listens, once it can.
#[derive(Default)]
pub struct Bell {
    ears: Vec<Ear>,
    /// It rang, and nobody has answered yet.
    rang: bool,
}

/// Listens to one source.
#[derive(Default)]
struct Ear {
    watch: Option<Watch>,
}

impl Ear {
    /// Returns when this source has said that something changed; never where it cannot say so.
    async fn heard(&mut self, settings: &SourceSettings, since: &Watermark) {
        loop {
            let watch = match &mut self.watch {
                Some(watch) => watch,
                empty => match Watch::open(settings, since).await {
                    Ok(Some(watch)) => empty.insert(watch),
                    Ok(None) => return std::future::pending().await,
                    Err(error) => {
                        tracing::info!(%error, "the directory is not listened to for a moment");
                        tokio::time::sleep(AFTER_FAILURE).await;
                        continue;
                    }
                },
            };
            match watch.changed().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::info!(%error, "the directory is listened to again in a moment");
                    self.watch = None;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }
}

impl Bell {
    /// Returns when the directory has said that something changed, and the burst is over; never where
    /// it cannot say so. It may be dropped while it waits, and called again.
    pub async fn rung(&mut self, config: &Config, since: Option<&Watermark>) {
        let (Some(since), Some(follow)) = (since, config.schedule.follow) else { return std::future::pending().await };
        if !self.rang {
            self.ears.resize_with(config.sources().count(), Ear::default);
            let each = self.ears.iter_mut().zip(config.sources()).zip(since.each());
            let mut heard: FuturesUnordered<_> =
                each.map(|((ear, settings), since)| ear.heard(settings, since)).collect();
            if heard.next().await.is_none() {
                return std::future::pending().await;
            }
            self.rang = true;
        }
        tokio::time::sleep(follow).await;
        // The next one begins where the cycle has read to, and so says nothing twice.
        *self = Self::default();
    }
}
