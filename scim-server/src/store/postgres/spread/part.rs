//! What a database says of itself: which part of which store it is.

use uuid::Uuid;

use super::super::{OpenError, PostgresStore, error::unavailable, prefetch::column, statement::spread};
use crate::store::{StoreError, TenantId};

/// What a database says of itself.
#[derive(Clone, Copy)]
pub(super) struct Part {
    store: Uuid,
    number: i64,
    databases: i64,
}

impl Part {
    async fn read(store: &PostgresStore) -> Result<Option<Self>, StoreError> {
        let rows = store.reader.query(TenantId::SYSTEM, spread::PART, &[]).await?;
        rows.first().map(Self::of).transpose()
    }

    fn of(row: &tokio_postgres::Row) -> Result<Self, StoreError> {
        Ok(Self { store: column(row, 0)?, number: column(row, 1)?, databases: column(row, 2)? })
    }

    /// The same store's part at that place.
    pub fn at(self, place: usize) -> Self {
        Self { number: number(place), ..self }
    }

    /// Refuses a database that is something else than the part of this store that is wanted.
    fn fits(self, wanted: Self) -> Result<Self, OpenError> {
        let said = if self.number != wanted.number {
            format!("it is database {} of the store: give --store in that order", self.number + 1)
        } else if self.store != wanted.store {
            "it is a part of another store".to_owned()
        } else if self.databases > wanted.databases {
            format!("the store is in {} databases: give --store for each of them", self.databases)
        } else {
            return Ok(self);
        };
        Err(named(usize::try_from(wanted.number).unwrap_or_default(), OpenError::Options(said)))
    }

    /// What the database was first said to be, or is from now on.
    async fn say(self, store: &PostgresStore) -> Result<Self, StoreError> {
        let Self { store: id, number, databases } = self;
        let rows = store.reader.query(TenantId::SYSTEM, spread::BECOME_PART, &[&id, &number, &databases]).await?;
        rows.first().map(Self::of).transpose()?.ok_or_else(|| unavailable("the database does not say what it is"))
    }

    /// Refuses a database that is back and is not this part, as which it is known.
    pub async fn require(self, store: &PostgresStore) -> Result<(), OpenError> {
        if Self::read(store).await?.is_none() {
            let said = "it is not the database that was there: it is no part of a store".to_owned();
            return Err(OpenError::Options(said));
        }
        self.say(store).await?.fits(self).map(drop)
    }
}

/// Refuses a database that is one of several.
pub(in crate::store::postgres) async fn alone(store: &PostgresStore) -> Result<(), OpenError> {
    match Part::read(store).await? {
        None | Some(Part { databases: 1, .. }) => Ok(()),
        Some(Part { number, databases, .. }) => Err(OpenError::Options(format!(
            "it is database {} of a store in {databases}: give --store for each of them, in their order",
            number + 1
        ))),
    }
}

/// Makes databases the parts of one store, in their order, and gives the first part. Changes nothing if one of them is
/// something else already. Those that are away (`None`) must have been parts of the store before; the first is never away.
pub(super) async fn join(databases: &[Option<PostgresStore>]) -> Result<Part, OpenError> {
    let fresh = Part { store: Uuid::new_v4(), number: 0, databases: number(databases.len()) };
    let mut first: Option<Part> = None;
    for (place, database) in databases.iter().enumerate() {
        let Some(database) = database else {
            if first.is_none_or(|first| first.databases <= number(place)) {
                let said = "it cannot be reached, and must be there when it is added to the store".to_owned();
                return Err(named(place, OpenError::Options(said)));
            }
            continue;
        };
        match Part::read(database).await? {
            Some(part) if place == 0 => first = Some(part.fits(Part { store: part.store, ..fresh })?),
            Some(part) => {
                let store = first.map_or(Uuid::nil(), |first| first.store);
                part.fits(Part { store, ..fresh }.at(place))?;
            }
            None if place > 0 && !database.tenants().await?.is_empty() => {
                let own = "it has a store of its own: export that, and import it into this one";
                return Err(named(place, OpenError::Options(own.to_owned())));
            }
            None => {}
        }
    }
    let mut store = fresh.store;
    for (place, database) in databases.iter().enumerate() {
        let Some(database) = database else { continue };
        let said = Part { store, ..fresh }.at(place).say(database).await?;
        if place == 0 {
            store = said.store;
        }
        said.fits(Part { store, ..fresh }.at(place))?;
    }
    Ok(Part { store, ..fresh })
}

/// The error of one of several databases.
pub(super) fn named(place: usize, error: OpenError) -> OpenError {
    match error {
        named @ OpenError::One(..) => named,
        error => OpenError::One(place + 1, Box::new(error)),
    }
}

fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}
