//! Assembles a server: the store, authentication, the operations, and the socket.

mod background;
mod stopping;
#[cfg(test)]
mod tests;

use std::{io::ErrorKind, net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{ClientConfig, RootCertStore};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use traces::{HeadersError, Traces, TracesError};
use uuid::Uuid;

pub use self::stopping::StopError;
use self::stopping::{Patience, told};
use crate::{
    access::{Access, Grants},
    admin::{AdminContext, Administrator, RequestsView, data_dir::DataDir},
    audit::{AuditError, AuditLog},
    budget::Budget,
    clock::Clock,
    completer::Completer,
    config::{self, Config},
    cursor::Sealer,
    http::{
        Reloadable, Service,
        forwarded::Trust,
        handler::Handler,
        limit::{AddressLimit, TokenLimit, Told},
        listen::{self, ConnectionLimits},
        refusals::Refusals,
        request::{PARSED, Public},
        tls::{Tls, TlsError},
    },
    metrics::Metrics,
    oauth::jwks::{Jwks, fetch::Fetcher},
    operation::{Limits, Operations, UuidV7, feed::Waits, password::Hasher, shown::Shown},
    request_log::RequestLog,
    roots::{self, RootsError},
    setup::Setup,
    sink::{FileSink, Forwarder, Sink},
    ssf::Pusher,
    store::{Store, StoreError, Traced},
    system_records::secret,
    webhook::{self, leased},
};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file of events cannot be opened.
    #[error("cannot open the event file {}: {source}; name another with --event-file", path.display())]
    EventFile {
        /// which file
        path: PathBuf,
        /// what the operating system says
        source: std::io::Error,
    },
    /// Events cannot be sent to NATS.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    EventNats(#[from] crate::sink::NatsError),
    /// The program cannot send events to NATS.
    #[error(
        "event_nats is set, and this program was built without NATS; build it with `cargo build --release --locked -p scim-server --features nats`, or remove the setting"
    )]
    NoNats,
    /// Events cannot be sent to Kafka.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    EventKafka(#[from] crate::sink::KafkaError),
    /// The program cannot send events to Kafka.
    #[error(
        "event_kafka is set, and this program was built without Kafka; build it with `cargo build --release --locked -p scim-server --features kafka`, or remove the setting"
    )]
    NoKafka,
    /// The address cannot be listened on.
    #[error("{}", not_listening(*address, source, "--listen"))]
    Listen {
        address: SocketAddr,
        /// what the operating system says
        source: std::io::Error,
    },
    /// The authorities of the setting `jwks_ca` cannot be used.
    #[error("jwks_ca: {0}")]
    Roots(#[from] RootsError),
    /// The log of requests cannot be opened.
    #[error(
        "cannot open the log of requests in {}: {source}; make the directory writable, or switch the log off with --request-log-retention 0",
        path.display()
    )]
    RequestLog {
        /// its directory
        path: PathBuf,
        /// what the operating system says
        source: std::io::Error,
    },
    /// The authorities of the setting `otlp_ca` cannot be used.
    #[error("otlp_ca: {0}")]
    OtlpCa(RootsError),
    /// The headers for the collector of spans cannot be read.
    #[error("otlp_headers_file: {}: {source}", path.display())]
    OtlpHeaders {
        /// which file
        path: PathBuf,
        source: HeadersError,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Spans cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why an address cannot be listened on, and what to do about it. `flag` is where it was named.
pub fn not_listening(address: SocketAddr, error: &std::io::Error, flag: &str) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!("stop what uses it, or choose another address with {flag}"),
        ErrorKind::PermissionDenied if address.port() < 1024 => format!(
            "this user may not use a port below 1024. Give the program that right (in a systemd unit AmbientCapabilities=CAP_NET_BIND_SERVICE, elsewhere `setcap cap_net_bind_service=+ep` on the program's file), or choose a port from 1024 with {flag}"
        ),
        ErrorKind::AddrNotAvailable => format!("this machine has no such address: choose another with {flag}"),
        _ => format!("choose another address with {flag}"),
    };
    format!("cannot listen on {address}: {error}; {advice}")
}

/// A server that is bound and not yet serving.
pub struct Server {
    /// What it answers with.
    pub service: Arc<Service>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: ConnectionLimits,
    event_retention: Option<Duration>,
    sinks: Vec<Box<dyn Sink>>,
}

impl Server {
    /// Assembles a server on an open store, and binds its socket.
    pub async fn bind(config: &Config, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let mut metrics = Metrics::with_store(clock.now(), store.metrics());
        let tls = config.tls.as_ref().map(|files| Tls::load(&files.cert, &files.key)).transpose()?.map(Arc::new);
        if let Some(tls) = tls.clone() {
            metrics.show_certificate(move || tls.end());
        }
        let metrics = Arc::new(metrics);
        let traces = traces(config, &metrics)?;
        let store: Arc<dyn Store> = if traces.is_some() { Arc::new(Traced::new(store)) } else { store };
        let audit = config
            .audit_log
            .clone()
            .map(|target| AuditLog::open(target, metrics.audit.clone()))
            .transpose()?
            .map(Arc::new);
        let requests = request_log(config, &metrics, &clock)?;
        let jwks = Jwks::new(Fetcher::new(config.jwks.clone())?, Arc::clone(&metrics.oauth));
        let grants = Grants::new(&secret::access_tokens(&*store).await?, config.access_token_lifetime, jwks);
        let access = Arc::new(Access::load(store.clone(), clock.clone()).await?.granting(grants).await?);
        let operations = Arc::new(operations(config, store, clock.clone()).await?);
        let sinks = sinks(config).await?;
        let names: Arc<[_]> = sinks.iter().map(|sink| sink.name()).collect();
        let address = config.listen;
        let listener = listen::bind(address).map_err(|source| StartError::Listen { address, source })?;
        let own = listener.local_addr().ok().filter(|_| tls.is_none()).map(|address| config::base(false, address));
        let completer = Arc::new(Completer::new(operations.clone(), access.clone()));
        let sender = Arc::new(webhook::Sender::new(config.webhook_networks.clone()).traced(traces.clone()));
        let administration = AdminContext {
            store: Arc::clone(&operations.store),
            access: Arc::clone(&access),
            clock: Arc::clone(&clock),
            operations: Arc::clone(&operations),
            base: config.public_url.clone().unwrap_or_default(),
            sender: Arc::clone(&sender),
            sinks: Some(Arc::clone(&names)),
            by: Administrator::root(),
            console: None,
            requests: requests.clone().map(RequestsView::Written),
        };
        let service = Service {
            operations,
            access,
            metrics,
            audit,
            requests,
            refusals: Refusals::default(),
            addresses: address_limit(config.address_rate_limit),
            anonymous: address_limit(config.address_rate_limit),
            tokens: TokenLimit::new(),
            limited: Told::default(),
            settings: ArcSwap::from_pointee(settings(config)),
            sender,
            pages: Arc::new(Setup::new(administration, config.operator.clone(), own)),
            completer,
            sinks: names,
            writing: watch::Sender::new(()),
            traces,
            clock,
        };
        Ok(Self {
            service: Arc::new(service),
            listener,
            tls,
            limits: connection_limits(config),
            event_retention: config.event_retention,
            sinks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether connections are encrypted.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// Serves until `shutdown` resolves, finishes requests in flight, and stores what is only in memory. Waits for nothing
    /// more once `hurry` is true. The store stays open.
    pub async fn run(self, shutdown: impl Future<Output = ()>, hurry: watch::Receiver<bool>) -> Result<(), StopError> {
        let (stop, stopped) = watch::channel(());
        let following = tokio::spawn(background::follow(self.service.clone(), stopped.clone()));
        if let Some(tls) = &self.tls {
            tokio::spawn(background::watch(Arc::clone(tls), Arc::clone(&self.service.clock), stopped.clone()));
        }
        let upkeep = tokio::spawn(background::upkeep(self.service.clone(), self.event_retention, stopped.clone()));
        let settling = tokio::spawn(background::settle(self.service.clone(), stopped.clone()));
        tokio::spawn(background::measure(self.service.clone(), stopped.clone()));
        let delivery = tokio::spawn(leased::serve(self.service.deliverer(), stopped.clone()));
        let pushing = tokio::spawn(leased::serve(self.service.pusher(), stopped.clone()));
        let completing = tokio::spawn(Arc::clone(&self.service.completer).run(stopped.clone()));
        let writing: Vec<_> = self.sinks.into_iter().map(|sink| self.service.forward(sink, stopped.clone())).collect();
        let noting = tokio::spawn(background::note_calls(self.service.clone(), stopped.clone()));
        let minutes = tokio::spawn(background::each_minute(self.service.clone(), stopped));
        let (service, metrics) = (self.service.clone(), self.service.metrics.clone());
        let drain = self.limits.drain_timeout;
        let shutdown = async {
            shutdown.await;
            if let Some(audit) = &service.audit {
                audit.ending();
            }
        };
        let handler = Handler(self.service.clone());
        tokio::select! {
            () = listen::serve(self.listener, self.tls, self.limits, metrics, handler, shutdown) => {}
            () = told(hurry.clone()) => {}
        }
        let patience = Patience::new(drain, hurry);
        if patience.wait("writes whose clients have gone", self.service.writing.closed()).await.is_none() {
            tracing::warn!(
                "shutting down while writes go on whose clients have gone: they may be missing in the audit log"
            );
        }
        drop(stop);
        let tasks = [
            (settling, "counting refusals"),
            (delivery, "sending to webhooks"),
            (pushing, "sending security event tokens"),
            (completing, "completing requests"),
            (noting, "noting who has called"),
            (minutes, "the work of each minute"),
            (upkeep, "the upkeep of the store"),
            (following, "looking for changes"),
        ];
        let writing = writing.into_iter().map(|task| (task, "writing events"));
        patience.tasks(tasks.into_iter().chain(writing)).await;
        self.service.finish(&patience).await
    }
}

impl Service {
    /// What commands of administrators work on while this server runs.
    pub fn administration(&self) -> AdminContext {
        AdminContext {
            store: Arc::clone(&self.operations.store),
            access: Arc::clone(&self.access),
            clock: Arc::clone(&self.clock),
            operations: self.operations.clone(),
            base: self.settings.load().public.url.as_deref().unwrap_or_default().to_owned(),
            sender: Arc::clone(&self.sender),
            sinks: Some(Arc::clone(&self.sinks)),
            by: Administrator::root(),
            console: None,
            requests: self.requests.clone().map(RequestsView::Written),
        }
    }

    /// Brings events to a sink while this server runs.
    fn forward(self: &Arc<Self>, sink: Box<dyn Sink>, stopped: watch::Receiver<()>) -> JoinHandle<()> {
        let (operations, access) = (self.operations.clone(), self.access.clone());
        tokio::spawn(Forwarder::new(operations, access, sink, self.public_base()).run(stopped))
    }

    /// What messages begin the URLs of resources with (`public_url`), as it is then.
    fn public_base(self: &Arc<Self>) -> Arc<dyn Fn() -> String + Send + Sync> {
        let service = Arc::clone(self);
        Arc::new(move || service.settings.load().public.url.as_deref().unwrap_or_default().to_owned())
    }

    /// What sends events to webhooks while this server runs.
    fn deliverer(self: &Arc<Self>) -> Arc<webhook::Deliverer> {
        Arc::new(webhook::Deliverer {
            operations: Arc::clone(&self.operations),
            access: Arc::clone(&self.access),
            sender: Arc::clone(&self.sender),
            messages: Arc::default(),
            paces: Arc::default(),
            metrics: Arc::clone(&self.metrics.events),
            base: self.public_base(),
            process: Uuid::new_v4(),
        })
    }

    /// What sends security event tokens while this server runs.
    fn pusher(&self) -> Arc<Pusher> {
        Arc::new(Pusher {
            operations: Arc::clone(&self.operations),
            access: Arc::clone(&self.access),
            sender: Arc::clone(&self.sender),
            metrics: Arc::clone(&self.metrics.events),
            process: Uuid::new_v4(),
        })
    }

    /// Takes what may change while the server runs from a new configuration.
    pub fn reconfigure(&self, config: &Config) {
        self.settings.store(Arc::new(settings(config)));
        // A body that is allowed from now on must find room.
        self.operations.budget.resize(request_memory(config));
    }
}

/// The log of requests, in the data directory, unless it is switched off.
fn request_log(
    config: &Config,
    metrics: &Metrics,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<RequestLog>>, StartError> {
    let Some(limits) = config.request_log else { return Ok(None) };
    let path = DataDir::new(&config.data).requests();
    let log = RequestLog::open(&path, limits, Arc::clone(&metrics.request_log), Arc::clone(clock));
    log.map(|log| Some(Arc::new(log))).map_err(|source| StartError::RequestLog { path, source })
}

/// How many spans are told of one request: a bulk request reads and writes a thousand times.
const SPANS_BELOW: u32 = 200;

/// What records spans, if they have somewhere to go.
fn traces(config: &Config, metrics: &Metrics) -> Result<Option<Arc<Traces>>, StartError> {
    let otlp = &config.otlp;
    let Some(endpoint) = otlp.endpoint.clone() else { return Ok(None) };
    let headers = otlp
        .headers_file
        .as_ref()
        .map(|path| traces::headers(path).map_err(|source| StartError::OtlpHeaders { path: path.clone(), source }));
    let is_tls = endpoint.starts_with("https");
    let roots =
        if is_tls { roots::load(otlp.ca.as_deref()).map_err(StartError::OtlpCa)? } else { RootCertStore::empty() };
    let settings = traces::Settings {
        headers: headers.transpose()?.unwrap_or_default(),
        tls: ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        endpoint,
        sample: otlp.sample.ratio(),
        service: "scim-server",
        version: env!("CARGO_PKG_VERSION"),
        instance: Uuid::new_v4().to_string(),
        below: SPANS_BELOW,
    };
    Ok(Some(Arc::new(Traces::start(settings, metrics.traces.clone())?)))
}

/// What requests do, on the store.
async fn operations(config: &Config, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Operations, StartError> {
    let limits = limits(config);
    let shown = Arc::new(Shown::of(&*store));
    Ok(Operations {
        sealer: Sealer::new(&secret::cursors(&*store).await?, limits.cursor_seconds),
        store,
        clock,
        ids: UuidV7::default(),
        limits,
        lanes: Arc::default(),
        budget: Budget::new(request_memory(config)),
        passwords: Hasher::default(),
        waits: Waits::default(),
        shown,
    })
}

/// Where the events of all tenants go.
#[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, reason = "only NATS is waited for"))]
async fn sinks(config: &Config) -> Result<Vec<Box<dyn Sink>>, StartError> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &config.event_file {
        let opened = FileSink::open(path, config.event_file_rotation);
        sinks.push(Box::new(opened.map_err(|source| StartError::EventFile { path: path.clone(), source })?));
    }
    require_nats(config, cfg!(feature = "nats"))?;
    #[cfg(feature = "nats")]
    if !config.event_nats.servers.is_empty() {
        sinks.push(Box::new(crate::sink::NatsSink::open(&config.event_nats).await?));
    }
    require_kafka(config, cfg!(feature = "kafka"))?;
    #[cfg(feature = "kafka")]
    if !config.event_kafka.brokers.is_empty() {
        sinks.push(Box::new(crate::sink::KafkaSink::open(&config.event_kafka)?));
    }
    Ok(sinks)
}

/// Refuses the setting of Kafka where the program was built without it.
fn require_kafka(config: &Config, is_built_in: bool) -> Result<(), StartError> {
    if is_built_in || config.event_kafka.brokers.is_empty() { Ok(()) } else { Err(StartError::NoKafka) }
}

/// Refuses the setting of NATS where the program was built without it.
fn require_nats(config: &Config, is_built_in: bool) -> Result<(), StartError> {
    if is_built_in || config.event_nats.servers.is_empty() { Ok(()) } else { Err(StartError::NoNats) }
}

fn settings(config: &Config) -> Reloadable {
    Reloadable {
        public: Public { url: config.public_url.as_deref().map(Into::into), trust: trust(config) },
        rate_limit: config.rate_limit.unwrap_or(0),
        max_body: config.max_body,
        bulk_max_body: config.bulk_max_body,
        body_timeout: config.body_timeout,
        request_timeout: config.request_timeout,
        metrics_tenants: config.metrics_tenants,
        audit_region: config.audit_region.as_str().into(),
    }
}

/// What was set, and never less than what one largest body needs.
fn request_memory(config: &Config) -> usize {
    let largest = config.max_body.max(config.bulk_max_body).saturating_mul(PARSED);
    config.request_memory.max(largest.saturating_mul(2))
}

/// Named proxies are enough by themselves.
fn trust(config: &Config) -> Trust {
    match (config.trusted_proxies.as_slice(), config.trust_forwarded) {
        ([], false) => Trust::Nobody,
        ([], true) => Trust::Everybody,
        (proxies, _) => Trust::These(proxies.to_vec()),
    }
}

fn limits(config: &Config) -> Limits {
    let page = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    Limits {
        page_size: page(config.page_size),
        max_page_size: page(config.max_page_size),
        page_bytes: config.max_page_bytes,
        candidates: config.candidates as u64,
        values: config.max_values,
        index_entries: config.max_index_entries,
        member_changes: config.max_member_changes,
        patch_body_members: config.patch_body_members,
        bulk_operations: config.bulk_max_operations,
        cursor_seconds: u32::try_from(config.cursor_ttl.as_secs()).unwrap_or(u32::MAX),
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        max_connections: config.max_connections,
        address_connections: config.address_connections,
        header_timeout: config.header_timeout,
        drain_timeout: config.drain_timeout,
        ..ConnectionLimits::default()
    }
}

/// So many failures a minute, all at once or one after the other.
fn address_limit(per_minute: u32) -> AddressLimit {
    match NonZeroU32::new(per_minute) {
        Some(burst) => AddressLimit::new(burst, Duration::from_secs(60) / per_minute),
        None => AddressLimit::new(NonZeroU32::MAX, Duration::from_nanos(1)),
    }
}
