//! How long a server that stops still waits, and what is lost when that is over.
//!
//! What ends soon is waited for in any case. What may fail for as long as a disk is full has `drain_timeout`, all of it
//! together, and whoever stops the server a second time ends the wait.

use std::{future, pin::pin, time::Duration};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use crate::{http::Service, store::StoreError};

/// How long each thing has, however little time is left: a log that can be written is, even at a second signal.
const MOMENT: Duration = Duration::from_secs(1);
/// An instant that is far enough away.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a server that has stopped could not keep.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// So many records of the audit log.
    #[error(
        "{0} record(s) of the audit log are lost: the log could not be written while the server stopped. The events in the store have each change; make room for the log, or have somebody read it, before the next start"
    )]
    Lost(u64),
    /// What is only in memory could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is left of the time to stop.
pub(super) struct Patience {
    end: Instant,
    hurry: watch::Receiver<bool>,
}

impl Patience {
    /// From now on, so long at most; shorter once `hurry` is true.
    pub fn new(longest: Duration, hurry: watch::Receiver<bool>) -> Self {
        Self { end: Instant::now() + longest.min(DAY), hurry }
    }

    /// Waits for something. `None` if that has taken too long. When it takes long, the log says what is waited for.
    pub async fn wait<T>(&self, what: &str, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        if let Ok(done) = timeout(MOMENT, &mut work).await {
            return Some(done);
        }
        let seconds = self.end.saturating_duration_since(Instant::now()).as_secs();
        if seconds > 0 {
            tracing::warn!(seconds, "stopping: still waiting for {what}; a second signal ends that");
        }
        tokio::select! {
            biased;
            done = work => Some(done),
            () = sleep_until(self.end) => None,
            () = told(self.hurry.clone()) => None,
        }
    }

    /// Waits for tasks, each with what it does.
    pub async fn tasks(&self, tasks: impl Iterator<Item = (JoinHandle<()>, &'static str)>) {
        for (task, what) in tasks {
            match self.wait(what, task).await {
                Some(Ok(())) => {}
                Some(Err(failed)) => tracing::error!(%failed, "{what} failed"),
                None => tracing::warn!("{what} was cut off"),
            }
        }
    }
}

impl Service {
    /// Writes what is only in memory, as far as that can be done in time.
    pub(super) async fn finish(&self, patience: &Patience) -> Result<(), StopError> {
        let mut lost = 0;
        if let Some(audit) = &self.audit {
            patience.wait("the audit log to be written", audit.flush()).await;
            lost = audit.give_up();
        }
        if let Some(requests) = &self.requests {
            patience.wait("the log of requests to be written", requests.flush()).await;
        }
        let flushed = self.access.flush_last_used().await;
        if let Some(traces) = &self.traces {
            traces.stop().await;
        }
        flushed?;
        if lost == 0 { Ok(()) } else { Err(StopError::Lost(lost)) }
    }
}

/// Resolves when there is a hurry.
pub(super) async fn told(mut hurry: watch::Receiver<bool>) {
    if hurry.wait_for(|told| *told).await.is_err() {
        // Nobody is left who could say so.
        future::pending::<()>().await;
    }
}
