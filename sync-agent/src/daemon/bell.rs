//! Follows the directory: a change arrives in seconds, and not with the next cycle.
//!
//! Where the directory can ring ([`Watch`]) the daemon listens between cycles. Whatever rang is then
//! read by an ordinary cycle, so a ring that is lost costs no more than the interval. Rings come in
//! bursts, so one is waited out before the cycle begins.

use std::time::Duration;

use crate::{
    config::Config,
    source::{Watermark, watch::Watch},
};

/// After a connection that failed the next is opened so much later.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Listens, once it can.
#[derive(Default)]
pub struct Bell {
    watch: Option<Watch>,
    /// It rang, and nobody has answered yet.
    rang: bool,
}

impl Bell {
    /// Returns when the directory has said that something changed, and the burst is over; never where
    /// it cannot say so. It may be dropped while it waits, and called again.
    pub async fn rung(&mut self, config: &Config, since: Option<&Watermark>) {
        let (Some(since), Some(follow)) = (since, config.schedule.follow) else { return std::future::pending().await };
        while !self.rang {
            let watch = match &mut self.watch {
                Some(watch) => watch,
                empty => match Watch::open(&config.source, since).await {
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
                Ok(()) => self.rang = true,
                Err(error) => {
                    tracing::info!(%error, "the directory is listened to again in a moment");
                    self.watch = None;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        tokio::time::sleep(follow).await;
        // The next one begins where the cycle has read to, and so says nothing twice.
        *self = Self::default();
    }
}
