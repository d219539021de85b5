//! Receivers that are served side by side: each by a task of its own, so that none delays another, and by one process
//! at a time, which has the lease.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::timeout};
use uuid::Uuid;

use crate::{
    operation::Operations,
    store::{ResourceId, StoreError},
};

/// How often it is looked for new receivers, and for what other processes have written.
const LOOK: Duration = Duration::from_millis(500);
/// How long a lease lasts unless it is renewed, in milliseconds.
const LEASE: i64 = 30_000;
/// How long events are gathered for the next pass when there was one just now: each pass writes down what has come of it.
const GATHER: Duration = Duration::from_millis(10);

/// What a pass says of the next.
pub struct Pass {
    /// Whether there may be more to do.
    pub moved: bool,
    /// Whether there is: as much was read as is read at a time. Then nothing is waited for.
    pub is_full: bool,
    /// When the next message is due, in milliseconds since the epoch.
    pub due: Option<i64>,
    /// Whether nothing is to be sent before that, whatever happens meanwhile.
    pub rests: bool,
}

impl Pass {
    /// One that has done nothing: the next is when something happens, or when a message is due.
    pub fn idle(due: Option<i64>) -> Self {
        Self { moved: false, is_full: false, due, rests: false }
    }

    /// One behind which another is to follow at once.
    pub fn again() -> Self {
        Self { moved: true, is_full: true, due: None, rests: false }
    }
}

/// What brings events to receivers.
pub trait Leased: Send + Sync + 'static {
    /// Why a pass fails. It is tried again.
    type Error: std::error::Error + From<StoreError> + Send + Sync + 'static;
    /// What a receiver is called in the name of its lease, and in the log.
    const RECEIVER: &'static str;

    fn operations(&self) -> &Operations;
    /// Who takes the leases.
    fn process(&self) -> Uuid;
    /// Those that messages are sent to.
    fn receivers(&self) -> impl Future<Output = Result<Vec<ResourceId>, Self::Error>> + Send;
    /// Sends what is due to one. `None` when nothing is to be sent to it any more.
    fn pass(&self, id: ResourceId) -> impl Future<Output = Result<Option<Pass>, Self::Error>> + Send;
}

/// Serves all receivers until it is stopped.
pub async fn serve<L: Leased>(leased: Arc<L>, mut stopped: watch::Receiver<()>) {
    let mut tasks: HashMap<ResourceId, JoinHandle<()>> = HashMap::new();
    loop {
        tasks.retain(|_, task| !task.is_finished());
        match leased.receivers().await {
            Ok(ids) => {
                for id in ids {
                    let (leased, stopped) = (Arc::clone(&leased), stopped.clone());
                    tasks.entry(id).or_insert_with(|| tokio::spawn(serve_one(leased, id, stopped)));
                }
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot read each {}", L::RECEIVER);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.changed() => break,
        }
    }
    for task in tasks.into_values() {
        let _ = task.await;
    }
}

async fn serve_one<L: Leased>(leased: Arc<L>, id: ResourceId, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            goes_on = turn(&*leased, id) => if !goes_on { return },
            _ = stopped.changed() => {
                let _ = leased.operations().store.lease(&lease::<L>(id), leased.process(), 0).await;
                return;
            }
        }
    }
}

/// A pass, and the wait for the next. `false` when there is nothing more to do for the receiver.
async fn turn<L: Leased>(leased: &L, id: ResourceId) -> bool {
    let operations = leased.operations();
    let changes = operations.store.changes();
    let mut changed = pin!(changes.notified());
    changed.as_mut().enable();
    let pass = match operations.store.lease(&lease::<L>(id), leased.process(), LEASE).await {
        Ok(true) => leased.pass(id).await,
        Ok(false) => Ok(Some(Pass::idle(None))),
        Err(error) => Err(error.into()),
    };
    let (wait, rests) = match pass {
        Ok(None) => return false,
        Ok(Some(Pass { moved: true, is_full, .. })) => {
            if !is_full {
                tokio::time::sleep(GATHER).await;
            }
            return true;
        }
        Ok(Some(Pass { due, rests, .. })) => {
            let left = due.map(|due| due - operations.clock.now().as_millis());
            let wait =
                left.map_or(LOOK, |left| Duration::from_millis(u64::try_from(left).unwrap_or_default()).min(LOOK));
            (wait, rests)
        }
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, receiver = L::RECEIVER, %id, "a pass failed; trying again");
            tokio::time::sleep(LOOK).await;
            return true;
        }
    };
    if rests {
        tokio::time::sleep(wait).await;
    } else {
        let _ = timeout(wait, changed).await;
    }
    true
}

fn lease<L: Leased>(id: ResourceId) -> String {
    format!("{} {id}", L::RECEIVER)
}
