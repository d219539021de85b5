//! Where the agent tells how long its cycles take, and the searches and requests in them: a collector of OpenTelemetry.

use std::path::PathBuf;

use traces::{HeadersError, Settings, Spans, Traces, TracesError, settings::Sample};
use uuid::Uuid;

use crate::tls::{TlsError, TlsSettings, client_config};

/// How many spans are told of one cycle. A first one writes ten thousand times.
const SPANS_BELOW: u32 = 2000;

/// `[traces]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracerSettings {
    /// The URL of the collector.
    pub endpoint: String,
    /// A file with headers for it.
    pub headers_file: Option<PathBuf>,
    /// Authorities to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Which part of the cycles is recorded.
    pub sample: Sample,
}

/// Why no spans can be told.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// The file of headers cannot be read.
    #[error("traces.headers_file: {}: {source}", path.display())]
    Headers {
        /// The file.
        path: PathBuf,
        source: HeadersError,
    },
    /// The certificates cannot be used.
    #[error("traces.ca_file: {0}")]
    Tls(#[from] TlsError),
    /// They cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// Starts to tell, on the runtime that this is called on.
pub fn start(settings: &TracerSettings, counted: Spans) -> Result<Traces, TracerError> {
    let headers = settings
        .headers_file
        .as_ref()
        .map(|path| traces::headers(path).map_err(|source| TracerError::Headers { path: path.clone(), source }));
    let settings = Settings {
        endpoint: settings.endpoint.clone(),
        headers: headers.transpose()?.unwrap_or_default(),
        tls: client_config(&TlsSettings { ca_file: settings.ca_file.clone(), ..TlsSettings::default() })?,
        sample: settings.sample.ratio(),
        service: "sync-agent",
        version: env!("CARGO_PKG_VERSION"),
        instance: Uuid::new_v4().to_string(),
        below: SPANS_BELOW,
    };
    Ok(Traces::start(settings, counted)?)
}
