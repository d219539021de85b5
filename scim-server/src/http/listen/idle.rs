//! Watches one connection: does it make progress, and how long may it make none.
//!
//! A timer for each request would cost more than serving it. Instead the connection counts what it does (requests,
//! reads, writes), and one timer for the whole connection looks at the counts every `header` timeout. The counts do
//! not change for a client that sends its header byte by byte, that never reads its response, or that has
//! disappeared. They do not change either for an HTTP/2 client that only sends PING or other frames that request
//! nothing, because there only frames of responses count.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::server::graceful::GracefulConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch as channel,
    time::{Instant, sleep_until, timeout},
};

use super::Phase;

/// What a connection has done so far. The counts wrap; only whether they moved matters.
#[derive(Debug, Default)]
pub(super) struct Activity {
    running: AtomicU32,
    requests: AtomicU32,
    reads: AtomicU32,
    writes: AtomicU32,
    /// `reads` when a request last began or ended; if it is larger now, the next request has started.
    reads_served: AtomicU32,
}

/// A request that is being served, until it is dropped.
pub(super) struct Busy(Arc<Activity>);

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.running.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.reads_served.store(self.reads.load(Relaxed), Relaxed);
        Busy(Arc::clone(self))
    }

    fn snapshot(&self) -> (u32, u32) {
        (self.requests.load(Relaxed), self.writes.load(Relaxed))
    }

    /// Notes that something was read.
    pub(super) fn read(&self) {
        self.reads.fetch_add(1, Relaxed);
    }

    /// Notes that a part of an answer was written.
    pub(super) fn wrote(&self) {
        self.writes.fetch_add(1, Relaxed);
    }

    fn untouched(&self) -> bool {
        self.reads.load(Relaxed) == 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.reads_served.store(self.0.reads.load(Relaxed), Relaxed);
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// How long a connection may stand still.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// In the middle of a request header; `None` where it cannot be told from other traffic, as in
    /// HTTP/2.
    pub(super) header: Option<Duration>,
    /// Before the first request.
    pub(super) first: Duration,
    /// Between requests, and in the middle of a response that the client does not read.
    pub(super) idle: Duration,
}

/// How long an HTTP/2 peer has to answer GOAWAY (RFC 9113 §6.8). HTTP/1.1 has no such exchange.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// The server closed it: it made no progress, or the server stops.
    CutOff,
    /// All that was asked is answered.
    Finished,
}

/// Runs a connection until the client closes it, it makes no progress for too long, or the server shuts down.
pub(super) async fn drive<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    timeouts: Timeouts,
    phase: &mut channel::Receiver<Phase>,
) -> Result<ConnectionEnd, C::Error> {
    let mut draining = false;
    let mut stillness = Stillness::new(activity, timeouts);
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => return result.map(|()| ConnectionEnd::Finished),
            () = stillness.next() => {
                if stillness.look() {
                    connection.as_mut().graceful_shutdown();
                    let farewell = if timeouts.header.is_some() { Duration::ZERO } else { FAREWELL };
                    return timeout(farewell, connection).await.unwrap_or(Ok(())).map(|()| ConnectionEnd::CutOff);
                }
            }
            // The sender outlives the connections, so there is no error.
            _ = phase.changed() => {
                if *phase.borrow_and_update() == Phase::Stop {
                    return Ok(ConnectionEnd::CutOff);
                }
                // hyper would wait for the first request of a connection that has sent nothing.
                if activity.untouched() {
                    return Ok(ConnectionEnd::CutOff);
                }
                if !draining {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// For how long nothing has happened.
struct Stillness<'a> {
    activity: &'a Activity,
    timeouts: Timeouts,
    /// Between two looks.
    step: Duration,
    /// When the last check was due, and when the next one is. Checks are counted by when they were due, so that a
    /// late check does not shift a deadline by a whole step.
    at: Instant,
    next: Instant,
    /// What the last check saw, and the first check that saw it.
    seen: (u32, u32),
    since: Instant,
}

impl<'a> Stillness<'a> {
    fn new(activity: &'a Activity, timeouts: Timeouts) -> Self {
        let step = timeouts.first.min(timeouts.idle).max(Duration::from_millis(10));
        let since = Instant::now();
        Self { activity, timeouts, step, at: since, next: since + step, seen: activity.snapshot(), since }
    }

    async fn next(&mut self) {
        sleep_until(self.next).await;
        self.at = self.next;
        self.next = Instant::now().max(self.at + self.step);
    }

    /// Notes the progress since the last check, and tells whether there was none for too long.
    fn look(&mut self) -> bool {
        let now = self.activity.snapshot();
        if now != self.seen || self.activity.running.load(Relaxed) > 0 {
            self.seen = now;
            self.since = self.at;
            return false;
        }
        let begun = self.activity.reads.load(Relaxed) != self.activity.reads_served.load(Relaxed);
        let limit = match self.timeouts.header {
            _ if now.0 == 0 => self.timeouts.first,
            Some(header) if begun => header,
            _ => self.timeouts.idle,
        };
        self.at - self.since >= limit
    }
}

/// A stream of HTTP/1.1 whose reads and writes are counted: all that is written is answers.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    activity: Arc<Activity>,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self { io, activity }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(1..))) {
            self.activity.wrote();
        }
        result
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        if result.is_ready() {
            self.activity.read();
        }
        result
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
