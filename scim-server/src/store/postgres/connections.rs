//! Connections to the database: its address, TLS, and what happens while it cannot be reached.
//!
//! The pool is bounded and shares its connections: the reads of one tenant use a part of them at a time, and a part
//! is reserved for writes. If no connection can be made, the database counts as down: callers are refused at once,
//! instead of waiting in a queue that only grows, while one task checks whether the database is back.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use prometheus_client::metrics::gauge::Gauge;
use rustls::{ClientConfig, crypto::ring};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_postgres::{
    Config, NoTls,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{connect_error::refused, error::unavailable};
use crate::{
    metrics::StoreMetrics,
    roots,
    store::{StoreError, TenantId},
    turns::Turns,
};

/// A connection that returns to the pool when it is dropped, and releases its turn.
pub(super) struct Connection {
    object: Object,
    _turn: [Option<OwnedSemaphorePermit>; 2],
}

impl Connection {
    /// Closes it, because its state is not known.
    pub fn discard(self) {
        drop(Object::take(self.object));
    }
}

impl Deref for Connection {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

/// The purpose of a connection, which decides what it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// One statement for a tenant. It waits for others of the tenant, and for those that read.
    Read(TenantId),
    /// A scan of everything. It waits for other scans, as long as that takes.
    Scan,
    /// A transaction that writes. It waits for no turn: a part of the pool is never given to others.
    Write,
}

/// How many connections are given out for what, of a pool of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    all: usize,
    /// For reads, among them scans; the rest is left to writes.
    reads: usize,
    reads_of_a_tenant: usize,
    scans: usize,
}

impl Parts {
    /// At least two. Of two none is left to writes: they wait for reads, which are short. So an export or a
    /// check stops no reads.
    fn of(all: usize) -> Self {
        let all = all.max(2);
        let reads = (all - (all / 4).max(1)).max(2);
        let reads_of_a_tenant = (reads - reads / 4).min(reads - 1);
        Self { all, reads, reads_of_a_tenant, scans: (all / 4).max(1) }
    }
}

/// How long connecting may take, and how long a caller waits for its turn and then for the pool.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried whether the database is back.
const PROBE: Duration = Duration::from_millis(200);
/// How long a transaction may be idle: its locks block all others.
const IDLE: Duration = Duration::from_secs(10);
/// How statements are planned: once for each session, without the values. With them the planner takes some milliseconds
/// each time, because it thinks that a range of an index whose ends it does not know has many rows. For so many rows
/// it would start processes, and compile, where each statement finds a few by its index (the tests of `plans` hold it).
const PLANS: &str = "-c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0 -c jit=off";

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user@host:port/database?sslmode=…`: what libpq calls a connection URI.
    pub url: String,
    /// The password, when it is not in the URL.
    pub password: Option<String>,
    /// Certificates (PEM) that the database's is checked against; those of the system without it.
    pub ca: Option<PathBuf>,
    /// How many connections there are at most; at least two.
    pub connections: usize,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// Which one it is of several, from 1, for messages.
    pub number: Option<usize>,
}

impl Options {
    /// The database at that URL, everything else at its default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            ca: None,
            connections: 16,
            statement_timeout: Duration::from_secs(30),
            number: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The pool.
pub(super) struct Connections {
    pool: Pool,
    reads: Arc<Semaphore>,
    reads_of_tenants: Turns,
    scans: Arc<Semaphore>,
    /// How many wait for a turn.
    waiting: Arc<()>,
    away: AtomicBool,
    /// What messages call the database.
    called: String,
    metrics: Arc<StoreMetrics>,
    /// What the metrics were told of this pool; others may count into the same.
    told: [AtomicI64; 2],
}

impl Connections {
    /// Nothing is connected yet. The error says what is wrong with the options.
    pub fn new(options: &Options, metrics: Arc<StoreMetrics>) -> Result<Arc<Self>, String> {
        let config = config(options)?;
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Disable {
            Manager::from_config(config, NoTls, manager)
        } else {
            Manager::from_config(config, MakeRustlsConnect::new(tls(options)?), manager)
        };
        let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
        let parts = Parts::of(options.connections);
        let pool = Pool::builder(manager)
            .max_size(parts.all)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            pool,
            reads: Arc::new(Semaphore::new(parts.reads)),
            reads_of_tenants: Turns::of_each(parts.reads_of_a_tenant),
            scans: Arc::new(Semaphore::new(parts.scans)),
            waiting: Arc::new(()),
            away: AtomicBool::new(false),
            called: options.number.map_or_else(|| "the database".to_owned(), |number| format!("database {number}")),
            metrics,
            told: Default::default(),
        }))
    }

    /// A connection, when it is the caller's turn. `Unavailable` at once while the database is down, or if the turn
    /// does not come in time.
    pub async fn get(self: &Arc<Self>, turn: Turn) -> Result<Connection, StoreError> {
        let in_reach = || {
            if self.is_away() { Err(self.out_of_reach()) } else { Ok(()) }
        };
        in_reach()?;
        let waiting = Arc::clone(&self.waiting);
        let turn = self.turn(turn).await?;
        in_reach()?;
        let got = self.pool.get().await;
        drop(waiting);
        let status = self.pool.status();
        show(&self.metrics.connections, &self.told[0], status.size);
        // Each reference but the pool's own is a caller that waits for a turn or for the pool.
        let waiting = Arc::strong_count(&self.waiting) - 1;
        show(&self.metrics.waiting, &self.told[1], waiting);
        got.map(|object| Connection { object, _turn: turn }).map_err(|error| {
            use deadpool_postgres::{PoolError, TimeoutType};
            match error {
                PoolError::Closed => unavailable("the store is closed"),
                PoolError::Timeout(TimeoutType::Wait) => in_use(),
                error => {
                    self.lose();
                    match error {
                        PoolError::Backend(error) => refused(error),
                        error => unavailable(error.to_string()),
                    }
                }
            }
        })
    }

    /// Waits for the turn. Each semaphore is first come, first served; a tenant stands in the line of all with
    /// no more than may read for it at a time, so that others are never far behind.
    async fn turn(&self, turn: Turn) -> Result<[Option<OwnedSemaphorePermit>; 2], StoreError> {
        let reads = || Arc::clone(&self.reads).acquire_owned();
        let (first, within) = match turn {
            Turn::Write => return Ok([None, None]),
            Turn::Scan => (Arc::clone(&self.scans), Duration::MAX),
            Turn::Read(tenant) => (self.reads_of_tenants.of(tenant), PATIENCE),
        };
        let both = async { Ok::<_, AcquireError>([Some(first.acquire_owned().await?), Some(reads().await?)]) };
        match timeout(within, both).await {
            Ok(turn) => turn.map_err(|_| unavailable("the store is closed")),
            Err(_) => Err(in_use()),
        }
    }

    /// Whether the database could be reached when it was last tried.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// The error of everything that needs it while it is away.
    pub fn out_of_reach(&self) -> StoreError {
        unavailable(format!("{} cannot be reached", self.called))
    }

    /// Whether [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// No new connections; those in use end with their work.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Refuses all callers until a connection succeeds.
    fn lose(self: &Arc<Self>) {
        if self.away.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::error!("{} cannot be reached; requests are refused until it is back", self.called);
        let connections = Arc::downgrade(self);
        tokio::spawn(probe(connections));
    }
}

/// Shows in a gauge, which several pools share, what one of them has now.
fn show(gauge: &Gauge<i64, AtomicI64>, told: &AtomicI64, now: usize) {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    gauge.inc_by(now - told.swap(now, Ordering::Relaxed));
}

fn in_use() -> StoreError {
    unavailable("all connections to the database are in use")
}

async fn probe(connections: Weak<Connections>) {
    loop {
        tokio::time::sleep(PROBE).await;
        let Some(connections) = connections.upgrade() else { return };
        match connections.pool.get().await {
            Ok(_) => {
                connections.away.store(false, Ordering::Relaxed);
                tracing::info!("{} is back", connections.called);
                return;
            }
            Err(deadpool_postgres::PoolError::Closed) => return,
            Err(_) => {}
        }
    }
}

/// What the URL says, with what we ask for besides.
fn config(options: &Options) -> Result<Config, String> {
    // We always check certificates when there is TLS; libpq has names for doing so.
    let url = ["verify-full", "verify-ca"]
        .iter()
        .fold(options.url.clone(), |url, mode| url.replace(&format!("sslmode={mode}"), "sslmode=require"));
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        format!("the URL of the store is not one of a PostgreSQL database: {error}; write postgres://user@host:5432/database")
    })?;
    if let Some(password) = &options.password {
        config.password(password);
    }
    let remote = |host: &Host| match host {
        Host::Tcp(name) => !matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => false,
    };
    if config.get_ssl_mode() == SslMode::Prefer {
        // An attacker on the network could switch TLS off, so it is either required or not used.
        let mode = if config.get_hosts().iter().any(remote) { SslMode::Require } else { SslMode::Disable };
        config.ssl_mode(mode);
    }
    let ours = format!(
        "-c statement_timeout={} -c idle_in_transaction_session_timeout={}",
        options.statement_timeout.as_millis(),
        IDLE.as_millis()
    );
    let theirs = config.get_options().unwrap_or_default().to_owned();
    config.options(format!("{PLANS} {theirs} {ours}"));
    config.application_name("scim-server").connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(15));
    config.tcp_user_timeout(Duration::from_secs(15));
    Ok(config)
}

fn tls(options: &Options) -> Result<ClientConfig, String> {
    let roots = roots::load(options.ca.as_deref()).map_err(|error| error.to_string())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::{super::database::shared, *};

    fn tenant(number: u128) -> TenantId {
        TenantId(Uuid::from_u128(number))
    }

    #[test]
    fn a_part_of_every_pool_is_left_to_each_kind_of_work() {
        for all in 0..200 {
            let parts = Parts::of(all);
            let Parts { all, reads, reads_of_a_tenant, scans } = parts;
            assert!(
                (reads < all || all == 2) && (1..reads).contains(&reads_of_a_tenant) && (1..reads).contains(&scans),
                "{parts:?}"
            );
        }
        assert_eq!(Parts::of(16), Parts { all: 16, reads: 12, reads_of_a_tenant: 9, scans: 4 });
    }

    #[tokio::test]
    async fn no_tenant_takes_all_connections() {
        let connections =
            Connections::new(&Options { connections: 8, ..Options::new(shared().schema()) }, Arc::default());
        let connections = connections.unwrap();
        let Parts { all, reads, reads_of_a_tenant, scans } = Parts::of(8);
        let mut held = Vec::new();
        for _ in 0..reads_of_a_tenant {
            held.push(connections.get(Turn::Read(tenant(1))).await.unwrap());
        }
        // The next of the same tenant waits for one of its own, and another tenant does not.
        let mut next = Box::pin(connections.get(Turn::Read(tenant(1))));
        assert!(next.as_mut().now_or_never().is_none());
        while held.len() < reads {
            held.push(connections.get(Turn::Read(tenant(2))).await.unwrap());
        }
        // When all who read have theirs, those who write find some.
        let mut other = Box::pin(connections.get(Turn::Read(tenant(3))));
        assert!(other.as_mut().now_or_never().is_none());
        assert!(connections.get(Turn::Scan).now_or_never().is_none());
        for _ in reads..all {
            held.push(connections.get(Turn::Write).await.unwrap());
        }
        // Who waited in line is next when one of the first tenant is given back.
        drop(held.remove(0));
        other.await.unwrap();
        next.await.unwrap();
        drop(held);
        for _ in 0..scans {
            let scan = connections.get(Turn::Scan).await.unwrap();
            assert!(connections.get(Turn::Read(tenant(1))).await.is_ok());
            drop(scan);
        }
    }
}
