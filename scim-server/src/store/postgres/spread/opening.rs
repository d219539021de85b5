//! How the databases of a store are opened. One that is away, other than the first, is opened when it is back; until then
//! its tenants get 503, and the others are served.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    super::{OpenError, Options, PostgresStore, connections::Connections},
    Opened, Spread,
    part::{self, Part, named},
};
use crate::{clock::Clock, metrics::StoreMetrics, store::StoreError};

/// How often it is looked whether a database is back.
const LOOK: Duration = Duration::from_millis(250);
/// How long it is left alone when it is back and cannot be used as it is.
const REST: Duration = Duration::from_secs(5);

/// What all databases of a store share.
#[derive(Clone)]
struct Common {
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
    changes: Arc<Notify>,
}

impl Common {
    async fn open(&self, connections: &Arc<Connections>) -> Result<PostgresStore, OpenError> {
        let Self { clock, metrics, changes } = self.clone();
        PostgresStore::open_on(Arc::clone(connections), clock, metrics, changes).await
    }
}

impl Spread {
    /// Opens databases whose schemas are there, in their order. A new one may be added behind the others. One that is a
    /// part of the store already may be away, unless it is the first.
    pub async fn open(options: &[Options], clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let common = Common { clock: Arc::clone(&clock), metrics: Arc::default(), changes: Arc::default() };
        let (mut pools, mut databases) = (Vec::new(), Vec::new());
        for (place, one) in options.iter().enumerate() {
            let fault = |said| named(place, OpenError::Options(said));
            let pool = Connections::new(one, Arc::clone(&common.metrics)).map_err(fault)?;
            databases.push(match common.open(&pool).await {
                Ok(store) => Some(store),
                Err(OpenError::Store(StoreError::Unavailable(_))) if place > 0 => None,
                Err(error) => return Err(named(place, error)),
            });
            pools.push(pool);
        }
        let first = part::join(&databases).await?;
        let mut opened: Vec<Opened> = Vec::new();
        for ((place, database), pool) in databases.into_iter().enumerate().zip(pools) {
            let one = Opened::default();
            match database {
                Some(database) => drop(one.set(database)),
                None => drop(tokio::spawn(follow(common.clone(), pool, first.at(place), place, Arc::downgrade(&one)))),
            }
            opened.push(one);
        }
        let Common { metrics, changes, .. } = common;
        Ok(Self::of_opened(opened, clock, metrics, changes))
    }
}

/// Waits until a database is back, and opens it if it is the part that it was.
async fn follow(
    common: Common,
    pool: Arc<Connections>,
    wanted: Part,
    place: usize,
    opened: Weak<OnceLock<PostgresStore>>,
) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(opened) = opened.upgrade() else { return };
        if pool.is_closed() {
            return;
        }
        if pool.is_away() {
            continue;
        }
        let back = match common.open(&pool).await {
            Ok(store) => wanted.require(&store).await.map(|()| store),
            Err(error) => Err(error),
        };
        match back {
            Ok(store) => {
                let _ = opened.set(store);
                common.changes.notify_waiters();
                return;
            }
            Err(OpenError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => {
                let error = named(place, error).to_string();
                if error != told {
                    tracing::error!(error, "a database is back and cannot be used; its tenants are not served");
                    told = error;
                }
                drop(opened);
                tokio::time::sleep(REST).await;
            }
        }
    }
}
