//! The server's listener for administrators: commands, health, metrics.
//!
//! It has its own socket, which belongs on the loopback or a private network. What is under `/admin/v1` asks for an
//! administrator's token ([`super::api`]); the others say nothing that would need one.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CACHE_CONTROL},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use subtle::ConstantTimeEq as _;
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    AdminContext, AdminError, AdminRequest, Administrator, Fault, api, input,
    response::{AdminResponse, lines, problem, put, text, typed},
    start,
};
use crate::{
    clock::SystemClock,
    idempotency::Process,
    log::Seldom,
    store::{StoreError, TenantId, TypeName},
    tenant,
    token::secret::{self, Digest},
    web::WebResponse,
};

/// Connections at a time; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;

/// How long commands in flight may go on when the server stops.
const DRAIN: Duration = Duration::from_secs(30);

/// Where the command line of the version before sends its commands. The next version has it no more.
const OLD_COMMANDS: &str = "/admin";

/// Pages for people, beside the commands.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Answers a request for a page, of a client at that address.
    async fn answer(&self, admin: &Admin, request: Request<Incoming>, address: IpAddr) -> WebResponse;
}

/// Where the pages are.
const PAGES: &str = "/console";

/// The address of a client, from the headers of its request and the address that the connection comes from.
pub type ClientOf = dyn Fn(&HeaderMap, IpAddr) -> IpAddr + Send + Sync;

/// What the listener serves.
pub struct Admin {
    /// What commands work on.
    pub context: AdminContext,
    /// The digest of the token in the file `admin.token`, whose bearer may do everything.
    pub token: Digest,
    /// The console; `None` where it is off.
    pub pages: Option<Arc<dyn Pages>>,
    /// Set when the server stops taking requests, so that balancers send them elsewhere.
    pub stopping: AtomicBool,
    /// What this process knows of requests that are done once.
    pub process: Arc<Process>,
    /// The base of the URLs that clients use, as it is set now.
    pub base: Box<dyn Fn() -> String + Send + Sync>,
    /// The address of the client by the headers of its request, where a peer at that address is a trusted proxy.
    pub client: Box<ClientOf>,
    /// Commands that were refused.
    pub refused: Seldom,
    /// The metrics, in the text form of Prometheus/OpenMetrics, and that form's media type.
    pub metrics: Box<dyn Fn() -> (String, &'static str) + Send + Sync>,
}

/// Serves administrators on the listener until `stop` resolves, and then until their commands have
/// ended, or half a minute has passed.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let failing = Seldom::default();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, peer)| (permit, stream, peer))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            // hyper would panic over the Date of its answer.
            Ok(_) if !SystemClock::is_set() => {}
            Ok((permit, stream, peer)) => {
                let admin = Arc::clone(&admin);
                let service = service_fn(move |request| {
                    let admin = Arc::clone(&admin);
                    async move { Ok::<_, Infallible>(answer(&admin, request, peer).await) }
                });
                let mut builder = http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
                let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "an administrator's connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                if let Some(times) = failing.tell() {
                    tracing::warn!(%error, times, "cannot accept an administrator's connection");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopping with an administrator's command still running");
    }
}

async fn answer(admin: &Admin, request: Request<Incoming>, peer: SocketAddr) -> AdminResponse {
    let address = (admin.client)(request.headers(), peer.ip());
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, "/readyz") => match ready(admin).await {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n")),
        },
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let (metrics, kind) = (admin.metrics)();
            typed(StatusCode::OK, kind, Full::new(metrics.into()).boxed_unsync())
        }
        (&Method::GET, api::DESCRIPTION) => api::description(),
        (_, "/healthz" | "/readyz" | "/metrics") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method.\n")
        }
        (_, path) if path == OLD_COMMANDS || path.starts_with(api::BASE) => administer(admin, request, address).await,
        (_, path) if path == "/" || path == PAGES || path.starts_with("/console/") => match &admin.pages {
            Some(pages) => pages.answer(admin, request, address).await.map(BodyExt::boxed_unsync),
            None => text(StatusCode::NOT_FOUND, "The console is off. Start the server with --console.\n"),
        },
        _ => text(StatusCode::NOT_FOUND, "There are /healthz, /readyz, /metrics and /admin/v1 here.\n"),
    }
}

/// What an administrator asks.
async fn administer(admin: &Admin, request: Request<Incoming>, address: IpAddr) -> AdminResponse {
    let by = match admitted(admin, request.headers(), address).await {
        Ok(by) => by,
        Err(fault) => return problem(&fault),
    };
    let mut response = administered(admin, by, request, address).await;
    // There may be a secret in it.
    put(&mut response, CACHE_CONTROL, "no-store");
    response
}

async fn administered(admin: &Admin, by: Administrator, request: Request<Incoming>, address: IpAddr) -> AdminResponse {
    let context = AdminContext { base: (admin.base)(), ..admin.context.given_by(by) };
    match (request.method(), request.uri().path()) {
        (&Method::POST, OLD_COMMANDS) => command(context, request, address).await,
        (_, OLD_COMMANDS) => problem(&Fault::new(405, "This path takes POST alone.")),
        _ => api::answer(context, &admin.process, request, address).await,
    }
}

/// Who is let in by the header.
async fn admitted(admin: &Admin, headers: &HeaderMap, address: IpAddr) -> Result<Administrator, Fault> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.next().is_some() {
        return Err(Fault::new(400, "There is more than one Authorization header."));
    }
    let known = admin.authenticate(header.strip_prefix("Bearer ").unwrap_or_default()).await;
    if let Some(by) = known.map_err(|error| AdminError::from(error).fault())? {
        return Ok(by);
    }
    if let Some(times) = admin.refused.tell() {
        tracing::warn!(%address, times, "an administrator's command without the token of admin.token, or one that `scim-server admin-token create` made, was refused");
    }
    Err(Fault::new(
        401,
        "The administrator's token is missing or not valid: it is the one in admin.token in the data directory, or one that `scim-server admin-token create` made and that has not ended.",
    ))
}

impl Admin {
    /// Whom a token lets in; `None` if it lets nobody in.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Administrator>, StoreError> {
        if bool::from(secret::digest(token).ct_eq(&self.token)) {
            return Ok(Some(Administrator::root()));
        }
        self.context.admin_tokens().authenticate(token).await
    }
}

/// Whether the server answers SCIM requests now; else, why not.
async fn ready(admin: &Admin) -> Result<(), String> {
    if admin.stopping.load(Ordering::Relaxed) {
        return Err("the server is stopping".to_owned());
    }
    if admin.context.store.metrics().refusing.get() != 0 {
        return Err("the store refuses writes, because one has failed: the log says why".to_owned());
    }
    let kind = TypeName::from(tenant::record::KIND);
    let answered = admin.context.store.count(TenantId::SYSTEM, &kind).await;
    answered.map(drop).map_err(|_| "the store does not answer".to_owned())
}

/// Runs the command in the first line of the body; the other lines are its input.
async fn command(context: AdminContext, request: Request<Incoming>, address: IpAddr) -> AdminResponse {
    let wrong = |message: String| problem(&Fault::new(400, message));
    let mut input = input::lines(request.into_body());
    let first = match input.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return wrong(format!("The body cannot be read: {error}.")),
        None => return wrong("The body must begin with a line that is a command.".to_owned()),
    };
    let command: AdminRequest = match serde_json::from_str(&first) {
        Ok(command) => command,
        Err(error) => {
            return wrong(format!(
                "The server does not know this command: {error}. Use the same version of scim-server on both sides."
            ));
        }
    };
    api::tell(&context, &command, address);
    lines(start(context, command, input))
}
