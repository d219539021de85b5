//! Opens a store of either kind, and explains why that failed.

use std::{path::Path, sync::Arc};

use super::{Cause, Failure, fault, show::write};
use crate::{
    admin::private,
    clock::{Clock, SystemClock},
    config::{Config, Database, Given},
    store::{
        Store,
        postgres::{self, OpenError, PostgresStore},
        sled::{Options, SledStore},
    },
};

/// Opens the store in a directory. The caller has the lock of the directory.
pub(super) fn open_directory(path: &Path, clock: &Arc<dyn Clock>, options: Options) -> Result<Arc<dyn Store>, Failure> {
    let failed = |error: Cause| {
        let said = format!("cannot open the store in {}: {}", path.display(), fault::about(path, &*error));
        Failure::because(said, error)
    };
    private::store(path).map_err(|error| failed(error.into()))?;
    let store = SledStore::open_with(path, Arc::clone(clock), options).map_err(|error| failed(error.into()))?;
    Ok(Arc::new(store))
}

/// Opens the store in a database.
pub(super) async fn open_database(database: &Database, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, Failure> {
    let store = PostgresStore::open(&options(database)?, Arc::clone(clock)).await.map_err(failed)?;
    Ok(Arc::new(store))
}

/// Creates the tables of an empty database. For a database that is older than this program, the error says to migrate
/// it.
pub(super) async fn prepare(database: &Database) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match PostgresStore::open(&options(database)?, clock).await {
        Err(OpenError::Older { found: 0 }) => apply(database).await.map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Applies the missing steps of the schema; returns their names.
pub(super) async fn apply(database: &Database) -> Result<Vec<&'static str>, Failure> {
    PostgresStore::migrate(&options(database)?, &SystemClock).await.map_err(failed)
}

/// `migrate`
pub(super) async fn migrate(given: &Given, json: bool) -> Result<(), Failure> {
    let Some(database) = Config::database(given)? else {
        return Err(Failure::Usage("migrate needs a database: name it with --store postgres://…".to_owned()));
    };
    let applied = apply(&database).await?;
    if json {
        return write(&format!("{}\n", serde_json::json!({"applied": applied})));
    }
    if applied.is_empty() {
        return write("The schema is as this version needs it.\n");
    }
    write(&format!("Applied: {}.\n", applied.join(", ")))
}

fn options(database: &Database) -> Result<postgres::Options, Failure> {
    let password = match &database.password_file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            Failure::because(format!("cannot read the database's password in {}: {error}", path.display()), error)
        })?),
        None => None,
    };
    Ok(postgres::Options {
        url: database.url.clone().unwrap_or_default(),
        password: password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()),
        ca: database.ca.clone(),
        connections: database.connections,
        statement_timeout: database.timeout,
    })
}

fn failed(error: OpenError) -> Failure {
    Failure::because(format!("cannot open the store in the database: {error}"), error)
}
