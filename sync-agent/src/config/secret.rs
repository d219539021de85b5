//! Passwords and tokens: read once, printed never.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::ConfigError;

/// A text that stays out of logs, plans and state: its `Debug` has no letter of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a secret from its file or its environment variable, of which one is set.
pub fn read(
    section: &str,
    name: &str,
    file: Option<PathBuf>,
    variable: Option<String>,
    folder: &Path,
) -> Result<Secret, ConfigError> {
    let wrong = |setting: &str, reason: String| ConfigError::Value { setting: format!("{section}.{setting}"), reason };
    match (file, variable) {
        (Some(file), None) => {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| wrong(&format!("{name}_file"), format!("cannot read {}: {error}", path.display())))?;
            let line = text.lines().next().unwrap_or_default();
            if line.is_empty() {
                return Err(wrong(&format!("{name}_file"), format!("the first line of {} is empty", path.display())));
            }
            Ok(Secret::new(line))
        }
        (None, Some(variable)) => environment(&variable)
            .map(Secret::new)
            .ok_or_else(|| wrong(&format!("{name}_env"), format!("the environment variable {variable} is not set"))),
        _ => Err(wrong(&format!("{name}_file"), format!("set either {name}_file or {name}_env, one of them"))),
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where a secret enters from the environment")]
fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
