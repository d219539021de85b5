//! The databases of the store: whether they answer, and whether their tables are as this program needs them.

use super::Check;
use crate::{
    cli::engine,
    config::Database,
    store::postgres::{Look, PostgresStore},
};

/// What the checks are called.
const NAME: &str = "database";

/// Looks at each; at none when the store is a directory.
pub(super) async fn look(database: &Database) -> Vec<Check> {
    let all = match engine::options(database) {
        Ok(all) => all,
        Err(failure) => return vec![Check::failing(NAME, failure.to_string())],
    };
    let mut checks = Vec::new();
    for one in all {
        let called = one.number.map(|number| format!("database {number}: ")).unwrap_or_default();
        checks.push(match PostgresStore::look(&one).await {
            Ok(look) => judge(&called, &look),
            Err(error) => Check::failing(NAME, format!("{called}{error}")),
        });
    }
    checks
}

/// What is said of a database that answers.
fn judge(called: &str, look: &Look) -> Check {
    let (needed, Look { schema, server }) = (Look::NEEDED, look);
    if *schema == needed {
        return Check::ok(NAME, format!("{called}PostgreSQL {server} answers, and the schema has version {schema}"));
    }
    let said = match schema {
        0 => "it answers and has no tables: run `scim-server migrate`".to_owned(),
        older if *older < needed => {
            format!("its schema has version {schema}, and this program needs {needed}: run `scim-server migrate`")
        }
        _ => format!("its schema has version {schema}, and this program knows {needed}: use a newer version of it"),
    };
    Check::failing(NAME, format!("{called}{said}"))
}
