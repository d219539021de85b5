//! A look at a database, for people: whether it answers, and what is in it.

use std::sync::Arc;

use super::{
    OpenError, Options, PostgresStore,
    connections::{Connections, Turn},
    error::unavailable,
    migrate, statement,
};

/// What a look at a database has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The version of the schema; 0 in an empty database.
    pub schema: i64,
    /// The version of the database's own program.
    pub server: String,
}

impl Look {
    /// The version of the schema that this program needs.
    pub const NEEDED: i64 = migrate::NEWEST;
}

impl PostgresStore {
    /// Looks at a database, and changes nothing.
    pub async fn look(options: &Options) -> Result<Look, OpenError> {
        let connections = Connections::new(options, Arc::default()).map_err(OpenError::Options)?;
        let connection = connections.get(Turn::Write).await?;
        let schema = migrate::current(&connection).await?;
        let row = connection.query_one(statement::SERVER_VERSION, &[]).await;
        let server = row.and_then(|row| row.try_get(0)).map_err(|error| unavailable(error.to_string()))?;
        Ok(Look { schema, server })
    }
}
