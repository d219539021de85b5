//! Opens a store of either kind, and explains why that failed.

use std::{path::Path, sync::Arc};

use super::{
    Cause, Failure, fault,
    show::{say, write},
};
use crate::{
    admin::private,
    clock::{Clock, SystemClock},
    config::{Config, Database, Given},
    store::{
        Store, StoreError,
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
        let failed = |error| failed(of(&one, error));
        if PostgresStore::is_empty(&one).await.map_err(failed)? {
            PostgresStore::migrate(&one, &SystemClock).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// Applies the missing steps of the schema of each that is there, for a server that starts. Whether it can do without the
/// others is seen when the store is opened.
pub(super) async fn apply(database: &Database) -> Result<(), Failure> {
    for one in options(database)? {
        match PostgresStore::migrate(&one, &SystemClock).await {
            Ok(_) | Err(OpenError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => return Err(failed(of(&one, error))),
        }
    }
    Ok(())
}

/// `migrate`
pub(super) async fn migrate(given: &Given, json: bool) -> Result<(), Failure> {
    let Some(database) = Config::database(given)? else {
        return Err(Failure::Usage("migrate needs a database: name it with --store postgres://…".to_owned()));
    };
    let (mut all, mut first) = (Vec::new(), None);
    for one in options(&database)? {
        match PostgresStore::migrate(&one, &SystemClock).await {
            Ok(applied) if json => all.extend(applied),
            Ok(applied) => say(&migrated(one.number, &applied))?,
            // The others are migrated all the same.
            Err(error) => first = first.or(Some(failed(of(&one, error)))),
        }
    }
    if json {
        let mut steps: Vec<&str> = Vec::new();
        for step in all {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        write(&format!("{}\n", serde_json::json!({"applied": steps})))?;
    }
    first.map_or(Ok(()), Err)
}

/// What was done to a database; to which of several.
fn migrated(number: Option<usize>, applied: &[&str]) -> String {
    let of = number.map(|number| format!("Database {number}: ")).unwrap_or_default();
    if applied.is_empty() {
        return format!("{of}The schema is as this version needs it.\n");
    }
    format!("{of}Applied: {}.\n", applied.join(", "))
}

/// The error of a database; of which of several.
fn of(options: &postgres::Options, error: OpenError) -> OpenError {
    match options.number {
        Some(number) => OpenError::One(number, Box::new(error)),
        None => error,
    }
}

/// How each database is opened.
pub(super) fn options(database: &Database) -> Result<Vec<postgres::Options>, Failure> {
    let password = match &database.password_file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            Failure::because(format!("cannot read the database's password in {}: {error}", path.display()), error)
        })?),
        None => None,
    };
    let password = password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    let is_one_of_several = database.urls.len() > 1;
    let one = |(place, url): (usize, &String)| postgres::Options {
        url: url.clone(),
        number: is_one_of_several.then_some(place + 1),
        password: password.clone(),
        ca: database.ca.clone(),
        connections: database.connections,
        statement_timeout: database.timeout,
    };
    Ok(database.urls.iter().enumerate().map(one).collect())
}

fn failed(error: OpenError) -> Failure {
    Failure::because(format!("cannot open the store in the database: {error}"), error)
}
