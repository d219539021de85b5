//! Opens a store of either kind, and explains why that failed.

use std::{path::Path, sync::Arc};

use super::{Cause, Failure, fault, show::write};
use crate::{
    admin::private,
    clock::{Clock, SystemClock},
    config::{Config, Database, Given},
    store::{
        Store,
        postgres::{self, OpenError, PostgresStore, Spread},
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

/// Opens the store in a database, or in several.
pub(super) async fn open_database(database: &Database, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, Failure> {
    match options(database)?.as_slice() {
        [one] => Ok(Arc::new(PostgresStore::open(one, Arc::clone(clock)).await.map_err(failed)?)),
        several => Ok(Arc::new(Spread::open(several, Arc::clone(clock)).await.map_err(failed)?)),
    }
}

/// Creates the tables of empty databases. For a database that is older than this program, the error says to migrate
/// it.
pub(super) async fn prepare(database: &Database) -> Result<(), Failure> {
    for one in options(database)? {
        if PostgresStore::is_empty(&one).await.map_err(failed)? {
            PostgresStore::migrate(&one, &SystemClock).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// Applies the missing steps of the schema of each; returns their names.
pub(super) async fn apply(database: &Database) -> Result<Vec<&'static str>, Failure> {
    let mut applied = Vec::new();
    for one in options(database)? {
        for step in PostgresStore::migrate(&one, &SystemClock).await.map_err(failed)? {
            if !applied.contains(&step) {
                applied.push(step);
            }
        }
    }
    Ok(applied)
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

fn options(database: &Database) -> Result<Vec<postgres::Options>, Failure> {
    let password = match &database.password_file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            Failure::because(format!("cannot read the database's password in {}: {error}", path.display()), error)
        })?),
        None => None,
    };
    let password = password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    let one = |url: &String| postgres::Options {
        url: url.clone(),
        password: password.clone(),
        ca: database.ca.clone(),
        connections: database.connections,
        statement_timeout: database.timeout,
    };
    Ok(database.urls.iter().map(one).collect())
}

fn failed(error: OpenError) -> Failure {
    Failure::because(format!("cannot open the store in the database: {error}"), error)
}
