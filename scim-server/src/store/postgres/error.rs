//! Classifies errors of the database: try again, use another connection, or fail.

use tokio_postgres::error::{DbError, SqlState};

use crate::store::StoreError;

/// Why a statement or a transaction failed.
#[derive(Debug)]
pub(super) enum QueryError {
    /// A conflict with another transaction: the same work can be repeated.
    Contended(String),
    /// The connection is broken; the last statement may have been executed.
    Lost(String),
    /// Trying again does not help.
    Final(StoreError),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            return Self::Lost(chain(&error));
        };
        let code = told.code();
        let contended =
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
        // A server that is stopping, starting, or has become a standby.
        let lost = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            // A distributed engine's way to say that it does not know what became of a commit.
            SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
        ];
        if contended.contains(code) {
            Self::Contended(text(told))
        } else if lost.contains(code) {
            Self::Lost(text(told))
        } else {
            Self::Final(unavailable(text(told)))
        }
    }
}

impl From<QueryError> for StoreError {
    fn from(fault: QueryError) -> Self {
        match fault {
            QueryError::Contended(why) | QueryError::Lost(why) => unavailable(why),
            QueryError::Final(error) => error,
        }
    }
}

/// Without the detail, which quotes the values of the row.
fn text(told: &DbError) -> String {
    format!("{} (SQLSTATE {})", told.message(), told.code().code())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

pub(super) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into().into())
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} cannot be decoded"))
}
