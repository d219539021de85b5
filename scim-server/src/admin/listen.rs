//! The server's listener for administrators: commands, health, metrics.
//!
//! It has its own socket, which belongs on the loopback or a private network. `POST /admin` asks
//! for the administrators' token; the others say nothing that would need one.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};

use super::{AdminContext, AdminRequest, Input, start};
use crate::{
    clock::SystemClock,
    log::Seldom,
    store::{TenantId, TypeName},
    tenant,
    token::secret::{self, Digest},
};

/// The longest line of input: a document, or the members of a group.
const MAX_LINE: usize = 64 << 20;

/// Connections at a time; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;

/// How long commands in flight may go on when the server stops.
const DRAIN: Duration = Duration::from_secs(30);

/// The media type of one JSON object a line.
const JSON_LINES: &str = "application/x-ndjson";

type AdminResponse = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What the listener serves.
pub struct Admin {
    /// What commands work on.
    pub context: AdminContext,
    /// The digest of the administrators' token.
    pub token: Digest,
    /// Set when the server stops taking requests, so that balancers send them elsewhere.
    pub stopping: AtomicBool,
    /// The base of the URLs that clients use, as it is set now.
    pub base: Box<dyn Fn() -> String + Send + Sync>,
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
        (&Method::POST, "/admin") if request.headers().get_all(AUTHORIZATION).iter().count() > 1 => {
            text(StatusCode::BAD_REQUEST, "There is more than one Authorization header.\n")
        }
        (&Method::POST, "/admin") if authorized(admin, &request) => command(admin, request, peer).await,
        (&Method::POST, "/admin") => {
            if let Some(times) = admin.refused.tell() {
                tracing::warn!(%peer, times, "an administrator's command without the token of admin.token was refused");
            }
            text(
                StatusCode::UNAUTHORIZED,
                "The administrators' token is missing or wrong; it is in admin.token in the data directory.\n",
            )
        }
        (_, "/admin" | "/healthz" | "/readyz" | "/metrics") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method.\n")
        }
        _ => text(StatusCode::NOT_FOUND, "There are /healthz, /readyz, /metrics and /admin here.\n"),
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

fn authorized(admin: &Admin, request: &Request<Incoming>) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("Bearer ").unwrap_or_default();
    secret::digest(token).ct_eq(&admin.token).into()
}

/// What the log says of a command beside its name. Who is created or shown is personal, and not in it.
#[derive(Default, Deserialize)]
struct About {
    tenant: Option<String>,
    resource_type: Option<String>,
}

/// Runs the command in the first line of the body; the other lines are its input.
async fn command(admin: &Admin, request: Request<Incoming>, peer: SocketAddr) -> AdminResponse {
    let mut input = lines(request.into_body());
    let first = match input.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return text(StatusCode::BAD_REQUEST, &format!("The body cannot be read: {error}.\n")),
        None => return text(StatusCode::BAD_REQUEST, "The body must begin with a line that is a command.\n"),
    };
    let command: AdminRequest = match serde_json::from_str(&first) {
        Ok(command) => command,
        Err(error) => {
            let message = format!(
                "The server does not know this command: {error}. Use the same version of scim-server on both sides.\n"
            );
            return text(StatusCode::BAD_REQUEST, &message);
        }
    };
    let About { tenant, resource_type } = serde_json::from_str(&first).unwrap_or_default();
    tracing::info!(%peer, command = command.name(), tenant, resource_type, "administration");
    let context = AdminContext { base: (admin.base)(), ..admin.context.clone() };
    let output = start(context, command, input);
    let frames = futures_util::stream::unfold(output, |mut output| async move {
        let line = output.recv().await?;
        let bytes = Bytes::from(line.encode() + "\n");
        Some((Ok(Frame::data(bytes)), output))
    });
    typed(StatusCode::OK, JSON_LINES, UnsyncBoxBody::new(StreamBody::new(frames.boxed())))
}

/// The lines of a body, as they arrive.
fn lines(mut body: Incoming) -> Input {
    let (sender, input) = mpsc::channel(256);
    tokio::spawn(async move {
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let outcome = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => {
                    let known = rest.len();
                    rest.extend_from_slice(&data);
                    send_lines(&mut rest, known, &sender).await
                }
                Ok(Err(_)) => Ok(()),
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = outcome {
                let _ = sender.send(Err(error)).await;
                return;
            }
        }
        if !rest.is_empty() {
            let _ = sender.send(text_of(rest)).await;
        }
    });
    input
}

/// Sends the whole lines at the beginning of what has arrived. No line ends in the `known` first bytes.
async fn send_lines(rest: &mut Vec<u8>, known: usize, sender: &mpsc::Sender<io::Result<String>>) -> io::Result<()> {
    let (mut begin, mut look) = (0, known);
    while let Some(length) = rest.get(look..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let line = rest.get(begin..look + length).unwrap_or_default().to_vec();
        begin = look + length + 1;
        look = begin;
        if sender.send(text_of(line)).await.is_err() {
            return Err(io::Error::other("the command has ended"));
        }
    }
    rest.drain(..begin);
    if rest.len() > MAX_LINE {
        return Err(io::Error::other("a line is too long"));
    }
    Ok(())
}

fn text_of(line: Vec<u8>) -> io::Result<String> {
    String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8"))
}

fn text(status: StatusCode, message: &str) -> AdminResponse {
    typed(status, "text/plain; charset=utf-8", Full::new(Bytes::copy_from_slice(message.as_bytes())).boxed_unsync())
}

fn typed(status: StatusCode, kind: &'static str, body: UnsyncBoxBody<Bytes, Infallible>) -> AdminResponse {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
