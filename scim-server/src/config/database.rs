//! The settings `store…` of a shared store, together.

use std::{fmt, path::PathBuf, time::Duration};

use super::{ConfigError, Layers, path, positive, timeout};

/// The databases that are the store, if any are named.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Their URLs, which may hold passwords, that of the directory of tenants first; none when the store is the data
    /// directory.
    pub urls: Vec<String>,
    /// A file with the password of all of them.
    pub password_file: Option<PathBuf>,
    /// Certificates that theirs are checked against.
    pub ca: Option<PathBuf>,
    /// Connections at most, to each.
    pub connections: usize,
    /// Time for a statement.
    pub timeout: Duration,
}

/// Without the URL, in which a password may stand.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("password_file", &self.password_file).finish_non_exhaustive()
    }
}

impl Database {
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            urls: layers.optional("store", urls)?.unwrap_or_default(),
            password_file: layers.optional("store_password_file", path)?,
            ca: layers.optional("store_ca", path)?,
            connections: layers.required("store_connections", positive)?,
            timeout: layers.required("store_timeout", timeout)?,
        })
    }
}

fn urls(text: &str) -> Result<Vec<String>, String> {
    let urls: Vec<_> = text.split_whitespace().map(url).collect::<Result<_, _>>()?;
    if urls.iter().enumerate().any(|(place, url)| urls[..place].contains(url)) {
        return Err("a database is named twice".to_owned());
    }
    Ok(urls)
}

/// The text itself is not in the message: there may be a password in it.
fn url(text: &str) -> Result<String, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Ok(text.to_owned())
    } else {
        Err("a store is a PostgreSQL database, written as postgres://user@host:5432/database; for one in a directory use data".to_owned())
    }
}
