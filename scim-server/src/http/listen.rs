//! Connections: from `accept` to the last byte, each within its limits.
//!
//! A connection takes a permit before it is accepted, so a flood waits in the kernel's queue and
//! not in this process. From then on it must keep moving: the handshake, the first request and
//! every further one have a deadline, watched by [`watch`] at no cost to a request. HTTP/1.1 and
//! HTTP/2 are told apart by ALPN, on plain connections by the first bytes.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch as channel},
    time::{Instant, sleep, timeout, timeout_at},
};

use self::watch::{Activity, Watched};
use super::{body::Body, tls::Tls};
use crate::metrics::Metrics;

#[cfg(test)]
mod tests;
pub mod watch;

/// What one connection, and all of them together, may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// From `accept` to a finished TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its header, and from the handshake to the
    /// first request. It may take up to twice as long until a connection is closed.
    pub header_timeout: Duration,
    /// Between requests. Longer than what load balancers use (60 s), so that they close first.
    pub idle_timeout: Duration,
    /// After shutdown began, how long requests may still run.
    pub drain_timeout: Duration,
    /// The longest request header, in bytes: 431 beyond.
    pub max_header_bytes: u32,
    /// HTTP/2 requests at once on one connection.
    pub max_streams: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(30),
            max_header_bytes: 16 * 1024,
            max_streams: 100,
        }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// How far the server's life has come, as connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serve,
    Drain,
    Stop,
}

/// What every connection shares.
struct Shared<S> {
    service: S,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    limits: ConnectionLimits,
    metrics: Arc<Metrics>,
}

/// Serves connections of `listener` until `shutdown` resolves; then accepts no more, lets requests
/// in flight finish, closes idle connections at once, and returns when all are gone or
/// `drain_timeout` is over. With `tls` every connection must be TLS.
///
/// `service` answers one request; it cannot fail, since errors are responses. Its future is dropped
/// when an HTTP/1.1 client goes away.
pub async fn serve<S, F>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: ConnectionLimits,
    metrics: Arc<Metrics>,
    service: S,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (phase, _) = channel::channel(Phase::Serve);
    let shared = Arc::new(Shared::new(service, tls, limits, metrics));
    tokio::select! {
        () = shutdown => {}
        () = accept_all(&listener, &shared, &phase) => {}
    }
    drop(listener);
    phase.send_replace(Phase::Drain);
    if timeout(shared.limits.drain_timeout, phase.closed()).await.is_err() {
        tracing::warn!(connections = phase.receiver_count(), "shutting down with requests still running");
        phase.send_replace(Phase::Stop);
        phase.closed().await;
    }
}

async fn accept_all<S, F>(listener: &TcpListener, shared: &Arc<Shared<S>>, phase: &channel::Sender<Phase>)
where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(shared.limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut pause = MIN_PAUSE;
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, address)) => {
                pause = MIN_PAUSE;
                let shared = Arc::clone(shared);
                let phase = phase.subscribe();
                tokio::spawn(async move {
                    let _open = shared.metrics.connections.enter();
                    shared.connection(stream, address, phase).await;
                    drop(permit);
                });
            }
            // The peer gave up before it was accepted: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Most likely out of file descriptors. It passes as connections close, and exiting
            // would only turn a slow server into none.
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection; trying again");
                sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

impl<S> Shared<S> {
    fn new(service: S, tls: Option<Arc<Tls>>, limits: ConnectionLimits, metrics: Arc<Metrics>) -> Self {
        let mut http1 = http1::Builder::new();
        // `watch` sees to deadlines: hyper's own costs a timer and an allocation for each request.
        // `max_headers` stays at its default of 100, above which hyper allocates for each request.
        http1.timer(TokioTimer::new()).header_read_timeout(None).max_header_size(limits.max_header_bytes as usize);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(limits.max_header_bytes)
            // CVE-2023-44487, "rapid reset": a client that opens and resets streams is cut off.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(128);
        Self { service, http1, http2, tls, limits, metrics }
    }
}

impl<S, F> Shared<S>
where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    async fn connection(&self, stream: TcpStream, address: SocketAddr, mut phase: channel::Receiver<Phase>) {
        // A response is written at once and whole: nothing is gained by waiting for more of it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let peer = Peer { address, tls: self.tls.is_some() };
        let Some(tls) = &self.tls else {
            let deadline = Instant::now() + self.limits.header_timeout;
            let http2 = tokio::select! {
                biased;
                http2 = timeout_at(deadline, speaks_http2(&stream)) => http2,
                _ = phase.wait_for(|phase| *phase > Phase::Serve) => return,
            };
            if let Ok(Ok(http2)) = http2 {
                self.requests(stream, peer, http2, phase).await;
            }
            return;
        };
        let handshake = timeout(self.limits.handshake_timeout, tls.acceptor().accept(stream));
        let stream = tokio::select! {
            biased;
            stream = handshake => stream,
            _ = phase.wait_for(|phase| *phase > Phase::Serve) => return,
        };
        match stream {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.requests(stream, peer, http2, phase).await;
            }
            Ok(Err(error)) => {
                self.metrics.tls_failures.inc();
                tracing::debug!(%address, %error, "TLS handshake failed");
            }
            Err(_) => {
                self.metrics.tls_failures.inc();
                tracing::debug!(%address, "TLS handshake timed out");
            }
        }
    }

    async fn requests<I>(&self, io: I, peer: Peer, http2: bool, phase: channel::Receiver<Phase>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let io = TokioIo::new(Watched::new(io, Arc::clone(&activity)));
        let service = {
            let (service, activity) = (self.service.clone(), Arc::clone(&activity));
            service_fn(move |request| {
                let busy = activity.begin();
                let response = service(request, peer);
                async move {
                    let response = response.await;
                    drop(busy);
                    Ok::<_, Infallible>(response)
                }
            })
        };
        let result = if http2 {
            let timeouts =
                watch::Timeouts { header: None, idle: self.limits.idle_timeout, first: self.limits.header_timeout };
            watch::drive(self.http2.serve_connection(io, service), &activity, timeouts, phase).await
        } else {
            let header = self.limits.header_timeout;
            let timeouts = watch::Timeouts { header: Some(header), idle: self.limits.idle_timeout, first: header };
            watch::drive(self.http1.serve_connection(io, service), &activity, timeouts, phase).await
        };
        if let Err(error) = result {
            tracing::debug!(address = %peer.address, error = %error, "connection failed");
        }
    }
}

/// Whether the client starts with the preface of HTTP/2 (RFC 9113 §3.4), without taking anything
/// off the stream. A client writes its preface in one piece, and no method of HTTP/1.1 begins like
/// it, so three bytes are enough; fewer of them are HTTP/1.1.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; 3];
    let length = stream.peek(&mut start).await?;
    Ok(start.get(..length) == Some(b"PRI"))
}
