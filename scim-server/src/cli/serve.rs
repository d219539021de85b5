//! `serve`: a server from its settings to its end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use scim_protocol::Timestamp;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::{
    Failure, descriptors, engine, fault, memory,
    session::{lock_soon, prepare, refuse_half_restored},
    settings,
    show::{say, write},
    signals::{Hangup, Termination},
};
use crate::{
    admin::{
        AdminContext, Administrator,
        console::SignInLinks,
        data_dir::DataDir,
        listen::{self, Admin, Pages},
    },
    author::Author,
    clock::{Clock, SystemClock},
    config::{self, Config, Given},
    console::{Console, Oidc},
    directory::Directory,
    event::Deed,
    http::Service,
    judge::{self, Judge},
    log::{LogControl, Seldom},
    metrics::Metrics,
    server::{Server, not_listening},
    store::{
        Store,
        sled::{Options, Reopen},
    },
    tenant::{Settings, TenantRecord},
    token::{Issued, ledger::LIFETIME},
};

/// Serves until SIGTERM or SIGINT, and then until the requests in flight are answered.
pub(super) async fn run(given: Given, json: bool) -> Result<(), Failure> {
    let config = Config::read(&given)?;
    let log = LogControl::start(config.log_format, &config.log).map_err(failed)?;
    settings::warn_of_misspelt();
    if !SystemClock::is_set() {
        return Err(Failure::said(
            "the clock of this machine shows a time before 1970 or after the year 9999, which HTTP cannot express; correct the clock, and start again".to_owned(),
        ));
    }
    let data_dir = DataDir::new(&config.data);
    prepare(&data_dir)?;
    let _lock = lock_soon(&data_dir).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = if config.database.urls.is_empty() {
        refuse_half_restored(&data_dir)?;
        engine::open_directory(
            &data_dir.store(),
            &clock,
            Options {
                cache: memory::cache(config.cache),
                reopen: Reopen::after(config.renew_after),
                ..Options::default()
            },
        )?
    } else {
        if config.migrate {
            engine::apply(&config.database).await?;
        }
        engine::open_database(&config.database, &clock).await?
    };
    let outcome = serve(given, config, log, &data_dir, Arc::clone(&store), clock, json).await;
    store.close().await.map_err(failed)?;
    outcome
}

async fn serve(
    given: Given,
    config: Config,
    log: LogControl,
    data_dir: &DataDir,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    json: bool,
) -> Result<(), Failure> {
    let first = match &config.first_tenant {
        Some(name) => first_tenant(name, &store, &clock).await?,
        None => None,
    };
    let store_connections = config.database.urls.len() * config.database.connections;
    let max_connections = descriptors::room(config.max_connections, store_connections);
    let fitting = Config { max_connections, ..config.clone() };
    let server = Server::bind(&fitting, Arc::clone(&store), Arc::clone(&clock)).await.map_err(failed)?;
    let address = server.address().map_err(failed)?;
    let url = url(&config, address);
    warn_of_plain_http(&config, address);
    let listener = bind_administration(&config).await?;
    let admin_address = listener.local_addr().map_err(failed)?;
    let url_of_console = config.console.url.as_deref();
    let links = config.console.on.then(|| Arc::new(SignInLinks::new(admin_address, url_of_console)));
    let console = match &links {
        Some(links) => Some(Arc::new(console(&config, &given, links, &server.service.metrics)?)),
        None => None,
    };
    let admin = admin(data_dir, &server.service, url.clone(), links.clone(), console.clone())?;
    let announcement = data_dir.announce(admin_address).map_err(|error| {
        let path = data_dir.path();
        let said = format!("cannot write admin.addr in {}: {}", path.display(), fault::about(path, &error));
        Failure::because(said, error)
    })?;

    let (termination, hangup) = (Termination::listen().map_err(failed)?, Hangup::listen().map_err(failed)?);
    let ready = Ready { url: &url, listening: address, administration: admin_address, console: links.as_deref() };
    let now = server.service.clock.now();
    if json {
        write(&ready.json(first.as_ref()))?;
    } else {
        say(&ready.text(&config, first.as_ref(), now))?;
    }

    let (stop, stopped) = watch::channel(false);
    if let Some(console) = console {
        let (clock, stopped) = (Arc::clone(&server.service.clock), stopped.clone());
        let judging = console.judge(admin.context.clone(), stopped.clone());
        tokio::spawn(judging);
        tokio::spawn(async move { console.count(clock, stopped).await });
    }
    let administration = tokio::spawn(listen::serve(listener, Arc::clone(&admin), until(stopped)));
    let reload =
        Reload { given, started: config, log, tls: server.tls().cloned(), service: Arc::clone(&server.service) };
    let reloading = tokio::spawn(on_hangup(hangup, reload));
    let (hurry, hurried) = watch::channel(false);
    let outcome = server.run(end(termination, hurry, &admin), hurried.clone()).await.map_err(failed);
    reloading.abort();
    stop.send_replace(true);
    tokio::select! {
        _ = administration => {}
        () = until(hurried) => {}
    }
    drop(announcement);
    tracing::info!("stopped");
    outcome
}

/// Resolves when the process is told to end. If it is told once more, `hurry` becomes true.
async fn end(mut termination: Termination, hurry: watch::Sender<bool>, admin: &Admin) {
    termination.told().await;
    admin.stopping.store(true, Ordering::Relaxed);
    admin.context.operations.end_waits();
    tracing::info!("stopping: finishing the requests in flight");
    tokio::spawn(async move {
        termination.told().await;
        tracing::warn!("stopping at once: what is not finished is cut off");
        hurry.send_replace(true);
    });
}

/// The tenant of an empty store, with its token.
async fn first_tenant(
    name: &str,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<(TenantRecord, Issued)>, Failure> {
    let author = Author::server().telling(Deed::TenantCreated);
    let directory = Directory::new(Arc::clone(store), Arc::clone(clock)).by(&author);
    if !directory.list().await.map_err(failed)?.is_empty() {
        return Ok(None);
    }
    let (tenant, issued) = directory.create(name, Settings::default(), Some(LIFETIME)).await.map_err(failed)?;
    Ok(issued.map(|issued| (tenant, issued)))
}

/// What a server says when it is ready to answer.
struct Ready<'a> {
    url: &'a str,
    listening: SocketAddr,
    administration: SocketAddr,
    /// If the console is on.
    console: Option<&'a SignInLinks>,
}

impl Ready<'_> {
    fn text(&self, config: &Config, first: Option<&(TenantRecord, Issued)>, now: Timestamp) -> String {
        let Self { url, listening, administration, console } = self;
        let listening = if config.public_url.is_some() { format!("listening on {listening}, ") } else { String::new() };
        let welcome = first.map(|(tenant, issued)| welcome(url, tenant, issued)).unwrap_or_default();
        let entry = match (console, first) {
            // Whoever sees the first token may see this, too.
            (Some(links), Some(_)) => format!(
                "The console, with a link that signs you in once within five minutes:\n\n  {}\n\n",
                links.make(Administrator::root(), now)
            ),
            (Some(links), None) => format!(
                "The console is at {}; `scim-server console --data {}` prints a link that signs you in.\n",
                links.url(),
                config.data.display()
            ),
            (None, _) => String::new(),
        };
        format!("scim-server is ready on {url} ({listening}administration on {administration})\n{welcome}{entry}")
    }

    /// One object on one line, for a program that reads while the server runs.
    fn json(&self, first: Option<&(TenantRecord, Issued)>) -> String {
        let mut ready = json!({
            "ready": self.url,
            "listening": self.listening.to_string(),
            "administration": self.administration.to_string(),
        });
        if let Some(console) = self.console {
            ready["console"] = json!(console.url());
        }
        if let Some((tenant, issued)) = first {
            ready["tenant"] = json!(tenant.name);
            ready["tenant_id"] = json!(tenant.id.to_string());
            ready["endpoint"] = json!(format!("{}{}", self.url, tenant.path()));
            ready["token"] = json!(issued.secret.reveal());
        }
        format!("{ready}\n")
    }
}

/// Says so when tokens and people's data are to travel unencrypted over more than this machine.
fn warn_of_plain_http(config: &Config, address: SocketAddr) {
    if config.tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "plain HTTP on an address that other machines can reach: tokens and personal data are not encrypted on the network. Set tls_cert and tls_key; or let a proxy end TLS, and allow only the proxy to reach this address"
        );
    }
}

fn welcome(url: &str, tenant: &TenantRecord, issued: &Issued) -> String {
    let (name, path, token) = (&tenant.name, tenant.path(), issued.secret.reveal());
    format!(
        "\nTenant {name:?} is made. Its token is shown this once:\n\n  Endpoint  {url}{path}\n  Token     {token}\n\nTry it:\n\n  curl -H 'Authorization: Bearer {token}' '{url}{path}/Users'\n\n"
    )
}

/// The base URL for people: what is set, or the address that is listened on.
fn url(config: &Config, address: SocketAddr) -> String {
    config.public_url.clone().unwrap_or_else(|| config::base(config.tls.is_some(), address))
}

async fn bind_administration(config: &Config) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(config.admin_listen)
        .await
        .map_err(|error| Failure::because(not_listening(config.admin_listen, &error, "--admin-listen"), error))?;
    if !config.admin_listen.ip().is_loopback() {
        tracing::warn!(address = %config.admin_listen, "the administration listener is not on loopback and has no TLS: let only administrators reach it");
    }
    Ok(listener)
}

/// The console, at which nobody is signed in.
fn console(
    config: &Config,
    given: &Given,
    links: &Arc<SignInLinks>,
    metrics: &Arc<Metrics>,
) -> Result<Console, Failure> {
    let back = Console::redirect_uri(links);
    let oidc = config.console.oidc.clone();
    let oidc = oidc.map(|oidc| Oidc::open(oidc, &config.jwks, back, Arc::clone(&metrics.oauth)));
    let oidc = oidc.transpose().map_err(failed)?;
    let judge = Arc::new(Judge::new(config.console.judge.clone().or_else(judge::beside_ours)));
    Ok(Console::new(Arc::clone(links), oidc, Arc::clone(metrics), judge, Config::shown(given)?))
}

fn admin(
    data_dir: &DataDir,
    service: &Arc<Service>,
    url: String,
    links: Option<Arc<SignInLinks>>,
    console: Option<Arc<Console>>,
) -> Result<Arc<Admin>, Failure> {
    let metrics = Arc::clone(&service.metrics);
    let (settings, proxies) = (Arc::clone(service), Arc::clone(service));
    let admin = Admin {
        context: AdminContext { console: links, ..service.administration() },
        pages: console.map(|console| -> Arc<dyn Pages> { console }),
        token: data_dir
            .token_digest()
            .map_err(|error| Failure::because(fault::about(&data_dir.token_file(), &error), error))?,
        stopping: AtomicBool::new(false),
        base: Box::new(move || {
            let public = settings.settings.load().public.url.clone();
            public.map_or_else(|| url.clone(), |public| public.to_string())
        }),
        client: Box::new(move |headers, peer| proxies.settings.load().public.trust.client(headers, peer)),
        process: Arc::default(),
        refused: Seldom::default(),
        metrics: Box::new(move || (metrics.encode(), Metrics::MEDIA_TYPE)),
    };
    Ok(Arc::new(admin))
}

/// What SIGHUP needs.
struct Reload {
    given: Given,
    started: Config,
    log: LogControl,
    tls: Option<Arc<crate::http::tls::Tls>>,
    service: Arc<Service>,
}

impl Reload {
    /// Reads everything again. What cannot be read stays as it was.
    fn run(&self) {
        let (mut read, mut is_all) = (Vec::new(), true);
        match Config::read(&self.given) {
            Ok(config) => {
                for key in self.started.needs_restart(&config) {
                    tracing::warn!(key, "this setting has changed and needs a restart to take effect");
                }
                is_all &= report(&mut read, "log filter", self.log.refilter(&config.log));
                self.service.reconfigure(&config);
                read.push("configuration");
            }
            Err(error) => is_all &= report(&mut read, "configuration", Err(error)),
        }
        if let Some(tls) = &self.tls {
            is_all &= report(&mut read, "certificate", tls.reload());
        }
        if let Some(audit) = &self.service.audit {
            is_all &= report(&mut read, "audit log", audit.reopen());
        }
        let read = read.join(", ");
        if is_all {
            tracing::info!(read, "SIGHUP: read the files again");
        } else {
            tracing::warn!(read, "SIGHUP: not everything could be read; what is not named here stays as it was");
        }
    }
}

/// Notes what was read, or says why it was not. Whether it was.
fn report<E: std::fmt::Display>(read: &mut Vec<&'static str>, what: &'static str, outcome: Result<(), E>) -> bool {
    match outcome {
        Ok(()) => {
            read.push(what);
            true
        }
        Err(error) => {
            tracing::error!(%error, "the {what} stays as it was");
            false
        }
    }
}

async fn on_hangup(mut hangup: Hangup, reload: Reload) {
    loop {
        hangup.told().await;
        reload.run();
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::because(fault::chain(&error), error)
}
