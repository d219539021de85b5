//! A certificate and its key: two settings, of which one alone is of no use.

use std::path::PathBuf;

use super::{ConfigError, Layers, path};

/// Both files, or none. `cert` and `key` are the names of the settings.
pub(super) fn pair(
    layers: &Layers,
    cert: &'static str,
    key: &'static str,
) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    let needs =
        |one: &str, other: &str| Err(ConfigError::Contradiction(format!("{one} needs {other}: set both or neither")));
    match (layers.optional(cert, path)?, layers.optional(key, path)?) {
        (Some(certificate), Some(its)) => Ok(Some((certificate, its))),
        (None, None) => Ok(None),
        (Some(_), None) => needs(cert, key),
        (None, Some(_)) => needs(key, cert),
    }
}
