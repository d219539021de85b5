//! The settings `store…` of a shared store, together.

use std::{fmt, path::PathBuf, time::Duration};

use super::{ConfigError, Layers, path, positive, timeout};

/// The database that is the store, if one is named.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Its URL, which may hold a password; `None` when the store is the data directory.
    pub url: Option<String>,
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
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            url: layers.optional("store", url)?,
            password_file: layers.optional("store_password_file", path)?,
            ca: layers.optional("store_ca", path)?,
            connections: layers.required("store_connections", positive)?,
            timeout: layers.required("store_timeout", timeout)?,
        })
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
