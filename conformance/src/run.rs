//! One run: connect to the server, test it, delete everything again.

mod clean;
mod connect;
mod select;

use std::sync::Arc;

pub use clean::{clean, remove_all};
pub use connect::connect;
use futures_util::{StreamExt, stream};
pub use select::{Selection, Unknown};

use crate::{
    case::{Area, Case},
    context::{Context, Server},
    finding::Finding,
    verdict::{Stop, judge},
};

/// Examines the server with these cases, `concurrency` at a time, and gives the findings in the
/// cases' order. `done` is told of each as it comes. Dropping the future stops the run; what was made
/// is in the server's ledger.
pub async fn examine(
    server: &Arc<Server>,
    cases: &[(&'static Area, &'static Case)],
    concurrency: usize,
    done: impl Fn(&Finding),
) -> Vec<Finding> {
    let findings = stream::iter(cases).map(|(area, case)| async {
        let finding = judge_case(server, area, case).await;
        done(&finding);
        finding
    });
    findings.buffered(concurrency.max(1)).collect().await
}

async fn judge_case(server: &Arc<Server>, area: &Area, case: &Case) -> Finding {
    let scim = Context::new(Arc::clone(server));
    let missing = case.needs.iter().find_map(|need| need.missing(server.discovery()));
    let outcome = match missing {
        Some(why) => Err(Stop::Skip(why)),
        None => (case.run)(&scim).await,
    };
    let evidence = scim.take_exchanges();
    scim.remove().await;
    let (verdict, reason) = judge(case.level, outcome);
    let reason = reason.map(|reason| scim.discreet(&reason));
    Finding {
        id: case.id.to_owned(),
        area: area.title.to_owned(),
        section: case.section.to_owned(),
        level: case.level,
        requirement: case.requirement.to_owned(),
        verdict,
        reason,
        evidence,
    }
}
