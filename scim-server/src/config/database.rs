//! Where a shared store is: what the settings `store…` say together.

use std::{fmt, path::PathBuf, time::Duration};

use super::{ConfigError, Layers, path, positive, timeout};

/// A database that is the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Its URL; may hold a password.
    pub url: String,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Certificates that the database's is checked against.
    pub ca: Option<PathBuf>,
    /// Connections at most.
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
    /// What the layers say of it; `None` when the store is the data directory.
    pub fn from_layers(layers: &Layers) -> Result<Option<Self>, ConfigError> {
        let Some(url) = layers.optional("store", url)? else { return Ok(None) };
        Ok(Some(Self {
            url,
            password_file: layers.optional("store_password_file", path)?,
            ca: layers.optional("store_ca", path)?,
            connections: layers.required("store_connections", positive)?,
            timeout: layers.required("store_timeout", timeout)?,
        }))
    }
}

/// The text itself is not in the message: there may be a password in it.
fn url(text: &str) -> Result<String, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Ok(text.to_owned())
    } else {
        Err("a store is a PostgreSQL database, written as postgres://user@host:5432/database; for one in a directory use data".to_owned())
    }
}
