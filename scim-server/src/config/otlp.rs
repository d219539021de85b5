//! The settings `otlp_…`, together.

use std::path::PathBuf;

use traces::settings::{READABLE, Sample, endpoint, is_readable_on_the_way};

use super::{ConfigError, Layers, path};

/// Where spans are sent to, and how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Otlp {
    /// The URL of the collector. None: there are no spans.
    pub endpoint: Option<String>,
    /// A file with headers for it.
    pub headers_file: Option<PathBuf>,
    /// Certificates that its own is checked against.
    pub ca: Option<PathBuf>,
    /// Which part of the traces that begin here is recorded.
    pub sample: Sample,
}

impl Otlp {
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let otlp = Self {
            endpoint: layers.optional("otlp_endpoint", endpoint)?,
            headers_file: layers.optional("otlp_headers_file", path)?,
            ca: layers.optional("otlp_ca", path)?,
            sample: layers.required("otlp_sample", Sample::parse)?,
        };
        if otlp.headers_file.is_some() && otlp.endpoint.as_deref().is_some_and(is_readable_on_the_way) {
            return Err(ConfigError::Contradiction(format!("otlp_headers_file {READABLE} (otlp_endpoint)")));
        }
        Ok(otlp)
    }

    /// Its settings, and whether each is another one.
    pub fn changed(&self, other: &Self) -> [(&'static str, bool); 4] {
        [
            ("otlp_endpoint", self.endpoint != other.endpoint),
            ("otlp_headers_file", self.headers_file != other.headers_file),
            ("otlp_ca", self.ca != other.ca),
            ("otlp_sample", self.sample != other.sample),
        ]
    }
}
