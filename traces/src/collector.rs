//! The way to the collector: OTLP over HTTP, in protobuf.

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hyper::header::{HeaderName, HeaderValue};
use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};

use super::Settings;

/// How long the collector may take for one request, repetitions included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where traces go, below the URL of a collector (OTLP, "OTLP/HTTP Request").
const TRACES: &str = "/v1/traces";

/// What sends spans there.
#[derive(Debug)]
pub(super) struct Collector {
    exporter: SpanExporter,
    fault: Fault,
}

impl Collector {
    pub(super) fn new(settings: Settings, resource: &Resource) -> Result<Self, String> {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(settings.tls).https_or_http().enable_http1().build();
        let base = settings.endpoint.trim_end_matches('/');
        let endpoint = if base.ends_with(TRACES) { base.to_owned() } else { format!("{base}{TRACES}") };
        let fault = Fault::default();
        let way = Way { client: Box::new(HyperClient::new(connector, PATIENCE, None)), fault: fault.clone() };
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(way)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_headers(settings.headers)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        exporter.set_resource(resource);
        Ok(Self { exporter, fault })
    }

    /// Sends spans; in words why the collector has not taken them.
    pub(super) async fn send(&self, spans: Vec<SpanData>) -> Result<(), String> {
        let sent = self.exporter.export(spans).await;
        sent.map_err(|error| self.fault.take().unwrap_or_else(|| error.to_string()))
    }
}

/// Why the last request got no answer.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<String>>>);

impl Fault {
    fn is(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A client of HTTP that remembers why it got no answer: the exporter only says that there was none.
#[derive(Debug)]
struct Way {
    client: Box<dyn HttpClient>,
    fault: Fault,
}

#[async_trait]
impl HttpClient for Way {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.send_bytes(request).await;
        self.fault.is(answer.as_ref().err().map(|error| with_causes(error.as_ref())));
        answer
    }
}

/// An error with its causes: the outermost alone says only "client error (Connect)".
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Why a file of headers cannot be used. It does not quote the file, which has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum HeadersError {
    /// A line is no header.
    #[error("line {0} is no header; write each on a line of its own, such as authorization: Bearer abc")]
    Line(usize),
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
}

/// The headers in a file, one on each line: `authorization: Bearer abc`. Empty lines are passed over.
pub fn headers(file: &Path) -> Result<HashMap<String, String>, HeadersError> {
    parse(&fs::read_to_string(file)?)
}

fn parse(text: &str) -> Result<HashMap<String, String>, HeadersError> {
    let one = |(at, line): (usize, &str)| {
        let wrong = || HeadersError::Line(at + 1);
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        let is_good = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok() && !value.is_empty();
        if is_good { Ok((name.to_ascii_lowercase(), value.to_owned())) } else { Err(wrong()) }
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_line_and_an_error_does_not_quote_it() {
        let found = parse("Authorization: Bearer a:b\n\nx-tenant:1\n").unwrap();
        let expect = [("authorization", "Bearer a:b"), ("x-tenant", "1")];
        assert_eq!(found, expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        for wrong in ["s3cret", "x-key:", "a b: s3cret", "x-key: s3cret\u{7}"] {
            let error = parse(&format!("x: 1\n{wrong}")).unwrap_err().to_string();
            assert!(error.starts_with("line 2 ") && !error.contains("s3cret"), "{error}");
        }
    }
}
