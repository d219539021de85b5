//! A collector of OpenTelemetry: it takes spans over HTTP, and says which.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;
use tokio::net::TcpListener;

/// How long a span may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A span as it was told.
#[derive(Debug, Clone)]
pub struct Told {
    /// `service.name` of who has told it.
    pub service: String,
    pub name: String,
    /// As in the protocol: 1 internal, 2 server, 3 client.
    pub kind: i32,
    pub trace: String,
    pub id: String,
    /// Empty where there is none.
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
}

impl Told {
    /// An attribute; empty when there is none.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct State {
    connections: usize,
    requests: Vec<(HeaderMap, Bytes)>,
}

/// A collector on a port of its own, and on a thread of its own: it listens while a test waits for a server to end.
pub struct Collector {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(listen(listener, shared));
        });
        Self { url, state }
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.state.lock().expect("the state").connections
    }

    /// The headers and the body of each request.
    pub fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.state.lock().expect("the state").requests.clone()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Told> {
        let requests = self.requests();
        let read = |body: &Bytes| ExportTraceServiceRequest::decode(body.clone()).expect("spans in protobuf");
        requests.iter().flat_map(|(_, body)| told(read(body))).collect()
    }

    /// The spans so far, as soon as they are what is waited for.
    #[track_caller]
    pub fn wait_until(&self, what: &str, are: impl Fn(&[Told]) -> bool) -> Vec<Told> {
        let end = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if are(&spans) {
                return spans;
            }
            assert!(Instant::now() < end, "it never came: {what}: {spans:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

async fn listen(listener: std::net::TcpListener, state: Arc<Mutex<State>>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        state.lock().expect("the state").connections += 1;
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(Arc::clone(&state), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", "/v1/traces"));
    if let Ok(body) = body.collect().await {
        state.lock().expect("the state").requests.push((parts.headers, body.to_bytes()));
    }
    // An ExportTraceServiceResponse without fields has no bytes.
    Ok(Response::new(Full::default()))
}

fn told(request: ExportTraceServiceRequest) -> Vec<Told> {
    let mut all = Vec::new();
    for resource in request.resource_spans {
        let of_resource = attributes(&resource.resource.unwrap_or_default().attributes);
        let service = of_resource.get("service.name").cloned().unwrap_or_default();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| Told {
            service: service.clone(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            attributes: attributes(&span.attributes),
            name: span.name,
            kind: span.kind,
        }));
    }
    all
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| match one.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(is) => Some(is.to_string()),
        other => panic!("{}: {other:?}", one.key),
    };
    all.iter().map(|one| (one.key.clone(), text(one).unwrap_or_default())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
