//! Connections: from `accept` to the last byte, each within its limits.
//!
//! Of the connections that have no permit yet one is accepted, and the others wait in the kernel's queue and not in this
//! process. Where all permits are taken, it makes room: a connection on which nothing was asked ends. From then on it must keep moving: the handshake, the first request and
//! every further one have a deadline, watched by [`idle`] at no cost to a request. HTTP/1.1 and
//! HTTP/2 are told apart by ALPN, on plain connections by the first bytes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use scim_protocol::Error;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, watch as channel},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    body::ResponseBody,
    peer::{End, Peer, Strangers},
    tls::Tls,
};
use crate::{clock::SystemClock, log::Seldom, metrics::Metrics};

mod frames;
mod idle;
mod refusal;
mod requests;
#[cfg(test)]
mod tests;

/// What one connection, and all of them together, may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; further ones wait in the kernel's queue, unless one that has asked nothing makes room.
    pub max_connections: usize,
    /// Connections of one address that have not shown a valid token yet. Beyond them the one ends that has asked nothing for
    /// longest, or the new one if each has asked something. Never more than half of all; 0 is no limit.
    pub address_connections: usize,
    /// From `accept` to a finished TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its header, and from the handshake to the
    /// first request. It may take up to twice as long until a connection is closed.
    pub header_timeout: Duration,
    /// Between requests. Longer than load balancers wait (60 s), so that they close first.
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
            max_connections: 4096,
            address_connections: 0,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(30),
            max_header_bytes: 16 * 1024,
            max_streams: 100,
        }
    }
}

/// What answers on connections.
pub trait Answers: Clone + Send + Sync + 'static {
    /// Answers one request; it cannot fail, since errors are responses. The future is dropped when an
    /// HTTP/1.1 client goes away.
    fn answer(
        self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + 'static;

    /// The answer to what is no request at all, because of `error`.
    fn refuse(&self, error: Error, peer: &Peer) -> Response<ResponseBody>;

    /// Whether connections from there carry requests of many clients.
    fn is_proxy(&self, address: IpAddr) -> bool;

    /// Whether HTTP can write the machine's time in a `Date` header.
    fn is_clock_set(&self) -> bool {
        SystemClock::is_set()
    }
}

/// The phase of the server's life, which connections watch.
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
    strangers: Arc<Strangers>,
    crowded: Seldom,
}

/// How many connections wait in the kernel to be accepted, if the system allows as many (`net.core.somaxconn`). The
/// kernel ignores further ones, and clients try again after seconds.
const BACKLOG: u32 = 4096;

/// Listens on an address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait until the kernel has forgotten the connections of its predecessor.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves connections of `listener` until `shutdown` resolves; then accepts no more, lets requests
/// in flight finish, closes idle connections at once, and returns when all are gone or
/// `drain_timeout` is over. With `tls` every connection must be TLS.
pub async fn serve<S: Answers>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: ConnectionLimits,
    metrics: Arc<Metrics>,
    service: S,
    shutdown: impl Future<Output = ()>,
) {
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

async fn accept_all<S: Answers>(listener: &TcpListener, shared: &Arc<Shared<S>>, phase: &channel::Sender<Phase>) {
    let permits = Arc::new(Semaphore::new(shared.limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut pause = MIN_PAUSE;
    let failing = Seldom::default();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                pause = MIN_PAUSE;
                if permits.available_permits() == 0 {
                    shared.strangers.make_room();
                }
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                let Some((peer, end)) = shared.welcome(address) else { continue };
                let shared = Arc::clone(shared);
                let phase = phase.subscribe();
                tokio::spawn(async move {
                    let _open = shared.metrics.connections.enter();
                    let makes_room = async {
                        match end {
                            Some(end) => end.await.is_ok(),
                            None => false,
                        }
                    };
                    tokio::select! {
                        biased;
                        () = shared.connection(stream, peer, phase) => {}
                        true = makes_room => shared.refused(address),
                    }
                    drop(permit);
                });
            }
            // The peer gave up before it was accepted: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Most likely there is no file descriptor left. Connections that close free some, so the server waits
            // instead of exiting.
            Err(error) => {
                if let Some(times) = failing.tell() {
                    tracing::error!(%error, times, "cannot accept a connection; trying again");
                }
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
        // `idle` sees to deadlines: hyper's own costs a timer and an allocation for each request.
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
        // One address leaves room for others even if the limit of all connections is low.
        let half = limits.max_connections.div_ceil(2);
        let most = if limits.address_connections == 0 { usize::MAX } else { limits.address_connections.min(half) };
        let (strangers, crowded) = (Strangers::new(most), Seldom::default());
        Self { service, http1, http2, tls, limits, metrics, strangers, crowded }
    }
}

impl<S: Answers> Shared<S> {
    /// The peer, and when its connection is to make room for others; `None` if its address already has the most connections
    /// that it may have without a token, and something was asked on each.
    fn welcome(&self, address: SocketAddr) -> Option<(Peer, Option<End>)> {
        if !self.service.is_clock_set() {
            // hyper would panic over the Date of its answer.
            if let Some(times) = self.crowded.tell() {
                tracing::error!(
                    times,
                    "connections were closed: the machine's clock shows a time before 1970 or after the year 9999"
                );
            }
            return None;
        }
        let peer = Peer::new(address, self.tls.is_some());
        if self.service.is_proxy(address.ip()) {
            return Some((peer, None));
        }
        if let Some((stranger, end)) = self.strangers.enter(address.ip()) {
            return Some((peer.counted(stranger), Some(end)));
        }
        self.refused(address);
        None
    }

    /// Counts a connection that is closed because others need the room, and now and then tells of it.
    fn refused(&self, address: SocketAddr) {
        self.metrics.connections_refused.inc();
        if let Some(times) = self.crowded.tell() {
            let address = address.ip();
            tracing::warn!(%address, times, "connections were closed: there are too many without a valid token");
        }
    }

    async fn connection(&self, stream: TcpStream, peer: Peer, mut phase: channel::Receiver<Phase>) {
        // A response is written in one piece, so there is nothing to gain from Nagle's algorithm.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let address = peer.address;
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
}

/// Whether the client starts with the preface of HTTP/2 (RFC 9113 §3.4). Leaves the stream as it is. A client writes
/// its preface in one piece, and no method of HTTP/1.1 begins like it, so three bytes are enough; fewer of them are
/// HTTP/1.1.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; 3];
    let length = stream.peek(&mut start).await?;
    Ok(start.get(..length) == Some(b"PRI"))
}
