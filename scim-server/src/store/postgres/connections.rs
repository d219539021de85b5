//! The way to the database: where it is, how the way is secured, and what is done when it is away.
//!
//! Connections are pooled and bounded. When one cannot be made, the database counts as away: whoever
//! asks is refused at once, instead of waiting in a queue that only grows, while one task looks
//! whether it has come back.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres::{
    Config, NoTls,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{fault::unavailable, refusal::refused};
use crate::{metrics::StoreMetrics, store::StoreError};

/// A connection that goes back to the pool when it is dropped.
pub(super) type Connection = Object;

/// How long connecting may take, and how long a caller waits for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried whether the database is back.
const PROBE: Duration = Duration::from_millis(200);
/// How long a transaction may stand open while nothing is asked in it: its locks stop all others.
const IDLE: Duration = Duration::from_secs(10);

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user@host:port/database?sslmode=…`: what libpq calls a connection URI.
    pub url: String,
    /// The password, when it is not in the URL.
    pub password: Option<String>,
    /// Certificates (PEM) that the database's is checked against; those of the system without it.
    pub ca: Option<PathBuf>,
    /// How many connections there are at most.
    pub connections: usize,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

impl Options {
    /// The database at that URL, everything else at its default.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password: None, ca: None, connections: 16, statement_timeout: Duration::from_secs(30) }
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
    away: AtomicBool,
    metrics: Arc<StoreMetrics>,
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
        let pool = Pool::builder(manager)
            .max_size(options.connections.max(2))
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(Self { pool, away: AtomicBool::new(false), metrics }))
    }

    /// A connection. `Unavailable` at once while the database is away.
    pub async fn get(self: &Arc<Self>) -> Result<Connection, StoreError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(unavailable("the database cannot be reached"));
        }
        let got = self.pool.get().await;
        let status = self.pool.status();
        self.metrics.connections.set(i64::try_from(status.size).unwrap_or(i64::MAX));
        self.metrics.waiting.set(i64::try_from(status.waiting).unwrap_or(i64::MAX));
        got.map_err(|error| {
            use deadpool_postgres::{PoolError, TimeoutType};
            match error {
                PoolError::Closed => unavailable("the store is closed"),
                PoolError::Timeout(TimeoutType::Wait) => unavailable("all connections to the database are in use"),
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

    /// Whether the database could be reached when it was last tried.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Whether [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// No new connections; those in use end with their work.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Refuses everybody from now on, until a connection is made.
    fn lose(self: &Arc<Self>) {
        if self.away.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::error!("the database cannot be reached; requests are refused until it is back");
        let connections = Arc::downgrade(self);
        tokio::spawn(probe(connections));
    }
}

async fn probe(connections: Weak<Connections>) {
    loop {
        tokio::time::sleep(PROBE).await;
        let Some(connections) = connections.upgrade() else { return };
        match connections.pool.get().await {
            Ok(_) => {
                connections.away.store(false, Ordering::Relaxed);
                tracing::info!("the database is back");
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
        // An attacker on the way could have TLS turned off: so it is asked for, or not.
        let mode = if config.get_hosts().iter().any(remote) { SslMode::Require } else { SslMode::Disable };
        config.ssl_mode(mode);
    }
    let ours = format!(
        "-c statement_timeout={} -c idle_in_transaction_session_timeout={}",
        options.statement_timeout.as_millis(),
        IDLE.as_millis()
    );
    let theirs = config.get_options().unwrap_or_default().to_owned();
    config.options(format!("{theirs} {ours}").trim());
    config.application_name("scim-server").connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(15));
    config.tcp_user_timeout(Duration::from_secs(15));
    Ok(config)
}

fn tls(options: &Options) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &options.ca {
        let bad = |error: &dyn fmt::Display| format!("cannot read the certificates in {}: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(&error))? {
            roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
        }
        if roots.is_empty() {
            return Err(bad(&"there is none in it; it must have the form of PEM (-----BEGIN CERTIFICATE-----)"));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
