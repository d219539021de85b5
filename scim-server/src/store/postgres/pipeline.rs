//! Statements that are sent together and answered together: one round trip, in their order.

use std::pin::Pin;

use futures_util::future::join_all;
use tokio_postgres::{Row, types::ToSql};

use super::{connections::Connection, error::QueryError};

/// A parameter that a statement owns.
pub(super) type Parameter = Box<dyn ToSql + Sync + Send>;

/// One statement of a pipeline.
pub(super) enum Step {
    /// `BEGIN`, `COMMIT` …: no parameters, no rows.
    Plain(&'static str),
    /// A prepared statement.
    Query(&'static str, Vec<Parameter>),
}

/// Collects parameters: `step(sql, columns![a, b])`.
macro_rules! columns {
    ($($column:expr),* $(,)?) => { vec![$(Box::new($column) as $crate::store::postgres::pipeline::Parameter),*] };
}
pub(super) use columns;

type RowsOf<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a>>;

/// Sends all steps at once and gives the rows of each, or what went wrong with the first that failed.
///
/// A statement that fails in a transaction makes all behind it fail, `COMMIT` included: so a pipeline
/// that ends in `COMMIT` is done whole or not at all.
pub(super) async fn run(connection: &Connection, steps: &[Step]) -> Result<Vec<Vec<Row>>, QueryError> {
    let mut prepared = Vec::with_capacity(steps.len());
    for step in steps {
        prepared.push(match step {
            Step::Plain(_) => None,
            Step::Query(sql, _) => Some(connection.prepare_cached(sql).await?),
        });
    }
    let answers: Vec<RowsOf<'_>> = steps
        .iter()
        .zip(&prepared)
        .map(|(step, prepared)| match (step, prepared) {
            (Step::Query(_, parameters), Some(statement)) => Box::pin(async move {
                let parameters: Vec<&(dyn ToSql + Sync)> =
                    parameters.iter().map(|one| &**one as &(dyn ToSql + Sync)).collect();
                connection.query(statement, &parameters).await
            }) as RowsOf<'_>,
            (Step::Plain(sql) | Step::Query(sql, _), _) => {
                Box::pin(async move { connection.batch_execute(sql).await.map(|()| Vec::new()) })
            }
        })
        .collect();
    // Each future sends its statement when it is first asked, and they are asked in order.
    let mut rows = Vec::with_capacity(steps.len());
    for answer in join_all(answers).await {
        rows.push(answer?);
    }
    Ok(rows)
}
