//! An endpoint of webhooks that takes everything, and says how much it has and since when.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A thread that receives.
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    started: Instant,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    messages: AtomicU64,
    /// When the last one came, in nanoseconds.
    last: AtomicU64,
    /// With what it answers instead of taking; 0 when it takes.
    refuses: AtomicU16,
}

impl Receiver {
    pub fn start() -> Self {
        let (started, seen) = (Instant::now(), Arc::<Seen>::default());
        let (tell, told) = std::sync::mpsc::channel();
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("an address")).expect("the bench waits");
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let _ = stream.set_nodelay(true);
                    let seen = Arc::clone(&noted);
                    let service = service_fn(move |request| take(request, Arc::clone(&seen), started));
                    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
            });
        });
        let address = told.recv().expect("the receiver listens");
        Self { url: format!("http://{address}/"), started, seen }
    }

    /// Has it take nothing, and answer with this status.
    pub fn refuse(&self, status: StatusCode) {
        self.seen.refuses.store(status.as_u16(), Ordering::Release);
    }

    /// Has it take everything again.
    pub fn take(&self) {
        self.seen.refuses.store(0, Ordering::Release);
    }

    /// How many messages it has.
    pub fn messages(&self) -> u64 {
        self.seen.messages.load(Ordering::Acquire)
    }

    /// Waits until it has so many; says when the last one came.
    pub async fn has(&self, messages: u64) -> Instant {
        let until = Instant::now() + Duration::from_secs(600);
        while self.messages() < messages {
            assert!(Instant::now() < until, "{} messages of {messages} arrived in ten minutes", self.messages());
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        self.started + Duration::from_nanos(self.seen.last.load(Ordering::Acquire))
    }
}

async fn take(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    started: Instant,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let refuses = StatusCode::from_u16(seen.refuses.load(Ordering::Acquire)).ok();
    if request.into_body().collect().await.is_ok() && refuses.is_none() {
        seen.last.store(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        seen.messages.fetch_add(1, Ordering::AcqRel);
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = refuses.unwrap_or(StatusCode::NO_CONTENT);
    Ok(response)
}
