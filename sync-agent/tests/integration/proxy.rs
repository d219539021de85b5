//! A proxy before the real server that misbehaves as targets and networks do.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};

use crate::server::TestServer;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is refused with this status, and `Retry-After` where there is a number.
    Status(u16, Option<u32>),
    /// The server answers that it can do nothing beyond the least (RFC 7643 §5).
    CanDoLittle,
    /// The connection is dropped before the server sees the request.
    DropBefore,
    /// The server does it, and the connection is dropped before the answer.
    DropAfter,
    /// The server does it, the test is told, and no answer ever comes.
    Hang,
    /// The same, but the connection is dropped after a second.
    HangThenDrop,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    path: String,
    told: Receiver<()>,
    writes: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

/// Decides by the number of the request and, for a write, by the number of the write; both from 1.
pub type Faults = Box<dyn Fn(usize, Option<usize>) -> Fault + Send + Sync>;

struct Shared {
    origin: String,
    faults: Faults,
    requests: AtomicUsize,
    writes: Arc<AtomicUsize>,
    tell: Mutex<Sender<()>>,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

impl Proxy {
    /// Stands before this server.
    pub fn start(server: &TestServer, faults: Faults) -> Self {
        let (origin, path) =
            server.base().match_indices('/').nth(2).map_or((server.base(), ""), |(at, _)| server.base().split_at(at));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (tell, told) = channel();
        let writes = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            faults,
            requests: AtomicUsize::new(0),
            writes: Arc::clone(&writes),
            tell: Mutex::new(tell),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| pass(Arc::clone(&shared), request));
                    // A dropped connection is what is wanted.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, path: path.to_owned(), told, writes, _runtime: runtime }
    }

    /// The base URL to use in place of the server's.
    pub fn base(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// How many writes came.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// Whether a request hangs, or one will before `timeout` is over.
    pub fn hangs_within(&self, timeout: std::time::Duration) -> bool {
        self.told.recv_timeout(timeout).is_ok()
    }
}

async fn pass(
    shared: Arc<Shared>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let number = shared.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let write = (request.method() != Method::GET).then(|| shared.writes.fetch_add(1, Ordering::SeqCst) + 1);
    let mut fault = (shared.faults)(number, write);
    if fault == Fault::CanDoLittle && !request.uri().path().ends_with("/ServiceProviderConfig") {
        // It has no PATCH and no filters, whoever asks.
        let asks = request.uri().query().is_some_and(|query| query.contains("filter=") || query.contains("cursor="));
        fault = if request.method() == Method::PATCH || asks { Fault::Status(501, None) } else { Fault::None };
    }
    match fault {
        Fault::DropBefore => return Err("dropped".into()),
        Fault::Status(status, after) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::from_u16(status)?;
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.into());
            }
            return Ok(response);
        }
        Fault::None | Fault::CanDoLittle | Fault::DropAfter | Fault::Hang | Fault::HangThenDrop => {}
    }
    let (mut head, body) = request.into_parts();
    head.uri = format!("{}{}", shared.origin, head.uri).parse()?;
    head.headers.remove("host");
    let body = body.collect().await?.to_bytes();
    let (head, body) = shared.client.request(Request::from_parts(head, Full::new(body))).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    match fault {
        Fault::DropAfter => Err("dropped".into()),
        Fault::CanDoLittle => Ok(Response::new(Full::from(
            r#"{"patch": {"supported": false}, "filter": {"supported": false, "maxResults": 40}}"#,
        ))),
        Fault::Hang => {
            let _ = shared.tell.lock().expect("the sender").send(());
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Fault::HangThenDrop => {
            let _ = shared.tell.lock().expect("the sender").send(());
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Err("dropped".into())
        }
        _ => {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
            Ok(response)
        }
    }
}
