//! How much the log of requests keeps.

use super::{ConfigError, Layers};
use crate::{request_log::Limits, units};

/// `None` when it is switched off.
pub(super) fn limits(layers: &Layers) -> Result<Option<Limits>, ConfigError> {
    let retention = layers.required("request_log_retention", units::duration)?;
    let bytes = layers.required("request_log_size", size)?;
    Ok((!retention.is_zero()).then_some(Limits { bytes, retention }))
}

fn size(text: &str) -> Result<u64, String> {
    let size = units::size(text)?;
    if size < Limits::LEAST {
        return Err(format!(
            "{text:?} is too small for the log of requests; write at least 16MiB, or switch it off with request_log_retention = 0"
        ));
    }
    Ok(size)
}
